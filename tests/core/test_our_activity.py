"""Our activity: delegates read the record of their own organization, search it and take it along."""

from __future__ import annotations

import csv
import datetime as dt
import io

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.activity import ours
from hp_portal.core.activity.reading import PAGE
from hp_portal.core.downloads.making import make_documents
from hp_portal.core.identity.models import Person
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.people import recorded
from tests.support.world import World

OURS = "/our-activity"
CLINIC, OTHER = "Harbor Sample Clinic", "Hilltop Sample Clinic"


def rows(answer: TestResponse) -> list[tuple[str, ...]]:
    """Who, what and which application, as the page lists them."""
    found: list[tuple[str, ...]] = []
    for body in tree_of(answer).iter("tbody"):
        for row in body.iter("tr"):
            cells = {cell.get("data-label"): text_of(cell) for cell in row.iter("td")}
            found.append((cells["Who"], cells["What"], cells["Application"]))
    return found


def shown(client: PortalClient, query: str = "", **options: bool) -> list[tuple[str, ...]]:
    """The same without the looks at the page itself."""
    return [row for row in rows(client.get(OURS + query, **options)) if "our activity" not in row[1]]


@pytest.fixture
def delegate(world: World) -> PortalClient:
    """A delegate of a clinic with a clerk, beside another clinic; both clerks have looked around, and staff have acted."""
    clinic, other = world.organization(CLINIC), world.organization(OTHER)
    world.person("d.elegate", organization=clinic, delegate=True, name="Dana Delegate")
    clerk = world.person("a.clerk", organization=clinic, name="Anna Clerk")
    stranger = world.person("s.tranger", organization=other, name="Stran Ger")
    for name in ("a.clerk", "s.tranger"):
        world.sign_in(name).get("/apps/tax-id-npi-access/")
    world.staff(
        "x.staff",
        permissions=("staff:people:search", "staff:people:deactivate", "staff:people:unlock", "staff:console:open"),
    )
    staff = world.sign_in("x.staff")
    for person in (clerk, stranger):
        staff.get(f"/staff/people/{person.id}")
        staff.post(f"/staff/people/{person.id}/deactivate", {"reason": "Asked by telephone"})
        staff.post(f"/staff/people/{person.id}/reactivate")
    return world.sign_in("d.elegate")


LISTED = ("Anna Clerk", "Viewed Tax ID & NPI access: 0 linked", "Tax ID & NPI access")
DEACTIVATED = (
    "The health plan",
    "Deactivated Anna Clerk",
    "Sign-in and accounts",
)
REACTIVATED = ("The health plan", "Reactivated Anna Clerk", "Sign-in and accounts")


def test_the_own_organization_and_what_staff_did_to_it(world: World, delegate: PortalClient) -> None:
    assert OURS in delegate.get("/").text
    answer = delegate.get(OURS)
    assert rows(answer) == [REACTIVATED, DEACTIVATED, LISTED], (
        "neither other people, nor looks of staff, nor their names"
    )
    assert "Stran" not in answer.text
    assert "X Staff" not in answer.text
    assert "Asked by telephone" not in answer.text, "staff write down why for the payer"
    assert delegate.get("/our-activity?page=9").status_code == 404

    # Each filter by itself, and two at once.
    assert shown(delegate, "?person=anna") == [LISTED]
    assert shown(delegate, "?person=A.Clerk") == [LISTED]
    assert shown(delegate, "?person=x.staff") == []
    assert shown(delegate, "?application=tax-id-npi-access") == [LISTED]
    assert shown(delegate, "?application=portal") == [REACTIVATED, DEACTIVATED]
    assert shown(delegate, "?event=people.person.deactivated") == [DEACTIVATED]
    assert shown(delegate, "?event=people.person.deactivated&person=anna", fragment=True) == []
    assert "Nothing found" in delegate.get(OURS + "?event=people.person.deactivated&person=anna").text
    for query, says in (
        ("since=2026-03-02&until=2026-03-01", "before the first"),
        ("since=yesterday", "Enter a date as month"),
        ("event=staff.people.searched", "Not a valid choice"),
        ("application=nowhere", "Not a valid choice"),
    ):
        refused = delegate.get(f"{OURS}?{query}")
        assert (refused.status_code, says in refused.text) == (422, True)

    looks = recorded(world, "audit.ours.viewed")
    assert looks[0] == {"filters": {}, "page": 1}
    assert {"filters": {"event": "people.person.deactivated", "person": "anna"}, "page": 1} in looks
    said = delegate.get(OURS + "?event=audit.ours.viewed&person=dana").text
    assert "Viewed page 1 of our activity by application “tax-id-npi-access”" in said
    assert world.sign_in("a.clerk").get(OURS).status_code == 403


def test_days_are_those_of_the_payer_and_pages_stand_still(world: World, clock: Clock) -> None:
    """March 2 in Chicago lasts from 6:00 to 6:00 UTC of the day after."""
    clinic = world.organization(CLINIC)
    world.person("d.elegate", organization=clinic, delegate=True)
    for moment in (dt.datetime(2026, 3, 2, 5, 59, tzinfo=dt.UTC), dt.datetime(2026, 3, 2, 6, 0, tzinfo=dt.UTC)):
        clock.set(moment)
        client = world.sign_in("d.elegate")
        for _ in range(PAGE // 2 + 1):
            client.get("/apps/tax-id-npi-access/", check=False)
    each = PAGE // 2 + 1
    clock.set(dt.datetime(2026, 3, 4, 6, 0, tzinfo=dt.UTC))
    client = world.sign_in("d.elegate")
    assert len(shown(client, "?since=2026-03-02&until=2026-03-02")) == each
    assert len(shown(client, "?until=2026-03-01")) == each
    first = client.get(OURS + "?until=2026-03-02")
    link = next(one.get("href", "") for one in tree_of(first).iter("a") if one.get("rel") == "next")
    client.get(OURS)
    assert len(rows(first)) == PAGE
    assert len(rows(client.get(link))) == 2 * each - PAGE


def test_the_record_is_taken_along_as_csv(
    world: World, delegate: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.session() as session:
        who = session.execute(sa.update(Person).where(Person.username == "a.clerk").values(name="=Anna"))
        assert who is not None
    answer = delegate.get("/our-activity/csv?event=people.person.deactivated")
    table = list(csv.reader(io.StringIO(answer.get_data().decode("utf-8-sig"))))
    assert table[0] == list(ours.COLUMNS)
    assert [row[1:] for row in table[1:]] == [["The health plan", "Deactivated =Anna", "Sign-in and accounts", "", ""]]
    listed = delegate.get("/our-activity/csv?person=a.clerk").get_data().decode("utf-8-sig")
    assert ",'=Anna," in listed, "no spreadsheet takes a name for a formula"
    assert recorded(world, "audit.ours.downloaded")[0] == {
        "filters": {"event": "people.person.deactivated"},
        "found": 1,
    }

    # A long one is the worker's, in parts, and leaves through the page of documents.
    monkeypatch.setattr(ours, "MOST_AT_ONCE", 1)
    monkeypatch.setattr(ours, "_AT_A_TIME", 2)
    waiting = delegate.get("/our-activity/csv")
    assert (waiting.status_code, waiting.location.startswith("/documents/")) == (303, True)
    with world.app.app_context(), world.session() as session:
        make_documents(session)
    made = delegate.get(f"{waiting.location}/file")
    lines = list(csv.reader(io.StringIO(made.get_data().decode("utf-8-sig"))))
    assert [row[2] for row in lines[1:]][-3:] == [
        "Reactivated =Anna",
        "Deactivated =Anna",
        "Viewed Tax ID & NPI access: 0 linked",
    ]
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.username == "d.elegate").values(is_delegate=False))
    assert delegate.get(f"{waiting.location}/file").status_code == 404, "for delegates alone"
