"""Several payments in one file: a ZIP of their PDFs, one workbook, one CSV file, or their 835s one after another.

What cannot be in it is named in the file itself, and on the page that offers it: nothing is left out without a word.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

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
from ..intake.kept_text import kept_parts
from ..models import Payment
from ..x12.rebuild import rebuild_groups
from .chosen import Chosen, Named, name_of, sums_of
from .collect import Remittance, find_payment, find_remittance, record_download
from .csv import COLUMNS, rows_of
from .documents import limits_of
from .pdf import payment_pdf
from .together_sheets import Workbook

# What is wanted: `payments`, pairs of id and name; `reason`, as the record shows it.
Wanted = Mapping[str, Any]

ZIP, XLSX, CSV, EDI = (f"remittance.together-{what}" for what in ("zip", "xlsx", "csv", "835"))
FORMATS = {ZIP: "pdf", XLSX: "xlsx", CSV: "csv", EDI: "835"}
LARGEST = 50 << 20
"""Bytes of one file."""
MOST_AT_ONCE = {ZIP: 600, XLSX: 1500, CSV: 4000, EDI: 40_000}
"""What is made while somebody waits: claims, lines and adjustments, and for each payment the rows below."""
_EACH = {ZIP: 60, XLSX: 60, CSV: 80, EDI: 800}
_GONE = "it is no longer there, or no longer yours to see."
_NO_TEXT = "the payer’s system kept no 835 text of it."
_SPOOLED = 8 << 20
_PACE = 0.5
JOINT_COLUMNS = (*COLUMNS, "not_included_because")


def is_small(kind: str, chosen: Chosen) -> bool:
    """Can the file be made while somebody waits?"""
    return chosen.rows + _EACH[kind] * len(chosen.payments) <= MOST_AT_ONCE[kind]


@dataclass
class _Collected:
    """What went into a file, and what did not, with why."""

    held: list[Payment] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)

    def without(self, name: str, why: str) -> None:
        self.left_out.append((name, why))

    @property
    def lines(self) -> tuple[str, ...]:
        return tuple(f"{name}: {why}" for name, why in self.left_out)

    def made(self, body: bytes | BinaryIO, suffix: str, content_type: str, wanted: Wanted) -> MadeFile:
        """The file. What it holds after all is what is recorded when it leaves."""
        held = [[one.id, _name(one)] for one in self.held]
        contents = {"payments": held, "reason": wanted["reason"]} if self.left_out else None
        return MadeFile(body, f"{self.file_name}.{suffix}", content_type, self.lines, contents)

    @property
    def file_name(self) -> str:
        days = [one.effective_on for one in self.held if one.effective_on]
        span = f"-{min(days)}-to-{max(days)}" if days else ""
        return f"remittances-{len(self.held)}{span}"


def _name(payment: Payment) -> str:
    return name_of(payment.method, payment.trace_number, payment.effective_on)


def _each(wanted: Wanted, making: Making) -> Iterator[Named]:
    """Every payment that is wanted, telling how far it is, now and then."""
    payments: Sequence[Named] = wanted["payments"]
    told = 0.0
    for done, (payment_id, name) in enumerate(payments):
        if time.monotonic() - told > _PACE:
            making.progress(done, len(payments))
            told = time.monotonic()
        yield payment_id, name
    making.progress(len(payments), len(payments))


def _remittances(
    session: PortalSession, wanted: Wanted, making: Making, collected: _Collected
) -> Iterator[tuple[Remittance, str]]:
    for payment_id, name in _each(wanted, making):
        remittance = find_remittance(session, payment_id)
        if remittance is None:
            collected.without(name, _GONE)
        else:
            yield remittance, name


def _zip(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """A PDF for each payment, and a text that says what is in the ZIP and what is not."""
    limits, payer = limits_of(making), settings().payer
    collected, names, said = _Collected(), _Names(), []
    with _new_file() as file, zipfile.ZipFile(file, "w") as archive:
        for remittance, name in _remittances(session, wanted, making, collected):
            payment = remittance.payment
            meanings = look_up(session, codes_of(session, payment.id), payment.effective_on)
            try:
                body = payment_pdf(remittance, meanings, payer, limits)
            except DocumentTooLarge:
                if making.at_once:
                    raise
                collected.without(name, "it is too large for a PDF. The Excel and CSV files hold the same facts.")
                continue
            inside = names.of(payment)
            # A tagged PDF is packed to a quarter.
            archive.writestr(_entry(inside), body, zipfile.ZIP_DEFLATED, compresslevel=1)
            _check_room(file.tell())
            collected.held.append(payment)
            said.append(_about(remittance, inside))
        archive.writestr(_entry("contents.txt"), _contents(collected, said), zipfile.ZIP_DEFLATED)
    return _finished(file, "zip", "application/zip", collected, wanted)


def _finished(file: BinaryIO, suffix: str, content_type: str, collected: _Collected, wanted: Wanted) -> MadeFile | None:
    if not collected.held:
        file.close()
        return None
    file.seek(0)
    return collected.made(file, suffix, content_type, wanted)


@contextmanager
def _new_file() -> Iterator[BinaryIO]:
    """In memory as long as it is small, then on disk without a name. Whoever gets it closes it, unless the block fails."""
    file = cast(BinaryIO, tempfile.SpooledTemporaryFile(_SPOOLED))  # noqa: SIM115 – it outlives the block: whoever gets it closes it
    try:
        yield file
    except BaseException:
        file.close()
        raise


def _check_room(size: int) -> None:
    if size > LARGEST:
        raise DocumentTooLarge(f"payments together took more than {LARGEST >> 20} MB")


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
            *filter(None, [payment.set_aside]),
        ]
        name, number = "_".join(parts), 1
        while f"{name}-{number}".lower() in self._taken:
            number += 1
        self._taken.add(f"{name}-{number}".lower())
        return f"{name}.pdf" if number == 1 else f"{name}-{number}.pdf"


def _about(remittance: Remittance, inside: str) -> str:
    payment = remittance.payment
    to = f" to {payment.payee_name}" if payment.payee_name else ""
    lines = [inside, f"  {_name(payment)}{to}, {remittance.money(payment.amount)}"]
    lines += [f"  {words}" for words in (remittance.standing.words, *remittance.verdict.also) if words]
    if not remittance.verdict.holds:
        lines.append(f"  {remittance.verdict.result}.")
    return "\r\n".join(lines)


def _contents(collected: _Collected, said: Sequence[str]) -> str:
    at = show_datetime(now(), settings().payer.zone)
    parts = [f"{show_count(len(collected.held), 'payment')}, put together on {at}", *said]
    sums = sums_of((one.currency, one.amount, one.set_aside) for one in collected.held)
    parts.append(
        "\r\n".join(
            [
                "Together, each currency for itself; replaced and voided payments are not counted:",
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
    collected, workbook = _Collected(), Workbook()
    for remittance, _ in _remittances(session, wanted, making, collected):
        payment = remittance.payment
        workbook.add(remittance, look_up(session, codes_of(session, payment.id), payment.effective_on))
        collected.held.append(payment)
    if not collected.held:
        return None
    sums = sums_of((one.currency, one.amount, one.set_aside) for one in collected.held)
    body = workbook.file(sums, collected.left_out, limits_of(making))
    _check_room(len(body))
    return collected.made(body, "xlsx", XLSX_TYPE, wanted)


def _csv(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """The rows of every payment's CSV file under one head. A payment without any row, and one that is not in it, has a row."""
    collected, rows = _Collected(), []
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
    _check_room(len(body))
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
        "payment_standing": payment.set_aside,
        "payment_currency": payment.currency or DOLLARS,
    }


def _edi(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    """Interchanges one after another, one for each that the payments came in, with the chosen transactions alone.

    What was replaced or voided is left out: whoever takes the file into their system posts what is in it.
    """
    collected = _Collected()
    with _new_file() as file:
        _write_interchanges(session, _by_file(session, wanted, making), collected, file)
    return _finished(file, "835", "application/edi-x12", collected, wanted)


def _write_interchanges(
    session: PortalSession, payments: Iterator[Named], collected: _Collected, file: BinaryIO
) -> None:
    interchange = _Interchange()
    for payment_id, name in payments:
        payment, parts = find_payment(session, payment_id), kept_parts(session, payment_id)
        if payment is None:
            collected.without(name, _GONE)
        elif payment.set_aside:
            collected.without(name, f"the payer has {payment.set_aside} it, and it must not be posted.")
        elif parts is None:
            collected.without(name, _NO_TEXT)
        else:
            isa, gs, raw = parts
            if not interchange.takes((payment.file_id, isa, raw[2:3])):
                _write(file, interchange)
                interchange = _Interchange(interchange.number + 1)
            interchange.add((payment.file_id, isa, raw[2:3]), gs, raw)
            collected.held.append(payment)
    _write(file, interchange)


def _by_file(session: PortalSession, wanted: Wanted, making: Making) -> Iterator[Named]:
    """In the order in which they came, so that what came together stands together."""
    ids = [one for one, _ in wanted["payments"]]
    rows = session.execute(sa.select(Payment.id, Payment.file_id).where(Payment.id.in_(ids)))
    file_of = {row.id: row.file_id for row in rows}
    ordered = sorted(wanted["payments"], key=lambda one: (file_of.get(one[0], 0), one[0]))
    return _each({**wanted, "payments": ordered}, making)


class _Interchange:
    """Transactions that were sent in one interchange, by group."""

    def __init__(self, number: int = 1) -> None:
        self.number = number
        self._sent: tuple[int, bytes, bytes] | None = None
        self._groups: dict[bytes, list[bytes]] = {}

    def takes(self, sent: tuple[int, bytes, bytes]) -> bool:
        """Is it of this interchange? Without an ISA each transaction is by itself."""
        return self._sent is None or (self._sent == sent and bool(sent[1]))

    def add(self, sent: tuple[int, bytes, bytes], gs: bytes, raw: bytes) -> None:
        self._sent = sent
        self._groups.setdefault(gs, []).append(raw)

    def text(self) -> bytes:
        if self._sent is None:
            return b""
        groups = [(gs or None, raws) for gs, raws in self._groups.items()]
        return rebuild_groups(groups, self._sent[1] or None, self.number)


def _write(file: BinaryIO, interchange: _Interchange) -> None:
    text = interchange.text()
    _check_room(file.tell() + len(text))
    file.write(text)


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
_COUNTS = ("payment", "payments")
TOGETHER = (
    DocumentKind(ZIP, "Payments as PDF files in a ZIP", DOWNLOAD, _zip, _hand_over(ZIP), _INSTEAD, _COUNTS, _since),
    DocumentKind(XLSX, "Payments as one Excel workbook", DOWNLOAD, _xlsx, _hand_over(XLSX), _INSTEAD, _COUNTS, _since),
    DocumentKind(CSV, "Payments as one CSV file", DOWNLOAD, _csv, _hand_over(CSV), _FEWER, _COUNTS, _since),
    DocumentKind(EDI, "Payments as one 835 file", DOWNLOAD, _edi, _hand_over(EDI), _FEWER, _COUNTS, _since),
)
