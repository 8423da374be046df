"""Many Tax IDs added at once from a table, each with a payment as its proof."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from hp_portal.core.identifiers.numbers import BadIdentifier, parse_npi, parse_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.sheets.checking import CheckedRow
from hp_portal.core.sheets.layouts import DAY, DIGITS, SheetColumn, SheetLayout
from hp_portal.core.tax_ids.grants import AlreadyLinked, ProofRefused, add_by_payment, note_blocked
from hp_portal.core.tax_ids.proving import MoreAsked, Proof
from hp_portal.core.tax_ids.tables import TableColumn
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import read_day
from hp_portal.core.web.formats import parse_money, plain_money
from hp_portal.database import PortalSession
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

MOST = 100
NUMBER_NEEDED = "Enter the check, EFT or non-payment notice number."


def _number(text: str) -> str:
    number = one_line(text) or ""
    if not number or len(number) > 60:
        raise ValueError(NUMBER_NEEDED)
    return number


# What a row says stays text: rows that do not match come back as they were, to be corrected.
LAYOUT = SheetLayout(
    "tax-id-npi-access several",
    "Tax IDs",
    (
        SheetColumn(
            "tin",
            "tin",
            ("Tax ID", "Tax ID TIN", "EIN", "TIN Tax ID"),
            required=True,
            parse=parse_tin,
            kind=DIGITS,
            widths=(9,),
            example="12-3456789",
            about="The Tax ID, 9 digits",
        ),
        SheetColumn(
            "npi",
            "npi",
            ("NPI number",),
            parse=parse_npi,
            kind=DIGITS,
            example="1234567893",
            about="10 digits, or empty when the remittance advice names none",
        ),
        SheetColumn(
            "number",
            "number",
            (
                "check",
                "check number",
                "check EFT number",
                "EFT",
                "EFT number",
                "check or EFT number",
                "payment",
                "payment number",
            ),
            required=True,
            parse=_number,
            kind=DIGITS,
            example="9400004512",
            about="Of a check, an EFT or a non-payment notice",
        ),
        SheetColumn(
            "vendor",
            "vendor",
            ("vendor number",),
            parse=lambda text: (one_line(text) or "")[:40],
            example="V100",
            about="Our vendor number, if you know it",
        ),
        SheetColumn(
            "amount",
            "amount",
            ("payment amount", "paid"),
            parse=lambda text: plain_money(parse_money(text)),
            example="1234.50",
            about="Of the payment",
        ),
        SheetColumn(
            "date",
            "date",
            ("payment date", "paid on", "day"),
            parse=lambda text: read_day(text).isoformat(),
            kind=DAY,
            example="3/2/2026",
            about="Of the payment",
        ),
    ),
    in_order=True,
    strict=True,
)
COLUMNS = tuple(TableColumn(column.key, tuple(column.headings())) for column in LAYOUT.columns)
NO_MATCH = (
    "This does not match a payment to this Tax ID and NPI that can be used. Check every entry on the remittance advice."
)
LOCKED = "Not tried: there were too many numbers that did not match. Try this row later."
ADDED, HAD, WRONG = "added", "had", "wrong"


@dataclass(frozen=True)
class RowResult:
    """What became of a row: `outcome` is ADDED, HAD (it was there already) or WRONG, `words` say it; `row` is what was typed,
    `number` that of the row in a file."""

    row: Mapping[str, str]
    outcome: str
    words: str
    number: int = 0

    @property
    def said(self) -> str:
        """What became of it, as it is written into the file that was sent."""
        return {ADDED: self.words, HAD: f"Already there: {self.words}", WRONG: f"Not added: {self.words}"}[self.outcome]


def _proof(row: Mapping[str, str]) -> Proof:
    """What a row says. Raises ValueError with a text for whoever typed it."""
    number = _number(row["number"])
    return Proof(
        parse_tin(row["tin"]),
        parse_npi(row["npi"]) if row["npi"] else "",
        number,
        vendor_number=(one_line(row["vendor"]) or "")[:40],
        amount=parse_money(row["amount"]) if row["amount"] else None,
        paid_on=read_day(row["date"]) if row["date"] else None,
    )


def add_many(
    session: PortalSession, settings: Settings, plugins: Plugins, actor: Actor, rows: Sequence[Mapping[str, str]]
) -> list[RowResult]:
    """Add row by row: each that does not match counts as a try, and after too many the rest is not looked at. The caller commits.

    Raises NotForBilling.
    """
    results: list[RowResult] = []
    locked = False
    for row in rows:
        try:
            proof = _proof(row)
        except (BadIdentifier, ValueError) as error:
            results.append(RowResult(row, WRONG, str(error)))
            continue
        if locked:
            results.append(RowResult(row, WRONG, LOCKED))
            continue
        try:
            linked = add_by_payment(session, settings, plugins, actor, proof)
        except MoreAsked as error:
            results.append(RowResult(row, WRONG, str(error)))
        except ProofRefused:
            results.append(RowResult(row, WRONG, NO_MATCH))
        except AlreadyLinked:
            results.append(RowResult(row, HAD, "Your organization has this Tax ID and NPI already."))
        except TooManyAttempts:
            locked = True
            note_blocked(session, proof)
            results.append(RowResult(row, WRONG, LOCKED))
        else:
            results.append(RowResult(row, ADDED, f"{linked.name} has been added."))
    return results


def add_checked(
    session: PortalSession, settings: Settings, plugins: Plugins, actor: Actor, rows: Sequence[CheckedRow]
) -> list[RowResult]:
    """The same for the rows of a file: what cannot be read is no try. Raises NotForBilling."""
    tried = iter(add_many(session, settings, plugins, actor, [row.texts for row in rows if row.good]))
    return [
        replace(next(tried), number=row.number) if row.good else RowResult(row.texts, WRONG, row.words, row.number)
        for row in rows
    ]


def as_table(rows: Sequence[RowResult]) -> str:
    """The rows that were not added, as a table that can be corrected and sent again: tabs between the cells."""
    heads = [column.name for column in COLUMNS]
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerows([heads, *([one.row.get(head, "") for head in heads] for one in rows)])
    return text.getvalue().rstrip("\n")
