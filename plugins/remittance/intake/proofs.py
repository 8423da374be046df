"""Is a payment somebody names as a proof real, and whose is it?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PaidSoFar, Payee, PayeeRef, PaymentProof, PortalSession

from ..keys import number_key
from ..models import Claim, Payment
from ..office.models import Note, Posting

NON_PAYMENT = "NP"
MOST_PRACTITIONERS = 1000


def verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    """The payee of the payment with that number, when everything else the proof names is the payee's in the payer's record, and
    the payment's own amount and date.

    None when there is no such payment, when the TIN, NPI, vendor number, amount or date is another, when it is too old, when
    neither TIN nor NPI is given, when the proof is of a payee without an NPI and this one has one, or when several payees fit.
    One statement whatever the answer, so that its time tells nothing.
    """
    key = number_key(proof.number)
    if key and (proof.tin or proof.npi):
        fits = api.is_payee(session, tin=proof.tin, npi=proof.npi, vendor_number=proof.vendor_number)
    else:
        fits = sa.false()
    paid_on = sa.func.coalesce(Payment.effective_on, Payment.produced_on)
    # A debit's amount as people read it, without its sign.
    stated = sa.func.abs(Payment.amount)
    facts = [Payment.number_key == key, Payment.counts(), fits]
    if proof.without_npi:
        facts.append(Payee.npi.is_(None))
    if proof.amount is not None:
        facts.append(stated == proof.amount)
    if proof.paid_on is not None:
        facts.append(paid_on == proof.paid_on)
    if proof.not_before is not None:
        facts.append(paid_on >= proof.not_before)
    newest = sa.select(Payee.id, sa.func.max(stated), sa.func.max(paid_on, type_=sa.Date()))
    payments = newest.join(Payment, Payment.payee_id == Payee.id).where(*facts)
    with api.whole(session, "proof by a payment"):
        found = session.execute(payments.group_by(Payee.id).limit(2)).all()
    if len(found) != 1:
        return None
    payee_id, amount, day = found[0]
    return PayeeRef(payee_id, key.startswith(NON_PAYMENT), key, amount, day)


def practitioners(session: PortalSession, payee_id: int, number: str) -> Sequence[str]:
    """Who rendered what a payment to this payee pays: the names in its claims, each once."""
    of_payment = sa.select(Claim.rendering_name).join(Payment, Payment.id == Claim.payment_id)
    wanted = of_payment.where(
        Payment.number_key == number_key(number), Payment.payee_id == payee_id, Claim.rendering_name.is_not(None)
    )
    with api.whole(session, "who rendered what a proof pays"):
        return [name for name in session.scalars(wanted.distinct().limit(MOST_PRACTITIONERS)) if name]


def paid_so_far(session: PortalSession, payee_ids: Sequence[int]) -> Mapping[int, PaidSoFar]:
    """What has been paid to these payees, as the session's organization sees it."""
    paid_on = sa.func.coalesce(Payment.effective_on, Payment.produced_on)
    rows = session.execute(
        sa.select(Payment.payee_id, sa.func.count(Payment.id), sa.func.max(paid_on, type_=sa.Date()))
        .where(Payment.payee_id.in_(payee_ids), Payment.counts())
        .group_by(Payment.payee_id)
    )
    kept: dict[int, list[str]] = {}
    for model, one, many in (
        (Posting, "payment marked as posted", "payments marked as posted"),
        (Note, "note", "notes"),
    ):
        counted = (
            sa.select(Payment.payee_id, sa.func.count(model.id))
            .join(model, model.payment_id == Payment.id)
            .where(Payment.payee_id.in_(payee_ids))
            .group_by(Payment.payee_id)
        )
        for payee_id, number in session.execute(counted):
            kept.setdefault(payee_id or 0, []).append(f"{number} {one if number == 1 else many}")
    return {
        payee_id: PaidSoFar(payments, last, kept.get(payee_id, ()))
        for payee_id, payments, last in rows
        if payee_id is not None
    }
