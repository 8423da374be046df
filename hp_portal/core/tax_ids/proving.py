"""Is a payment proof enough: what must be known of it, how old it may be, and that it has proved nothing before."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.models import UsedProof
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PayeeRef, PaymentProof
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings


class MoreAsked(Exception):
    """The number alone is not enough here; the text says what to add."""


@dataclass(frozen=True)
class Proof:
    """What somebody types as a proof. TIN and NPI digits only; `amount` integer cents; empty or None: not given.

    Without an NPI it proves a payee that has none.
    """

    tin: str
    npi: str
    number: str
    vendor_number: str = ""
    amount: int | None = None
    paid_on: dt.date | None = None


def asks_more(settings: Settings, *, vendor_number: bool) -> bool:
    """Is the amount or the date asked for as well, with or without a vendor number?"""
    return settings.proof_asks_more == "always" or (
        settings.proof_asks_more == "without-vendor-number" and not vendor_number
    )


def check_enough(settings: Settings, proof: Proof) -> None:
    """Raise MoreAsked when the payment's amount or date is missing that the payer asks for."""
    if not asks_more(settings, vendor_number=bool(proof.vendor_number)) or proof.paid_on is not None or proof.amount:
        return
    if proof.amount == 0:
        raise MoreAsked("Enter the date of the payment: an amount of $0.00 proves nothing.")
    if settings.proof_asks_more == "always":
        raise MoreAsked("Enter the amount or the date of the payment.")
    raise MoreAsked("Enter the vendor number, or the amount or the date of the payment.")


def find_payment(session: PortalSession, settings: Settings, plugins: Plugins, proof: Proof) -> PayeeRef | None:
    """The payment that proves it, or None. What the plugin answers is compared once more. Needs a whole scope."""
    today = clock.now().astimezone(settings.payer.zone).date()
    asked = PaymentProof(
        proof.number,
        tin=proof.tin,
        npi=proof.npi or None,
        without_npi=not proof.npi,
        vendor_number=proof.vendor_number or None,
        amount=proof.amount,
        paid_on=proof.paid_on,
        not_before=today - dt.timedelta(days=settings.proof_days),
    )
    found: PayeeRef | None = plugins.first("portal_verify_payment", session=session, proof=asked)
    return found if found is not None and fits(found, asked) and _has_npi(session, found, proof) else None


def _has_npi(session: PortalSession, found: PayeeRef, proof: Proof) -> bool:
    """The payee's NPI is the one that was typed; none was when it has none."""
    return session.scalar(sa.select(sa.func.coalesce(Payee.npi, "")).where(Payee.id == found.payee_id)) == proof.npi


def fits(found: PayeeRef, asked: PaymentProof) -> bool:
    """Compare what a plugin answers once more: nobody gets in because one of them forgot the date or the amount."""
    if found.paid_on is None or (asked.not_before is not None and found.paid_on < asked.not_before):
        return False
    if asked.paid_on is not None and found.paid_on != asked.paid_on:
        return False
    return asked.amount is None or found.amount == asked.amount


def _number(found: PayeeRef, proof: Proof) -> str:
    return found.number or proof.number.strip().upper()


def is_used(session: PortalSession, found: PayeeRef, proof: Proof) -> bool:
    """Has this payment opened a grant before? Holds a lock on it until the transaction ends. Needs a whole scope."""
    return is_payment_used(session, found.payee_id, _number(found, proof))


def is_payment_used(session: PortalSession, payee_id: int, number: str) -> bool:
    """The same for a payment by its number as it is compared."""
    lock(session, f"proof:{payee_id}:{number}")
    used = sa.select(UsedProof.id).where(UsedProof.payee_id == payee_id, UsedProof.number == number)
    return session.scalar(used) is not None


def use(session: PortalSession, found: PayeeRef, proof: Proof, grant: Grant) -> None:
    """The payment has opened this grant. Needs a whole scope."""
    use_payment(session, _number(found, proof), grant)


def use_payment(session: PortalSession, number: str, grant: Grant) -> None:
    """The same for a payment by its number as it is compared."""
    session.add(UsedProof(payee_id=grant.payee_id, number=number, grant_id=grant.id, used_at=clock.now()))
