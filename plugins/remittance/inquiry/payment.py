"""One payment: who paid whom, and whether it adds up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import Payer, PortalSession, record, spans, what_was_shown

from ..codes.plain_words import show_phone
from ..keys import number_key
from ..models import Claim, Payment
from .claims import ClaimsPage, Wanted, list_claims
from .history import AdjustmentRow, other_claims


@dataclass(frozen=True)
class Contact:
    """A way to reach the payer: what it is for, and name, phone, e-mail and address of a page as far as given."""

    purpose: str
    name: str = ""
    phone: str = ""
    fax: str = ""
    email: str = ""
    url: str = ""


@dataclass(frozen=True)
class Proof:
    """The payment's balance: what claims pay less provider-level adjustments is the payment (ASC X12 005010X221A1, 1.10.2).

    Amounts are cents. `difference` is how much the payment is off, None where a figure could not be read.
    """

    claims_paid: int | None
    adjusted: int | None
    amount: int
    difference: int | None
    unbalanced_claims: int

    @property
    def holds(self) -> bool:
        return self.difference == 0 and not self.unbalanced_claims

    @property
    def rows(self) -> list[tuple[str, int | None, str | None]]:
        """The sum as it is written: label, cents, sign."""
        adjusted = self.adjusted
        if adjusted is not None and adjusted < 0:
            second: tuple[str, int | None, str | None] = ("Provider-level adjustments", -adjusted, "plus")
        else:
            second = ("Provider-level adjustments", adjusted, "minus")
        expected = None if self.claims_paid is None or adjusted is None else self.claims_paid - adjusted
        return [("Paid for claims", self.claims_paid, None), second, ("Adds up to", expected, "total")]


def find_payment(session: PortalSession, payment_id: int) -> Payment | None:
    """The payment, when it exists and one may see it."""
    return session.scalar(sa.select(Payment).where(Payment.id == payment_id))


def balance(session: PortalSession, payment: Payment) -> Proof:
    """Whether the payment and each of its claims add up."""
    known = payment.claims_paid is not None and payment.provider_adjusted is not None
    difference = payment.amount - payment.claims_paid + payment.provider_adjusted if known else None  # type: ignore[operator]
    unbalanced = 0
    if not payment.balanced:
        unbalanced = (
            session.scalar(sa.select(sa.func.count(Claim.claim)).where(Claim.payment_id == payment.id, ~Claim.balanced))
            or 0
        )
    return Proof(payment.claims_paid, payment.provider_adjusted, payment.amount, difference, unbalanced)


# PER01 in loop 1000A of ASC X12 005010X221A1; the wording is ours.
_PURPOSES = {"CX": "Questions about claims", "BL": "Technical questions", "IC": "Website"}


def contacts(payment: Payment, payer: Payer) -> list[Contact]:
    """Whom to ask about this payment: as the remittance says, else the payer's own."""
    found = []
    for entry in json.loads(payment.payer_contacts or "[]"):
        phone = show_phone(entry.get("phone"))
        if phone and entry.get("extension"):
            phone = f"{phone} ext. {entry['extension']}"
        url = entry.get("url") or ""
        contact = Contact(
            _PURPOSES.get(entry.get("kind") or "", "Contact"),
            entry.get("name") or "",
            phone,
            show_phone(entry.get("fax")),
            entry.get("email") or "",
            url,
        )
        if any((contact.phone, contact.fax, contact.email, contact.url)):
            found.append(contact)
    if not found and (payer.phone or payer.email):
        found = [Contact("Provider services", payer.hours, payer.phone, "", payer.email)]
    return found


def view_claims(
    session: PortalSession, payment: Payment, wanted: Wanted, adjustments: Iterable[AdjustmentRow] = ()
) -> ClaimsPage:
    """One page of the payment's claims, recorded as a look at the payment.

    `adjustments` are those shown beside the claims: some name a patient. Words to filter by are kept as a keyed hash.
    """
    found = list_claims(session, payment.id, wanted)
    filtered = number_key(wanted.text)
    beside = {(one.payment_id, one.claim) for one in adjustments if one.payment_id and one.claim}
    beside |= set(found.news.shown(found.listing.rows))
    for number in found.opened:
        past = found.news.histories.get((payment.id, number))
        beside |= {(one.payment_id, one.claim) for one in past.appearances if not one.here} if past else set()
    record(
        session,
        "remittance.payment.viewed",
        payment=payment.id,
        number=payment.trace_number,
        status=wanted.status,
        filter=session.vault.digest(filtered, "remittance inquiry").hex() if filtered else "",
        opened=spans(found.opened),
        also=other_claims(beside),
        **what_was_shown(found.listing, lambda row: row.claim),
    )
    return found
