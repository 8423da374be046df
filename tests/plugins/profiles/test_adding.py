"""*Add a practitioner*: what is asked, which contradictions are told, and the case that comes of it."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.profiles.changing.models import SentForm
from hp_portal_plugins.profiles.changing.numbers import license_doubt, read_dea, zip_doubt
from hp_portal_plugins.profiles.proposing.proposals import NewAffiliation, proposal_of
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from hp_portal_plugins.profiles.record.fields import STATES
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.support.client import PortalClient, heading_of, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.wizards import hidden, path_of, save
from tests.support.world import World

from .forms import Office

ADD = "/apps/profiles/practitioners/add"
OWN = make_npi(501)
WHO = {
    "first": "Robin",
    "middle": "",
    "last": "Sample",
    "former": "",
    "npi": OWN,
    "dea": "",
    "licenses-0-state": "MN",
    "licenses-0-number": "47110",
    "licenses-0-expires": "2027-12-31",
}
PRACTICE = {"specialties-0-name": "Family Medicine", "specialties-0-taxonomy": "207q00000x", "languages": "Hmong"}


@pytest.fixture
def there(world: World, clock: Clock) -> Office:
    return Office(world, clock)


@pytest.fixture
def office(there: Office) -> PortalClient:
    return there.client


def where(*numbers: int, primary: int | None = None, effective: str = "2026-06-15") -> dict[str, str]:
    """Checked rows of the table of locations, by their places in it."""
    found = {"effective": effective}
    for number in range(12):
        found |= {f"places-{number}-location": str(number + 1), f"places-{number}-accepting": "existing"}
        found |= {f"places-{number}-here": "y"} if number in numbers else {}
    return {**found, **({f"places-{primary}-primary": "y"} if primary is not None else {})}


def begin(client: PortalClient) -> str:
    return path_of(client.post(f"{ADD}/begin")).removesuffix("/steps/who")


def papers(client: PortalClient, draft: str) -> TestResponse:
    given = hidden(client.get(f"{draft}/steps/papers"))
    file = FileStorage(io.BytesIO(b"%PDF-1.4 license"), "license.pdf")
    parts: dict[str, Any] = {**given, "csrf_token": client.csrf_token(), "go": "continue", "files": [file]}
    boundary, body = encode_multipart({**parts, "remarks": "She speaks Hmong with members."})
    kind = f"multipart/form-data; boundary={boundary}"
    return client.flask.post(f"{draft}/steps/papers/save", data=body, content_type=kind)


def test_a_practitioner_is_added_at_3_of_12_sites_in_six_pages(
    world: World, there: Office, office: PortalClient
) -> None:
    """The first page of the application, four steps, and the review; no script is needed. Staff see what was sent."""
    assert f'action="{ADD}/begin"' in office.get("/apps/profiles/").text
    assert "license numbers and their expiration dates" in words_of(office.get(f"{ADD}/"))
    draft = begin(office)
    assert path_of(save(office, draft, "who", WHO)) == f"{draft}/steps/practice"
    assert path_of(save(office, draft, "practice", PRACTICE)) == f"{draft}/steps/where", "no hospital is asked for"
    assert path_of(save(office, draft, "where", where(0, 4, 11, primary=4))) == f"{draft}/steps/papers"
    assert save(office, draft, "papers", {}).status_code == 422
    assert path_of(papers(office, draft)) == f"{draft}/review"
    review = words_of(office.get(f"{draft}/review"))
    assert "Please check" not in review
    for words in (
        f"NPI of the practitioner{OWN}",
        "Taxonomy code207Q00000X",
        "5 First Street, Exampleton (primary): Existing",
    ):
        assert words in review
    assert "Site 02" not in review
    assert office.post(f"{draft}/send").status_code == 422, "it is signed"
    case = path_of(there.send(draft))
    shown = office.get(case)
    assert heading_of(shown) == "Add Robin Sample"
    said = words_of(shown)
    for words in ("License 1: License number47110", "Effective dateJun 15, 2026", "42 U.S.C. 300gg-115", "license.pdf"):
        assert words in said
    assert "You hear from us by Jun 3, 2026" in said
    assert "Add Robin Sample" in words_of(office.get("/apps/profiles/"))
    with world.session() as session:
        (form,) = session.scalars(sa.select(SentForm)).all()
        assert b"47110" not in form.contents_sealed
    world.staff("a.staff", permissions=("staff:console:open", "staff:cases:work", "profiles:change:work"))
    staff = world.sign_in("a.staff")
    number = int(case.rpartition("/")[2])
    assert "License 1: License number47110" in words_of(staff.get(f"/staff/cases/{number}"))
    for step, seen, words in (("begin", "received", ""), ("ask", "in-work", "Which site?")):
        staff.post(f"/staff/cases/{number}/step", {"step": step, "seen": seen, "words": words})
    assert "Which site?" in office.get(case).text
    office.post(f"{case}/step", {"step": "reply", "seen": "question", "words": "All three."})
    with world.session() as session:
        wanted = proposal_of(session, number)
        assert wanted is not None
        begun = {one.location_id: one.id for one in wanted.new if isinstance(one, NewAffiliation)}
        assert set(begun) == {there.sites[place] for place in (0, 4, 11)}
        values = {(fact.subject_id, fact.field, fact.item): fact.value for fact in wanted.facts}
        assert values[begun[there.sites[4]], "primary", ""] == "yes"
        assert values[begun[there.sites[0]], "accepting", ""] == "existing"
        assert values[-1, "specialty", "207Q00000X"] == "primary"
        assert values[-1, "license_expires", "MN"] == "2027-12-31"
        assert {fact.holds_from for fact in wanted.facts} == {dt.date(2026, 6, 15)}


def test_what_cannot_be_is_refused_where_it_stands(office: PortalClient) -> None:
    draft = begin(office)
    twice = {name.replace("-0-", "-1-"): text for name, text in WHO.items() if name.startswith("licenses")}
    for typed, words in (
        ({"npi": OWN[:9] + str((int(OWN[9]) + 1) % 10)}, "NPI"),
        ({"dea": "BS1234567"}, "its last digit does not fit the others"),
        ({"dea": "12"}, "two letters and seven digits"),
        ({"licenses-0-expires": "2026-05-31"}, "This day is over."),
        ({"licenses-0-state": ""}, "Choose the state of the license."),
        ({"licenses-0-state": "XX"}, "Not a valid choice"),
        (twice, "License 2: This license is entered twice."),
    ):
        refused = save(office, draft, "who", {**WHO, **typed})
        assert (refused.status_code, words in words_of(refused)) == (422, True), words
    save(office, draft, "who", {**WHO, "dea": "bs1234563"})
    assert save(office, draft, "practice", {**PRACTICE, "specialties-0-taxonomy": "207Q"}).status_code == 422
    assert path_of(save(office, draft, "practice", {**PRACTICE, "admits": "y"})) == f"{draft}/steps/hospitals"
    assert save(office, draft, "hospitals", {"hospitals-0-name": ""}).status_code == 422
    for more, words in (
        ({**where(0, 1, primary=0), "places-1-primary": "y"}, "Location 2: Only one location can be the primary one."),
        (where(0, 1), "Location 1: Say which location is the primary one."),
        (where(0, primary=1), "Location 2: The primary location is one where the practitioner works."),
        (where(), "Check one location or more."),
        (where(0, effective="2024-06-15"), "within the last 12 months"),
        (where(0, effective="2036-06-15"), "within the next 12 months"),
    ):
        refused = save(office, draft, "where", more)
        assert (refused.status_code, words in words_of(refused)) == (422, True), words


def test_contradictions_are_told_and_can_be_sent(world: World, there: Office, office: PortalClient) -> None:
    """Staff see that they were told."""
    client, draft = office, begin(office)
    in_wisconsin = Fact("location", there.sites[0], "state", "", "WI", dt.date(2026, 1, 1))
    with world.session() as session:
        apply_change(session, Stated("loaded", "It is in Wisconsin"), [in_wisconsin])
    save(client, draft, "who", {**WHO, "dea": "BX1234563", "licenses-0-expires": "2026-06-30"})
    save(client, draft, "practice", PRACTICE)
    save(client, draft, "where", where(0, effective="2026-07-01"))
    papers(client, draft)
    said = words_of(client.get(f"{draft}/review"))
    told = (
        "The second letter of the DEA number is not that of the last name",
        "A location is in WI, and there is no license of that state.",
        "The license of MN expires before the effective date.",
    )
    for words in told:
        assert words in said
    with world.session() as session:
        own = session.scalars(sa.select(Organization).where(Organization.name == "Aspen Clinic")).one()
    world.grant(own, world.payee(npi=OWN, name="Aspen Group"))
    save(client, draft, "where", where(0, effective="2026-04-01"), "close")
    said = words_of(client.get(f"{draft}/review"))
    assert "more than 30 days ago" in said
    assert "The NPI of the practitioner is that of Aspen Group in our records" in said
    case = path_of(there.send(draft))
    assert "more than 30 days ago" not in words_of(client.get(case))
    world.staff("a.staff", permissions=("staff:console:open", "staff:cases:work", "profiles:change:work"))
    assert "more than 30 days ago" in words_of(world.sign_in("a.staff").get(f"/staff{case}"))


def test_numbers_are_read_as_people_type_them() -> None:
    assert read_dea("ab 1234563") == "AB1234563"
    assert (len(STATES), STATES[0], STATES[-1]) == (56, "AL", "WY")
    shapes = ProfilesSettings(license_numbers="mn: 99999, R 999999 ; WI:999-99").license_shapes
    for state, number in (("MN", "47110"), ("MN", "r123456"), ("MN", ""), ("WI", "123-20"), ("FL", "anything")):
        assert license_doubt(state, number, shapes) == ""
    assert license_doubt("MN", "ME-12", shapes) == (
        "A license number of MN usually looks like 99999 or R 999999. Is this one right?"
    )
    assert license_doubt("WI", "123x20", shapes) != ""
    for wrong in ("MN", "XX: 9", "MN:"):
        with pytest.raises(ValueError, match="license_numbers"):
            ProfilesSettings(license_numbers=wrong)
    for state, text in (
        ("MN", "55440-1234"),
        ("FL", "33101"),
        ("", "5"),
        ("CT", "06001"),
        ("NY", "06390"),
        ("AS", "96799"),
    ):
        assert zip_doubt(state, text) == ""
    assert zip_doubt("MN", "54001") == "A ZIP code that begins with 540 is one of WI, not of MN."
    assert zip_doubt("FL", "20190") == "A ZIP code that begins with 201 is one of VA, not of FL."
    assert zip_doubt("IA", "20500") == "A ZIP code that begins with 205 is one of DC or MD or VA, not of IA."
    assert zip_doubt("FL", "00001") == "A ZIP code that begins with 000 is not one of FL."
    for wrong in ("AB1234562", "A11234563", "AB123456", "ab²234563"):
        with pytest.raises(ValueError, match="DEA number"):
            read_dea(wrong)
