"""The sheets of a workbook of several payments: those of one payment, with the payment before every row."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import (
    DOLLARS,
    DocumentLimits,
    Sheet,
    SheetValue,
    amount,
    xlsx_file_apart,
)

from ..codes.glossary import Meaning, Meanings
from ..codes.plain_words import method_word
from ..intake.standing import standing_of_claims, standing_word
from .chosen import Sum
from .collect import Remittance
from .xlsx import (
    ADJUSTMENTS,
    CLAIMS,
    CODES,
    LINES,
    PROVIDER_ADJUSTMENTS,
    Column,
    adjustment_cells,
    claim_cells,
    code_cells,
    counts,
    line_cells,
    provider_adjustment_cells,
    yes,
)

Row = tuple[SheetValue, ...]
_PAYMENT: tuple[Column, ...] = (("Payment", 18), ("Payment date", 12), ("Currency", 9), ("Counts", 18))
_PAYMENTS: tuple[Column, ...] = (
    ("Payment", 18), ("Method", 18), ("Payment date", 12), ("Amount", 14), ("Currency", 9), ("Counts", 18),
    ("Payer", 26), ("Payee", 26), ("Payee NPI", 13), ("Payee Tax ID", 14), ("Claims", 8), ("Lines", 8),
    ("Adjustments", 12), ("Paid for claims", 14), ("Provider-level adjustments", 14), ("Balances", 10),
    ("Difference", 12), ("Result", 30), ("How it stands", 50), ("Before you post", 60),
)  # fmt: skip
_SUMS: tuple[Column, ...] = (("Currency", 10), ("Payments that count", 20), ("Amount", 16))
_LEFT_OUT: tuple[Column, ...] = (("Asked for and not in this workbook", 44), ("Why", 80))


class Workbook:
    """Takes payments one after another."""

    def __init__(self) -> None:
        self._payments: list[Row] = []
        self._claims: list[Row] = []
        self._lines: list[Row] = []
        self._adjustments: list[Row] = []
        self._provider_adjustments: list[Row] = []
        self._codes: dict[tuple[str, str, str], Meaning] = {}

    def add(self, remittance: Remittance, meanings: Meanings) -> None:
        payment = remittance.payment
        of_claims = counts(standing_of_claims(payment))
        before = (payment.trace_number, payment.effective_on, payment.currency or DOLLARS, of_claims)
        self._payments.append(_payment(remittance))
        for parts in remittance.claims:
            claim = parts.claim
            self._claims.append((*before, *claim_cells(claim, meanings, remittance)))
            self._lines += ((*before, *line_cells(claim, line, payment.currency)) for line in parts.lines)
            self._adjustments += ((*before, *adjustment_cells(parts, one, meanings)) for one in parts.adjustments)
        self._provider_adjustments += (
            (*before, *provider_adjustment_cells(one, meanings)) for one in remittance.provider_adjustments
        )
        # What a code meant may differ between the days of two payments: then it stands there twice.
        self._codes |= {(one.list, one.code, one.text): one for one in meanings.all()}

    def file(self, sums: Sequence[Sum], left_out: Sequence[tuple[str, str]], limits: DocumentLimits) -> bytes:
        """The workbook. Raises DocumentError."""
        codes = Meanings({(list_, f"{code}\0{text}"): one for (list_, code, text), one in self._codes.items()})
        sheets = [
            Sheet("Payments", _PAYMENTS, self._payments),
            Sheet("Sums", _SUMS, [(one.currency or DOLLARS, one.count, amount(one.amount)) for one in sums]),
            Sheet("Not in it", _LEFT_OUT, left_out or [("Nothing: all that was asked for is here.", None)]),
            Sheet("Claims", (*_PAYMENT, *CLAIMS), self._claims),
            Sheet("Lines", (*_PAYMENT, *LINES), self._lines),
            Sheet("Adjustments", (*_PAYMENT, *ADJUSTMENTS), self._adjustments),
            Sheet("Provider-level adjustments", (*_PAYMENT, *PROVIDER_ADJUSTMENTS), self._provider_adjustments),
            Sheet("Codes", CODES, (code_cells(one) for one in codes.all())),
        ]
        return xlsx_file_apart(sheets, title=f"{len(self._payments)} remittance advices", limits=limits)


def _payment(remittance: Remittance) -> Row:
    payment, verdict = remittance.payment, remittance.verdict
    return (
        payment.trace_number,
        method_word(payment.method),
        payment.effective_on,
        amount(payment.amount),
        payment.currency or DOLLARS,
        counts(standing_word(payment)),
        payment.payer_name,
        payment.payee_name,
        payment.payee_npi,
        remittance.payee_tin,
        payment.claim_count,
        payment.line_count,
        payment.adjustment_count,
        amount(payment.claims_paid),
        amount(payment.provider_adjusted),
        yes(verdict.holds),
        amount(verdict.difference),
        verdict.result,
        remittance.standing.words or None,
        " ".join(verdict.also) or None,
    )
