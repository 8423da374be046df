"""What a remittance says of claims and lines besides, in the words of the field: segments without a column of their own.

Labels are the usual names of the qualifiers of AMT, QTY, REF and of the elements of MIA and MOA (005010X221A1).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass

from hp_portal.api import show_date, show_money

from ..models import Claim, Line
from ..x12.codes import CLAIM_SEGMENTS, LINE_SEGMENTS
from ..x12.dates import iso_date
from ..x12.money import cents, quantity
from .plain_words import show_phone

_MANDATES = {
    f"Z{letter}": f"Federal mandate, category {number}" for number, letter in enumerate(("K", "L", "M", "N", "O"), 1)
}
AMOUNTS = _MANDATES | {
    "AU": "Coverage amount",
    "B6": "Allowed amount",
    "D8": "Prompt payment discount",
    "DY": "Per day limit",
    "F5": "Paid by the patient",
    "I": "Interest",
    "KH": "Late filing deduction",
    "NL": "Negative ledger balance",
    "T": "Tax",
    "T2": "Total before taxes",
}
QUANTITIES = _MANDATES | {
    "CA": "Covered days",
    "CD": "Coinsured days",
    "LA": "Lifetime reserve days used",
    "LE": "Lifetime reserve days, estimated",
    "NE": "Noncovered days, estimated",
    "NR": "Blood units not replaced",
    "OU": "Outlier days",
    "PS": "Prescriptions",
    "VS": "Visits",
}
REFERENCES = {
    "0B": "State license number",
    "0K": "Policy form number",
    "1A": "Blue Cross provider number",
    "1B": "Blue Shield provider number",
    "1C": "Medicare provider number",
    "1D": "Medicaid provider number",
    "1G": "UPIN",
    "1H": "CHAMPUS number",
    "1J": "Facility ID",
    "1L": "Group or policy number",
    "1S": "Ambulatory patient group (APG)",
    "1W": "Member ID",
    "28": "Employee ID",
    "6P": "Group number",
    "6R": "Line item control number",
    "9A": "Repriced claim number",
    "9C": "Adjusted repriced claim number",
    "APC": "Ambulatory payment class (APC)",
    "BB": "Authorization number",
    "CE": "Class of contract",
    "D3": "NCPDP pharmacy number",
    "E9": "Attachment code",
    "EA": "Medical record number",
    "F8": "Original reference number",
    "G1": "Prior authorization number",
    "G2": "Provider number",
    "G3": "Predetermination of benefits ID",
    "HPI": "Provider’s NPI",
    "IG": "Insurance policy number",
    "LU": "Location number",
    "RB": "Rate code",
}
INPATIENT = {
    1: "Covered days or visits",
    2: "PPS operating outlier amount",
    3: "Lifetime psychiatric days",
    4: "DRG amount",
    6: "Disproportionate share amount",
    7: "MSP pass-through amount",
    8: "PPS capital amount",
    9: "PPS capital, federal share of the DRG",
    10: "PPS capital, hospital share of the DRG",
    11: "PPS capital, disproportionate share of the DRG",
    12: "Old capital amount",
    13: "PPS capital, indirect medical education",
    14: "PPS operating, hospital share of the DRG",
    15: "Cost report days",
    16: "PPS operating, federal share of the DRG",
    17: "PPS capital outlier amount",
    18: "Indirect teaching amount",
    19: "Professional component billed, not payable",
    24: "PPS capital exception amount",
}
"""Elements of MIA that are no remark codes; 1, 3 and 15 are counts, the others amounts."""
OUTPATIENT = {
    1: "Reimbursement rate",
    2: "HCPCS payable amount",
    8: "ESRD payment amount",
    9: "Professional component billed, not payable",
}
"""Elements of MOA that are no remark codes; 1 is a rate, the others are amounts."""
_COUNTS = {("MIA", 1), ("MIA", 3), ("MIA", 15), ("MOA", 1)}
_NAMES = {"TT": "Forwarded to", "PR": "Other payer that should pay first", "GB": "Other subscriber"}
_TELEPHONE = {"TE": "phone", "FX": "fax", "EM": "e-mail", "UR": "website", "EX": "ext."}
# What only its owner's own records should hold.
_NEVER_SHOWN = {"SY"}
INTEREST, MEDICAL_RECORD = "Interest", "Medical record number"


@dataclass(frozen=True)
class Further:
    """A fact: `cents` for an amount, else `text`; `is_code`: a number or a code, to be read letter by letter."""

    label: str
    text: str = ""
    cents: int | None = None
    is_code: bool = False

    def shown(self, currency: str | None) -> str:
        """The value as people read it."""
        return show_money(self.cents, currency) if self.cents is not None else self.text


def of_claim(claim: Claim, *, columns: bool = True) -> list[Further]:
    """What the remittance says of a claim besides, in the order of the file; first its coverage amount, unless `columns` is
    False: then what has a column of its own is left out."""
    found = []
    if columns and claim.coverage_amount is not None:
        found.append(Further(AMOUNTS["AU"], cents=claim.coverage_amount))
    return found + list(_read(claim.more, CLAIM_SEGMENTS))


def of_line(line: Line, *, columns: bool = True) -> list[Further]:
    """The same of a service line: first the units billed, its control number and who rendered it."""
    found = []
    if not columns:
        return list(_read(line.more, LINE_SEGMENTS))
    if line.submitted_units:
        found.append(Further("Units billed", line.submitted_units))
    if line.control_number:
        found.append(Further(REFERENCES["6R"], line.control_number, is_code=True))
    if line.rendering_npi:
        found.append(Further("Rendering NPI", line.rendering_npi, is_code=True))
    return found + list(_read(line.more, LINE_SEGMENTS))


def told_apart(claim: Claim) -> tuple[int | None, str | None, list[Further]]:
    """What has columns of its own in files: interest in cents and the medical record number; and everything else."""
    facts = of_claim(claim, columns=False)
    interest, record = (
        next((fact for fact in facts if fact.label == label), None) for label in (INTEREST, MEDICAL_RECORD)
    )
    others = [fact for fact in facts if fact not in (interest, record)]
    return interest.cents if interest else None, record.text if record else None, others


def in_a_row(facts: list[Further], currency: str | None) -> str:
    """Facts as one text: `Interest $4.12; Covered days 3`."""
    return "; ".join(f"{fact.label} {fact.shown(currency)}" for fact in facts)


def _read(more: str | None, expected: frozenset[str]) -> Iterator[Further]:
    for segment in json.loads(more) if more else ():
        tag, values = segment[0], [*(text.strip() for text in segment), *[""] * 25]
        if tag not in expected:
            yield Further(f"Not read: {tag}", "*".join(segment[1:]), is_code=True)
        elif tag == "MIA":
            yield from _elements(tag, values, INPATIENT)
        elif tag == "MOA":
            yield from _elements(tag, values, OUTPATIENT)
        elif tag == "AMT":
            yield _amount(AMOUNTS.get(values[1], f"Amount {values[1]}"), values[2])
        elif tag == "QTY":
            yield Further(QUANTITIES.get(values[1], f"Quantity {values[1]}"), values[2])
        elif tag == "REF":
            if values[1] not in _NEVER_SHOWN:
                yield Further(REFERENCES.get(values[1], f"Reference {values[1]}"), values[2], is_code=True)
        elif tag == "DTM":
            day = iso_date(values[2])
            yield Further(f"Date {values[1]}", show_date(dt.date.fromisoformat(day)) if day else values[2])
        elif tag == "NM1":
            name = " ".join(filter(None, (values[4], values[5], values[3])))
            yield Further(_NAMES.get(values[1], f"Name {values[1]}"), ", ".join(filter(None, (name, values[9]))))
        elif tag == "PER":
            yield Further("Questions about this claim", ", ".join(_contact(values)))
        else:
            yield Further(tag, "*".join(segment[1:]), is_code=True)


def _elements(tag: str, values: list[str], labels: dict[int, str]) -> Iterator[Further]:
    for place, label in labels.items():
        if values[place]:
            text = values[place]
            yield Further(label, quantity(text) or text) if (tag, place) in _COUNTS else _amount(label, text)


def _amount(label: str, text: str) -> Further:
    """What is no amount stays the text that was sent."""
    return Further(label, text, cents=cents(text))


def _contact(values: list[str]) -> Iterator[str]:
    if values[2]:
        yield values[2]
    for place in (3, 5, 7):
        if (way := _TELEPHONE.get(values[place])) and values[place + 1]:
            number = values[place + 1]
            yield f"{way} {show_phone(number) if values[place] in ('TE', 'FX') else number}"
