"""The record of activity as staff search it: who, which organization, what, which days, page by page."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.staff.permissions import CORE_STAFF_PERMISSIONS
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
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


def shown(client: PortalClient, query: str = "", **options: Any) -> list[tuple[str, str]]:
    """Who and what, as the list shows it."""
    return [(row[1], row[2]) for row in cells(client, f"/staff/activity{query}", "events", **options)]


def test_activity_is_found_by_person_organization_and_kind(world: World, staff: PortalClient) -> None:
    world.person("a.clerk", organization=world.organization("Harbor Sample Clinic"), name="Anna Clerk")
    world.person("b.clerk", organization=world.organization("Hilltop Sample Clinic"), name="Bert Clerk")
    for name in ("a.clerk", "b.clerk"):
        world.sign_in(name).get("/my-activity")
        world.sign_in(name).get("/apps/tax-id-npi-access/")
    anna = "Anna Clerk Harbor Sample Clinic"
    both = [(anna, "Viewed Tax ID & NPI access: 0 linked"), (anna, "Viewed page 1 of my activity")]
    assert shown(staff, "?person=anna") == both
    assert shown(staff, "?person=A.Clerk") == both
    assert shown(staff, "?person=a.clerk@office.example") == both
    assert shown(staff, "?organization=harbor") == both
    assert shown(staff, "?person=anna&event=audit.own.viewed") == both[1:]
    assert shown(staff, "?person=anna&organization=hilltop") == []
    assert "Nothing found" in staff.get("/staff/activity?person=anna&organization=hilltop").text
    assert len(shown(staff, "?event=audit.own.viewed")) == 2
    assert recorded(world, "staff.activity.searched")[0] == {"filters": {"person": "anna"}, "found": 2}


def test_days_are_those_of_the_payer(world: World, staff: PortalClient, clock: Clock) -> None:
    """March 2 in Chicago lasts from 6:00 to 6:00 UTC of the day after."""
    world.person("a.clerk")
    zone = ZoneInfo("America/Chicago")
    for hour, minute in ((23, 59), (0, 0)):
        day = dt.datetime(2026, 3, 1 if hour else 2, hour, minute, tzinfo=zone)
        clock.set(day)
        world.sign_in("a.clerk").get("/my-activity")

    def found(query: str) -> list[str]:
        return [row[0] for row in cells(staff, f"/staff/activity?event=audit.own.viewed&{query}", "events")]

    first, second = "Mar 1, 2026, 11:59 PM CST", "Mar 2, 2026, 12:00 AM CST"
    assert found("") == [second, first]
    assert found("since=2026-03-02") == [second]
    assert found("until=2026-03-01") == [first]
    assert found("since=2026-03-01&until=2026-03-01") == [first]
    assert found("since=2026-03-02&until=2026-03-02") == [second]


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=2026-03-02&until=2026-03-01", "before the first"),
        ("since=9999-12-31", "such as 2026"),
        ("until=9999-12-31", "such as 2026"),
        ("since=yesterday", "Enter a date as month"),
        ("event=no.such.event", "Not a valid choice"),
    ],
)
def test_days_and_kinds_that_make_no_sense(world: World, staff: PortalClient, query: str, says: str) -> None:
    answer = staff.get(f"/staff/activity?{query}")
    assert answer.status_code == 422
    assert says in answer.text
    assert recorded(world, "staff.activity.searched") == []


def test_pages_of_activity_stand_still(world: World, staff: PortalClient) -> None:
    """Looking is an event, too: without care every page would repeat the last row of the one before."""
    clerk = world.person("a.clerk")
    with world.session() as session:
        for number in range(120):
            session.add(
                AuditEvent(
                    at=clock.now(),
                    event="audit.own.viewed",
                    person_id=clerk.id,
                    organization_id=clerk.organization_id,
                    request_id="",
                    address="",
                    reason="",
                    fields=json.dumps({"page": number}),
                )
            )
    seen: list[str] = []
    url = "/staff/activity"
    for _ in range(3):
        answer = staff.get(url)
        seen += [row[2] for row in rows_of(answer, "events")]
        url = next((link.get("href", "") for link in tree_of(answer).iter("a") if link.get("rel") == "next"), "")
    assert url == ""
    assert seen[:120] == [f"Viewed page {number} of my activity" for number in reversed(range(120))]
    assert len(seen) == 121, "and the making of the staff account, once"


def test_a_page_of_activity_comes_as_a_fragment(world: World, staff: PortalClient) -> None:
    answer = staff.get("/staff/activity", fragment=True)
    assert "<h1" not in answer.text
    assert "<html" not in answer.text
    staff.get("/staff/plugins")
    assert shown(staff, fragment=True)[0][1] == "Searched activity"
