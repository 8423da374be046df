"""The pages of practitioners and locations, of an office whose record was loaded from a file."""

from __future__ import annotations

import datetime as dt
import io

import pytest
from werkzeug.test import TestResponse

from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from hp_portal_plugins.profiles.record.models import Affiliation, Practitioner
from tests.core.test_staff_console import recorded, rows_of
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

TODAY = dt.datetime(2026, 9, 15, 17, tzinfo=dt.UTC)
RECORD = f"""
,HERE,standing,,open,2026-01-01,,{make_tin(41)},{make_npi(41)}
,HERE,name,,Aspen Site,2026-01-01
,HERE,street,,1 First Street,2026-01-01
,HERE,street,,2 Second Street,2026-06-01
,HERE,city,,Exampleton,2026-01-01
,HERE,phone,,9525550100,2026-01-01
,HERE,hours,tuesday,08:00-12:00,2026-01-01
,HERE,hours,monday,09:00-12:00,2026-01-01
,THERE,name,,Birch Site,2026-01-01,,{make_tin(42)},{make_npi(42)}
A,,last_name,,Alder,2026-01-01
A,,first_name,,Ann,2026-01-01
A,,npi,,1234567893,2026-01-01
A,,specialty,207Q00000X,primary,2026-01-01
A,,license_number,MN,1,2026-01-01
A,,license_expires,MN,2026-10-01,2026-01-01
A,,insurance_expires,,2028-01-01,2026-01-01
A,,dea_number,,SECRETDEA,2026-01-01
A,,language,Spanish,yes,2026-01-01
B,,last_name,,Basil,2026-01-01
B,,license_number,MN,2,2026-01-01
B,,insurance_expires,,2028-01-01,2026-01-01
C,,last_name,,Cedar,2026-01-01
A,HERE,standing,,active,2026-01-01
A,HERE,primary,,yes,2026-01-01
A,HERE,accepting,,existing,2026-01-01
A,HERE,directory,,yes,2026-02-01
A,THERE,standing,,active,2026-01-01
B,HERE,standing,,active,2026-01-01
B,HERE,standing,,ended,2026-05-01
B,HERE,reason,,Retired,2026-05-01
C,THERE,standing,,active,2026-01-01
"""


@pytest.fixture
def clerk(world: World, clock: Clock) -> PortalClient:
    """Somebody of the office that is granted the first payee, not the second."""
    clock.set(TODAY)
    office = world.organization("Aspen Clinic")
    world.grant(office, world.payee(make_tin(41), make_npi(41)))
    world.payee(make_tin(42), make_npi(42))
    world.person("a.clerk", organization=office)
    with world.session() as session:
        load_specialties(session, io.BytesIO(b"code,classification\n207Q00000X,Family medicine\n"))
        report = load_file(session, io.BytesIO((",".join(COLUMNS) + RECORD).encode()), "record.csv")
        assert not report.refused
    return world.sign_in("a.clerk")


def names(client: PortalClient, **wanted: str) -> list[str]:
    url = "/apps/profiles/practitioners"
    return [row[0] for row in rows_of(client.get(url, query_string=wanted), "practitioners")]


def test_practitioners_are_found_and_read_as_of_a_day(world: World, clerk: PortalClient) -> None:
    page = clerk.get("/apps/profiles/practitioners")
    assert rows_of(page, "practitioners") == [
        ["Alder, Ann", "1234567893", "Family medicine", "Aspen Site", "License MN Oct 1, 2026"]
    ]
    assert "Birch Site" not in page.text
    assert names(clerk, show="all") == ["Alder, Ann", "Basil"]
    assert names(clerk, show="all", sort="-name") == ["Basil", "Alder, Ann"]
    assert names(clerk, show="left") == ["Basil"]
    assert names(clerk, on="2026-04-30") == ["Alder, Ann", "Basil"]
    assert names(clerk, on="2025-12-31") == []
    assert names(clerk, show="attention") == ["Alder, Ann"]
    assert names(clerk, show="attention", on="2026-04-30") == [], "the license was good for more than 90 days"
    assert names(clerk, q="ald AN") == names(clerk, q="1234567893") == ["Alder, Ann"]
    assert names(clerk, q="%") == names(clerk, q="Cedar") == []
    assert names(clerk, specialty="207Q00000X", show="all") == ["Alder, Ann"]
    with world.session() as session:
        ids = {row.reference: row.id for row in session.query(Practitioner)}
        places = {
            row.practitioner_id: row.location_id for row in session.query(Affiliation).order_by(Affiliation.id.desc())
        }
    assert names(clerk, location=str(places[ids["A"]])) == ["Alder, Ann"]
    for wrong in ({"location": str(places[ids["C"]])}, {"on": "someday"}, {"show": "nonsense"}):
        assert clerk.get("/apps/profiles/practitioners", query_string=wrong).status_code == 422
    one = clerk.get(f"/apps/profiles/practitioners/{ids['A']}")
    assert ["Specialty", "Family medicine (207Q00000X), primary", "Jan 1, 2026"] in rows_of(one, "facts")
    assert ["License expires, MN", "Oct 1, 2026", "Jan 1, 2026"] in rows_of(one, "facts")
    assert ["Language", "Spanish", "Jan 1, 2026"] in rows_of(one, "facts")
    assert "SECRETDEA" not in one.text
    assert "Birch" not in one.text
    assert rows_of(one, "affiliations") == [
        [
            "Aspen Site Primary",
            "since Jan 1, 2026",
            "—",
            "Existing patients only",
            "To be shown since Feb 1, 2026. What is missing?",
        ]
    ]
    assert "expires on Oct 1, 2026" in words_of(one)
    missing = "Aspen Site: The location is not to be shown; State missing; ZIP code missing"
    assert missing in words_of(one)
    gone = clerk.get(f"/apps/profiles/practitioners/{ids['B']}")
    assert rows_of(gone, "affiliations")[0][1] == "Left May 1, 2026, Retired"
    assert clerk.get(f"/apps/profiles/practitioners/{ids['C']}").status_code == 404
    assert recorded(world, "profiles.practitioner.viewed") == [{"practitioner": ids["A"]}, {"practitioner": ids["B"]}]
    with world.session() as session:
        told = {"directory": "yes", "state": "MN", "zip": "55001-1234"}
        facts = [Fact("location", places[ids["A"]], field, "", value, TODAY.date()) for field, value in told.items()]
        apply_change(session, Stated("location-changed"), facts)
    one = clerk.get(f"/apps/profiles/practitioners/{ids['A']}")
    assert rows_of(one, "affiliations")[0][-1] == "Shown since Feb 1, 2026"
    there = rows_of(clerk.get(f"/apps/profiles/locations/{places[ids['A']]}"), "members")
    assert rows_of(one, "members") == there
    assert there[0][:4] == [
        "Alder, Ann",
        "Family medicine",
        "Aspen Site 2 Second Street, Exampleton, MN 55001",
        "952-555-0100",
    ]


def test_a_location_with_its_history(world: World, clerk: PortalClient) -> None:
    assert rows_of(clerk.get("/apps/profiles/locations"), "locations") == [
        ["Aspen Site", "2 Second Street, Exampleton", "952-555-0100", "Open", "1"]
    ]
    early = clerk.get("/apps/profiles/locations?on=2026-04-30")
    assert rows_of(early, "locations")[0][1:] == ["1 First Street, Exampleton", "952-555-0100", "Open", "2"]
    with world.session() as session:
        both = session.query(Affiliation).order_by(Affiliation.id).first()
        assert both
        place = both.location_id
        stated = Stated("location-changed", "New line")
        apply_change(session, stated, [Fact("location", place, "phone", "", "9525550199", dt.date(2026, 9, 1))])
    url = f"/apps/profiles/locations/{place}"
    page = clerk.get(url)
    facts = rows_of(page, "facts")
    assert ["Street", "2 Second Street", "Jun 1, 2026"] in facts
    assert [row[0] for row in facts if row[0].startswith("Hours")] == ["Hours, Monday", "Hours, Tuesday"]
    assert ["Hours, Tuesday", "8:00 AM to 12:00 PM", "Jan 1, 2026"] in facts
    newest = rows_of(page, "history")[0]
    assert newest[1:5] == ["Telephone", "952-555-0199", "Sep 1, 2026", world.settings.payer.short_name]
    assert "New line" not in newest[5], "why the plan has changed it is its own"
    assert [row[0] for row in rows_of(page, "affiliations")] == ["Alder, Ann Primary", "Basil"]
    assert ["Telephone", "952-555-0100", "Jan 1, 2026"] in rows_of(clerk.get(f"{url}?on=2026-08-31"), "facts")
    wrong = clerk.get(f"{url}?on=someday")
    assert wrong.status_code == 422
    assert 'value="someday"' in wrong.text
    assert clerk.get("/apps/profiles/locations?on=someday").status_code == 422
    assert clerk.get("/apps/profiles/locations/999999").status_code == 404


def cards(page: TestResponse) -> list[str]:
    """Each card's words."""
    return [text_of(one) for one in tree_of(page).iter("li") if one.get("class") == "card"]


def test_lists_are_shown_as_cards_or_as_a_table_which_is_remembered(clerk: PortalClient) -> None:
    people, places = "/apps/profiles/practitioners", "/apps/profiles/locations"
    assert "card-list" not in clerk.get(people).text, "a table until something else is chosen"
    switched = clerk.get(f"{people}?show=all&sort=-name&as=cards")
    ann = "Alder, Ann NPI 1234567893 Specialty Family medicine Locations Aspen Site "
    ann += "Missing or expires soon License MN Oct 1, 2026"
    assert [one.partition(" NPI")[0] for one in cards(switched)] == ["Basil", "Alder, Ann"]
    assert cards(switched)[1] == ann
    assert '<input type="hidden" name="as" value="cards">' in switched.text
    assert 'href="/apps/profiles/practitioners?show=all&amp;sort=-name&amp;as=table"' in switched.text
    assert "<table" not in switched.text.partition('id="results"')[2]
    assert cards(clerk.get(people)) == [ann], "remembered"
    assert cards(clerk.get(f"{people}?show=attention")) == [ann]
    assert cards(clerk.get(f"{people}?q=nobody")) == []
    [place] = cards(clerk.get(f"{places}?on=2026-04-30"))
    assert place == "Aspen Site Address 1 First Street, Exampleton Telephone 952-555-0100 Standing Open Practitioners 2"
    assert len(cards(clerk.get(f"{people}?as=nonsense"))) == 1, "what cannot be is as if nothing was asked"
    refused = clerk.get(f"{people}?as=table&show=nonsense")
    assert refused.status_code == 422
    assert len(rows_of(clerk.get(f"{people}?as=table"), "practitioners")) == 1
    assert rows_of(clerk.get(places), "locations")[0][0] == "Aspen Site"
