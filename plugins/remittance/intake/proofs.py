"""Is a payment somebody names as a proof real, and whose is it?"""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Payee, PayeeRef, PaymentProof, PortalSession

from ..keys import number_key
from ..models import Payment

NON_PAYMENT = "NP"


def verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    """The payee of the payment with that number, when everything else the proof names is the payee's in the payer's record.

    None when there is no such payment, when the TIN, NPI or vendor number is another, when neither TIN nor NPI is given, or
    when several payees fit. One statement whatever the answer, so that its time tells nothing.
    """
    key = number_key(proof.number)
    if key and (proof.tin or proof.npi):
        fits = api.is_payee(session, tin=proof.tin, npi=proof.npi, vendor_number=proof.vendor_number)
    else:
        fits = sa.false()
    payments = sa.select(Payee.id).join(Payment, Payment.payee_id == Payee.id).where(Payment.number_key == key, fits)
    wanted = payments.distinct().limit(2)
    with api.whole(session, "proof by a payment"):
        found = session.scalars(wanted).all()
    return PayeeRef(found[0], key.startswith(NON_PAYMENT)) if len(found) == 1 else None
