"""What the tests of access need to know of Remittance Inquiry."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.remittance.models import Payment, ProviderAdjustment, RemittanceFile
from tests.support.edi import make_835
from tests.support.scenes import Part, Provider
from tests.support.world import World

from .import_files import import_835

providers: Mapping[str, Provider] = {
    "payment_id": lambda part, person: part.values["payment"],
    "claim": lambda part, person: 1,
    "number": lambda part, person: 1,
    "file_id": lambda part, person: part.values["file"],
}
owned = frozenset({"payment_id"})


def build(world: World, organization: Organization) -> Part:
    """A payment of one claim to a payee of the organization's own."""
    word = organization.name.partition(" ")[0]
    payee = world.payee(name=f"{word} Payee")
    world.grant(organization, payee)
    with world.session() as session:
        tin = session.vault.open_text(payee.tin_sealed, "tin")
    facts = {
        "payee": f"{word} Payee",
        "trace": f"{word.upper()}-TRACE",
        "last_name": f"{word.upper()}PATIENT",
        "member": f"{word}-MEMBER",
        "account": f"{word}-ACCOUNT",
        "claim": f"{word}-CLAIM",
    }
    import_835(world, make_835(tin=tin, npi=payee.npi or "", **facts), f"{word}.835")
    with world.session() as session:
        payment = session.scalars(sa.select(Payment.id).where(Payment.trace_number == facts["trace"])).one()
        file = session.scalars(sa.select(RemittanceFile.id).where(RemittanceFile.name == f"{word}.835")).one()
        session.add(ProviderAdjustment(payment_id=payment, position=1, reason="WO", amount=1))
    return Part({"payment": payment, "file": file}, tuple(facts.values()))
