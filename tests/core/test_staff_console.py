"""The payer's console: the applications matrix, plugins, organizations and people."""

from __future__ import annotations

import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.applications import ApplicationSetting
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.staff.lookup import LIMIT, may_be_tin
from hp_portal.core.staff.permissions import CORE_STAFF_LINKS, CORE_STAFF_PERMISSIONS
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.databases import as_owner
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

pytestmark = pytest.mark.either_database

EVERYTHING = tuple(sorted(CORE_STAFF_PERMISSIONS.keys() - {"staff:applications:give"}))


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=EVERYTHING)
    return world.sign_in("a.staff")


def recorded(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        rows = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == event).order_by(AuditEvent.id))
        return [json.loads(fields) for fields in rows]


def rows_of(answer: TestResponse, table: str) -> list[list[str]]:
    """The rows of a table as people read them."""
    for element in tree_of(answer).iter("table"):
        if element.get("id") == table:
            rows = [row for body in element.iter("tbody") for row in body.iter("tr")]
            return [[text_of(cell) for cell in row if cell.tag in ("th", "td")] for row in rows]
    return []


def cells(client: PortalClient, url: str, table: str, **options: Any) -> list[list[str]]:
    return rows_of(client.get(url, **options), table)


def test_each_part_of_the_console_needs_its_permission(world: World) -> None:
    for number, link in enumerate(CORE_STAFF_LINKS):
        world.staff(f"staff{number}", permissions=["staff:console:open", link.permission])
        client = world.sign_in(f"staff{number}")
        names = {other.label: other.endpoint.rpartition(".")[2].replace("_", "-") for other in CORE_STAFF_LINKS}
        urls = {label: f"/staff/{name}" for label, name in names.items()}
        opened = [label for label, url in urls.items() if client.get(url).status_code == 200]
        listed = [label for label, url in urls.items() if f'href="{url}"' in client.get("/staff/").text]
        assert opened == listed == [link.label]
    world.person("a.clerk")
    assert world.sign_in("a.clerk").get("/staff/").status_code == 404


# ---- applications


SWITCH = "/staff/applications/tax-id-npi-access/hospital"


def test_a_switch_saves_at_once_for_the_next_request_of_every_worker(database_url: str, make_app: MakeApp) -> None:
    workers = [make_app(database_url) for _ in range(2)]
    world = World(workers[0])
    world.staff("a.staff", permissions=EVERYTHING)
    world.person("a.clerk", organization=world.organization(audience="hospital"))
    world.person("b.clerk", organization=world.organization(audience="dental"))
    staff = world.sign_in("a.staff")
    clerks = [world.sign_in("a.clerk", worker) for worker in workers]
    elsewhere = world.sign_in("b.clerk", workers[1])

    def seen() -> list[int]:
        return [client.get("/apps/tax-id-npi-access/").status_code for client in (*clerks, elsewhere)]

    assert seen() == [200, 200, 200]
    assert staff.post(SWITCH, {"enabled": "0"}).location == "/staff/applications"
    assert "Tax ID &amp; NPI access is disabled for: Hospital" in staff.get("/staff/applications").text
    assert seen() == [404, 404, 200]
    assert staff.post(SWITCH, {"enabled": "1"}).status_code == 303
    assert seen() == [200, 200, 200]
    cell = {"application": "tax-id-npi-access", "audience": "hospital"}
    assert recorded(world, "staff.application.disabled") == [cell]
    assert recorded(world, "staff.application.enabled") == [cell]


def test_htmx_is_given_the_cell_alone(world: World, staff: PortalClient) -> None:
    answer = staff.post(SWITCH, {"enabled": "0"}, fragment=True)
    assert answer.status_code == 200
    assert answer.text.strip().startswith("<td")
    assert answer.text.count("<td") == 1
    assert 'aria-checked="false"' in answer.text
    assert "Saved: Tax ID &amp; NPI access is disabled for Hospital" in answer.text
    assert "Staff A Staff" in answer.text


def test_the_matrix_says_who_changed_what_and_when(world: World, staff: PortalClient) -> None:
    assert len(cells(staff, "/staff/applications", "matrix")[0]) == 7
    assert "default" in cells(staff, "/staff/applications", "matrix")[1][1]
    staff.post(SWITCH, {"enabled": "0"})
    row = next(row for row in cells(staff, "/staff/applications", "matrix") if row[0].startswith("Tax ID"))
    today = clock.now().astimezone(ZoneInfo("America/Chicago"))
    assert f"Staff A Staff {today:%b} {today.day}, {today.year}" in row[1]
    assert row[2].endswith("default")


def test_setting_what_is_set_already_changes_and_records_nothing(world: World, staff: PortalClient) -> None:
    staff.post(SWITCH, {"enabled": "1"})
    assert recorded(world, "staff.application.enabled") == []
    assert "default" in cells(staff, "/staff/applications", "matrix")[1][1]


def test_a_cell_that_was_never_set_is_off_and_can_be_switched_on(world: World, staff: PortalClient) -> None:
    # Settings are never deleted by the portal, whose role may not: by the owner of the tables.
    with as_owner(world.app) as engine, engine.begin() as connection:
        cell = ApplicationSetting.application == "tax-id-npi-access", ApplicationSetting.audience == "hospital"
        connection.execute(sa.delete(ApplicationSetting).where(*cell))
    assert 'aria-checked="false"' in staff.get("/staff/applications").text
    staff.post(SWITCH, {"enabled": "1"})
    with world.session() as session:
        assert session.get_one(ApplicationSetting, ("tax-id-npi-access", "hospital")).enabled


@pytest.mark.parametrize(
    ("url", "data", "status"),
    [
        ("/staff/applications/no-such/hospital", {"enabled": "1"}, 404),
        ("/staff/applications/remittance/no-such", {"enabled": "1"}, 404),
        (SWITCH, {"enabled": "perhaps"}, 400),
        (SWITCH, {}, 400),
    ],
)
def test_a_switch_that_does_not_exist(staff: PortalClient, url: str, data: dict[str, str], status: int) -> None:
    assert staff.post(url, data).status_code == status


# ---- plugins


class Broken:
    """A plugin that cannot say what application it is."""

    def __init__(self) -> None:
        from hp_portal.hookspecs import hookimpl

        @hookimpl
        def portal_application() -> object:
            raise RuntimeError("no such table: of contents")

        self.portal_application = portal_application


def test_a_plugin_that_did_not_load_is_named_with_the_reason(database_url: str, make_app: MakeApp) -> None:
    world = World(make_app(database_url, extra_plugins={"unlucky": Broken()}))
    world.staff("a.staff", permissions=EVERYTHING)
    rows = {row[0]: row for row in cells(world.sign_in("a.staff"), "/staff/plugins", "plugins")}
    assert rows["unlucky"][2] == "Not loaded"
    assert "RuntimeError: no such table: of contents" in rows["unlucky"][4]
    assert rows["remittance"][2:4] == ["Loaded", "Remittance Inquiry"]
    assert rows["remittance"][1]
    assert rows["tax_ids"][2:] == ["Loaded", "Tax ID & NPI access", ""]


# ---- organizations and people


def look(client: PortalClient, query: str) -> dict[str, list[str]]:
    """What a search finds, by table, through the form as it is used."""
    answer = client.post("/staff/organizations", {"query": query})
    if answer.status_code == 303:
        answer = client.get(answer.location)
    assert answer.status_code == 200
    return {
        element.get("id", ""): [text_of(next(iter(row))) for body in element.iter("tbody") for row in body.iter("tr")]
        for element in tree_of(answer).iter("table")
    }


@pytest.fixture
def clinic(world: World) -> Organization:
    organization = world.organization("Harbor Sample Clinic")
    world.person("m.keeper", organization=organization, name="Mina Keeper", delegate=True)
    payee = world.payee(make_tin(4711), make_npi(4711), "Harbor Payee", vendor_number="HV-77")
    world.grant(organization, payee, proof="check")
    other = world.organization("Hilltop Sample Clinic")
    world.person("o.other", organization=other, name="Olaf Other")
    world.grant(other, world.payee(make_tin(4712), make_npi(4712), "Hilltop Payee"))
    return organization


@pytest.mark.parametrize(
    ("query", "tables"),
    [
        ("harbor sam", {"organizations": ["Harbor Sample Clinic"]}),
        ("mina", {"people": ["Mina Keeper"]}),
        ("M.KEEPER", {"people": ["Mina Keeper"]}),
        ("m.keeper@office.example", {"people": ["Mina Keeper"]}),
        ("a.staff@plan", {"people": ["Staff A Staff"]}),
        (make_npi(4711), {"organizations": ["Harbor Sample Clinic"], "payees": ["Harbor Payee"]}),
        ("hv-77", {"organizations": ["Harbor Sample Clinic"], "payees": ["Harbor Payee"]}),
        (make_tin(4711), {"organizations": ["Harbor Sample Clinic"], "payees": ["Harbor Payee"]}),
        ("00-0004711", {"organizations": ["Harbor Sample Clinic"], "payees": ["Harbor Payee"]}),
        ("100 % of nobody", {}),
        ("_____", {}),
    ],
)
def test_what_a_search_finds(
    world: World, staff: PortalClient, clinic: Organization, query: str, tables: dict[str, list[str]]
) -> None:
    assert look(staff, query) == tables
    found = sum(map(len, tables.values()))
    assert [entry["found"] for entry in recorded(world, "staff.people.searched")] == [found]


def test_an_organization_is_found_by_its_own_tin(world: World, staff: PortalClient) -> None:
    billing = world.organization("Sample Billing", audience="billing")
    with world.session() as session:
        row = session.get_one(Organization, billing.id)
        row.set_tin(session, make_tin(99))
    assert look(staff, make_tin(99)) == {"organizations": ["Sample Billing"]}
    page = staff.get(f"/staff/organizations/{billing.id}").text
    assert "•••••0099" in page
    assert make_tin(99) not in page


def test_a_tin_stays_out_of_addresses_and_the_record(world: World, staff: PortalClient, clinic: Organization) -> None:
    for query in (make_tin(4711), "00-0004711", f"Harbor {make_tin(4711)}"):
        answer = staff.post("/staff/organizations", {"query": query})
        assert answer.status_code == 200
        assert "location" not in answer.headers
    assert [entry["query"] for entry in recorded(world, "staff.people.searched")] == [
        "•••••4711",
        "••-•••4711",
        "Harbor •••••4711",
    ]
    before = len(recorded(world, "staff.people.searched"))
    assert cells(staff, f"/staff/organizations?q={make_tin(4711)}", "payees") == []
    assert len(recorded(world, "staff.people.searched")) == before


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("123456789", True),
        ("12-3456789", True),
        ("123-45-6789", True),
        ("12 345678", True),
        ("Clinic 12-3456789", True),
        ("1234567893", False),
        ("Clinic", False),
        ("V100234", False),
        ("123456", False),
        ("12345678901", True),
    ],
)
def test_what_may_be_a_tin(query: str, expected: bool) -> None:
    assert may_be_tin(query) is expected


@pytest.mark.parametrize("query", ["", " ", "a", "x" * 201])
def test_a_search_for_too_little_or_too_much(world: World, staff: PortalClient, query: str) -> None:
    assert staff.post("/staff/organizations", {"query": query}).status_code == 422
    assert recorded(world, "staff.people.searched") == []


def test_a_long_list_says_that_it_is_cut(world: World, staff: PortalClient) -> None:
    for _ in range(LIMIT + 1):
        world.organization()
    assert len(look(staff, "sample clinic")["organizations"]) == LIMIT
    assert f"The first {LIMIT} are shown" in staff.get("/staff/organizations?q=sample").text


def test_the_page_of_an_organization(world: World, staff: PortalClient, clinic: Organization) -> None:
    leaver = world.person("l.leaver", organization=clinic, name="Lou Leaver", applications=[])
    with world.session() as session:
        session.get_one(Person, leaver.id).deactivated_at = clock.now()
    world.sign_in("m.keeper")
    url = f"/staff/organizations/{clinic.id}"
    page = staff.get(url)
    assert heading_of(page) == "Harbor Sample Clinic Validated"
    assert "Physician" in page.text
    people = cells(staff, url, "people")
    assert [row[0] for row in people] == ["Lou Leaver", "Mina Keeper"]
    assert people[0][3:] == ["never", "Deactivated"]
    assert people[1][3] != "never"
    assert people[1][4] == "Active Delegate"
    assert cells(staff, url, "given") == [
        ["Lou Leaver", *["Not given"] * 3],
        ["Mina Keeper", *["Given"] * 3],
    ]
    linked = cells(staff, url, "linked")
    assert [row[0] for row in linked] == ["Harbor Payee"]
    assert linked[0][2:5] == [make_npi(4711), "HV-77", "Check or EFT number"]
    assert make_tin(4711) not in page.text
    assert {entry["organization"] for entry in recorded(world, "staff.organization.viewed")} == {clinic.id}
    assert staff.get("/staff/organizations/999999").status_code == 404
