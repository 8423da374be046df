"""The statement that is signed: exactly what the pages have shown, practitioners at locations with what is published of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace

from hp_portal.api import printing, show_date

from .lines import TOLD, Line, Place, Shown

NUMBER, VERSION = "AT-1", "2026-11"
HEADERS = ("Practitioner", "NPI", "Specialty here", "Patients", "In the directory", "More")
ON_A_PAGE = 250
"""Practitioners at locations that one page shows: with more, an organization goes through several."""
_WORD = 16


@dataclass(frozen=True)
class Part:
    """What one page shows of all that is attested. `word` is another when anything on it is another."""

    number: int
    places: list[Place]
    word: str

    @property
    def lines(self) -> list[Line]:
        """Its lines, by location."""
        return [line for place in self.places for line in place.lines]


def parts_of(shown: Shown) -> list[Part]:
    """What is attested, page by page, in the order of the statement; at least one."""
    parts: list[list[Place]] = [[]]
    room = ON_A_PAGE
    for place in shown.places:
        lines = place.lines
        while True:
            # An empty location counts, too: a page of a thousand of them would be as long.
            parts[-1].append(replace(place, lines=lines[: max(room, 1)]))
            taken = max(len(parts[-1][-1].lines), 1)
            lines, room = lines[taken:], room - taken
            if room <= 0:
                parts.append([])
                room = ON_A_PAGE
            if not lines:
                break
    found = parts if parts[-1] or len(parts) == 1 else parts[:-1]
    return [Part(number, places, _word(places)) for number, places in enumerate(found, 1)]


def _word(places: Sequence[Place]) -> str:
    return hashlib.sha256(repr([asdict(one) for one in places]).encode()).hexdigest()[:_WORD]


def count(number: int, one: str, many: str) -> str:
    """`1 practitioner`, `40 practitioners`."""
    return f"{number:,} {one if number == 1 else many}"


def statement(shown: Shown, organization: str) -> printing.PrintedForm:
    """What is attested, as it is signed and printed."""
    people = {line.practitioner_id for line in shown.attested}
    said = (
        f"{organization} has looked at what the plan publishes of it on {show_date(shown.day)}: "
        f"{count(len(people), 'practitioner', 'practitioners')} at {count(len(shown.places), 'location', 'locations')}. "
        "What stands below is right and complete, but for what is named as left out."
    )
    above = (printing.PrintedNote(said), _left_out(shown), *_told(shown))
    sections = [printing.PrintedSection("Statement", above)]
    sections += [printing.PrintedSection(place.name, _parts(place)) for place in shown.places]
    title = f"Attestation of practitioners and locations, {organization}"
    return printing.PrintedForm(title, NUMBER, VERSION, tuple(sections))


def _left_out(shown: Shown) -> printing.PrintedTable | printing.PrintedNote:
    rows = tuple(
        [("The location itself", place.name) for place in shown.places_left_out]
        + [(line.name, place.name) for place, line in shown.left_out]
    )
    if not rows:
        return printing.PrintedNote("Nothing is left out.")
    return printing.PrintedTable(("Practitioner", "Location"), rows, "Left out, because it is not right")


def _told(shown: Shown) -> Iterator[printing.PrintedTable]:
    """What speaks against the record and was shown: who signs says that the record is right all the same."""
    rows = [("", one) for one in shown.told]
    for place in shown.places:
        rows += [(place.name, look.words) for look in place.exceptions if look.kind == TOLD and not place.left_out]
        for line in place.lines:
            rows += [
                (f"{line.name}, {place.name}", look.words)
                for look in line.exceptions
                if look.kind == TOLD and not line.left_out
            ]
    if rows:
        title = "What contradicts the record, was shown, and is not so"
        yield printing.PrintedTable(("About", "What"), tuple(rows), title)


def _parts(place: Place) -> tuple[printing.PrintedAnswers | printing.PrintedTable | printing.PrintedNote, ...]:
    facts: printing.PrintedAnswers | printing.PrintedNote
    if place.left_out:
        facts = printing.PrintedNote("The location itself is left out, because it is not right.")
    else:
        facts = printing.PrintedAnswers(tuple(printing.PrintedAnswer(*one) for one in place.facts))
    rows = tuple(
        (line.name, line.npi, line.specialty, line.accepting, line.listed, line.more)
        for line in place.lines
        if not line.left_out
    )
    if not rows:
        return (facts, printing.PrintedNote("Nobody is attested to work here."))
    return (facts, printing.PrintedTable(HEADERS, rows, "Practitioners"))
