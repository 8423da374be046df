"""Giving applications: to one person, to everybody, to new people."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database

PERMISSIONS = (
    "staff:console:open",
    "staff:people:search",
    "staff:people:create",
    "staff:applications:manage",
    "staff:applications:give",
)
INQUIRY = "/apps/remittance/"


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=PERMISSIONS)
    return world.sign_in("a.staff")


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Harbor Sample Clinic")


def recorded(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        rows = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == event).order_by(AuditEvent.id))
        return [json.loads(fields) for fields in rows]


def switches(staff: PortalClient, url: str) -> dict[str, bool]:
    """Every switch of a page by its name, and whether it is on."""
    buttons = [button for button in tree_of(staff.get(url)).iter("button") if button.get("role") == "switch"]
    return {button.get("aria-label", ""): button.get("aria-checked") == "true" for button in buttons}


def test_an_application_is_given_and_taken(world: World, staff: PortalClient, clinic: Organization) -> None:
    person = world.person("m.keeper", organization=clinic, applications=[], name="Mina Keeper")
    client = world.sign_in("m.keeper")
    page, cell = f"/staff/organizations/{clinic.id}", f"/staff/people/{person.id}/applications/remittance"
    switch = "Remittance Inquiry, Mina Keeper"
    assert client.get(INQUIRY).status_code == 403
    assert switches(staff, page)[switch] is False
    assert staff.post(cell, {"enabled": "1"}).location == f"{page}#given"
    assert client.get(INQUIRY).status_code == 200
    assert switches(staff, page)[switch] is True
    fragment = staff.post(cell, {"enabled": "0"}, fragment=True)
    assert fragment.text.strip().startswith("<td")
    assert 'aria-checked="false"' in fragment.text
    assert "Saved: Mina Keeper does not have Remittance Inquiry" in fragment.text
    assert client.get(INQUIRY).status_code == 403
    what = [{"person": person.id, "application": "remittance"}]
    assert (recorded(world, "person.application.given"), recorded(world, "person.application.taken")) == (what, what)


@pytest.mark.parametrize(
    ("application", "data", "status"),
    [("no-such", {"enabled": "1"}, 404), ("remittance", {"enabled": "perhaps"}, 400), ("remittance", {}, 400)],
)
def test_a_cell_that_does_not_exist(
    world: World, staff: PortalClient, application: str, data: dict[str, str], status: int
) -> None:
    person = world.person("m.keeper", applications=[])
    assert staff.post(f"/staff/people/{person.id}/applications/{application}", data).status_code == status
    assert recorded(world, "person.application.given") == []


def test_staff_are_given_roles_instead(world: World, staff: PortalClient) -> None:
    other = world.staff("b.staff")
    assert staff.post(f"/staff/people/{other.id}/applications/remittance", {"enabled": "1"}).status_code == 404


def test_only_what_the_organization_can_use_is_offered(world: World, staff: PortalClient) -> None:
    dental = world.organization(audience="dental")
    world.person("d.dental", organization=dental, name="Dora Dental")
    world.disable("remittance", "dental")
    assert list(switches(staff, f"/staff/organizations/{dental.id}")) == ["Tax ID & NPI access, Dora Dental"]


def test_what_new_people_get(world: World, staff: PortalClient, clinic: Organization) -> None:
    def create(username: str) -> list[str]:
        url = f"/staff/organizations/{clinic.id}/people/new"
        staff.post(url, {"name": "New Person", "email": f"{username}@office.example", "username": username})
        with world.session() as session:
            person = session.scalars(sa.select(Person.id).where(Person.username == username)).one()
        return [one["application"] for one in recorded(world, "person.application.given") if one["person"] == person]

    for key in ("profiles", "remittance", "tax-id-npi-access"):
        staff.post(f"/staff/applications/{key}/new-people", {"enabled": "0"})
    assert create("n.first") == []
    assert staff.post("/staff/applications/remittance/new-people", {"enabled": "1"}).status_code == 303
    on = {name: on for name, on in switches(staff, "/staff/applications").items() if name.startswith("New people")}
    others = ("New people get Provider Data Profiles", "New people get Tax ID & NPI access")
    assert on == {"New people get Remittance Inquiry": True, **dict.fromkeys(others, False)}
    assert create("n.second") == ["remittance"]
    fragment = staff.post("/staff/applications/remittance/new-people", {"enabled": "0"}, fragment=True)
    assert "Saved: new people do not get Remittance Inquiry" in fragment.text


def test_giving_to_everybody_who_could_use_it(world: World, staff: PortalClient, clinic: Organization) -> None:
    """Not to people who left, nor where the application is not enabled."""
    for name in ("a.lacks", "b.lacks"):
        world.person(name, organization=clinic, applications=[])
    world.person("c.has", organization=clinic)
    left = world.person("d.left", organization=clinic, applications=[])
    world.person("e.dental", organization=world.organization(audience="dental"), applications=[])
    world.disable("remittance", "dental")
    with world.session() as session:
        row = session.get_one(Person, left.id)
        row.deactivated_at = row.created_at
    url = "/staff/applications/remittance/give"
    assert "2 people do not have it yet" in staff.get(url).text
    assert reach(staff) == "1 of 4 people"
    assert staff.post(url).location == "/staff/applications#people"
    assert "was given to 2 people" in staff.get("/staff/applications").text
    assert reach(staff) == "3 of 4 people"
    assert len(recorded(world, "person.application.given")) == 2
    assert world.sign_in("a.lacks").get(INQUIRY).status_code == 200
    assert "Everybody has it" in staff.get(url).text
    assert staff.get("/staff/applications/no-such/give").status_code == 404


def reach(staff: PortalClient) -> str:
    table = next(one for one in tree_of(staff.get("/staff/applications")).iter("table") if one.get("id") == "people")
    row = next(row for row in table.iter("tr") if "Remittance" in text_of(row))
    return text_of(list(row)[1])


def test_an_application_enabled_for_nobody_is_given_to_nobody(world: World, staff: PortalClient) -> None:
    world.person("m.keeper", applications=[])
    for audience in ("hospital", "physician", "dental", "specialty", "pharmacy", "billing"):
        world.disable("remittance", audience)
    assert "Nobody could use it" in staff.get("/staff/applications/remittance/give").text
    staff.post("/staff/applications/remittance/give")
    assert recorded(world, "person.application.given") == []
