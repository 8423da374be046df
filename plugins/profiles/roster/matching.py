"""Whom and which location each row of a roster is about: by NPI and location, never by a name alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hp_portal.api import sheets

from ..record.fields import Subject
from ..record.wording import address_of, full_name
from .layout import loosely
from .rows import Compared, UnknownPlace
from .standing import Standing

NO_LOCATION = "Write our number of the location, or its name, street and ZIP code as they are on record."
NOT_FOUND = (
    "No location of yours is on record with this {what}. Look it up under Locations and correct the row; a new one comes on "
    "record with “Add a location” first."
)
SEVERAL = (
    "Several locations of yours are on record with this name and address. Write our number of the one that is meant."
)
CLOSED = "This location is closed by our record."
ELSEWHERE = (
    "Location {number} is {name}, {address} on record, and the row says something else. A roster neither renames nor moves a "
    "location: correct the number, or send that as a change of the location."
)


@dataclass
class Matched:
    """A row with what it is about; negative ids are not on record. `words` say why it cannot be read, `contradictions` what does
    not fit together."""

    row: sheets.CheckedRow
    practitioner: int = 0
    location: int = 0
    affiliation: int = 0
    words: list[str] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)
    unknown_place: UnknownPlace | None = None

    @property
    def lost(self) -> bool:
        """Is it not known whom and which location the row is about?"""
        return not (self.practitioner and self.location)

    def subject(self, subject: Subject) -> int:
        """The id of what a column is about."""
        ids: dict[Subject, int] = {
            "practitioner": self.practitioner,
            "location": self.location,
            "affiliation": self.affiliation,
        }
        return ids[subject]

    def compared(self, standing: Standing) -> Compared:
        """The row with who and where, before anything is compared."""
        values = self.row.values
        typed = {(key, ""): values.get(key) or "" for key in ("last_name", "first_name", "degree")}
        known = standing.values("practitioner", self.practitioner) if self.practitioner > 0 else typed
        place = standing.values("location", self.location).get(("name", "")) if self.location else None
        where = place or values.get("location_name") or values.get("location_number") or ""
        return Compared(
            self.row.number,
            full_name(known, full_name(typed, "Somebody without a name"))[:500],
            (values.get("npi") or self.row.texts.get("npi", ""))[:10],
            (where or standing.references.get(self.location, ""))[:500],
            self.practitioner or None,
            self.location or None,
            self.affiliation or None,
            unknown_place=self.unknown_place,
        )


def match_rows(standing: Standing, rows: Iterable[sheets.CheckedRow]) -> list[Matched]:
    """Every row, with what it is about."""
    matcher = _Matcher(standing)
    return [matcher.match(row) for row in rows]


class _Matcher:
    def __init__(self, standing: Standing) -> None:
        self.standing = standing
        self.new: dict[str, int] = {}
        self.affiliations: dict[tuple[int, int], int] = {}
        self.first: dict[tuple[int, int], int] = {}
        self.unknown: dict[tuple[str, ...], UnknownPlace] = {}

    def match(self, row: sheets.CheckedRow) -> Matched:
        found = Matched(row, words=[row.words] if row.problems else [])
        found.practitioner = self._practitioner(found)
        found.location = self._location(found)
        if found.lost:
            return found
        both = (found.practitioner, found.location)
        found.affiliation = self.standing.both.get(both) or self.affiliations.setdefault(
            both, -len(self.affiliations) - 1_000_001
        )
        first = self.first.setdefault(both, row.number)
        if first != row.number:
            found.contradictions.append(f"The same practitioner and location as in row {first}. Keep one of them.")
        return found

    def _practitioner(self, found: Matched) -> int:
        npi = found.row.values["npi"]
        if npi is None:
            return 0
        known = self.standing.by_npi.get(npi, [])
        if len(known) > 1:
            found.contradictions.append("Two practitioners of yours have this NPI on record. Ask us to correct that.")
        return known[0] if known else self.new.setdefault(npi, -len(self.new) - 1)

    def _location(self, found: Matched) -> int:
        values = found.row.values
        number, name, street = (values.get(key) or "" for key in ("location_number", "location_name", "street"))
        if number:
            known = self.standing.by_number.get(number, 0)
            if not known:
                self._not_found(found, "number")
            elif self._elsewhere(found, known):
                place = self.standing.values("location", known)
                found.contradictions.append(
                    ELSEWHERE.format(
                        number=number, name=place.get(("name", "")) or "nameless", address=address_of(place)
                    )
                )
        elif not (name and street and values.get("zip")):
            known = 0
            found.words.append(NO_LOCATION)
        else:
            places = self.standing.by_address.get((loosely(name), loosely(street), values["zip"][:5]), [])
            known = places[0] if len(places) == 1 else 0
            if not known:
                self._not_found(found, "name and address", several=len(places) > 1)
        if known and self.standing.values("location", known).get(("standing", "")) == "closed":
            found.contradictions.append(CLOSED)
        return known

    def _not_found(self, found: Matched, what: str, *, several: bool = False) -> None:
        """A location that several rows name, also where they write it differently, is one."""
        if several:
            found.words.append(SEVERAL)
            return
        found.words.append(NOT_FOUND.format(what=what))
        values = found.row.values
        said = [values.get(key) or "" for key in ("location_number", "location_name", "street", "zip")]
        place = UnknownPlace(*said)
        found.unknown_place = self.unknown.setdefault(tuple(map(loosely, said)), place)

    def _elsewhere(self, found: Matched, known: int) -> bool:
        place = self.standing.values("location", known)
        for key, name in (("location_name", "name"), ("street", "street"), ("zip", "zip")):
            said, stands = found.row.values.get(key) or "", place.get((name, ""), "")
            if key == "zip":
                said, stands = said[:5], stands[:5]
            if said and loosely(said) != loosely(stands):
                return True
        return False
