"""Recoveries as files: CSV and an Excel workbook. The columns are documented in docs/documents.md; add new ones at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hp_portal.api import (
    CSV_TYPE,
    XLSX_TYPE,
    DocumentKind,
    MadeFile,
    Making,
    PortalSession,
    Sheet,
    SheetValue,
    amount,
    csv_file_apart,
    read_spans,
    record,
    spans,
    xlsx_file_apart,
)

from ..blueprint import DOWNLOAD
from ..codes.glossary import Meanings, look_up
from ..codes.plain_words import method_word
from ..downloads import documents
from ..downloads.collect import all_seen
from ..inquiry.history import other_claims
from .recoveries import FORWARD, Chain, RecoveryCriteria, Step, claims_in, every_chain, payments_in

CSV, XLSX = "remittance.recoveries-csv", "remittance.recoveries-xlsx"
MOST_AT_ONCE = {
    XLSX: documents.MOST_AT_ONCE[documents.XLSX],
    CSV: documents.MOST_AT_ONCE[documents.CSV],
}
"""Adjustments in a file that is made while somebody waits."""

# What is wanted: `criteria` as addresses have them, `newest`, and `reason`, as the record shows it. Once it is made, also what
# is in it: `payments` and `claims`, as the record has them.
Wanted = Mapping[str, Any]

COLUMNS = (
    "entry", "state", "reason", "reason_meaning", "reference", "payer_claim_number", "patient_account",
    "patient_last_name", "patient_first_name", "refers_to_payment", "payment_number", "payment_method", "payment_date",
    "payee_name", "payee_npi", "amount", "balance", "currency",
)  # fmt: skip
_STEPS = (
    ("Entry", 7), ("State", 18), ("Reason", 8), ("Reason meaning", 40), ("Reference", 20), ("Claim number", 18),
    ("Patient account", 18), ("Last name", 18), ("First name", 16), ("Refers to payment", 18), ("Payment", 16),
    ("Method", 20), ("Issued", 12), ("Payee", 28), ("Payee NPI", 13), ("Amount", 13), ("Balance", 13), ("Currency", 9),
)  # fmt: skip
_OPEN = (
    ("Payee", 28), ("Reason", 8), ("Reference", 20), ("Claim number", 18), ("Patient account", 18), ("Last name", 18),
    ("First name", 16), ("Last changed by payment", 18), ("Issued", 12), ("Still to be taken", 16), ("Currency", 9),
)  # fmt: skip
_STATES = {
    "open": "open",
    "settled": "settled",
    "taken": "taken",
    "unreadable": "cannot be told",
    "alone": "stands alone",
}
_SHOWN = {"": "what is open", "settled": "what is settled or stands alone", "all": "everything"}


def _criteria(wanted: Wanted) -> RecoveryCriteria:
    return RecoveryCriteria.read(wanted["criteria"]).but(newest=wanted["newest"])


def state_word(chain: Chain) -> str:
    """`open`, `brought in`: how a chain stands, in words."""
    return "brought in" if chain.kind == FORWARD and chain.state == "taken" else _STATES[chain.state]


def _rows(chains: list[Chain], meanings: Meanings, *, words: bool) -> Iterator[tuple[SheetValue, ...]]:
    for number, chain in enumerate(chains, 1):
        for step in chain.steps:
            yield (
                number,
                state_word(chain),
                step.reason,
                meanings("PLB", step.reason).text or None,
                chain.reference,
                *_claim(chain),
                chain.payment.number if chain.payment else None,
                step.number,
                method_word(step.method) if words else step.method,
                step.issued_on,
                chain.payee_name,
                chain.payee_npi,
                amount(step.amount),
                amount(step.balance) if chain.runs else None,
                chain.currency,
            )


def _claim(chain: Chain) -> tuple[SheetValue, ...]:
    claim = chain.claim
    return (claim.payer_number, claim.patient_number, claim.last_name, claim.first_name) if claim else (None,) * 4


def _open(chains: list[Chain]) -> Iterator[tuple[SheetValue, ...]]:
    for chain in chains:
        if chain.is_open:
            last: Step = chain.steps[-1]
            yield (
                chain.payee_name,
                chain.steps[0].reason,
                chain.reference,
                *_claim(chain),
                last.number,
                last.issued_on,
                amount(-(chain.balance or 0)),
                chain.currency,
            )


def _asked(criteria: RecoveryCriteria, chains: list[Chain]) -> list[tuple[SheetValue, ...]]:
    return [
        ("Shown", _SHOWN[criteria.show]),
        ("With a payment from", criteria.issued_from),
        ("With a payment to", criteria.issued_to),
        ("Entries", len(chains)),
        ("Open", sum(chain.is_open for chain in chains)),
    ]


def _meanings(session: PortalSession, chains: list[Chain]) -> Meanings:
    return look_up(session, {"PLB": {step.reason for chain in chains for step in chain.steps}}, None)


def _make_csv(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile:
    chains = every_chain(session, _criteria(wanted))
    rows = _rows(chains, _meanings(session, chains), words=False)
    body = csv_file_apart(COLUMNS, rows, limits=documents.limits_of(making))
    return MadeFile(body, "recoveries.csv", CSV_TYPE, contents=_contents(wanted, chains))


def _make_xlsx(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile:
    criteria = _criteria(wanted)
    chains = every_chain(session, criteria)
    body = xlsx_file_apart(
        [
            Sheet("Adjustments", _STEPS, _rows(chains, _meanings(session, chains), words=True)),
            Sheet("Open", _OPEN, _open(chains)),
            Sheet("What was asked for", (("Fact", 34), ("Value", 60)), _asked(criteria, chains), filtered=False),
        ],
        title="Recoveries",
        limits=documents.limits_of(making),
        progress=making.progress,
    )
    return MadeFile(body, "recoveries.xlsx", XLSX_TYPE, contents=_contents(wanted, chains))


def _contents(wanted: Wanted, chains: list[Chain]) -> dict[str, Any]:
    """What is in the file: what leaves later may not be what could be seen when it was asked for."""
    return {**wanted, "payments": spans(payments_in(chains)), "claims": other_claims(claims_in(chains))}


def _hand_over(kind: str) -> Any:
    def record_it(session: PortalSession, wanted: Wanted) -> bool:
        """Record what leaves; nothing does when a payment in it may no longer be seen."""
        if not all_seen(session, {*read_spans(wanted["payments"]), *map(int, wanted["claims"])}):
            return False
        record(
            session,
            "remittance.recovery.downloaded",
            reason=wanted["reason"],
            filter=wanted["criteria"],
            format=kind,
            payments=wanted["payments"],
            claims=wanted["claims"],
        )
        return True

    return record_it


_FEWER = "Choose one payee, a shorter span of days, or what is open alone, and ask again."
DOCUMENTS = (
    DocumentKind(CSV, "Recoveries as CSV file", DOWNLOAD, _make_csv, _hand_over("csv"), _FEWER),
    DocumentKind(XLSX, "Recoveries as Excel workbook", DOWNLOAD, _make_xlsx, _hand_over("xlsx"), _FEWER),
)
