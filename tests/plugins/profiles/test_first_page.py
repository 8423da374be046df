"""The first page of Provider Data Profiles: has my change been processed, and whom to ask where it is not found."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from hp_portal import clock
from hp_portal.case_kinds import CaseKind, CaseState, CaseStep
from hp_portal.core.tax_ids.cases import KIND as TAX_IDS
from tests.core.test_staff_console import recorded, rows_of
from tests.support.cases import portal_case
from tests.support.client import words_of
from tests.support.plugins import plugins_of
from tests.support.world import World

KIND = CaseKind(
    key="profiles.sample",
    label="Sample change",
    permission="profiles:record:read",
    staff_permission="profiles:change:work",
    states=(
        CaseState("received", "Received", "Received", "We look at it."),
        CaseState("done", "Done", "Processed", ""),
    ),
    steps=(CaseStep("finish", "Finish", ("received",), "done", "Processed"),),
)


@pytest.fixture
def changes(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two changes of an office, an old one that was processed and a new one; and one of another office."""
    state = plugins_of(world.app).states["profiles"]
    assert state.application
    monkeypatch.setattr(state, "application", dataclasses.replace(state.application, case_kinds=(KIND,)))
    own, other = world.organization("Aspen Clinic"), world.organization("Birch Clinic")
    world.person("a.clerk", organization=own)
    world.person("b.clerk", organization=other)
    with world.session() as session:
        past = clock.now() - dt.timedelta(days=2000)
        portal_case(
            session,
            own,
            KIND.key,
            "done",
            title="PROFILE OLD",
            opened_at=past,
            changed_at=past,
            ended_at=past,
            due_on=None,
        )
        portal_case(session, own, KIND.key, "received", title="PROFILE NEW")
        portal_case(session, own, TAX_IDS, "received", title="PROFILE NOT")
        portal_case(session, other, KIND.key, "received", title="PROFILE OTHER")
    return world


def test_every_change_of_the_office_is_listed_with_its_state_the_newest_first(changes: World) -> None:
    client = changes.sign_in("a.clerk")
    answer = client.get("/apps/profiles/")
    rows = rows_of(answer, "list")
    assert [row[1] for row in rows] == ["PROFILE NEW Sample change", "PROFILE OLD Sample change"]
    assert [row[2] for row in rows] == ["Received", "Processed"]
    assert rows[0][5] == "—none", "it is not done"
    assert rows[1][5] == rows[1][3]
    link = answer.text.partition('class="whole" href="')[2].partition('"')[0]
    assert "PROFILE NEW" in client.get(link).text
    assert rows_of(client.get("/apps/profiles/?sort=opened"), "list") == rows[::-1]
    assert "PROFILE OTHER" in changes.sign_in("b.clerk").get("/apps/profiles/").text


def test_without_a_specialist_the_plan_is_asked_and_staff_assign_one(world: World) -> None:
    office = world.organization("Aspen Clinic")
    world.person("a.clerk", organization=office)
    world.person("b.clerk", organization=world.organization("Birch Clinic"))
    clerk, other = world.sign_in("a.clerk"), world.sign_in("b.clerk")
    assert "No change has been sent here" in words_of(clerk.get("/apps/profiles/"))
    assert world.settings.payer.name in words_of(clerk.get("/apps/profiles/"))
    world.staff("a.staff", permissions=["staff:console:open", "profiles:change:work"])
    staff = world.sign_in("a.staff")
    (url,) = [
        f"/staff/profiles/specialists/{office.id}"
        for row in rows_of(staff.get("/staff/profiles/specialists"), "specialists")
        if row[:2] == ["Aspen Clinic", "None"]
    ]
    typed = {"name": "Sam Sample", "phone": "", "email": "nonsense"}
    refused = staff.post(f"{url}/assign", typed)
    assert refused.status_code == 422
    assert 'value="Sam Sample"' in refused.text
    assert "Enter the telephone number" in refused.text
    assert "Enter an e-mail address" in words_of(refused)
    refused = staff.post(f"{url}/assign", {"name": "", "phone": "952-555-0107", "email": ""})
    assert refused.status_code == 422
    assert (
        staff.post(f"{url}/assign", {**typed, "phone": "952-555-0107", "email": "sam@plan.example"}).status_code == 303
    )
    assert 'value="Sam Sample"' in staff.get(url).text
    shown = words_of(clerk.get("/apps/profiles/"))
    assert "Sam Sample" in shown
    assert "952-555-0107" in shown
    assert "Sam Sample" not in words_of(other.get("/apps/profiles/"))
    found = {
        query: [row[0] for row in rows_of(staff.get(f"/staff/profiles/specialists?{query}"), "specialists")]
        for query in ("q=aspen", "q=SAM+clinic", "show=none", "q=birch&show=none")
    }
    assert found == {
        "q=aspen": ["Aspen Clinic"],
        "q=SAM+clinic": ["Aspen Clinic"],
        "show=none": ["Birch Clinic"],
        "q=birch&show=none": ["Birch Clinic"],
    }
    assert "No organization fits" in words_of(staff.get("/staff/profiles/specialists?q=%25"))
    refused = staff.get("/staff/profiles/specialists?q=aspen&show=nonsense")
    assert (refused.status_code, 'value="aspen"' in refused.text) == (422, True)
    assert recorded(world, "profiles.specialist.assigned") == [{"organization": office.id, "name": "Sam Sample"}]
    assert staff.post(f"{url}/assign", {"name": "", "phone": "", "email": ""}).status_code == 303
    assert "Sam Sample" not in words_of(clerk.get("/apps/profiles/"))
    assert staff.get("/staff/profiles/specialists/999999").status_code == 404
    assert staff.post("/staff/profiles/specialists/999999/assign", typed).status_code == 404


def test_dental_offices_and_billing_services_do_not_begin_with_it(world: World) -> None:
    for audience, status in (
        ("dental", 404),
        ("billing", 404),
        ("hospital", 200),
        ("specialty", 200),
        ("pharmacy", 200),
    ):
        world.person(f"{audience}.clerk", organization=world.organization(audience=audience))
        assert world.sign_in(f"{audience}.clerk").get("/apps/profiles/").status_code == status
