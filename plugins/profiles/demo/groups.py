"""Practitioners and locations of the demo's groups. None of them exists: names say that they are samples."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from stdnum import luhn

from hp_portal import api
from hp_portal.api import Payee, PortalSession

from ..loading.importing import LoadReport, load_rows
from ..loading.rows import FactRow
from ..loading.specialties import load_specialties
from ..record.applying import Stated
from ..record.fields import WEEKDAYS

_PLACES = (
    # vendor number, site, town; the first two groups are those of the demo's office
    *(
        ("V100001", name, "Exampleton")
        for name in ("Main Street", "Northgate", "Old Mill", "Riverside", "Station", "Hillside")
    ),
    *(("V100001", name, "Sampleville") for name in ("Market Square", "Orchard")),
    *(("V100002", name, "Harbor Demo") for name in ("Harbor", "Lighthouse", "Pier", "Ferry Road")),
    *(("V100006", name, "Prairie Demo") for name in ("Prairie", "Grove")),
)
_OFFICE, _FIRST_OF_THIRD = 12, 12
_FIRST = "Alder Basil Cedar Daisy Elm Fern Ginger Hazel Iris Juniper Kale Laurel Maple Nettle Olive Poppy Quince Rowan Sage Thyme"
_LAST = ("Demo", "Sample")
_PEOPLE = 40
_SPECIALTIES = (
    "207Q00000X",
    "207R00000X",
    "208000000X",
    "207V00000X",
    "363LF0000X",
    "363A00000X",
    "2084P0800X",
    "225100000X",
)
_HEART = "207RC0000X"
_LANGUAGES = ("Spanish", "Hmong", "Somali", "Vietnamese")
_ACCEPTING = ("new", "new", "existing", "referral", "new", "closed")


@dataclass(frozen=True)
class _Person:
    """A practitioner of the demo: the number, from 0, and the places at which they work."""

    number: int
    places: tuple[int, ...]

    @property
    def reference(self) -> str:
        return f"DEMO-P{self.number + 1:03d}"

    @property
    def specialty(self) -> str:
        return _HEART if self.places[0] >= _FIRST_OF_THIRD else _SPECIALTIES[self.number % len(_SPECIALTIES)]


def _people() -> Iterator[_Person]:
    """The last six belong to the third group; two of them work at the office of the demo as well."""
    for number in range(_PEOPLE):
        if number >= _PEOPLE - 6:
            also = (number % 4,) if number >= _PEOPLE - 2 else ()
            yield _Person(number, (_FIRST_OF_THIRD + number % 2, *also))
        else:
            count = 1 + number % 3
            yield _Person(number, tuple(sorted({(number + step * 5) % _OFFICE for step in range(count)})))


def load_demo_record(session: PortalSession) -> None:
    """Three groups with fourteen locations and forty practitioners, of whom one has left and one moves next month."""
    today = api.today(api.settings().payer.zone)
    payees = {
        payee.vendor_number: payee
        for payee in session.scalars(sa.select(Payee).where(Payee.vendor_number.in_({one[0] for one in _PLACES})))
    }
    if len(payees) < 3:
        return
    with (Path(__file__).parent / "specialties.csv").open("rb") as file:
        load_specialties(session, file)
    rows = [*_location_rows(session, payees, today), *_practitioner_rows(today)]
    load_rows(session, list(enumerate(rows, 2)), Stated("loaded", "The plan’s record"), LoadReport())


def _location_rows(session: PortalSession, payees: dict[str, Payee], today: dt.date) -> Iterator[FactRow]:
    since = today.replace(month=1, day=1) - dt.timedelta(days=700)
    for number, (vendor, site, town) in enumerate(_PLACES):
        payee = payees[vendor]
        tin, npi = payee.whole_tin(session), payee.npi or ""
        group = payee.name.partition(" – ")[0]
        values = {
            ("standing", ""): "open",
            ("name", ""): f"{group}, {site}",
            ("street", ""): f"{100 + number} {site} Way",
            ("city", ""): town,
            ("state", ""): "MN",
            ("zip", ""): f"550{number:02d}",
            ("phone", ""): f"9525550{120 + number}",
            ("fax", ""): f"9525550{160 + number}",
            **{("hours", day): "08:00-17:00" for day in WEEKDAYS[:5]},
            ("accessibility", "Entrance without steps"): "yes",
            ("directory", ""): "yes",
            ("billing_name", ""): group,
            ("billing_street", ""): "1 Sample Billing Plaza",
            ("billing_city", ""): "Exampleton",
            ("billing_state", ""): "MN",
            ("billing_zip", ""): "55000",
        }
        if number % 4 == 1:
            values["hours", "saturday"] = "09:00-12:00"
        for (field, item), value in values.items():
            yield FactRow("", _place(number), field, item, value, since, tin=tin, payee_npi=npi)
        if number == 2:  # it has moved once
            moved = today - dt.timedelta(days=120)
            yield FactRow("", _place(number), "street", "", "9 Newly Built Way", moved)
            yield FactRow("", _place(number), "zip", "", "55099", moved)


def _practitioner_rows(today: dt.date) -> Iterator[FactRow]:
    for person in _people():
        number = person.number
        since = dt.date(today.year - 1 - number % 4, 1 + number % 12, 1)
        first = _FIRST.split()[number % 20]
        base = f"19998{number:04d}"
        values = {
            ("last_name", ""): f"{_LAST[number // 20]}-{first}son",
            ("first_name", ""): first,
            ("degree", ""): "NP" if person.specialty.startswith("363L") else "MD",
            ("npi", ""): base + str(luhn.calc_check_digit("80840" + base)),
            ("birth_date", ""): f"{1955 + number}-0{1 + number % 9}-15",
            ("primary_care", ""): "yes" if person.specialty in _SPECIALTIES[:3] else "no",
            ("specialty", person.specialty): "primary",
            ("license_number", "MN"): f"DEMO{10000 + number}",
            ("license_expires", "MN"): _in_days(
                today, (-12, 25, 80, 400, 500, 620)[number % 6] if number < 12 else 300 + number
            ),
            ("insurance_carrier", ""): "Sample Mutual of Exampleton",
        }
        if number % 9:  # the others have not told us
            values["insurance_expires", ""] = _in_days(today, 20 if number == 7 else 200 + number)
        if person.specialty != "225100000X":
            values["dea_number", ""] = f"DEMO{number:05d}"
            values["dea_expires", ""] = _in_days(today, 45 if number == 4 else 500)
        if number % 3 == 0:
            values["language", _LANGUAGES[number % 4]] = "yes"
        if number % 5 == 0:
            values["hospital", "Exampleton Demo Hospital"] = "yes"
        for (field, item), value in values.items():
            yield FactRow(person.reference, "", field, item, value, since)
        if number == 8:
            yield FactRow(person.reference, "", "last_name", "", "Sample-Newname", today - dt.timedelta(days=60))
            yield FactRow(
                person.reference, "", "former_name", "", values["last_name", ""], today - dt.timedelta(days=60)
            )
        yield from _affiliation_rows(person, since, today)


def _affiliation_rows(person: _Person, since: dt.date, today: dt.date) -> Iterator[FactRow]:
    for order, place in enumerate(person.places):
        values = {
            "standing": "active",
            "primary": "no" if order else "yes",
            "specialty": person.specialty,
            "accepting": _ACCEPTING[(person.number + order) % len(_ACCEPTING)],
            "directory": "no" if person.number == 5 else "yes",
        }
        for field, value in values.items():
            yield FactRow(person.reference, _place(place), field, "", value, since)
        if person.number in (3, 11):  # one has left, one leaves
            day = today + dt.timedelta(days=-40 if person.number == 3 else 30)
            yield FactRow(person.reference, _place(place), "standing", "", "ended", day)
            yield FactRow(person.reference, _place(place), "reason", "", "Retired", day)


def _place(number: int) -> str:
    return f"DEMO-L{number + 1:02d}"


def _in_days(today: dt.date, days: int) -> str:
    return (today + dt.timedelta(days=days)).isoformat()
