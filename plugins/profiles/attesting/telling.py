"""Files that tell what speaks against the record, such as claims from an address that is not on record: every row checked, those
that can be used kept, the others listed. Needs a whole scope."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

import sqlalchemy as sa

from hp_portal.api import (
    BadIdentifier,
    PortalSession,
    find_payee,
    find_payees,
    parse_npi,
    parse_tin,
    safe_text,
    settings,
    today,
)

from ..loading.rows import BadRow
from ..loading.tables import read_table
from ..record.facts import in_parts
from ..record.fields import BadValue, read_day
from ..record.models import Location, PractitionerFact
from .contradicting import CLAIMS, OUR_CLAIMS, Spoken, speak

REQUIRED = ("npi", "place", "what", "seen_on")
OPTIONAL = ("location", "tin", "payee_npi", "source")
_LONGEST = {"what": 300, "place": 200, "source": 100}


@dataclass
class ToldReport:
    """What a file has told: rows that were new, that were known, and the others with line, column and what to do."""

    new: int = 0
    known: int = 0
    refused: list[tuple[int, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tell_file(session: PortalSession, file: BinaryIO) -> ToldReport:
    """Keep what a file tells; commits nothing. The same again changes nothing. Raises UnusableFile."""
    report = ToldReport()
    rows = list(read_table(file, REQUIRED, OPTIONAL, report.notes.append))
    people = _people(session, {values["npi"] for _, values in rows})
    spoken = {}
    for line, values in rows:
        try:
            one = read_told(session, values, CLAIMS, people)
        except BadRow as error:
            report.refused.append((line, error.column, str(error)))
            continue
        if one.token in spoken:
            report.refused.append((line, "what", "Another line says the same."))
            continue
        spoken[one.token] = one
    report.new = speak(session, list(spoken.values()))
    report.known = len(spoken) - report.new
    return report


def _people(session: PortalSession, npis: set[str]) -> dict[str, int]:
    """Who has these NPIs on record, or had."""
    found: dict[str, int] = {}
    wanted = sorted(one for one in npis if one.isdecimal() and len(one) == 10)
    for part in in_parts(map(int, wanted)):
        rows = session.execute(
            sa.select(PractitionerFact.value, PractitionerFact.practitioner_id)
            .where(PractitionerFact.field == "npi", PractitionerFact.value.in_([f"{one:010d}" for one in part]))
            .order_by(PractitionerFact.id)
        )
        found.update(rows.all())
    return found


def read_told(
    session: PortalSession, values: Mapping[str, str], kind: str, people: Mapping[str, int] | None = None
) -> Spoken:
    """A row, checked: whose location it is about, whom it names, and what it says. Raises BadRow."""
    npi = _npi(values["npi"])
    location = _location(session, values.get("location", ""))
    if not npi and location is None:
        raise BadRow("npi", "Give the NPI of a practitioner, our number of a location, or both.")
    payee_id = location.payee_id if location is not None else _payee(session, values)
    for column, longest in _LONGEST.items():
        if len(values.get(column, "")) > longest or safe_text(values.get(column, "")) != values.get(column, ""):
            raise BadRow(column, f"Use at most {longest} characters, and begin with a letter or a digit.")
    if not values["what"]:
        raise BadRow("what", "Say in words what speaks against the record.")
    try:
        seen_on = read_day(values["seen_on"])
    except BadValue as error:
        raise BadRow("seen_on", str(error)) from None
    if seen_on > today(settings().payer.zone):
        raise BadRow("seen_on", "This day has not come yet.")
    known = _people(session, {npi}) if people is None else people
    return Spoken(
        payee_id,
        kind,
        values["what"],
        values.get("source") or OUR_CLAIMS,
        seen_on,
        practitioner_id=known.get(npi),
        location_id=location.id if location is not None else None,
        npi=npi,
        place=values["place"],
    )


def _npi(text: str) -> str:
    try:
        return parse_npi(text) if text else ""
    except BadIdentifier as error:
        raise BadRow("npi", str(error)) from None


def _location(session: PortalSession, reference: str) -> Location | None:
    if not reference:
        return None
    found = session.scalars(sa.select(Location).where(Location.reference == reference)).one_or_none()
    if found is None:
        raise BadRow("location", "No location has this number.")
    return found


def _payee(session: PortalSession, values: Mapping[str, str]) -> int:
    """Who has billed: without that it could not be said to whom an address may be shown."""
    if not values.get("tin"):
        raise BadRow("tin", "Give the Tax ID that has billed, or our number of the location.")
    try:
        tin = parse_tin(values["tin"])
        npi = parse_npi(values["payee_npi"]) if values.get("payee_npi") else ""
    except BadIdentifier as error:
        raise BadRow("tin", str(error)) from None
    found = find_payees(session, tin=tin)
    exact = find_payee(session, tin=tin, npi=npi) if npi else found[0] if len(found) == 1 else None
    if exact is None:
        several = "Several payees have this Tax ID: give the NPI as well." if found else "No payee has this Tax ID."
        raise BadRow("tin", "No payee has this Tax ID and NPI." if npi else several)
    return exact.id
