"""Many Tax IDs added at once from a table, each with a payment as its proof."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from hp_portal.core.identifiers.numbers import BadIdentifier, parse_npi, parse_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.tax_ids.grants import AlreadyLinked, ProofRefused, add_by_payment, note_blocked
from hp_portal.core.tax_ids.proving import MoreAsked, Proof
from hp_portal.core.tax_ids.tables import TableColumn
from hp_portal.core.web.cleaning import one_line
from hp_portal.core.web.fields import read_day
from hp_portal.core.web.formats import parse_money
from hp_portal.database import PortalSession
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

MOST = 100
COLUMNS = (
    TableColumn("tin", ("taxid", "taxidtin", "ein", "tintaxid")),
    TableColumn("npi", ("npinumber",)),
    TableColumn(
        "number", ("check", "checknumber", "checkeftnumber", "eft", "eftnumber", "checkoreftnumber", "payment")
    ),
    TableColumn("vendor", ("vendornumber",)),
    TableColumn("amount", ("paymentamount", "paid")),
    TableColumn("date", ("paymentdate", "paidon", "day")),
)
NO_MATCH = (
    "This does not match a payment to this Tax ID and NPI that can be used. Check every entry on the remittance advice."
)
LOCKED = "Not tried: there were too many numbers that did not match. Try this row later."
ADDED, HAD, WRONG = "added", "had", "wrong"


@dataclass(frozen=True)
class RowResult:
    """What became of a row: `outcome` is ADDED, HAD (it was there already) or WRONG, `words` say it; `row` is what was typed."""

    row: dict[str, str]
    outcome: str
    words: str


def _proof(row: dict[str, str]) -> Proof:
    """What a row says. Raises ValueError with a text for whoever typed it."""
    number = one_line(row["number"]) or ""
    if not number or len(number) > 60:
        raise ValueError("Enter the check, EFT or non-payment notice number.")
    return Proof(
        parse_tin(row["tin"]),
        parse_npi(row["npi"]) if row["npi"] else "",
        number,
        vendor_number=(one_line(row["vendor"]) or "")[:40],
        amount=parse_money(row["amount"]) if row["amount"] else None,
        paid_on=read_day(row["date"]) if row["date"] else None,
    )


def add_many(
    session: PortalSession, settings: Settings, plugins: Plugins, actor: Actor, rows: Sequence[dict[str, str]]
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


def as_table(rows: Sequence[RowResult]) -> str:
    """The rows that were not added, as a table that can be corrected and sent again: tabs between the cells."""
    heads = [column.name for column in COLUMNS]
    text = io.StringIO()
    table = csv.writer(text, delimiter="\t", lineterminator="\n")
    table.writerows([heads, *([one.row.get(head, "") for head in heads] for one in rows)])
    return text.getvalue().rstrip("\n")
