"""What staff do with the payer's records: the list of organizations, payees, and Tax IDs linked by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

pytestmark = pytest.mark.either_database

PERMISSIONS = (
    "staff:console:open",
    "staff:people:search",
    "staff:organizations:list",
    "staff:payees:manage",
    "staff:tax-ids:manage",
)


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=PERMISSIONS)
    return world.sign_in("a.staff")


def recorded(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.fields, AuditEvent.reason).where(AuditEvent.event == event).order_by(AuditEvent.id)
        )
        return [{**json.loads(fields), **({"reason": reason} if reason else {})} for fields, reason in rows]


def rows_of(client: PortalClient, url: str, table: str = "organizations", **options: Any) -> list[list[str]]:
    answer = client.get(url, **options)
    assert answer.status_code == 200
    for element in tree_of(answer).iter("table"):
        if element.get("id") == table:
            rows = [row for body in element.iter("tbody") for row in body.iter("tr")]
            return [[text_of(cell) for cell in row if cell.tag in ("th", "td")] for row in rows]
    return []


# ---- all organizations


@pytest.fixture
def three(world: World) -> None:
    harbor = world.organization("harbor Sample Hospital", audience="hospital")
    world.person("m.keeper", organization=harbor)
    world.grant(harbor, world.payee())
    world.end_grant(world.grant(harbor, world.payee()))
    world.organization("Aspen Sample Dental", audience="dental", validated=False)
    world.organization("Birch Sample Hospital", audience="hospital")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["Aspen", "Birch", "harbor"]),
        ("?sort=-name", ["harbor", "Birch", "Aspen"]),
        ("?sort=-people", ["harbor", "Birch", "Aspen"]),
        ("?type=hospital", ["Birch", "harbor"]),
        ("?account=validated", ["Birch", "harbor"]),
        ("?account=waiting", ["Aspen"]),
        ("?type=hospital&name=HARB", ["harbor"]),
        ("?type=pharmacy", []),
    ],
)
@pytest.mark.usefixtures("three")
def test_organizations_are_listed(world: World, staff: PortalClient, query: str, names: list[str]) -> None:
    shown = [row[0].split()[0] for row in rows_of(staff, f"/staff/organizations/all{query}")]
    assert shown == names
    assert recorded(world, "staff.organization.listed")[-1]["found"] == len(names)


@pytest.mark.usefixtures("three")
def test_what_the_list_says(world: World, staff: PortalClient) -> None:
    """People who can sign in and links that are open are counted."""
    rows = rows_of(staff, "/staff/organizations/all", fragment=True)
    assert rows[0][1:5] == ["Dental", "Not validated", "0", "0"]
    assert rows[2][1] == "Hospital"
    assert rows[2][3:5] == ["1", "1"]
    staff.get("/staff/organizations/all?type=dental")
    assert recorded(world, "staff.organization.listed") == [
        {"filters": {}, "found": 3},
        {"filters": {"audience": "dental"}, "found": 1},
    ]


def test_the_list_has_pages_that_keep_the_filters(world: World, staff: PortalClient) -> None:
    for _ in range(26):
        world.organization(audience="dental")
    answer = staff.get("/staff/organizations/all?type=dental")
    following = next(link.get("href") for link in tree_of(answer).iter("a") if link.get("rel") == "next")
    assert following == "/staff/organizations/all?type=dental&page=2"
    assert len(rows_of(staff, following)) == 1
    assert staff.get("/staff/organizations/all?type=dental&page=3").status_code == 404


@pytest.mark.parametrize(
    ("query", "says"),
    [("name=12-3456789", "looks like a Tax ID"), ("type=no-such", "Not a valid choice"), ("account=x", "Not a valid")],
)
def test_filters_that_make_no_sense(world: World, staff: PortalClient, query: str, says: str) -> None:
    answer = staff.get(f"/staff/organizations/all?{query}")
    assert answer.status_code == 422
    assert says in answer.text
    assert recorded(world, "staff.organization.listed") == []


# ---- linking


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Harbor Sample Clinic")


def link(staff: PortalClient, clinic: Organization, payee: Payee, **values: str) -> Any:
    data = {"tin": make_tin(4711), "npi": payee.npi or "", "reason": "letter of May 4", **values}
    return staff.post(f"/staff/organizations/{clinic.id}/link", data)


def linked_to(world: World, clinic: Organization) -> list[int]:
    with world.session_of(clinic) as session:
        return list(session.scalars(sa.select(Payee.id).order_by(Payee.id)))


def test_a_payee_is_linked_and_the_link_ended(world: World, staff: PortalClient, clinic: Organization) -> None:
    payee = world.payee(make_tin(4711), make_npi(4711), "Harbor Payee")
    url = f"/staff/organizations/{clinic.id}"
    assert link(staff, clinic, payee).location == f"{url}#linked"
    assert linked_to(world, clinic) == [payee.id]
    row = rows_of(staff, url, "linked")[0]
    assert (row[0], row[4]) == ("Harbor Payee", "Recorded by the health plan")
    assert "by Staff A Staff" in row[5]
    about = {"organization": clinic.id, "payee": payee.id}
    assert recorded(world, "tax-id-npi-access.grant.recorded") == [{**about, "reason": "letter of May 4"}]
    with world.session() as session:
        grant = session.scalars(sa.select(Grant)).one()
    end = f"/staff/linked/{grant.id}/end"
    assert "Harbor Payee" in staff.get(end).text
    assert make_tin(4711) not in staff.get(end).text
    assert staff.post(end, {"reason": ""}).status_code == 422
    assert linked_to(world, clinic) == [payee.id]
    assert staff.post(end, {"reason": "sold the practice"}).location == f"{url}#linked"
    assert linked_to(world, clinic) == []
    assert recorded(world, "tax-id-npi-access.grant.ended") == [{**about, "reason": "sold the practice"}]
    assert staff.get(end).status_code == staff.post(end, {"reason": "again"}).status_code == 404
    with world.session() as session:
        ended = session.scalars(sa.select(Grant)).one()
        assert ended.ended_at is not None
        assert ended.ended_by_id == ended.granted_by_id
    assert link(staff, clinic, payee).status_code == 303, "an ended link does not stand in the way of a new one"
    assert linked_to(world, clinic) == [payee.id]


def test_a_payee_is_linked_once(world: World, staff: PortalClient, clinic: Organization) -> None:
    payee = world.payee(make_tin(4711), make_npi(4711))
    for _ in range(2):
        assert link(staff, clinic, payee).status_code == 303
    assert len(recorded(world, "tax-id-npi-access.grant.recorded")) == 1
    assert "is linked to Harbor Sample Clinic already" in staff.get(f"/staff/organizations/{clinic.id}").text


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"reason": ""}, "Say why"),
        ({"tin": ""}, "Enter the payee"),
        ({"tin": "123"}, "has 9 digits"),
        ({"npi": "1234567890"}, "check digit"),
        ({"tin": make_tin(4712)}, "No payee with this Tax ID and NPI is on record"),
        ({"npi": ""}, "No payee with this Tax ID and NPI is on record"),
        ({"npi": make_npi(4712)}, "No payee with this Tax ID and NPI is on record"),
    ],
)
def test_what_cannot_be_linked(
    world: World, staff: PortalClient, clinic: Organization, values: dict[str, str], says: str
) -> None:
    payee = world.payee(make_tin(4711), make_npi(4711))
    answer = link(staff, clinic, payee, **values)
    assert answer.status_code == 422
    assert says in answer.text
    assert linked_to(world, clinic) == []


def test_a_payee_without_an_npi_is_linked(world: World, staff: PortalClient, clinic: Organization) -> None:
    payee = world.payee(make_tin(4711), None)
    assert link(staff, clinic, payee, npi="").status_code == 303
    assert linked_to(world, clinic) == [payee.id]


def test_a_link_names_one_organization(world: World, staff: PortalClient, clinic: Organization) -> None:
    """Another organization's link to the same payee neither stands in the way nor ends."""
    payee = world.payee(make_tin(4711), make_npi(4711))
    other = world.organization()
    world.grant(other, payee)
    assert link(staff, clinic, payee).status_code == 303
    with world.session() as session:
        own = session.scalars(sa.select(Grant).where(Grant.organization_id == clinic.id)).one()
    staff.post(f"/staff/linked/{own.id}/end", {"reason": "a test"})
    assert (linked_to(world, clinic), linked_to(world, other)) == ([], [payee.id])


# ---- payees


FACTS = {
    "name": "Harbor Payee",
    "vendor_number": "HV-77",
    "provider_type": "dental",
    "network_status": "out of network",
    "address": " 1 Example Street \r\n\r\nExampleton MN 55000",
}


def test_a_payee_is_added_and_changed(world: World, staff: PortalClient) -> None:
    answer = staff.post("/staff/payees/new", {"tin": "00-0004711", "npi": make_npi(4711), **FACTS})
    with world.session() as session:
        payee = session.scalars(sa.select(Payee)).one()
        assert payee.whole_tin(session) == make_tin(4711)
    assert answer.location == f"/staff/payees/{payee.id}"
    assert {name: getattr(payee, name) for name in FACTS} == {
        **FACTS,
        "address": "1 Example Street\nExampleton MN 55000",
    }
    assert recorded(world, "payees.payee.added") == [{"payee": payee.id}]
    page = staff.get(answer.location)
    assert heading_of(page) == "Harbor Payee"
    assert make_tin(4711) not in page.text
    assert "•••••4711" in page.text
    assert recorded(world, "staff.payee.viewed") == [{"payee": payee.id}]
    staff.post(answer.location, {**FACTS, "name": "Harbor Payee North", "network_status": "contracted"})
    assert heading_of(staff.get(answer.location)) == "Harbor Payee North"
    assert recorded(world, "payees.payee.changed") == [{"payee": payee.id, "changed": ["name", "network_status"]}]
    staff.post(answer.location, {**FACTS, "name": "Harbor Payee North", "network_status": "contracted"})
    assert "Nothing was changed" in staff.get(answer.location).text
    assert len(recorded(world, "payees.payee.changed")) == 1


def test_a_payee_on_record_is_not_added_twice(world: World, staff: PortalClient) -> None:
    payee = world.payee(make_tin(4711), None)
    answer = staff.post("/staff/payees/new", {"tin": make_tin(4711), "npi": "", **FACTS})
    assert answer.status_code == 422
    assert f'href="/staff/payees/{payee.id}"' in answer.text
    assert recorded(world, "payees.payee.added") == []
    assert staff.post("/staff/payees/new", {"tin": make_tin(4711), "npi": make_npi(1), **FACTS}).status_code == 303


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"tin": "1234"}, "has 9 digits"),
        ({"npi": "1234567890"}, "check digit"),
        ({"name": " "}, "Enter the payee"),
        ({"vendor_number": ""}, "Enter the vendor number"),
        ({"provider_type": "billing"}, "Not a valid choice"),
        ({"network_status": "elsewhere"}, "Not a valid choice"),
        ({"address": "x" * 351}, "cannot be longer than 350"),
    ],
)
def test_what_cannot_be_a_payee(world: World, staff: PortalClient, values: dict[str, str], says: str) -> None:
    answer = staff.post("/staff/payees/new", {"tin": make_tin(4711), "npi": make_npi(4711), **FACTS, **values})
    assert answer.status_code == 422
    assert says in answer.text
    assert recorded(world, "payees.payee.added") == []


def test_pages_offer_what_one_may_do(world: World, clinic: Organization) -> None:
    world.grant(clinic, world.payee(make_tin(4711), make_npi(4711), "Harbor Payee"))
    world.staff("c.support", permissions=["staff:console:open", "staff:people:search"])
    support = world.sign_in("c.support")
    pages = support.get(f"/staff/organizations/{clinic.id}").text + support.get("/staff/organizations?q=harbor").text
    for address in ("/link", "/end", "/staff/payees", "/people/new", "/organizations/all"):
        assert f'{address}"' not in pages
