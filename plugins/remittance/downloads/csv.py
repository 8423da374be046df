"""A payment as CSV: a row for each service line, each claim without lines and each provider adjustment.

The columns are documented in docs/documents.md; add new ones at the end.
"""

from __future__ import annotations

from collections.abc import Iterator

from hp_portal.api import BY_THE_WORKER, DOLLARS, DocumentLimits, SheetValue, amount, csv_file_apart, quantity

from ..codes import labeled_segments
from ..intake.standing import standing_word
from ..models import Adjustment, Claim, Line, Payment, ProviderAdjustment
from .collect import ClaimParts, Remittance

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
# Added later, so they stand at the end.
MORE_COLUMNS = (
    "payment_standing", "payment_currency", "payment_balances", "claim_balances", "claim_patient_adjusted",
    "claim_coverage_amount", "claim_interest", "claim_medical_record_number",
    "claim_more", "line_balances", "line_units_billed", "line_more",
)  # fmt: skip
COLUMNS = PAYMENT_COLUMNS + CLAIM_COLUMNS + LINE_COLUMNS + PROVIDER_ADJUSTMENT_COLUMNS + MORE_COLUMNS


def payment_csv(remittance: Remittance, limits: DocumentLimits = BY_THE_WORKER) -> bytes:
    """The whole payment. A payment whose lines, claims and provider adjustments are none has a header row alone.

    Raises DocumentError.
    """
    return csv_file_apart(COLUMNS, rows_of(remittance), limits=limits)


def rows_of(remittance: Remittance) -> Iterator[tuple[SheetValue, ...]]:
    """The rows under `COLUMNS`."""
    no_claim, no_line = (None,) * len(CLAIM_COLUMNS), (None,) * len(LINE_COLUMNS)
    no_provider_adjustment = (None,) * len(PROVIDER_ADJUSTMENT_COLUMNS)
    no_more_of_claim, no_more_of_line = (None,) * 6, (None,) * 3
    payment, currency = _payment(remittance.payment), remittance.payment.currency
    more = (standing_word(remittance.payment), currency or DOLLARS, _yes(remittance.verdict.holds))
    for parts in remittance.claims:
        claim, more_of_claim = _claim(parts), _more_of_claim(parts.claim, currency)
        for line in parts.lines:
            yield (
                "line",
                *payment,
                *claim,
                *_line(line, parts.adjustments_at(line.line)),
                *no_provider_adjustment,
                *more,
                *more_of_claim,
                *_more_of_line(line, currency),
            )
        if not parts.lines:
            found = (*payment, *claim, *no_line, *no_provider_adjustment)
            yield ("claim", *found, *more, *more_of_claim, *no_more_of_line)
    for adjustment in remittance.provider_adjustments:
        found = (*payment, *no_claim, *no_line, *_provider_adjustment(adjustment))
        yield ("provider_adjustment", *found, *more, *no_more_of_claim, *no_more_of_line)


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _more_of_claim(claim: Claim, currency: str | None) -> tuple[SheetValue, ...]:
    interest, record, others = labeled_segments.told_apart(claim)
    return (
        _yes(claim.balanced),
        amount(claim.patient_adjusted),
        amount(claim.coverage_amount),
        amount(interest),
        record,
        labeled_segments.in_a_row(others, currency) or None,
    )


def _more_of_line(line: Line, currency: str | None) -> tuple[SheetValue, ...]:
    more = labeled_segments.in_a_row(labeled_segments.of_line(line, columns=False), currency)
    return _yes(line.balanced), quantity(line.submitted_units), more or None


def _payment(payment: Payment) -> tuple[SheetValue, ...]:
    return (
        payment.trace_number,
        payment.method,
        payment.effective_on,
        amount(payment.amount),
        payment.payer_name,
        payment.payee_name,
        payment.payee_npi,
    )


def _claim(parts: ClaimParts) -> tuple[SheetValue, ...]:
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
        amount(claim.charged),
        amount(claim.adjusted),
        amount(claim.patient_responsibility),
        amount(claim.paid),
        _adjustments(parts.adjustments_at(None)),
        claim.remarks,
    )


def _line(line: Line, adjustments: list[Adjustment]) -> tuple[SheetValue, ...]:
    return (
        line.line,
        line.service_from,
        line.service_to,
        line.procedure,
        line.modifiers,
        line.revenue_code,
        quantity(line.units),
        amount(line.charged),
        amount(line.allowed),
        amount(line.adjusted),
        amount(line.paid),
        _adjustments(adjustments),
        line.remarks,
        line.control_number,
    )


def _adjustments(adjustments: list[Adjustment]) -> str:
    """`CO-45 20.00; PR-1 5.00`."""
    return "; ".join(
        f"{adjustment.group or ''}-{adjustment.reason or ''} {amount(adjustment.amount) or 0:.2f}"
        if adjustment.amount is not None
        else f"{adjustment.group or ''}-{adjustment.reason or ''}"
        for adjustment in adjustments
    )


def _provider_adjustment(adjustment: ProviderAdjustment) -> tuple[SheetValue, ...]:
    return (
        adjustment.reason,
        adjustment.reference,
        adjustment.provider_id,
        adjustment.fiscal_period_ends_on,
        amount(adjustment.amount),
    )
