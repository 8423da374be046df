"""Several payments in one file: a ZIP of their PDFs, one workbook, one CSV file, or their 835s one after another.

What cannot be in it is named in the file itself, and on the page that offers it: nothing is left out without a word.
"""

from __future__ import annotations

import datetime as dt
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import sqlalchemy as sa

from hp_portal.api import (
    CSV_TYPE,
    DOLLARS,
    XLSX_TYPE,
    DocumentKind,
    DocumentTooLarge,
    MadeFile,
    Making,
    PortalSession,
    amount,
    csv_file_apart,
    file_name_part,
    now,
    record,
    settings,
    show_count,
    show_datetime,
    show_money,
    spans,
)

from ..blueprint import DOWNLOAD
from ..codes.glossary import codes_of, look_up
from ..codes.plain_words import payment_word
from ..intake.standing import standing_word
from ..models import Payment
from .chosen import Chosen, sums_of
from .collect import Remittance, find_remittance, record_download
from .csv import COLUMNS, rows_of
from .documents import limits_of
from .gathering import (
    GONE,
    LARGEST,
    Collected,
    Wanted,
    check_room,
    each,
    finished,
    name_of_payment,
    new_file,
    room_in,
    too_much,
)
from .pdf import payment_pdf
from .together_835 import make_835
from .together_sheets import Workbook

ZIP, XLSX, CSV, EDI = (f"remittance.together-{what}" for what in ("zip", "xlsx", "csv", "835"))
FORMATS = {ZIP: "pdf", XLSX: "xlsx", CSV: "csv", EDI: "835"}
MOST_AT_ONCE = {ZIP: 600, XLSX: 1500, CSV: 4000, EDI: 40_000}
"""What is made while somebody waits: claims, lines and adjustments, and for each payment the rows below."""
_EACH = {ZIP: 60, XLSX: 60, CSV: 80, EDI: 800}
_FULL = (
    f"the file is full: it may have {LARGEST >> 20} MB. Choose this payment in a file of its own, or with fewer others."
)
_LEVEL = 1
"""A tagged PDF is packed to a quarter."""
JOINT_COLUMNS = (*COLUMNS, "not_included_because")


def is_small(kind: str, chosen: Chosen) -> bool:
    """Can the file be made while somebody waits?"""
    return chosen.rows + _EACH[kind] * len(chosen.payments) <= MOST_AT_ONCE[kind]


def _remittances(
    session: PortalSession, wanted: Wanted, making: Making, collected: Collected
) -> Iterator[tuple[Remittance, str]]:
    for payment_id, name in each(wanted, making):
        remittance = find_remittance(session, payment_id)
        if remittance is None:
            collected.without(name, GONE)
        else:
            yield remittance, name


def _zip(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """A PDF for each payment, and a text that says what is in the ZIP and what is not."""
    limits, payer = limits_of(making), settings().payer
    collected, names, said, full = Collected(), _Names(), [], False
    with new_file() as file, zipfile.ZipFile(file, "w") as archive:
        for remittance, name in _remittances(session, wanted, making, collected):
            making.give_way()
            payment = remittance.payment
            if full:
                collected.without(name, _FULL)
                continue
            meanings = look_up(session, codes_of(session, payment.id), payment.effective_on)
            try:
                body = payment_pdf(remittance, meanings, payer, limits)
            except DocumentTooLarge:
                if making.at_once:
                    raise
                collected.without(name, "it is too large for a PDF. The Excel and CSV files hold the same facts.")
                continue
            if not _fits(body, file):
                if not collected.held:
                    raise too_much()
                # Minutes of work are in the file by now: the rest is named, and asked for again.
                full = True
                collected.without(name, _FULL)
                continue
            inside = names.of(payment)
            archive.writestr(_entry(inside), body, zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
            collected.held.append(payment)
            said.append(_about(remittance, inside))
        archive.writestr(_entry("contents.txt"), _contents(collected, said), zipfile.ZIP_DEFLATED)
    return finished(file, "zip", "application/zip", collected, wanted)


def _fits(body: bytes, file: BinaryIO) -> bool:
    """Has the ZIP room for a PDF, and for what is said of it?"""
    room = room_in(file)
    return len(body) <= room or len(zlib.compress(body, _LEVEL)) <= room


def _entry(name: str) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, now().astimezone(settings().payer.zone).timetuple()[:6])


class _Names:
    """Names of files inside a ZIP: date, payee and number, each once, whatever file system takes them."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, payment: Payment) -> str:
        parts = [
            payment.effective_on.isoformat() if payment.effective_on else "no-date",
            file_name_part(payment.payee_name or "") or "payee",
            file_name_part(f"{payment_word(payment.method)} {payment.trace_number}") or str(payment.id),
            *filter(None, [payment.set_aside or ("repeated" if payment.repeated else None)]),
        ]
        name, number = "_".join(parts), 1
        while f"{name}-{number}".lower() in self._taken:
            number += 1
        self._taken.add(f"{name}-{number}".lower())
        return f"{name}.pdf" if number == 1 else f"{name}-{number}.pdf"


def _about(remittance: Remittance, inside: str) -> str:
    payment = remittance.payment
    to = f" to {payment.payee_name}" if payment.payee_name else ""
    lines = [inside, f"  {name_of_payment(payment)}{to}, {remittance.money(payment.amount)}"]
    lines += [f"  {words}" for words in (remittance.standing.words, *remittance.verdict.also) if words]
    if not remittance.verdict.holds:
        lines.append(f"  {remittance.verdict.result}.")
    return "\r\n".join(lines)


def _contents(collected: Collected, said: Sequence[str]) -> str:
    at = show_datetime(now(), settings().payer.zone)
    parts = [f"{show_count(len(collected.held), 'payment')}, put together on {at}", *said]
    sums = sums_of(collected.held)
    parts.append(
        "\r\n".join(
            [
                "Together, each currency for itself. Replaced, voided and repeated payments are not counted; one in parts is "
                "counted once, with its first part:",
                *(
                    f"  {one.currency or 'US dollars'}: {show_count(one.count, 'payment')}, "
                    f"{show_money(one.amount, one.currency)}"
                    for one in sums
                ),
            ]
        )
    )
    left_out = [f"  {line}" for line in collected.lines] or ["  Nothing: all that was asked for is here."]
    parts.append("\r\n".join(["Asked for and not in this file:", *left_out]))
    return "\ufeff" + "\r\n\r\n".join(parts) + "\r\n"


def _xlsx(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """One workbook: a sheet of payments, one of their claims, of lines, adjustments and codes, and what is not in it."""
    collected, workbook = Collected(), Workbook()
    for remittance, _ in _remittances(session, wanted, making, collected):
        payment = remittance.payment
        workbook.add(remittance, look_up(session, codes_of(session, payment.id), payment.effective_on))
        collected.held.append(payment)
    if not collected.held:
        return None
    sums = sums_of(collected.held)
    body = workbook.file(sums, collected.left_out, limits_of(making))
    check_room(len(body))
    return collected.made(body, "xlsx", XLSX_TYPE, wanted)


def _csv(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """The rows of every payment's CSV file under one head. A payment without any row, and one that is not in it, has a row."""
    collected, rows = Collected(), []
    for remittance, _ in _remittances(session, wanted, making, collected):
        of_payment = [(*row, None) for row in rows_of(remittance)]
        rows += of_payment or [_row(record="payment", **_facts(remittance.payment))]
        collected.held.append(remittance.payment)
    if not collected.held:
        return None
    rows += [
        _row(record="not_included", payment_number=name, not_included_because=why) for name, why in collected.left_out
    ]
    body = csv_file_apart(JOINT_COLUMNS, rows, limits=limits_of(making))
    check_room(len(body))
    return collected.made(body, "csv", CSV_TYPE, wanted)


def _row(**cells: Any) -> tuple[Any, ...]:
    return tuple(cells.get(name) for name in JOINT_COLUMNS)


def _facts(payment: Payment) -> dict[str, Any]:
    return {
        "payment_number": payment.trace_number,
        "payment_method": payment.method,
        "payment_date": payment.effective_on,
        "payment_amount": amount(payment.amount),
        "payer_name": payment.payer_name,
        "payee_name": payment.payee_name,
        "payee_npi": payment.payee_npi,
        "payment_standing": standing_word(payment),
        "payment_currency": payment.currency or DOLLARS,
    }


def _hand_over(kind: str) -> Callable[[PortalSession, Wanted], bool]:
    def record_it(session: PortalSession, wanted: Wanted) -> bool:
        """Record each payment; none leaves when one of them may no longer be seen."""
        ids = [one for one, _ in wanted["payments"]]
        payments = session.scalars(sa.select(Payment).where(Payment.id.in_(ids)).order_by(Payment.id)).all()
        if len(payments) != len(set(ids)):
            return False
        format_, reason = FORMATS[kind], wanted["reason"]
        for payment in payments:
            record_download(session, payment, format_, reason)
        record(
            session,
            "remittance.payments.downloaded-together",
            reason=reason,
            format=format_,
            payments=len(ids),
            rows=spans(ids),
        )
        return True

    return record_it


def _since(session: PortalSession, wanted: Wanted, made_at: dt.datetime) -> list[str]:
    """Payments that were replaced or voided, or went out of sight, since the file was made."""
    rows = session.execute(
        sa.select(Payment.id, Payment.set_aside, Payment.set_aside_at).where(
            Payment.id.in_([one for one, _ in wanted["payments"]])
        )
    )
    now_ = {row.id: row for row in rows}
    said = []
    for payment_id, name in wanted["payments"]:
        row = now_.get(payment_id)
        if row is None:
            said.append(f"{name} is no longer yours to see: the file cannot be downloaded any more. Choose again.")
        elif row.set_aside and row.set_aside_at and row.set_aside_at > made_at:
            said.append(f"{name} was {row.set_aside} by the payer: do not post it from this file.")
    return said


_INSTEAD = f"One file may have {LARGEST >> 20} MB. Choose fewer payments, or take the CSV file, which is smaller."
_FEWER = f"One file may have {LARGEST >> 20} MB. Choose fewer payments."
TOGETHER = tuple(
    DocumentKind(key, label, DOWNLOAD, make, _hand_over(key), instead, ("payment", "payments"), _since, takes_long=True)
    for key, label, make, instead in (
        (ZIP, "Payments as PDF files in a ZIP", _zip, _INSTEAD),
        (XLSX, "Payments as one Excel workbook", _xlsx, _INSTEAD),
        (CSV, "Payments as one CSV file", _csv, _FEWER),
        (EDI, "Payments as one 835 file", make_835, _FEWER),
    )
)
