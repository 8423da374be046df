"""The documents of payments and claims: what makes them, and what is recorded when they leave."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hp_portal.api import (
    AT_ONCE,
    BY_THE_WORKER,
    CSV_TYPE,
    XLSX_TYPE,
    DocumentKind,
    DocumentLimits,
    MadeFile,
    Making,
    PortalSession,
    file_name_part,
    settings,
)

from ..blueprint import DOWNLOAD
from ..codes.glossary import Meanings, codes_of, look_up
from ..intake.kept_text import kept_interchange
from ..models import Payment
from .collect import find_claim, find_payment, find_remittance, record_download
from .csv import payment_csv
from .pdf import claim_pdf, payment_pdf
from .xlsx import payment_xlsx

# What is wanted of a document, besides: `payment`, its id; `reason`, as the record shows it; `claim`, counted from 1.
Wanted = Mapping[str, Any]

PDF, XLSX, CSV, CLAIM_PDF, EDI = (
    f"remittance.{what}" for what in ("payment-pdf", "payment-xlsx", "payment-csv", "claim-pdf", "payment-835")
)
# Rows in a document that is made while somebody waits: claims, lines and adjustments. Less than a second of the processor.
MOST_AT_ONCE = {PDF: 600, XLSX: 1500, CSV: 4000}
# Bytes of kept text in an 835 that is made while somebody waits: some 80,000 claims, a tenth of a second of the processor.
LARGEST_AT_ONCE = 4 << 20


def is_small(kind: str, payment: Payment) -> bool:
    """Can the document be made while somebody waits?"""
    rows = payment.claim_count + payment.line_count + payment.adjustment_count + payment.provider_adjustment_count
    return rows <= MOST_AT_ONCE[kind]


def is_small_835(kept: int) -> bool:
    """Can an 835 of which so many bytes are kept be made while somebody waits?"""
    return kept <= LARGEST_AT_ONCE


def limits_of(making: Making) -> DocumentLimits:
    """What making a document may take."""
    return AT_ONCE if making.at_once else BY_THE_WORKER


def _make_pdf(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    remittance = find_remittance(session, wanted["payment"])
    if remittance is None:
        return None
    meanings = _meanings(session, remittance.payment)
    body = payment_pdf(remittance, meanings, settings().payer, limits_of(making), making.progress)
    return MadeFile(body, file_name(remittance.payment, "pdf"), "application/pdf")


def _make_xlsx(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    remittance = find_remittance(session, wanted["payment"])
    if remittance is None:
        return None
    body = payment_xlsx(remittance, _meanings(session, remittance.payment), limits_of(making), making.progress)
    return MadeFile(body, file_name(remittance.payment, "xlsx"), XLSX_TYPE)


def _make_csv(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    remittance = find_remittance(session, wanted["payment"])
    if remittance is None:
        return None
    return MadeFile(payment_csv(remittance, limits_of(making)), file_name(remittance.payment, "csv"), CSV_TYPE)


def _make_claim_pdf(session: PortalSession, wanted: Wanted, making: Making) -> MadeFile | None:
    remittance = find_claim(session, wanted["payment"], wanted["claim"])
    if remittance is None:
        return None
    meanings = _meanings(session, remittance.payment, wanted["claim"])
    body = claim_pdf(remittance, meanings, settings().payer, limits_of(making))
    return MadeFile(body, file_name(remittance.payment, "pdf", wanted["claim"]), "application/pdf")


def _make_835(session: PortalSession, wanted: Wanted, _making: Making) -> MadeFile | None:
    payment = find_payment(session, wanted["payment"])
    text = kept_interchange(session, wanted["payment"])
    if payment is None or text is None:
        return None
    return MadeFile(text, file_name(payment, "835"), "application/edi-x12")


def _meanings(session: PortalSession, payment: Payment, claim: int | None = None) -> Meanings:
    """What the codes of a payment, or of one claim of it, meant on the payment's day."""
    return look_up(session, codes_of(session, payment.id, claim), payment.effective_on)


def file_name(payment: Payment, suffix: str, claim: int | None = None) -> str:
    number = file_name_part(payment.trace_number) or str(payment.id)
    of_claim = "" if claim is None else f"-claim-{claim}"
    standing = f"-{payment.set_aside}" if payment.set_aside else ""
    return f"remittance-{number}{of_claim}{standing}.{suffix}"


def _hand_over(kind: str) -> Any:
    def record_it(session: PortalSession, wanted: Wanted) -> bool:
        payment = find_payment(session, wanted["payment"])
        if payment is None:
            return False
        record_download(session, payment, kind, wanted["reason"], wanted.get("claim"))
        return True

    return record_it


_INSTEAD = "The Excel and CSV files hold the same facts and take less to make."
_TABLES = "The payment’s own 835 file holds the same facts."
DOCUMENTS = (
    DocumentKind(PDF, "Remittance advice as PDF", DOWNLOAD, _make_pdf, _hand_over("pdf"), _INSTEAD),
    DocumentKind(XLSX, "Payment as Excel workbook", DOWNLOAD, _make_xlsx, _hand_over("xlsx"), _TABLES),
    DocumentKind(CSV, "Payment as CSV file", DOWNLOAD, _make_csv, _hand_over("csv"), _TABLES),
    DocumentKind(EDI, "Payment as 835 file", DOWNLOAD, _make_835, _hand_over("835")),
    DocumentKind(CLAIM_PDF, "Claim as PDF", DOWNLOAD, _make_claim_pdf, _hand_over("pdf"), _INSTEAD),
)
