"""A portal in which a payment proves a Tax ID, and a plugin that keeps what it is asked."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.grants import ProofRefused, add_by_payment
from hp_portal.core.tax_ids.proving import Proof
from hp_portal.database import PortalSession
from hp_portal.hookspecs import PayeeRef, PaymentProof, PortalEvent, hookimpl
from hp_portal.scopes import Scope
from tests.core.test_gate import BASE
from tests.support.identifiers import make_npi, make_tin
from tests.support.pool import Refillable
from tests.support.world import World

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TIN, OTHER_TIN, NPI, NUMBER, SECOND = make_tin(4711), make_tin(4712), make_npi(4711), "PROOF-0042", "PROOF-0043"


class Payments(Refillable):
    """A plugin that knows one payment, and keeps what it is asked and told."""

    def __init__(self) -> None:
        self.known: dict[str, PayeeRef] = {}
        self.asked: list[tuple[PaymentProof, Scope | None]] = []
        self.told: list[PortalEvent] = []

    @hookimpl
    def portal_verify_payment(self, session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
        self.asked.append((proof, session.context.scope))
        return self.known.get(f"{proof.tin} {proof.npi} {proof.number}")

    @hookimpl
    def portal_event(self, event: PortalEvent) -> None:
        self.told.append(event)


class Portal:
    """A portal with that plugin and one payee on record."""

    def __init__(self, world: World, payments: Payments) -> None:
        self.world, self.payments = world, payments
        self.somebody = world.person("some.body").id
        self.payee = world.payee(TIN, NPI, "Harbor Payee", vendor_number="V77")
        for number in (NUMBER, SECOND):
            payments.known[f"{TIN} {NPI} {number}"] = PayeeRef(self.payee.id, False, number, 12_345, START.date())

    def add(
        self,
        organization: Organization,
        *,
        tin: str = TIN,
        number: str = NUMBER,
        vendor_number: str = "",
        amount: int | None = None,
        paid_on: dt.date | None = None,
        **actor: Any,
    ) -> Any:
        """As the page does: commit what is refused, undo what is limited."""
        who = replace(BASE, **{"organization_id": organization.id, "person_id": self.somebody, **actor})
        plugins = self.world.app.extensions["hp_portal.plugins"]
        with self.world.session_of(organization) as session:
            try:
                proof = Proof(tin, NPI, number, vendor_number=vendor_number, amount=amount, paid_on=paid_on)
                found = add_by_payment(session, self.world.settings, plugins, who, proof)
            except ProofRefused:
                session.commit()
                raise
            session.commit()
            return found

    def fail(self, organization: Organization, times: int, *, tin: str = TIN) -> None:
        for _ in range(times):
            with pytest.raises(ProofRefused):
                self.add(organization, tin=tin, number="GUESS")


def refusals(world: World, event: str = "tax-id-npi-access.grant.refused") -> list[dict[str, str]]:
    with world.session() as session:
        kept = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == event).order_by(AuditEvent.id))
        return [json.loads(fields) for fields in kept]
