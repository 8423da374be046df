"""What an office of the demo keeps about its payments: what it has posted, notes, and a saved search."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Grant, Payee, Person, PortalSession

from ..models import Payment
from ..office.models import Posting
from ..office.notes import write_note
from ..office.posting import post
from ..office.saved_searches import PAYMENTS, save_search
from .scenes import REPLACED

_VENDOR = "V100001"
_POSTED_AFTER = dt.timedelta(days=2, hours=9)
_NOT_LATELY = dt.timedelta(days=11)
PARTLY, NOTED = "940000050003", "940000050005"


@dataclass(frozen=True)
class _Somebody:
    person_id: int
    organization_id: int
    is_delegate: bool


def keep(session: PortalSession, today: dt.date) -> None:
    """As if the office had posted what came until some days ago, each payment two days after it came."""
    with api.whole(session, "demo data"):
        people = _people(session)
        if not people:
            return
        clerk, colleague = people[0], people[-1]
        payments = session.scalars(
            sa.select(Payment).join(Payee, Payee.id == Payment.payee_id).where(Payee.vendor_number == _VENDOR)
        ).all()
    old = [one for one in payments if one.effective_on and one.effective_on <= today - _NOT_LATELY]
    # Of a number that was sent twice the later one counts, and the office had posted the first.
    replaced = [one for one in payments if one.trace_number == REPLACED and one.set_aside]
    with api.of_organization(session, clerk.organization_id):
        for payment in (*(one for one in old if one.trace_number not in (PARTLY, REPLACED)), *replaced):
            post(session, clerk, payment)
        for payment in payments:
            if payment.trace_number == PARTLY:
                post(session, colleague, payment, [1])
            if payment.trace_number == NOTED:
                text = "The payment is $10.00 more than its claims. Asked provider services; they call back."
                write_note(session, clerk, payment.id, None, text)
                write_note(session, colleague, payment.id, 1, "Provider services say that this one is right.")
        values = {"period": "30", "unposted": "1"}
        save_search(session, clerk, "Not yet posted, last 30 days", PAYMENTS, values, shared=True)
    with api.whole(session, "demo data"):
        for payment in payments:
            if payment.imported_at is not None:
                moment = payment.imported_at + _POSTED_AFTER
                session.execute(sa.update(Posting).where(Posting.payment_id == payment.id).values(at=moment))


def _people(session: PortalSession) -> list[_Somebody]:
    """Those of the organization that the payee belongs to, its delegates last."""
    organization = session.scalar(
        sa.select(Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .where(Payee.vendor_number == _VENDOR, Grant.is_open())
        .order_by(Grant.id)
        .limit(1)
    )
    rows = session.execute(
        sa.select(Person.id, Person.is_delegate)
        .where(Person.organization_id == organization, Person.deactivated_at.is_(None))
        .order_by(Person.is_delegate, Person.id)
    )
    return [_Somebody(row.id, organization, row.is_delegate) for row in rows] if organization is not None else []
