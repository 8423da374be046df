"""The forms of changes, as an office fills them in, and what they want on record."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.cases.models import Case
from hp_portal_plugins.profiles.proposing.proposals import Proposal, proposal_of
from hp_portal_plugins.profiles.record.models import Affiliation
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.support.client import PortalClient, heading_of, tree_of, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.wizards import path_of
from tests.support.world import World

from .forms import APP, Office

pytestmark = pytest.mark.either_database


@pytest.fixture
def office(world: World, clock: Clock) -> Office:
    return Office(world, clock)


def case_id(path: str) -> int:
    return int(path.rpartition("/")[2])


def proposed(office: Office, path: str) -> Proposal:
    with office.world.session() as session:
        found = proposal_of(session, case_id(path))
        assert found is not None
        return found


def test_one_leaves_everywhere_in_five_clicks(office: Office) -> None:
    """From the home page: the application, the action, Continue, the box to sign, Sign and send. No script is needed."""
    client = office.client
    assert f'href="{APP}/"' in client.get("/").text
    assert f'action="{APP}/practitioners/leave/begin"' in client.get(f"{APP}/").text
    draft = office.begin("practitioners/leave")
    leaves = {"practitioner": office.people["Basil"], "where": "all", "last": "2026-06-30", "reason": "Retires"}
    assert path_of(office.save(draft, "leave", leaves)) == f"{draft}/review"
    review = words_of(client.get(f"{draft}/review"))
    assert "Basil, Ann" in review
    assert "I intend to sign this form." in review
    for signed, words in (({"signature": "Somebody"}, "Type your name"), ({"agree": ""}, "Check the box to sign")):
        refused = office.send(draft, **signed)
        assert (refused.status_code, words in words_of(refused)) == (422, True)
    assert client.post(f"{draft}/send", {"agree": "y", "signature": office.person.name}).status_code == 422
    case = path_of(office.send(draft))
    shown = client.get(case)
    assert heading_of(shown) == "Basil, Ann leaves all locations"
    assert "Signed by" in words_of(shown)
    assert "Changed since it was signed" not in words_of(shown)
    said = proposed(office, case)
    assert [fact.value for fact in said.facts if fact.field == "standing"] == ["ended"] * 3
    assert {fact.holds_from for fact in said.facts} == {dt.date(2026, 7, 1)}
    assert [fact.value for fact in said.seen] == ["active"] * 3


def test_leaving_some_locations_and_the_members_of_primary_care(office: Office) -> None:
    client = office.client
    leaves = {"where": "some", "last": "2026-06-30", "reason": "Retires"}
    draft = office.begin("practitioners/leave", practitioner=office.people["Alder"], where="all")
    assert office.shown(draft, "leave")["practitioner"] == str(office.people["Alder"]), (
        "the page of the practitioner said who"
    )
    refused = office.save(draft, "leave", {**leaves, "practitioner": office.people["Alder"]})
    assert (refused.status_code, "Say where the members go" in words_of(refused)) == (422, True)
    for other, status in ((office.people["Alder"], 422), (office.people["Cedar"], 303)):
        answer = office.save(draft, "leave", {**leaves, "practitioner": office.people["Alder"], "members": other})
        assert answer.status_code == status
    basil = office.begin("practitioners/leave")
    answer = office.save(basil, "leave", {**leaves, "practitioner": office.people["Basil"]})
    assert path_of(answer) == f"{basil}/steps/places"
    assert office.save(basil, "places", {}).status_code == 422
    assert "Not a valid choice" not in words_of(client.get(f"{basil}/steps/places"))
    office.save(basil, "places", {"places": [str(office.sites[1]), str(office.sites[2])]})
    assert "Site 02" in words_of(client.get(f"{basil}/review"))
    case = path_of(office.send(basil))
    assert heading_of(client.get(case)) == "Basil, Ann leaves 2 locations"
    assert len([fact for fact in proposed(office, case).facts if fact.field == "standing"]) == 2
    early = office.begin("practitioners/leave")
    refused = office.save(early, "leave", {**leaves, "practitioner": office.people["Basil"], "last": "2025-12-30"})
    assert refused.status_code == 303 or "works at none of your locations" in words_of(refused)


def test_who_works_where_in_one_table(office: Office) -> None:
    """Only what somebody has changed is sent, and nobody else’s change is undone by it."""
    draft = office.begin("affiliations")
    which = {"effective": "2026-07-01", "places": [str(one) for one in office.sites[:4]], "name": ""}
    assert path_of(office.save(draft, "which", which)) == f"{draft}/steps/table"
    shown = office.shown(draft, "table")
    alder, basil = office.people["Alder"], office.people["Basil"]
    first, second, third, fourth = office.sites[:4]
    assert f"{basil}-{third}" in shown["works"]
    refused = office.save(draft, "table", shown)
    assert (refused.status_code, "Nothing is different yet" in words_of(refused)) == (422, True)
    ticks = {*shown["works"], f"{alder}-{fourth}", f"{alder}-{second}"} - {f"{basil}-{third}", f"{alder}-{first}"}
    assert path_of(office.save(draft, "table", {**shown, "works": sorted(ticks)})) == f"{draft}/review"
    review = words_of(office.client.get(f"{draft}/review"))
    assert "Basil, Ann, Site 03, 3 First Street, Exampleton: Leaves" in review
    assert "Alder, Ann, Site 04, 4 First Street, Exampleton: Works here from then on" in review
    case = path_of(office.send(draft))
    said = proposed(office, case)
    assert {(one.practitioner_id, one.location_id) for one in said.new} == {(alder, second), (alder, fourth)}  # type: ignore[union-attr]
    with office.world.session() as session:
        ends = [fact.subject_id for fact in said.facts if fact.value == "ended"]
        rows = session.execute(
            sa.select(Affiliation.practitioner_id, Affiliation.location_id).where(Affiliation.id.in_(ends))
        )
        assert {(one, place) for one, place in rows} == {(basil, third), (alder, first)}


def test_low_risk_is_applied_at_once_and_the_rest_waits(office: Office) -> None:
    client, place = office.client, office.sites[0]
    assert f'action="{APP}/locations/change/begin"' in client.get(f"{APP}/locations/{place}").text
    for changed, state in (({"phone": "952-555-0200"}, "done"), ({"fax": "9525550201", "name": "New"}, "received")):
        draft = office.begin("locations/change", location=place, effective="2026-06-01")
        shown = office.shown(draft, "details")
        assert shown["name"] == "Site 01"
        assert office.save(draft, "details", shown).status_code == 422, "nothing is different"
        assert office.save(draft, "details", {**shown, "phone": "12"}).status_code == 422
        accepting = {name: "closed" for name in shown if name.endswith("-accepting")}
        assert len(accepting) == 3
        assert path_of(office.save(draft, "details", {**shown, **accepting, **changed})) == f"{draft}/review"
        case = path_of(office.send(draft))
        with office.world.session() as session:
            assert session.get_one(Case, case_id(case)).state == state
        said = words_of(client.get(case))
        assert "Applied at once" in said if state == "done" else "Applied a part at once" in said
    values = office.values("location", place)
    assert (values["phone", ""], values["fax", ""], values["name", ""]) == ("9525550200", "9525550201", "Site 01")


def test_a_location_is_added_moves_and_closes(office: Office) -> None:
    address = {"street": "9 Other Street", "street_2": "", "city": "Sampleville", "state": "MN", "zip": "55441"}
    draft = office.begin("locations/add")
    new = {"payee": str(office.payee.id), "name": "Annex", "effective": "2026-07-01", **address}
    for wrong, words in (
        ({"zip": "5544"}, "five digits"),
        ({"state": ""}, "Choose the state"),
        ({"payee": "99"}, "valid"),
    ):
        refused = office.save(draft, "place", {**new, **wrong})
        assert (refused.status_code, words in words_of(refused)) == (422, True), words
    office.save(draft, "place", {**new, "zip": "54001"})
    office.save(
        draft, "details", {"phone": "952-555-0109", "hours_monday": "08:00-17:00", "accessibility": "Ramp, Lift"}
    )
    assert "begins with 540 is one of WI, not of MN" in words_of(office.client.get(f"{draft}/review"))
    said = proposed(office, path_of(office.send(draft)))
    assert {(fact.field, fact.item): fact.value for fact in said.facts}["hours", "monday"] == "08:00-17:00"
    assert {fact.item for fact in said.facts if fact.field == "accessibility"} == {"Ramp", "Lift"}
    assert said.kind == "location-added"

    place = office.sites[0]
    draft = office.begin("locations/move", location=place)
    assert (
        path_of(office.save(draft, "which", {"location": place, "effective": "2026-07-01"})) == f"{draft}/steps/address"
    )
    shown = office.shown(draft, "address")
    moved = {**shown, **address, "everybody": "no"}
    assert office.save(draft, "address", moved).status_code == 422
    stays = next(one for one in said_affiliations(office, place) if one[1] == office.people["Basil"])[0]
    office.save(draft, "address", {**moved, "leaving": [str(stays)]})
    said = proposed(office, path_of(office.send(draft)))
    assert {fact.field: fact.value for fact in said.facts if fact.subject == "location"} == {
        "street": "9 Other Street",
        "city": "Sampleville",
        "zip": "55441",
    }
    assert [fact.subject_id for fact in said.facts if fact.value == "ended"] == [stays]

    draft = office.begin("locations/close", location=place)
    office.save(draft, "close", {"location": place, "last": "2026-06-30", "reason": "The lease ends."})
    shown = office.shown(draft, "people")
    to = {name: str(office.sites[1]) for name in shown if name.endswith("-to")}
    assert office.save(draft, "people", {**shown, **dict.fromkeys(to, "")}).status_code == 422
    office.save(draft, "people", {**shown, **to})
    said = proposed(office, path_of(office.send(draft)))
    assert [fact.value for fact in said.facts if fact.subject == "location"] == ["closed"]
    begun = {(one.practitioner_id, one.location_id) for one in said.new}  # type: ignore[union-attr]
    assert begun == {(office.people[name], office.sites[1]) for name in ("Alder", "Cedar")}, "Basil is there already"


def said_affiliations(office: Office, place: int) -> list[tuple[int, int]]:
    with office.world.session() as session:
        rows = session.execute(
            sa.select(Affiliation.id, Affiliation.practitioner_id).where(Affiliation.location_id == place)
        )
        return [(one, person) for one, person in rows]


def test_a_practitioner_changes_and_a_new_name_needs_a_document(office: Office) -> None:
    person = office.people["Alder"]
    page = office.client.get(f"{APP}/practitioners/{person}")
    assert f'action="{APP}/practitioners/change/begin"' in page.text
    draft = office.begin("practitioners/change", practitioner=person, effective="2026-06-01")
    shown = office.shown(draft, "person")
    assert (shown["last_name"], shown["languages"], shown["licenses-0-number"]) == ("Alder", "Hmong", "47110")
    assert office.save(draft, "person", shown).status_code == 422, "nothing is different"
    license = {"licenses-1-state": "WI", "licenses-1-number": "123", "licenses-1-expires": "2027-01-31"}
    changed = {**shown, **license, "languages": "Somali", "last_name": "Newname"}
    assert path_of(office.save(draft, "person", changed)) == f"{draft}/steps/papers"
    assert path_of(office.attach(draft, "papers")) == f"{draft}/review"
    said = proposed(office, path_of(office.send(draft)))
    assert {(fact.field, fact.item): fact.value for fact in said.facts} == {
        ("last_name", ""): "Newname",
        ("former_name", ""): "Alder",
        ("language", "Hmong"): "",
        ("language", "Somali"): "yes",
        ("license_number", "WI"): "123",
        ("license_expires", "WI"): "2027-01-31",
    }
    assert ("last_name", "Alder") in {(fact.field, fact.value) for fact in said.seen}
    draft = office.begin("practitioners/change", practitioner=person, effective="2026-06-01")
    assert path_of(office.save(draft, "person", {**office.shown(draft, "person"), **license})) == f"{draft}/review"


def test_a_new_tax_id_needs_a_w9_and_stands_in_no_case(office: Office) -> None:
    draft = office.begin("group")
    group = {"payee": str(office.payee.id), "what": "both", "effective": "2026-07-01", "name": "New Group"}
    assert office.attach(draft, "group", **group).status_code == 422
    assert path_of(office.save(draft, "group", {**group, "last_four": "1234"})) == f"{draft}/review"
    case = path_of(office.send(draft))
    said = words_of(office.client.get(case))
    for words in ("New legal nameNew Group", "paper.pdf", "Signed by", "42 U.S.C. 300gg-115"):
        assert words in said


def test_what_is_wrong_is_said_while_typing(office: Office) -> None:
    """The page asks for one field, and is told of those that go with it; nothing is kept. Without a script the same
    is said when the step is sent, or on the review page."""
    client: PortalClient = office.client
    office.world.app.extensions["hp_portal.plugin_settings"]["profiles"] = ProfilesSettings(license_numbers="MN: 99999")
    draft = office.begin("practitioners/add")
    step = f"{draft}/steps/who"
    page = client.get(step).text
    assert f'data-hx-post="{step}/check?field=npi"' in page
    license = {"licenses-0-state": "MN", "licenses-0-number": "XYZ"}
    for typed, field, told in (
        ({"npi": "1234567890"}, "npi", {"npi": "NPI"}),
        ({"npi": "2000000002"}, "npi", {"npi": "NPI of an organization"}),
        (
            license,
            "licenses-0-number",
            {"licenses-0-number": "Please check: A license number of MN", "licenses-0-state": ""},
        ),
        # The notice of a number goes when the state is another one, and nobody is told of a field not come to yet.
        ({**license, "licenses-0-state": "WI"}, "licenses-0-state", {"licenses-0-state": "", "licenses-0-number": ""}),
        (
            {**license, "licenses-0-number": "47110"},
            "licenses-0-number",
            {"licenses-0-number": "", "licenses-0-state": ""},
        ),
        (
            {"licenses-0-starts": "2027-01-01", "licenses-0-expires": "2026-12-31"},
            "licenses-0-expires",
            {"licenses-0-starts": "begin after it expires", "licenses-0-expires": ""},
        ),
        ({"last": "Sample", "dea": "BX1234563"}, "last", {"last": "", "dea": "The second letter of the DEA number"}),
        ({"last": "Xample", "dea": "BX1234563"}, "last", {"last": "", "dea": ""}),
    ):
        said = checked(client.post(f"{step}/check?field={field}", typed, fragment=True))
        assert said.keys() == told.keys()
        assert all(words in said[name] if words else said[name] == "" for name, words in told.items()), (typed, said)
    assert client.post(f"{step}/check?field=nothing", {}, fragment=True).text.strip() == ""
    assert office.shown(draft, "who")["npi"] == "", "nothing was kept"


def checked(answer: TestResponse) -> dict[str, str]:
    """What stands below each of the fields that are told of."""
    assert answer.status_code == 200
    parts = [one for one in tree_of(answer).iter("div") if (one.get("id") or "").endswith("-checked")]
    return {one.get("id", "").removesuffix("-checked"): "".join(one.itertext()).strip() for one in parts}


def test_contradictions_between_steps_are_said_while_typing(office: Office) -> None:
    """A license that holds only later or not any more, a state without one, two primary locations; and they go again."""
    client, draft = office.client, office.begin("practitioners/add")
    license = {"licenses-0-state": "WI", "licenses-0-number": "12", "licenses-0-starts": "2026-06-20"}
    who = {"npi": make_npi(501), "first": "Robin", "last": "Sample", "licenses-0-expires": "2027-06-30", **license}
    office.save(draft, "who", who)
    office.save(draft, "practice", {"specialties-0-name": "Family Medicine"})
    shown, check = office.shown(draft, "where"), f"{draft}/steps/where/check?field="
    page = client.get(f"{draft}/steps/where").text
    assert all(
        f"{check}places-1-{name}" in page and f'id="places-1-{name}-checked"' in page for name in ("here", "primary")
    )
    early = {**shown, "effective": "2026-06-15", "places-1-here": "y", "places-1-primary": "y"}
    said = checked(client.post(f"{check}places-1-here", early, fragment=True))
    assert said["effective"] == "Please check: The license of WI is valid only after the effective date."
    assert said["places-1-here"] == "Please check: A location is in MN, and there is no license of that state."
    assert said["places-1-primary"] == said["places-0-here"] == ""
    both = {**early, "effective": "2026-06-20", "places-0-here": "y", "places-0-primary": "y"}
    said = checked(client.post(f"{check}places-0-primary", both, fragment=True))
    assert said["effective"] == "" == said["places-1-here"], "it is told of the first location in the state"
    assert said["places-0-primary"] == said["places-1-primary"] == "Error: Only one location can be the primary one."
    said = checked(client.post(f"{check}effective", {**shown, "effective": "2027-06-15"}, fragment=True))
    assert said["effective"].startswith("Error: Enter a day within the next 12 months.")
    office.save(draft, "where", early)
    review = words_of(client.get(f"{draft}/review"))
    assert "Not complete yet" in review, "the documents are missing, and doubts are told once everything is answered"


def test_the_fields_that_apply_at_once_are_fields_of_the_record() -> None:
    assert ("location", "phone") in ProfilesSettings().low_risk
    assert ProfilesSettings(at_once="").low_risk == frozenset()
    assert ProfilesSettings(at_once=" location.name ").low_risk == {("location", "name")}
    for wrong in (
        "phone",
        "location.",
        "location.nothing",
        "practitioner.dea_number",
        "affiliation.standing",
        "case.phone",
    ):
        with pytest.raises(ValueError, match="at_once"):
            ProfilesSettings(at_once=wrong)
