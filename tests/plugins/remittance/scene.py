"""What the tests of access need to know of Remittance Inquiry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.remittance.demo.writing import Patient, ProviderReason
from hp_portal_plugins.remittance.intake.models import SameNumber, SameNumberBatch
from hp_portal_plugins.remittance.models import Payment, RemittanceFile
from hp_portal_plugins.remittance.office.models import Note, SavedSearch
from hp_portal_plugins.remittance.office.notes import write_note
from hp_portal_plugins.remittance.office.saved_searches import PAYMENTS, save_search
from tests.support.scenes import Part, Provider
from tests.support.world import World

from .import_files import claim, file_of, import_835, payee_text, payment

providers: Mapping[str, Provider] = {
    "payment_id": lambda part, person: part.values["payment"],
    "claim": lambda part, person: 1,
    "number": lambda part, person: 1,
    "file_id": lambda part, person: part.values["file"],
    "pair_id": lambda part, person: part.values["pair"],
    "batch_id": lambda part, person: part.values["batch"],
    "note_id": lambda part, person: part.values["write_note"](person),
    "saved_search_id": lambda part, person: part.values["save"](person),
}
owned = frozenset({"payment_id", "note_id", "saved_search_id"})


@dataclass(frozen=True)
class Who:
    """Somebody of an organization, no delegate of it."""

    person_id: int
    organization_id: int | None
    is_delegate: bool = False


def build(world: World, organization: Organization) -> Part:
    """A payment of one claim to a payee of the organization's own, with a provider-level adjustment."""
    word = organization.name.partition(" ")[0]
    payee = world.payee(name=f"{word} Payee")
    world.grant(organization, payee)
    with world.session() as session:
        to = payee_text(payee, payee.whole_tin(session))
    number, patient = f"{word.upper()}-TRACE", Patient(f"{word.upper()}PATIENT", "ANN", f"{word}-MEMBER")
    paid = replace(claim(f"{word}-ACCOUNT", f"{word}-CLAIM"), patient=patient)
    file = f"{word}.835"
    adjusted = (ProviderReason("L6", paid.control, -1),)
    import_835(world, file_of(payment(number, paid, payee=to, provider_reasons=adjusted)), file)
    with world.session() as session:
        payment_id = session.scalars(sa.select(Payment.id).where(Payment.trace_number == number)).one()
        file_id = session.scalars(sa.select(RemittanceFile.id).where(RemittanceFile.name == file)).one()
        # With itself: who may open the page is asked, not what stands there.
        pair = SameNumber(
            payment_id=payment_id, earlier_id=payment_id, differs="contents", found_at=clock.now(), state="waits"
        )
        staff = sa.select(sa.func.min(Person.id))
        batch = SameNumberBatch(
            decision="kept", reason="A reason.", asked_at=clock.now(), asked_by_id=session.scalars(staff).one(),
            state="decided", pairs=1, done=1, undone=0,
        )  # fmt: skip
        session.add_all([pair, batch])
        session.flush()
        pair_id, batch_id = pair.id, batch.id
    words = (payee.name, payee.name.upper(), number, patient.last, patient.member, paid.account, paid.control)

    def of(session: PortalSession, person: Person | None) -> Who:
        """That person, where it is one of the organization's, else another who is."""
        if person is not None and person.organization_id == organization.id:
            return Who(person.id, organization.id)
        first = sa.select(Person.id).where(Person.organization_id == organization.id).order_by(Person.id).limit(1)
        return Who(session.scalars(first).one(), organization.id)

    def write(person: Person | None) -> int:
        with world.session_of(organization) as session:
            who = of(session, person)
            theirs = sa.select(sa.func.max(Note.id)).where(Note.written_by_id == who.person_id)
            if session.scalar(theirs) is None:
                write_note(session, who, payment_id, None, f"{word} note")
                session.commit()
            return session.scalars(theirs).one()

    def save(person: Person | None) -> int:
        with world.session_of(organization) as session:
            who = of(session, person)
            theirs = sa.select(sa.func.max(SavedSearch.id)).where(SavedSearch.person_id == who.person_id)
            if session.scalar(theirs) is None:
                save_search(session, who, f"{word} search", PAYMENTS, {"zero": "1"}, shared=True)
                session.commit()
            return session.scalars(theirs).one()

    write(None)
    save(None)
    values = {
        "payment": payment_id,
        "file": file_id,
        "pair": pair_id,
        "batch": batch_id,
        "write_note": write,
        "save": save,
    }
    return Part(values, (*words, f"{word} note", f"{word} search"))
