"""Tax ID & NPI access: which payees an organization may see, and adding one with a payment number as proof."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.proofs import ProofTry, check_proof, count_failed_proof, forget_failed_proofs
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.refusals.noting import PROOF, note_refusal
from hp_portal.core.tax_ids.ending import end_overdue
from hp_portal.core.tax_ids.notices import tell_of_link, warn
from hp_portal.core.tax_ids.proving import Proof, check_enough, find_payment, is_used, use
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PayeeRef, PortalEvent
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

NO_NPI = "none"
"""What events say of a proof without an NPI."""


class ProofRefused(Exception):
    """The number does not prove access to this Tax ID and NPI; the answer does not tell what was wrong."""


class AlreadyLinked(Exception):
    """The organization has this payee already."""


class NotForBilling(Exception):
    """Billing organizations ask the provider's office for approval instead."""


@dataclass(frozen=True)
class LinkedPayee:
    """A grant as its page shows it. The TIN is masked."""

    grant_id: int
    name: str
    tin: str
    npi: str
    vendor_number: str
    proof: str
    granted_at: dt.datetime
    granted_by: str
    payee_id: int
    ends_at: dt.datetime | None

    @property
    def last_moment(self) -> dt.datetime | None:
        """The last moment of it: it ends at midnight, which is the next day's already."""
        return self.ends_at - dt.timedelta(seconds=1) if self.ends_at else None


def linked_payees(session: PortalSession) -> list[LinkedPayee]:
    """The open grants of the scope's organization, by name."""
    rows = session.execute(
        sa.select(Grant, Payee, Person.name)
        .join(Payee, Payee.id == Grant.payee_id)
        .outerjoin(Person, Person.id == Grant.granted_by_id)
        .where(Grant.is_open())
        .order_by(Payee.name, Payee.npi)
    ).all()
    return [
        LinkedPayee(
            grant.id,
            payee.name,
            payee.masked_tin(session),
            payee.npi or "",
            payee.vendor_number,
            grant.proof,
            grant.granted_at,
            person or "",
            payee.id,
            grant.ends_at,
        )
        for grant, payee, person in rows
    ]


def view_linked_payees(session: PortalSession) -> list[LinkedPayee]:
    """As `linked_payees`, recorded as looked at. The caller commits."""
    rows = linked_payees(session)
    record(session, "tax-id-npi-access.grant.listed", shown=len(rows))
    return rows


def add_by_payment(
    session: PortalSession, settings: Settings, plugins: Plugins, actor: Actor, proof: Proof
) -> LinkedPayee:
    """Link a TIN and NPI to the actor's organization, proved by a payment to them that has proved nothing before.

    Raises ProofRefused (the caller commits, so that the try stays counted), TooManyAttempts (the caller rolls back and calls
    `note_blocked`), MoreAsked, AlreadyLinked, NotForBilling.
    """
    if actor.organization_id is None or actor.audience == "billing":
        raise NotForBilling
    check_enough(settings, proof)
    with scopes.whole(session, "a proof is looked up among all payments"):
        tried = ProofTry(actor.organization_id, proof.tin, _is_linked(session, actor.organization_id, proof.tin))
        check_proof(session, settings, tried)
        found = find_payment(session, settings, plugins, proof)
        if found is not None and _has(session, actor.organization_id, found.payee_id):
            raise AlreadyLinked
        if found is None or is_used(session, found, proof):
            warn(session, actor.organization_id, proof.tin, count_failed_proof(session, settings, tried))
            record(session, "tax-id-npi-access.grant.refused", tin=mask_tin(proof.tin), npi=proof.npi or NO_NPI)
            raise ProofRefused
        forget_failed_proofs(session, tried)
        grant = _grant(session, actor, actor.organization_id, found)
        use(session, found, proof, grant)
        tell_of_link(session, grant)
    return next(linked for linked in linked_payees(session) if linked.grant_id == grant.id)


def note_blocked(session: PortalSession, proof: Proof) -> None:
    """Record a try that was not even looked at. The caller commits."""
    record_refusal(session, "tax-id-npi-access.grant.blocked", tin=mask_tin(proof.tin), npi=proof.npi or NO_NPI)
    note_refusal(session, PROOF)


def _is_linked(session: PortalSession, organization_id: int, tin: str) -> bool:
    """Does the organization see payments to this Tax ID already, to whatever NPI?"""
    payees = sa.select(Payee.id).where(Payee.tin_is(session, tin))
    linked = sa.select(Grant.id).where(
        Grant.organization_id == organization_id, Grant.payee_id.in_(payees), Grant.is_open()
    )
    return session.scalar(linked.limit(1)) is not None


def _has(session: PortalSession, organization_id: int, payee_id: int) -> bool:
    lock(session, f"grant:{organization_id}:{payee_id}")
    end_overdue(session, organization_id, payee_id)
    return session.scalar(sa.select(Grant.id).where(Grant.links(organization_id, payee_id))) is not None


def _grant(session: PortalSession, actor: Actor, organization_id: int, payee: PayeeRef) -> Grant:
    grant = Grant(
        organization_id=organization_id,
        payee_id=payee.payee_id,
        proof="non_payment" if payee.is_non_payment else "check",
        granted_by_id=actor.person_id,
        granted_at=clock.now(),
    )
    with scopes.whole(session, "the payee's own payment was named"):
        session.add(grant)
    record(session, "tax-id-npi-access.grant.added", payee=payee.payee_id, proof=grant.proof)
    session.announce(PortalEvent("grant.added", {"organization": organization_id, "payee": payee.payee_id}))
    return grant
