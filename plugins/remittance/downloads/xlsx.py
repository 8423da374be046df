"""A payment as an Excel workbook: payment, claims, lines, adjustments, provider adjustments, a sheet each."""

from __future__ import annotations

from hp_portal.api import (
    BY_THE_WORKER,
    DOLLARS,
    DocumentLimits,
    Progress,
    Sheet,
    SheetValue,
    amount,
    no_progress,
    quantity,
    xlsx_file_apart,
)

from ..codes import labeled_segments
from ..codes.glossary import Meaning, Meanings
from ..codes.plain_words import REVERSAL, method_word
from ..intake.standing import PART, REPEATED, standing_word
from ..models import Adjustment, Claim, Line, ProviderAdjustment
from ..verdict import claim_marks
from .collect import ClaimParts, Remittance, patient_name

Column = tuple[str, int]  # heading, width in characters

CLAIMS: tuple[Column, ...] = (
    ("Claim", 7), ("Patient", 26), ("Patient account", 20), ("Claim number", 20), ("Member ID", 16), ("Status code", 8),
    ("Status", 26), ("Service from", 12), ("Service to", 12), ("Received", 12), ("Rendering provider", 26),
    ("Rendering NPI", 13), ("Charged", 13), ("Adjustments", 13), ("Patient owes", 13), ("Paid", 13), ("Remarks", 16),
    ("DRG", 8), ("Lines", 7), ("Balances", 10), ("Patient owes by adjustments", 13), ("Coverage amount", 13), ("Interest", 11),
    ("Medical record number", 20), ("Also in the remittance", 50), ("Marks", 44),
)  # fmt: skip
LINES: tuple[Column, ...] = (
    ("Claim", 7), ("Line", 6), ("Patient account", 20), ("Claim number", 20), ("Service from", 12), ("Service to", 12),
    ("Procedure", 12), ("Modifiers", 12), ("Revenue code", 10), ("Units", 8), ("Charged", 13), ("Allowed", 13),
    ("Adjustments", 13), ("Paid", 13), ("Remarks", 16), ("Line control number", 20), ("Balances", 10),
    ("Units billed", 8), ("Also in the remittance", 50),
)  # fmt: skip
ADJUSTMENTS: tuple[Column, ...] = (
    ("Claim", 7), ("Line", 6), ("Claim number", 20), ("Group", 7), ("Group meaning", 30), ("Reason", 8),
    ("Reason meaning", 60), ("Amount", 13), ("Quantity", 9), ("What can I do now", 80),
)  # fmt: skip
PROVIDER_ADJUSTMENTS: tuple[Column, ...] = (
    ("Reason", 8), ("Meaning", 50), ("Reference", 24), ("Provider", 14), ("Fiscal period ends", 16), ("Amount", 13),
)  # fmt: skip
CODES: tuple[Column, ...] = (
    ("Kind", 24), ("Code", 8), ("Meaning", 80), ("Source", 20), ("What can I do now", 100),
)  # fmt: skip


def payment_xlsx(
    remittance: Remittance,
    meanings: Meanings,
    limits: DocumentLimits = BY_THE_WORKER,
    progress: Progress = no_progress,
) -> bytes:
    """The whole payment. Raises DocumentError."""
    claims, currency = remittance.claims, remittance.payment.currency
    adjustments = (adjustment_cells(parts, found, meanings) for parts in claims for found in parts.adjustments)
    provider_adjustments = (provider_adjustment_cells(found, meanings) for found in remittance.provider_adjustments)
    return xlsx_file_apart(
        [
            Sheet("Payment", (("Fact", 30), ("Value", 44)), _payment(remittance), filtered=False),
            Sheet("Claims", CLAIMS, (claim_cells(parts.claim, meanings, remittance) for parts in claims)),
            Sheet(
                "Lines", LINES, (line_cells(parts.claim, line, currency) for parts in claims for line in parts.lines)
            ),
            Sheet("Adjustments", ADJUSTMENTS, adjustments),
            Sheet("Provider-level adjustments", PROVIDER_ADJUSTMENTS, provider_adjustments),
            Sheet("Codes", CODES, (code_cells(found) for found in meanings.all())),
        ],
        title=f"Remittance advice {remittance.payment.trace_number}",
        author=remittance.payment.payer_name or "",
        limits=limits,
        progress=progress,
    )


def _payment(remittance: Remittance) -> list[tuple[SheetValue, ...]]:
    payment, verdict = remittance.payment, remittance.verdict
    return [
        ("Number", payment.trace_number),
        ("Method", method_word(payment.method)),
        ("Date", payment.effective_on),
        ("Amount", amount(payment.amount)),
        ("Payer", payment.payer_name),
        ("Payee", payment.payee_name),
        ("Payee NPI", payment.payee_npi),
        ("Payee Tax ID", remittance.payee_tin),
        ("Payer's number for the payee", payment.payee_number),
        ("Paid for claims", amount(payment.claims_paid)),
        ("Provider-level adjustments", amount(payment.provider_adjusted)),
        ("Balances", yes(verdict.holds)),
        ("Counts", counts(standing_word(payment))),
        *([("How it stands", remittance.standing.words)] if remittance.standing.words else []),
        ("Claims", payment.claim_count),
        ("Lines", payment.line_count),
        ("Adjustments", payment.adjustment_count),
        ("Currency", payment.currency or DOLLARS),
        ("Credit or debit", "debit: taken back" if verdict.is_debit else "credit"),
        ("Difference", amount(verdict.difference)),
        ("Result", verdict.result),
        *(("Why", reason) for reason in verdict.why),
        *(("Before you post", remark) for remark in verdict.also),
    ]


_AS_PAGES_SAY = {REPEATED: "sent again", PART: "with the first part"}


def counts(standing: str | None) -> str:
    """Is it to be added up: `yes`, or why not, or why that is not certain, as the pages say it. `standing`: `standing_word`'s."""
    return _AS_PAGES_SAY.get(standing, standing) if standing else "yes"


def yes(value: bool) -> str:
    return "yes" if value else "no"


def claim_cells(claim: Claim, meanings: Meanings, remittance: Remittance) -> tuple[SheetValue, ...]:
    currency = remittance.payment.currency
    interest, record, others = labeled_segments.told_apart(claim)
    return (
        claim.claim,
        patient_name(claim),
        claim.patient_control_number,
        claim.payer_control_number,
        claim.member_id,
        claim.status,
        meanings("STATUS", claim.status).text,
        claim.service_from,
        claim.service_to,
        claim.received_on,
        claim.rendering_name,
        claim.rendering_npi,
        amount(claim.charged),
        amount(claim.adjusted),
        amount(claim.patient_responsibility),
        amount(claim.paid),
        claim.remarks,
        claim.drg_code,
        claim.line_count,
        yes(claim.balanced),
        amount(claim.patient_adjusted),
        amount(claim.coverage_amount),
        amount(interest),
        record,
        labeled_segments.in_a_row(others, currency) or None,
        "; ".join(claim_marks(claim, remittance.verdict.marks.charges_in)) or None,
    )


def line_cells(claim: Claim, line: Line, currency: str | None) -> tuple[SheetValue, ...]:
    return (
        claim.claim,
        line.line,
        claim.patient_control_number,
        claim.payer_control_number,
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
        line.remarks,
        line.control_number,
        yes(line.balanced),
        quantity(line.submitted_units),
        labeled_segments.in_a_row(labeled_segments.of_line(line, columns=False), currency) or None,
    )


def adjustment_cells(parts: ClaimParts, adjustment: Adjustment, meanings: Meanings) -> tuple[SheetValue, ...]:
    claim = parts.claim
    advice = meanings.advice(adjustment.group, adjustment.reason, parts.remarks_at(adjustment.line))
    return (
        claim.claim,
        adjustment.line,
        claim.payer_control_number,
        adjustment.group,
        meanings("GROUP", adjustment.group).text,
        adjustment.reason,
        meanings("CARC", adjustment.reason).shown,
        amount(adjustment.amount),
        quantity(adjustment.quantity),
        str(advice) if claim.status != REVERSAL else None,
    )


def provider_adjustment_cells(adjustment: ProviderAdjustment, meanings: Meanings) -> tuple[SheetValue, ...]:
    return (
        adjustment.reason,
        meanings("PLB", adjustment.reason).shown,
        adjustment.reference,
        adjustment.provider_id,
        adjustment.fiscal_period_ends_on,
        amount(adjustment.amount),
    )


def code_cells(found: Meaning) -> tuple[SheetValue, ...]:
    return (found.list_name, found.code, found.shown, found.source, found.advice)
