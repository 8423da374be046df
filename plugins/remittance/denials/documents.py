"""Denied lines as files: CSV and an Excel workbook. The columns are documented in docs/documents.md; add new ones at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from hp_portal.api import (
    CSV_TYPE,
    DOLLARS,
    XLSX_TYPE,
    DocumentKind,
    MadeFile,
    Making,
    PortalSession,
    Sheet,
    SheetValue,
    amount,
    csv_file_apart,
    record,
    xlsx_file_apart,
)

from ..blueprint import DOWNLOAD
from ..codes.glossary import Meanings, look_up
from ..codes.plain_words import method_word, status_word
from ..downloads import documents
from ..downloads.collect import all_seen
from ..inquiry.history import other_claims
from ..models import Payment
from .counting import Denials, count_denials
from .criteria import DenialCriteria
from .lines import claims_in, every_line, remarks_of

CSV, XLSX = "remittance.denials-csv", "remittance.denials-xlsx"
MOST_AT_ONCE = {
    XLSX: documents.MOST_AT_ONCE[documents.XLSX],
    CSV: documents.MOST_AT_ONCE[documents.CSV],
}
"""Lines in a file that is made while somebody waits."""
MOST_LINES = 50_000
"""Lines in a file at all."""

# What is wanted: `criteria` as addresses have them, `newest`, and `reason`, as the record shows it. Once it is made, also the
# `claims` that are in it, as the record has them.
Wanted = Mapping[str, Any]

COLUMNS = (
    "payment_number", "payment_method", "payment_date", "payee_name", "payee_npi", "payer_claim_number",
    "patient_account", "claim_status", "line", "service_from", "service_to", "procedure", "modifiers", "revenue_code",
    "group", "reason", "reason_meaning", "charged", "paid", "taken_off", "currency", "remarks", "reversed_later",
    "what_can_i_do_now",
)  # fmt: skip
_LINES = (
    ("Payment", 16), ("Method", 20), ("Issued", 12), ("Payee", 28), ("Payee NPI", 13), ("Claim number", 18),
    ("Patient account", 18), ("Claim status", 26), ("Line", 7), ("Service from", 12), ("Service to", 12),
    ("Procedure", 12), ("Modifiers", 12), ("Revenue code", 10), ("Group", 7), ("Reason", 8), ("Reason meaning", 60),
    ("Charged", 13), ("Paid", 13), ("Taken off", 13), ("Currency", 9), ("Remarks", 16), ("Reversed later", 10),
    ("What can I do now", 90),
)  # fmt: skip
_REASONS = (
    ("Group", 7), ("Reason", 8), ("Meaning", 70), ("Lines", 9), ("Claims", 9), ("Currency", 9), ("Taken off", 14),
    ("What can I do now", 90),
)  # fmt: skip


def newest_payment(session: PortalSession) -> int:
    """The newest payment that one may see: later ones are not in a file that is asked for now."""
    return session.scalar(sa.select(sa.func.max(Payment.id))) or 0


def lines_in(denials: Denials) -> int:
    """How many lines a file of these has: one for each reason of a line."""
    return sum(one.count.lines for one in denials.reasons)


def _criteria(wanted: Wanted) -> DenialCriteria:
    return DenialCriteria.read(wanted["criteria"]).but(newest=wanted["newest"])


def _row(row: Any, meanings: Meanings, *, words: bool) -> tuple[SheetValue, ...]:
    return (
        row.trace_number,
        method_word(row.method) if words else row.method,
        row.effective_on,
        row.payee_name,
        row.payee_npi,
        row.payer_control_number,
        row.patient_control_number,
        status_word(row.status) if words else row.status,
        row.line,
        row.service_from,
        row.service_to,
        row.procedure,
        row.modifiers,
        row.revenue_code,
        row.group,
        row.reason,
        meanings("CARC", row.reason).text or None,
        amount(row.charged),
        amount(row.paid),
        None if row.unreadable else amount(row.adjusted),
        row.currency,
        remarks_of(row) or None,
        "yes" if row.reversed else "no",
        # What is reversed is not open any more: what can be done stands with the claim that takes its place.
        None if row.reversed else str(meanings.advice(row.group, row.reason, remarks_of(row))) or None,
    )


def _make_csv(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile:
    criteria = _criteria(wanted)
    meanings = _meanings(session, count_denials(session, criteria))
    rows = (_row(row, meanings, words=False) for row in every_line(session, criteria))
    contents = _contents(session, wanted, criteria)
    body = csv_file_apart(COLUMNS, rows, limits=documents.limits_of(making))
    return MadeFile(body, "denials.csv", CSV_TYPE, contents=contents)


def _make_xlsx(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile:
    criteria = _criteria(wanted)
    denials = count_denials(session, criteria)
    meanings = _meanings(session, denials)
    contents = _contents(session, wanted, criteria)
    body = xlsx_file_apart(
        [
            Sheet("Denied lines", _LINES, (_row(row, meanings, words=True) for row in every_line(session, criteria))),
            Sheet("By reason", _REASONS, _by_reason(denials, meanings)),
            Sheet("What was asked for", (("Fact", 34), ("Value", 60)), _asked(criteria, denials), filtered=False),
        ],
        title="Denials",
        limits=documents.limits_of(making),
        progress=making.progress,
    )
    return MadeFile(body, "denials.xlsx", XLSX_TYPE, contents=contents)


def _contents(session: PortalSession, wanted: Wanted, criteria: DenialCriteria) -> dict[str, Any]:
    """What is in the file: what leaves later may not be what could be seen when it was asked for."""
    return {**wanted, "claims": other_claims(claims_in(session, criteria))}


def _by_reason(denials: Denials, meanings: Meanings) -> Iterator[tuple[SheetValue, ...]]:
    for one in denials.reasons:
        code, count = one.code, one.count
        for place, (currency, cents) in enumerate(sorted(count.amounts.items(), key=lambda of: of[0] != DOLLARS)):
            yield (
                code.group,
                code.reason,
                meanings("CARC", code.reason).shown,
                # Lines and claims of a reason stand once, beside its first currency.
                count.lines if not place else None,
                count.claims if not place else None,
                currency,
                amount(cents),
                str(meanings.advice_for_all(code.group, code.reason)) or None,
            )


def _asked(criteria: DenialCriteria, denials: Denials) -> list[tuple[SheetValue, ...]]:
    return [
        ("Payments from", criteria.issued_from),
        ("Payments to", criteria.issued_to),
        ("Group", criteria.group or "Any"),
        ("Reason codes", " ".join(one.shown for one in criteria.reasons) or "Any"),
        ("Claim status", status_word(criteria.status) if criteria.status else "Any"),
        ("With what the patient owes", "yes" if criteria.with_patient else "no"),
        ("With what the contract takes off", "yes" if criteria.with_contract else "no"),
        (
            "Claims that a later payment reverses",
            {"": "left out", "too": "with them", "only": "these alone"}[criteria.reversed],
        ),
        ("Lines, each counted once", denials.together.lines),
        ("Claims", denials.together.claims),
        ("Amounts that could not be read", denials.together.unreadable),
    ]


def _meanings(session: PortalSession, denials: Denials) -> Meanings:
    return look_up(session, {"CARC": {one.code.reason for one in denials.reasons}}, None)


def _hand_over(kind: str) -> Any:
    def record_it(session: PortalSession, wanted: Wanted) -> bool:
        """Record what leaves; nothing does when a payment in it may no longer be seen."""
        if not all_seen(session, [int(payment) for payment in wanted["claims"]]):
            return False
        record(
            session,
            "remittance.denial.downloaded",
            reason=wanted["reason"],
            filter=wanted["criteria"],
            format=kind,
            claims=wanted["claims"],
        )
        return True

    return record_it


_FEWER = "Choose a shorter span of days, a payee or a reason, and ask again."
DOCUMENTS = (
    DocumentKind(CSV, "Denials as CSV file", DOWNLOAD, _make_csv, _hand_over("csv"), _FEWER),
    DocumentKind(XLSX, "Denials as Excel workbook", DOWNLOAD, _make_xlsx, _hand_over("xlsx"), _FEWER),
)
