"""One payment: who paid whom, and whether it adds up."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.api import Payer, PortalSession, record, spans, what_was_shown

from ..codes.plain_words import show_phone
from ..keys import number_key
from ..models import Payment
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


def find_payment(session: PortalSession, payment_id: int) -> Payment | None:
    """The payment, when it exists and one may see it."""
    return session.scalar(sa.select(Payment).where(Payment.id == payment_id))


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
