"""A payment as an Excel workbook: payment, claims, lines, adjustments, provider adjustments, a sheet each.

Amounts are numbers with two decimals, dates are dates, everything else is text and stays text: nothing in a file from
outside becomes a formula (OWASP, CSV injection).
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from hp_portal.api import now

from ..codes.glossary import Meanings
from ..codes.plain_words import method_word
from ..models import Adjustment, Claim, Line, ProviderAdjustment
from .amounts import decimal, quantity
from .collect import Remittance, patient_name

Value = str | int | Decimal | dt.date | None
Column = tuple[str, int]  # heading, width in characters

_MONEY = "#,##0.00"
# Excel shows its built-in format 14 in the order of day, month and year that the reader's computer is set to.
_DATE = "mm-dd-yy"
_FIRST_DATE = dt.date(1900, 3, 1)  # Excel counts a 29 February 1900 that never was
_NOT_PLAIN = ("=", "+", "-", "@", "#")  # formulas, and what Excel has for errors, such as #N/A
_BOLD = Font(bold=True)

_CLAIMS: tuple[Column, ...] = (
    ("Claim", 7), ("Patient", 26), ("Patient account", 20), ("Claim number", 20), ("Member ID", 16), ("Status code", 8),
    ("Status", 26), ("Service from", 12), ("Service to", 12), ("Received", 12), ("Rendering provider", 26),
    ("Rendering NPI", 13), ("Charged", 13), ("Adjusted", 13), ("Patient owes", 13), ("Paid", 13), ("Remarks", 16),
    ("DRG", 8), ("Lines", 7), ("Balances", 10),
)  # fmt: skip
_LINES: tuple[Column, ...] = (
    ("Claim", 7), ("Line", 6), ("Patient account", 20), ("Claim number", 20), ("Service from", 12), ("Service to", 12),
    ("Procedure", 12), ("Modifiers", 12), ("Revenue code", 10), ("Units", 8), ("Charged", 13), ("Allowed", 13),
    ("Adjusted", 13), ("Paid", 13), ("Remarks", 16), ("Line control number", 20), ("Balances", 10),
)  # fmt: skip
_ADJUSTMENTS: tuple[Column, ...] = (
    ("Claim", 7), ("Line", 6), ("Claim number", 20), ("Group", 7), ("Group meaning", 30), ("Reason", 8),
    ("Reason meaning", 60), ("Amount", 13), ("Quantity", 9),
)  # fmt: skip
_PROVIDER_ADJUSTMENTS: tuple[Column, ...] = (
    ("Reason", 8), ("Meaning", 50), ("Reference", 24), ("Provider", 14), ("Fiscal period ends", 16), ("Amount", 13),
)  # fmt: skip


def payment_xlsx(remittance: Remittance, meanings: Meanings) -> bytes:
    """The whole payment."""
    book = Workbook(write_only=True)
    book.properties.title = f"Remittance advice {_clean(remittance.payment.trace_number)}"
    book.properties.creator = _clean(remittance.payment.payer_name or "")
    book.properties.created = book.properties.modified = now().replace(tzinfo=None)
    _sheet(book, "Payment", (("Fact", 30), ("Value", 44)), _payment(remittance), filtered=False)
    _sheet(book, "Claims", _CLAIMS, (_claim(parts.claim, meanings) for parts in remittance.claims))
    _sheet(book, "Lines", _LINES, (_line(parts.claim, line) for parts in remittance.claims for line in parts.lines))
    _sheet(
        book,
        "Adjustments",
        _ADJUSTMENTS,
        (_adjustment(parts.claim, found, meanings) for parts in remittance.claims for found in parts.adjustments),
    )
    _sheet(
        book,
        "Provider adjustments",
        _PROVIDER_ADJUSTMENTS,
        (_provider_adjustment(found, meanings) for found in remittance.provider_adjustments),
    )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _sheet(
    book: Workbook, title: str, columns: tuple[Column, ...], rows: Iterable[tuple[Value, ...]], *, filtered: bool = True
) -> None:
    sheet = book.create_sheet(title)
    sheet.freeze_panes = "A2"
    for number, (_, width) in enumerate(columns, 1):
        sheet.column_dimensions[get_column_letter(number)].width = width
    header = [WriteOnlyCell(sheet, heading) for heading, _ in columns]
    for cell in header:
        cell.font = _BOLD
    sheet.append(header)
    count = 1
    cells = _Cells(sheet)
    for row in rows:
        sheet.append(cells.row(row))
        count += 1
    if filtered:
        sheet.auto_filter.ref = f"A1:{get_column_letter(len(columns))}{count}"


class _Cells:
    """Makes values into cells of a sheet. Styled cells are made once and used again: a sheet writes each before the next."""

    def __init__(self, sheet: Any) -> None:
        self.text = WriteOnlyCell(sheet)
        self.text.quotePrefix = True
        self.date = WriteOnlyCell(sheet)
        self.date.number_format = _DATE
        self.money = WriteOnlyCell(sheet)
        self.money.number_format = _MONEY
        self.number = WriteOnlyCell(sheet)

    def row(self, values: Iterable[Value]) -> Iterator[Any]:
        for value in values:
            if isinstance(value, str):
                yield self._text(_clean(value))
            elif isinstance(value, dt.date):
                yield self._date(value)
            elif isinstance(value, Decimal):
                # As digits: openpyxl would write a Decimal by way of a float, 8.70 as 8.699999999999999.
                cell = self.money if value.as_tuple().exponent == -2 else self.number
                cell.value = f"{value:f}"
                cell.data_type = "n"
                yield cell
            else:
                yield value

    def _text(self, text: str) -> Any:
        """Text that could be taken for something else is marked as text, and stays it when somebody edits the cell."""
        if not text.startswith(_NOT_PLAIN):
            return text
        self.text.value = text
        self.text.data_type = "s"
        return self.text

    def _date(self, value: dt.date) -> Any:
        if value < _FIRST_DATE:
            return value.isoformat()
        self.date.value = value
        return self.date


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return ILLEGAL_CHARACTERS_RE.sub("", text).translate({0xFFFE: None, 0xFFFF: None})


def _payment(remittance: Remittance) -> list[tuple[Value, ...]]:
    payment = remittance.payment
    return [
        ("Number", payment.trace_number),
        ("Method", method_word(payment.method)),
        ("Date", payment.effective_on),
        ("Amount", decimal(payment.amount)),
        ("Payer", payment.payer_name),
        ("Payee", payment.payee_name),
        ("Payee NPI", payment.payee_npi),
        ("Payee Tax ID", remittance.payee_tin),
        ("Payer's number for the payee", payment.payee_number),
        ("Paid on claims", decimal(payment.claims_paid)),
        ("Provider adjustments", decimal(payment.provider_adjusted)),
        ("Balances", _yes(payment.balanced)),
        ("Claims", payment.claim_count),
        ("Lines", payment.line_count),
        ("Adjustments", payment.adjustment_count),
    ]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _claim(claim: Claim, meanings: Meanings) -> tuple[Value, ...]:
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
        decimal(claim.charged),
        decimal(claim.adjusted),
        decimal(claim.patient_responsibility),
        decimal(claim.paid),
        claim.remarks,
        claim.drg_code,
        claim.line_count,
        _yes(claim.balanced),
    )


def _line(claim: Claim, line: Line) -> tuple[Value, ...]:
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
        decimal(line.charged),
        decimal(line.allowed),
        decimal(line.adjusted),
        decimal(line.paid),
        line.remarks,
        line.control_number,
        _yes(line.balanced),
    )


def _adjustment(claim: Claim, adjustment: Adjustment, meanings: Meanings) -> tuple[Value, ...]:
    return (
        claim.claim,
        adjustment.line,
        claim.payer_control_number,
        adjustment.group,
        meanings("GROUP", adjustment.group).text,
        adjustment.reason,
        meanings("CARC", adjustment.reason).text,
        decimal(adjustment.amount),
        quantity(adjustment.quantity),
    )


def _provider_adjustment(adjustment: ProviderAdjustment, meanings: Meanings) -> tuple[Value, ...]:
    return (
        adjustment.reason,
        meanings("PLB", adjustment.reason).text,
        adjustment.reference,
        adjustment.provider_id,
        adjustment.fiscal_period_ends_on,
        decimal(adjustment.amount),
    )
