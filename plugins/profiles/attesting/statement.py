"""The statement that is signed: exactly what the page has shown, practitioners at locations with what is published of them."""

from __future__ import annotations

from hp_portal.api import printing, show_date

from .lines import Place, Shown

NUMBER, VERSION = "AT-1", "2026-11"
HEADERS = ("Practitioner", "NPI", "Specialty here", "Patients", "In the directory", "More")


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
    sections = [printing.PrintedSection("Statement", (printing.PrintedNote(said), _left_out(shown)))]
    sections += [printing.PrintedSection(place.name, _parts(place)) for place in shown.places]
    title = f"Attestation of practitioners and locations, {organization}"
    return printing.PrintedForm(title, NUMBER, VERSION, tuple(sections))


def _left_out(shown: Shown) -> printing.PrintedTable | printing.PrintedNote:
    rows = tuple((line.name, place.name) for place, line in shown.left_out)
    if not rows:
        return printing.PrintedNote("Nothing is left out.")
    return printing.PrintedTable(("Practitioner", "Location"), rows, "Left out, because it is not right")


def _parts(place: Place) -> tuple[printing.PrintedAnswers | printing.PrintedTable | printing.PrintedNote, ...]:
    facts = printing.PrintedAnswers(tuple(printing.PrintedAnswer(*one) for one in place.facts))
    rows = tuple(
        (line.name, line.npi, line.specialty, line.accepting, line.listed, line.more)
        for line in place.lines
        if not line.left_out
    )
    if not rows:
        return (facts, printing.PrintedNote("Nobody is attested to work here."))
    return (facts, printing.PrintedTable(HEADERS, rows, "Practitioners"))
