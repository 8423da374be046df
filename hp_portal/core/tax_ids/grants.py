"""Tax ID & NPI access: which payees an organization may see, and adding one with a payment number as proof."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import check_attempts, count_failure, forget_failures
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PayeeRef, PaymentProof, PortalEvent
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings


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


def linked_payees(session: PortalSession) -> list[LinkedPayee]:
    """The open grants of the scope's organization, by name."""
    rows = session.execute(
        sa.select(Grant, Payee, Person.name)
        .join(Payee, Payee.id == Grant.payee_id)
        .outerjoin(Person, Person.id == Grant.granted_by_id)
        .where(Grant.ended_at.is_(None))
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
        )
        for grant, payee, person in rows
    ]


def view_linked_payees(session: PortalSession) -> list[LinkedPayee]:
    """As `linked_payees`, recorded as looked at. The caller commits."""
    rows = linked_payees(session)
    record(session, "tax-id-npi-access.grant.listed", shown=len(rows))
    return rows


def add_by_payment(
    session: PortalSession, settings: Settings, plugins: Plugins, actor: Actor, *, tin: str, npi: str, number: str
) -> LinkedPayee:
    """Link a TIN and NPI to the actor's organization, proved by the number of a payment to them.

    Raises ProofRefused (the caller commits, so that the try stays counted), TooManyAttempts, AlreadyLinked, NotForBilling.
    """
    if actor.organization_id is None or actor.audience == "billing":
        raise NotForBilling
    window = dt.timedelta(minutes=settings.attempts_window_minutes)
    subjects = (f"organization:{actor.organization_id}", f"payee:{tin}")
    for subject in subjects:
        check_attempts(session, "proof", subject, limit=settings.proof_attempts, window=window)
    with scopes.whole(session, "a proof is looked up among all payments"):
        proof = PaymentProof(number, tin=tin, npi=npi)
        payee: PayeeRef | None = plugins.first("portal_verify_payment", session=session, proof=proof)
    if payee is None:
        for subject in subjects:
            count_failure(session, "proof", subject)
        record(session, "tax-id-npi-access.grant.refused", tin=mask_tin(tin), npi=npi)
        raise ProofRefused
    forget_failures(session, "proof", subjects[0])
    return _grant(session, actor, actor.organization_id, payee)


def _grant(session: PortalSession, actor: Actor, organization_id: int, payee: PayeeRef) -> LinkedPayee:
    lock(session, f"grant:{organization_id}:{payee.payee_id}")
    already = session.scalar(sa.select(Grant.id).where(Grant.payee_id == payee.payee_id, Grant.ended_at.is_(None)))
    if already is not None:
        raise AlreadyLinked
    grant = Grant(
        organization_id=organization_id,
        payee_id=payee.payee_id,
        proof="non_payment" if payee.is_non_payment else "check",
        granted_by_id=actor.person_id,
        granted_at=clock.now(),
    )
    session.add(grant)
    session.flush()
    record(session, "tax-id-npi-access.grant.added", payee=payee.payee_id, proof=grant.proof)
    session.announce(PortalEvent("grant.added", {"organization": organization_id, "payee": payee.payee_id}))
    return next(linked for linked in linked_payees(session) if linked.grant_id == grant.id)
