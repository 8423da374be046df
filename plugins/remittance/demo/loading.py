"""Loads the demo's payments through the importer."""

from __future__ import annotations

import datetime as dt
import io
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import DemoCheck, Grant, Organization, Payee, PortalSession

from ..intake.deciding import REPLACE, decide
from ..intake.importing import import_file
from ..intake.in_parts import PARTS
from ..intake.models import SameNumber
from ..models import Payment
from . import odd_files, office
from .scenes import JOINED, NOT_JOINED, REPLACED, STORIES, WORTH_TRYING, Days, Story
from .writing import FileText, PayeeText, PaymentText

_ORIGINATOR = "1000000099"
_STRANGER = PayeeText("DEMO TRAVELING CLINIC", "000000099", "", "")
_NOBODY = "nobody yet"
_ODD = "V100001"
"""Whose payments come in files that something is wrong with."""
_METHODS = {"ACH": "EFT", "CHK": "check", "NON": "non-payment notice"}


def load_demo(session: PortalSession) -> list[DemoCheck]:
    """Fourteen months of payments up to today, a file for each month; returns those worth trying. Commits nothing."""
    payees = _payees(session)
    payments = _payments({number: payee for number, (payee, _) in payees.items()})
    payer = api.settings().payer
    payments, second_parts = _apart(payments)
    several = b""
    for control, (month, group) in enumerate(groupby(payments, lambda payment: f"{payment.issued:%Y-%m}"), 1):
        of_month = list(group)
        written = dt.datetime.combine(of_month[-1].issued, dt.time(5, 30))
        text = FileText(payer, _ORIGINATOR, written, control, of_month).encoded()
        if len(of_month) > 1:
            several = text
        import_file(session, io.BytesIO(text), f"demo-{month}.835")
        # As if it had come on the day it was written, so that only the last month's is new to people who were here since.
        of_file = sa.and_(Payment.effective_on >= of_month[0].issued, Payment.effective_on <= of_month[-1].issued)
        session.execute(sa.update(Payment).where(of_file).values(imported_at=written.replace(tzinfo=dt.UTC)))
    # What a broken transfer leaves behind, for the list of files to show.
    import_file(session, io.BytesIO(several[: several.rindex(b"SE*")]), "demo-broken-off.835")
    last = FileText(payer, _ORIGINATOR, written, control + 2, second_parts)
    import_file(session, io.BytesIO(last.encoded()), "demo-second-parts.835")
    for part in second_parts:
        came = dt.datetime.combine(part.issued, dt.time(12), dt.UTC)
        of_number = Payment.trace_number == part.number
        session.execute(sa.update(Payment).where(of_number).values(imported_at=came))
    _send_again(session, payments, FileText(payer, _ORIGINATOR, written, control + 1, []))
    if _ODD in payees:
        of_odd_files = FileText(payer, _ORIGINATOR, written, control + 3, [])
        payments += odd_files.import_odd_files(session, payees[_ODD][0], Days(api.today(payer.zone)), of_odd_files)
    _decide(session)
    office.keep(session, api.today(payer.zone))
    holders = {number: holder for number, (_, holder) in payees.items()}
    by_number = {payment.number: payment for payment in payments}
    return [
        DemoCheck(
            number,
            _METHODS[by_number[number].method],
            holders.get(by_number[number].payee.vendor_number, _NOBODY),
            what + _how_to_link(by_number[number].payee, holders),
        )
        for number, what in (WORTH_TRYING | odd_files.WORTH_TRYING).items()
        if number in by_number
    ]


def _apart(payments: Sequence[PaymentText]) -> tuple[list[PaymentText], list[PaymentText]]:
    """All but the second parts of payments that come in two files, and these."""
    first: dict[str, PaymentText] = {}
    for one in payments:
        first.setdefault(one.number, one)
    second = [one for one in payments if one.number in (JOINED, NOT_JOINED) and one is not first[one.number]]
    return [one for one in payments if all(one is not other for other in second)], second


def _send_again(session: PortalSession, payments: Sequence[PaymentText], file: FileText) -> None:
    """A file that was sent again with other dates: one decision about all of its pairs. No provider sees these payments."""
    again = [replace(one, issued=one.issued + dt.timedelta(days=1)) for one in payments if one.payee is _STRANGER]
    import_file(session, io.BytesIO(replace(file, payments=again).encoded()), "demo-sent-again.835")


def _decide(session: PortalSession) -> None:
    """Two pairs of one number are decided, so that there are decisions to look at and to undo."""
    said = {
        REPLACED: (REPLACE, "The sender corrected a copay and sent the payment again."),
        JOINED: (PARTS, "The bank made one payment; the sender told its claims in two files."),
    }
    with api.whole(session, "demo data"):
        for number, (decision, why) in said.items():
            pair = session.scalar(
                sa.select(SameNumber.id)
                .join(Payment, Payment.id == SameNumber.payment_id)
                .where(Payment.trace_number == number)
            )
            if pair is not None:
                decide(session, pair, decision, why)


def _how_to_link(payee: PayeeText, holders: Mapping[str, str]) -> str:
    """The Tax ID and NPI that linking a payee needs, when nobody holds it yet."""
    if holders.get(payee.vendor_number) != _NOBODY:
        return ""
    npi = f" and NPI {payee.npi}" if payee.npi else ""
    return f", Tax ID {payee.tin[:2]}-{payee.tin[2:]}{npi}"


def _payments(payees: dict[str, PayeeText]) -> list[PaymentText]:
    """Every payment of every story whose payee is on record, by date."""
    days = Days(api.today(api.settings().payer.zone))
    payments: list[PaymentText] = []
    for vendor_number, tell in STORIES.items():
        payee = payees.get(vendor_number) if vendor_number else _STRANGER
        if payee is not None:
            story = Story(payee, random.Random(f"demo {vendor_number}"), f"D{vendor_number[-1:] or '0'}")  # noqa: S311 – made-up data, the same every time
            tell(story, days)
            payments += story.payments
    return sorted(payments, key=lambda payment: (payment.issued, payment.number))


def _payees(session: PortalSession) -> dict[str, tuple[PayeeText, str]]:
    """The demo's payees on record by vendor number, each with the organization that holds it."""
    found: dict[str, tuple[PayeeText, str]] = {}
    with api.whole(session, "demo data"):
        rows = session.execute(
            sa.select(Payee, Organization.name)
            .outerjoin(Grant, sa.and_(Grant.payee_id == Payee.id, Grant.is_open()))
            .outerjoin(Organization, Organization.id == Grant.organization_id)
            .where(Payee.vendor_number.in_([number for number in STORIES if number]))
            .order_by(Payee.id, Grant.id)
        )
        for payee, organization in rows:
            if payee.vendor_number not in found:
                tin = payee.whole_tin(session)
                text = PayeeText(payee.name, tin, payee.npi or "", payee.vendor_number)
                found[payee.vendor_number] = text, organization or _NOBODY
    return found
