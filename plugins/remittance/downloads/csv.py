"""A payment as CSV: a row for each service line, each claim without lines and each provider adjustment.

RFC 4180, UTF-8 with a byte order mark so that Excel reads names right. The columns are documented in docs/documents.md;
add new ones at the end. Amounts are decimals with a point and two digits, dates are ISO 8601.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from decimal import Decimal

from ..models import Adjustment, Claim, Line, Payment, ProviderAdjustment
from .amounts import NUMBER, decimal, quantity
from .collect import ClaimParts, Remittance

Value = str | int | Decimal | dt.date | None

PAYMENT_COLUMNS = ("record", "payment_number", "payment_method", "payment_date", "payment_amount", "payer_name",
                   "payee_name", "payee_npi")  # fmt: skip
CLAIM_COLUMNS = (
    "claim", "patient_account", "payer_claim_number", "claim_status", "patient_last_name", "patient_first_name",
    "patient_middle_name", "member_id", "rendering_provider_npi", "claim_service_from", "claim_service_to",
    "claim_charged", "claim_adjusted", "claim_patient_responsibility", "claim_paid", "claim_adjustments", "claim_remarks",
)  # fmt: skip
LINE_COLUMNS = (
    "line", "line_service_from", "line_service_to", "procedure", "modifiers", "revenue_code", "units", "line_charged",
    "line_allowed", "line_adjusted", "line_paid", "line_adjustments", "line_remarks", "line_control_number",
)  # fmt: skip
PROVIDER_ADJUSTMENT_COLUMNS = (
    "provider_adjustment_reason", "provider_adjustment_reference", "provider_adjustment_provider",
    "provider_adjustment_fiscal_period_end", "provider_adjustment_amount",
)  # fmt: skip
COLUMNS = PAYMENT_COLUMNS + CLAIM_COLUMNS + LINE_COLUMNS + PROVIDER_ADJUSTMENT_COLUMNS

# Spreadsheets take a cell that starts with one of these for a formula; some also the full-width forms, and some drop
# blanks before them.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before it. A negative number stays a number.

    OWASP, CSV injection.
    """
    if NUMBER.fullmatch(text):
        return text
    if text.startswith(_FORMULA_STARTS) or text.lstrip().startswith(_FORMULA_STARTS):
        return "'" + text
    return text


def payment_csv(remittance: Remittance) -> bytes:
    """The whole payment. A payment whose lines, claims and provider adjustments are none has a header row alone."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in _rows(remittance):
        writer.writerow([safe(value) if isinstance(value, str) else value for value in row])
    return out.getvalue().encode("utf-8-sig", errors="replace")


def _rows(remittance: Remittance) -> Iterator[tuple[Value, ...]]:
    no_claim, no_line = (None,) * len(CLAIM_COLUMNS), (None,) * len(LINE_COLUMNS)
    no_provider_adjustment = (None,) * len(PROVIDER_ADJUSTMENT_COLUMNS)
    payment = _payment(remittance.payment)
    for parts in remittance.claims:
        claim = _claim(parts)
        for line in parts.lines:
            yield ("line", *payment, *claim, *_line(line, parts.adjustments_at(line.line)), *no_provider_adjustment)
        if not parts.lines:
            yield ("claim", *payment, *claim, *no_line, *no_provider_adjustment)
    for adjustment in remittance.provider_adjustments:
        yield ("provider_adjustment", *payment, *no_claim, *no_line, *_provider_adjustment(adjustment))


def _payment(payment: Payment) -> tuple[Value, ...]:
    return (
        payment.trace_number,
        payment.method,
        payment.effective_on,
        decimal(payment.amount),
        payment.payer_name,
        payment.payee_name,
        payment.payee_npi,
    )


def _claim(parts: ClaimParts) -> tuple[Value, ...]:
    claim: Claim = parts.claim
    return (
        claim.claim,
        claim.patient_control_number,
        claim.payer_control_number,
        claim.status,
        claim.patient_last_name,
        claim.patient_first_name,
        claim.patient_middle_name,
        claim.member_id,
        claim.rendering_npi,
        claim.service_from,
        claim.service_to,
        decimal(claim.charged),
        decimal(claim.adjusted),
        decimal(claim.patient_responsibility),
        decimal(claim.paid),
        _adjustments(parts.adjustments_at(None)),
        claim.remarks,
    )


def _line(line: Line, adjustments: list[Adjustment]) -> tuple[Value, ...]:
    return (
        line.line,
        line.service_from,
        line.service_to,
        line.procedure,
        line.modifiers,
        line.revenue_code,
        quantity(line.units),
        decimal(line.charged),
        decimal(line.allowed),
        decimal(line.adjusted),
        decimal(line.paid),
        _adjustments(adjustments),
        line.remarks,
        line.control_number,
    )


def _adjustments(adjustments: list[Adjustment]) -> str:
    """`CO-45 20.00; PR-1 5.00`."""
    return "; ".join(
        f"{adjustment.group or ''}-{adjustment.reason or ''} {decimal(adjustment.amount) or 0:.2f}"
        if adjustment.amount is not None
        else f"{adjustment.group or ''}-{adjustment.reason or ''}"
        for adjustment in adjustments
    )


def _provider_adjustment(adjustment: ProviderAdjustment) -> tuple[Value, ...]:
    return (
        adjustment.reason,
        adjustment.reference,
        adjustment.provider_id,
        adjustment.fiscal_period_ends_on,
        decimal(adjustment.amount),
    )
