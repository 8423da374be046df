"""Remittance files into the database: all of a file or nothing, each check once; in one transaction or in steps (steps.py).

A file is read check by check and goes in by batches of rows, so its size does not matter. What is already there is told by
the check's own contents (identity.py). A check that has the number of another one goes in, and staff are told (same_number.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any, BinaryIO, cast

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import PortalEvent, PortalSession

from ..keys import number_key, plain
from ..models import KEPT_TEXT, PAYEE_TIN, Payment, RemittanceFile
from ..persons import PERSON, Person, pack, tokens_of
from ..x12.reader import read
from ..x12.records import CLAIM, PAYMENT, PROVIDER_ADJUSTMENT, FileSummary, Row, Transaction
from . import kept_text, loading, reports
from .identity import contents
from .matching import TIN, PayeeMatcher, plain_tin
from .reading import Progress, ReadAhead, Watched
from .reports import ImportReport
from .same_number import SameNumbers
from .steps import Steps, begin, check_free, clean_up, give_up, publish

_BATCH_ROWS = 48_000
_BATCH_BYTES = 8 << 20
_AT_ONCE = 128 << 10
"""Bytes of a file up to which an import in steps is one."""
_BIGINT_MAX = 2**63 - 1
_NAME_LENGTH = 300

_FACTS = {column: place for place, column in enumerate(PAYMENT)}
_STORED_FACTS = tuple(_FACTS[column] for column in loading.PAYMENT_FACTS)
_PATIENT_CONTROL, _PAYER_CONTROL = CLAIM.index("patient_control_number"), CLAIM.index("payer_control_number")
_claim_facts = itemgetter(*(CLAIM.index(column) for column in loading.CLAIM_FACTS))
_claim_person = itemgetter(*(CLAIM.index(column) for column in Person._fields))
_REFERENCE = PROVIDER_ADJUSTMENT.index("reference")


def import_file(
    session: PortalSession,
    stream: BinaryIO,
    name: str,
    *,
    person_id: int | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a small 835 file; `name` is what people call it, `person_id` who imports it.

    Everything goes into the session's transaction, which the caller commits: the payments that are new, and a
    `RemittanceFile` with the report. A file in which nothing can be imported is refused: only its report is kept.
    Raises OSError when the stream cannot be read, loading.CannotStore when the database refuses, and steps.Busy while another
    file is imported; the caller then rolls back.
    """
    name = plain(name)[:_NAME_LENGTH]
    with api.whole(session, "import of remittances"):
        check_free(session)
        imported_at = api.now()
        file = RemittanceFile(
            name=name,
            sha256="",
            size=0,
            imported_at=imported_at,
            imported_by_id=person_id,
            outcome=reports.IMPORTED,
            report="",
        )
        session.add(file)
        session.flush()
        report = _Import(session, file, ImportReport(name, file_id=file.id)).run(stream, progress)
        for column, value in _of_file(report).items():
            setattr(file, column, value)
        session.flush()
        _tell(session, report, person_id)
    return report


def import_in_steps(
    session: PortalSession,
    stream: BinaryIO,
    name: str,
    *,
    size: int,
    person_id: int | None = None,
    on_step: Progress = lambda _bytes, _payments: None,
    at_the_end: Callable[[ImportReport], object] = lambda _report: None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import an 835 file of any size in short transactions: nobody waits for it, and nobody sees anything of it before the last
    of them. Commits, so the session must hold nothing else. `size` is the file's in bytes; a small one takes one transaction.

    `on_step` is called in each transaction, with the bytes and payments read so far; `at_the_end` in the last one; `progress` as
    the file is read, outside of any. Raises what `import_file` raises, and LeaseLost when somebody thought this import dead;
    nothing is stored then.
    """
    if 0 < size <= _AT_ONCE:  # 0: of a pipe, say, nobody knows
        return _import_at_once(session, stream, name, person_id, at_the_end, progress)
    name = plain(name)[:_NAME_LENGTH]
    with api.whole(session, "import of remittances"), api.with_unfinished(session):
        steps = begin(session, name, size, person_id, on_step)
        try:
            file = session.get_one(RemittanceFile, steps.file_id)
            report = _Import(session, file, ImportReport(name, file_id=file.id), steps).run(stream, progress)
            publish(steps, **_of_file(report), bytes_read=report.size, payments_read=report.payments)
            _tell(session, report, person_id)
            at_the_end(report)
            session.commit()
        except BaseException:
            give_up(steps)
            raise
    return report


def _import_at_once(
    session: PortalSession,
    stream: BinaryIO,
    name: str,
    person_id: int | None,
    at_the_end: Callable[[ImportReport], object],
    progress: Progress | None,
) -> ImportReport:
    """The same for a file that takes no longer than a step."""
    clean_up(session)
    try:
        report = import_file(session, stream, name, person_id=person_id, progress=progress)
        with api.whole(session, "import of remittances"):
            at_the_end(report)
        session.commit()
    except BaseException:
        session.rollback()
        raise
    return report


def _of_file(report: ImportReport) -> dict[str, Any]:
    """What a file's row says of its import."""
    return {"sha256": report.sha256, "size": report.size, "outcome": report.outcome, "report": report.as_json()}


def _tell(session: PortalSession, report: ImportReport, person_id: int | None) -> None:
    """Record the import, and announce it to plugins."""
    api.record(
        session,
        "remittance.file.imported",
        who=api.Who(person_id=person_id) if person_id is not None else None,
        file=report.file_id,
        sha256=report.sha256,
        outcome=report.outcome,
        payments=report.payments,
        amount=report.amount,
    )
    if report.payments:
        fields = {"file": report.file_id or 0, "payments": report.payments}
        session.announce(PortalEvent("remittance.payment.imported", fields))


class _Import:
    """One file on its way into the database, in the session's transaction or in steps."""

    def __init__(
        self, session: PortalSession, file: RemittanceFile, report: ImportReport, steps: Steps | None = None
    ) -> None:
        self.session = session
        self.steps = steps
        self.file_id = file.id
        self.imported_at = loading.as_stored(session, Payment.imported_at, file.imported_at)
        self.report = report
        self.vault = session.vault
        self.tokens = tokens_of(session.vault)
        self.payees = PayeeMatcher(session)
        self.same_numbers = SameNumbers(session, self.payees)
        self.loader = self.new_loader()
        self.most_rows = min(_BATCH_ROWS, self.loader.most_rows)
        self.waiting: list[tuple[bytes, Transaction]] = []
        self.waiting_rows = 0
        self.waiting_bytes = 0
        self.unsettled = False

    def run(self, stream: BinaryIO, progress: Progress | None) -> ImportReport:
        report = self.report
        first = (self.session.scalar(sa.select(sa.func.max(Payment.id))) or 0) + 1
        if progress or self.steps:
            stream = cast(BinaryIO, Watched(stream, report, self.watching(progress)))
        self.source = ReadAhead(stream, wait=lambda: self.loader.finish())
        # One thread packs and seals texts, and waits for the database, while this one reads: none of it needs the interpreter
        # for long. The session is used by this thread alone.
        with ThreadPoolExecutor(1, "remittance import") as self.beside:
            for found in read(cast(BinaryIO, self.source), payment_numbers=itertools.count(first)):
                if isinstance(found, FileSummary):
                    self.flush()
                    self.settle()
                    if self.steps:
                        self.steps.enter_last()
                    self.same_numbers.store()
                    self.finish(found)
                elif found.importable:
                    self.take(found)
                else:
                    report.skipped += 1
                    report.find(found.diagnostics, _text(found, "trace_number"))
        return report

    def watching(self, progress: Progress | None) -> Progress:
        """What is told of the bytes and payments read so far."""

        def tell(bytes_read: int, payments: int) -> None:
            if self.steps:
                self.steps.bytes_read, self.steps.payments_read = bytes_read, payments
            if progress:
                progress(bytes_read, payments)

        return tell

    def new_loader(self) -> loading.Loader:
        return loading.loader(self.session, self.steps.breathe if self.steps else None)

    def settle(self) -> None:
        """Wait until what was sent is in the tables; in steps, that ends a transaction."""
        self.loader.finish()
        if self.steps and self.unsettled:
            self.steps.leave()
            self.unsettled = False
            self.loader = self.new_loader()

    def take(self, transaction: Transaction) -> None:
        """Put a check into the batch, and the batch into the database when it is large enough."""
        rows = transaction.rows
        self.waiting.append((contents(transaction.raw, transaction.separators), transaction))
        self.waiting_rows += 1 + len(rows.claims) + len(rows.lines) + len(rows.adjustments)
        self.waiting_bytes += len(transaction.raw)
        if self.waiting_rows >= self.most_rows or self.waiting_bytes >= _BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Load the checks of the batch that are new, when those of the one before are in."""
        self.settle()
        known = self.known()
        new: list[tuple[bytes, Transaction]] = []
        for mark, transaction in self.waiting:
            if mark in known:
                number = _text(transaction, "trace_number")
                self.report.know(number)
                self.report.find(transaction.diagnostics, number)
            else:
                known.add(mark)
                new.append((mark, transaction))
        self.load(new)
        self.waiting.clear()
        self.waiting_rows = self.waiting_bytes = 0

    def known(self) -> set[bytes]:
        """Which identities of the batch are in the database: from other files, or from earlier in this one."""
        marks = [mark for mark, _ in self.waiting]
        found: set[bytes] = set()
        for start in range(0, len(marks), 1_000):
            found.update(self.session.scalars(_KNOWN, {"marks": marks[start : start + 1_000]}))
        return found

    def load(self, new: list[tuple[bytes, Transaction]]) -> None:
        payments: list[list[Any]] = []
        claims: list[loading.LoadedRow] = []
        lines: list[Row] = []
        adjustments: list[Row] = []
        provider_adjustments: list[Row] = []
        sealed = [self.beside.submit(self.sealed_text, found) for _, found in new]
        pairs = self.same_numbers.look([transaction for _, transaction in new])
        for mark, transaction in new:
            rows = bounded(transaction)
            pair = pairs.get(transaction.number)
            payment = self.payment(mark, transaction, in_question=pair is not None)
            payee_id = payment[_PAYEE_ID]
            payments.append(payment)
            claims += self.claims(rows.claims, payee_id)
            lines += rows.lines
            adjustments += [(*row, place) for place, row in enumerate(rows.adjustments, 1)]
            provider_adjustments += [
                (*row, place, number_key(cast(str | None, row[_REFERENCE])) or None)
                for place, row in enumerate(rows.provider_adjustments, 1)
            ]
            self.count(transaction, payee_id)
            if pair is not None:
                self.report.has_number_of_another(_text(transaction, "trace_number"), pair.differs)
        texts = [(found.number, text.result()) for (_, found), text in zip(new, sealed, strict=True)]
        if self.steps:
            self.steps.enter()
            self.unsettled = True
        load = self.loader.load
        load(loading.PAYMENTS, payments)
        load(loading.CLAIMS, claims)
        load(loading.LINES, lines)
        load(loading.ADJUSTMENTS, adjustments)
        load(loading.PROVIDER_ADJUSTMENTS, provider_adjustments)
        load(loading.TEXTS, texts)
        if not self.loader.overlaps:
            self.settle()
        self.source.fill()
        self.loader.start(self.beside)

    def sealed_text(self, transaction: Transaction) -> bytes:
        return self.vault.seal(kept_text.pack(transaction), KEPT_TEXT(transaction.number))

    def payment(self, mark: bytes, transaction: Transaction, *, in_question: bool) -> list[Any]:
        """The row of `loading.PAYMENTS`."""
        facts = transaction.payment
        tin = plain_tin(cast(str | None, facts[_FACTS["payee_tin"]]))
        npi = cast(str | None, facts[_FACTS["payee_npi"]])
        vault = self.vault
        return [
            transaction.number,
            self.file_id,
            self.imported_at,
            mark,
            in_question,
            False,
            False,
            number_key(_text(transaction, "trace_number")),
            self.payees.find(tin, npi),
            vault.seal_text(tin, PAYEE_TIN(transaction.number)) if tin else None,
            vault.digest(tin, TIN) if tin else None,
            *(_fits(facts[place]) for place in _STORED_FACTS),
        ]

    def claims(self, rows: Sequence[Row], payee_id: int | None) -> Iterator[loading.LoadedRow]:
        """The rows of `loading.CLAIMS` of one payment."""
        # The columns are texts or None; casts would cost more than the keys.
        values: Sequence[Any] = rows
        persons = list(map(_claim_person, values))
        places = PERSON.each(values[0][0], last=[row[1] for row in values]) if values else ()
        sealed = self.vault.seal_all(list(map(pack, persons)), places)
        tokens = self.tokens.of
        for row, person, seal in zip(values, persons, sealed, strict=True):
            yield (
                *_claim_facts(row),
                payee_id,
                number_key(row[_PATIENT_CONTROL]) or None,
                number_key(row[_PAYER_CONTROL]) or None,
                *tokens(person),
                seal,
            )

    def count(self, transaction: Transaction, payee_id: int | None) -> None:
        report, rows = self.report, transaction.rows
        number = _text(transaction, "trace_number")
        report.payments += 1
        report.claims += len(rows.claims)
        report.lines += len(rows.lines)
        report.adjustments += len(rows.adjustments)
        report.provider_adjustments += len(rows.provider_adjustments)
        amount, currency = cast(int, transaction.fact("amount")), _text(transaction, "currency") or api.DOLLARS
        if currency == api.DOLLARS:
            report.amount += amount
            report.claims_paid += cast(int | None, transaction.fact("claims_paid")) or 0
        else:
            report.other_currencies[currency] = report.other_currencies.get(currency, 0) + amount
        report.unknown_payees += payee_id is None
        if not transaction.balanced:
            report.does_not_balance(number)
        report.find(transaction.diagnostics, number)

    def finish(self, summary: FileSummary) -> None:
        """Say what became of the file as a whole."""
        report = self.report
        report.sha256, report.size = summary.sha256, summary.size
        report.find(summary.diagnostics)
        report.conclude(summary, same_file=self.imported_before(summary.sha256))

    def imported_before(self, sha256: str) -> bool:
        same = sa.select(RemittanceFile.id).where(
            RemittanceFile.sha256 == sha256, RemittanceFile.outcome.in_((reports.IMPORTED, reports.PARTIAL))
        )
        return self.session.scalar(same.limit(1)) is not None


# Made once: it is asked in every step.
_KNOWN = sa.select(Payment.identity).where(Payment.identity.in_(sa.bindparam("marks", expanding=True)))
_PAYEE_ID = loading.PAYMENTS.columns.index("payee_id")


def _text(transaction: Transaction, column: str) -> str:
    return str(transaction.fact(column) or "")


def _fits(value: int | str | bool | None) -> int | str | bool | None:
    """A sum too large for the database's integers is as good as unreadable."""
    return None if isinstance(value, int) and abs(value) > _BIGINT_MAX else value


# An amount has at most 15 digits, so no fewer than this many of them make a sum that does not fit.
_FEWEST_TO_OVERFLOW = 9_000


def bounded(transaction: Transaction) -> Any:
    """The rows, with sums that no database integer holds taken out: only an absurd file has them."""
    rows = transaction.rows
    if len(rows.adjustments) >= _FEWEST_TO_OVERFLOW:
        rows.claims[:] = [tuple(_fits(value) for value in row) for row in rows.claims]
        rows.lines[:] = [tuple(_fits(value) for value in row) for row in rows.lines]
    return rows
