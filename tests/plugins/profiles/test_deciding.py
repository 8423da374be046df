"""Staff compare what is proposed with the record and decide it line by line; the office reads what became of each."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.cases.models import Case
from hp_portal.core.delivery.models import Message
from hp_portal_plugins.profiles.proposing.proposals import Proposal
from hp_portal_plugins.profiles.proposing.settling import made_by, outcomes_of
from hp_portal_plugins.profiles.record.applying import Fact
from tests.core.test_staff_console import recorded
from tests.plugins.profiles.proposing import DAY, Office, a_case, an_office, holds, moves, say
from tests.plugins.profiles.test_proposing import adds
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.world import World

WORKERS = ("staff:console:open", "staff:cases:work", "profiles:change:work")


@pytest.fixture
def office(world: World) -> Office:
    found = an_office(world)
    world.person("a.clerk", organization=found.organization)
    world.staff("a.staff", permissions=WORKERS)
    return found


def opened(world: World, office: Office, proposal: Any) -> int:
    with world.session() as session:
        return a_case(session, office, proposal).id


def at(case: int) -> str:
    return f"/staff/profiles/changes/{case}"


def decide(
    client: PortalClient,
    case: int,
    lines: list[int],
    page: TestResponse | None = None,
    *,
    why: str = "",
    typed: Mapping[str, str] = MappingProxyType({}),
) -> TestResponse:
    """Send the page's form with these lines checked, as it was when `page` was read."""
    shown = page or client.get(at(case))
    kept = dict(re.findall(r'type="hidden" name="(seen|stand|same\d+)" value="([^"]*)"', shown.text))
    return client.post(f"{at(case)}/decide", {**kept, "line": [str(line) for line in lines], "why": why, **typed})


def test_some_lines_are_applied_and_the_office_reads_what_became_of_each(world: World, office: Office) -> None:
    case = opened(world, office, moves(office))
    staff, clerk = world.sign_in("a.staff"), world.sign_in("a.clerk")
    assert at(case) in staff.get(f"/staff/cases/{case}").text
    said = words_of(staff.get(at(case)))
    for words in ("Aspen Clinic Main", "Aspenperson, Ann at Aspen Clinic Main", "952-555-0100", "952-555-0200"):
        assert words in said
    assert "Accepts new patients" in said
    assert "Closed to patients" in said
    assert "Not decided yet" in words_of(clerk.get(f"/cases/{case}"))
    for lines, typed, words in (
        ([], {"why": "No"}, "Check at least one line."),
        ([0], {}, "Say why each line that is not applied is not."),
        ([0], {"why-1": "x" * 401}, "at most 400 characters"),
    ):
        refused = decide(staff, case, lines, typed={"words": "Typed before", **typed})
        assert (refused.status_code, words in words_of(refused)) == (422, True), words
        assert "Typed before" in refused.text
    by_step = {"step": "decide", "seen": "received", "words": ""}
    assert staff.post(f"/staff/cases/{case}/step", by_step).status_code == 404, "it has a page of its own"
    early = staff.get(at(case))
    done = decide(staff, case, [0, 2], typed={"why-1": "This fax is another office’s", "words": "Thank you"})
    assert done.status_code == 303
    with world.session() as session:
        assert holds(session, "location", office.location, "phone") == "9525550200"
        assert holds(session, "location", office.location, "fax") == "9525550101"
        assert session.get_one(Case, case).state == "done"
        told = session.scalars(sa.select(Message.subject).where(Message.about == f"case:{case}")).all()
        assert len(told) == 1
    said = words_of(clerk.get(f"/cases/{case}"))
    assert "because: This fax is another office’s" in said
    assert said.count("Applied on") == 2
    assert "Thank you" in said
    late = decide(staff, case, [1], early, why="No")
    assert (late.status_code, "Somebody else has decided this case" in words_of(late)) == (409, True)
    (change,) = re.findall(r'name="change"[^>]* value="(\d+)"', staff.get(at(case)).text)
    undo = {"change": change}
    assert staff.post(f"{at(case)}/undo", {**undo, "reason": ""}).status_code == 422
    assert staff.post(f"{at(case)}/undo", {"change": "999999", "reason": "Wrong"}).status_code == 409
    assert staff.post(f"{at(case)}/undo", {**undo, "reason": "It was a mistake"}).status_code == 303
    assert staff.post(f"{at(case)}/undo", {**undo, "reason": "It was a mistake"}).status_code == 409
    with world.session() as session:
        assert holds(session, "location", office.location, "phone") == "9525550100"
    said = words_of(clerk.get(f"/cases/{case}"))
    assert "Taken back" in said
    assert "We have taken back 2 lines of this change." in said
    assert [event["lines"] for event in recorded(world, "profiles.change.undone")] == [2]
    assert recorded(world, "profiles.change.decided")[0] == {"case": case, "applied": 2, "refused": 1}


def test_what_has_changed_meanwhile_is_shown_three_ways_and_decided_by_line(world: World, office: Office) -> None:
    case, staff = opened(world, office, moves(office)), world.sign_in("a.staff")
    stale = staff.get(at(case))
    with world.session() as session:
        say(session, Fact("location", office.location, "phone", "", "9525550300", DAY))
    refused = decide(staff, case, [0, 1, 2], stale)
    said = words_of(refused)
    assert (refused.status_code, "The record has changed while you were deciding" in said) == (409, True)
    for words in ("952-555-0100", "952-555-0300", "952-555-0200", "Changed meanwhile"):
        assert words in said
    fresh = staff.get(at(case)).text
    assert re.search(r'name="line" value="0">', fresh), "nothing is checked where it has moved"
    assert re.search(r'name="line" value="1" checked>', fresh)
    with world.session() as session:
        assert outcomes_of(session, case) == {}
    assert decide(staff, case, [0, 2], why="Not this one").status_code == 303
    with world.session() as session:
        assert holds(session, "location", office.location, "phone") == "9525550200"
        say(session, Fact("affiliation", office.affiliation, "accepting", "", "referral", DAY))
        change = outcomes_of(session, case)[0].change_id
    undone = staff.post(f"{at(case)}/undo", {"change": str(change), "reason": "Wrong"})
    assert (undone.status_code, "was recorded since of Accepting patients" in words_of(undone)) == (409, True)


def test_nobody_comes_on_record_twice_unless_staff_say_so(world: World, office: Office) -> None:
    other = an_office(world, "Birch Clinic", make_npi(702))
    case, staff = opened(world, office, adds(office, make_npi(702))), world.sign_in("a.staff")
    asked = staff.get(at(case))
    assert "Is Sample on record already?" in words_of(asked)
    assert "It is Birchperson, Ann" in words_of(asked)
    refused = decide(staff, case, list(range(7)))
    assert (refused.status_code, "Say whether it is the same person" in words_of(refused)) == (422, True)
    compared = staff.get(f"{at(case)}?same1={other.practitioner}")
    assert "Birchperson" in words_of(compared)
    assert "On record already" not in words_of(compared), "the same value of another day is not said of this one"
    assert decide(staff, case, list(range(7)), compared).status_code == 303
    with world.session() as session:
        assert made_by(session, case)[-1] == other.practitioner
    with world.session_of(office.organization) as session:
        assert holds(session, "practitioner", other.practitioner, "last_name") == "Sample"
    for odd in ("same1=x", "same1=99999", "same1=²", "same0=1", "same1=-1"):
        assert staff.get(f"{at(case)}?{odd}").status_code == 200


def test_who_may_decide(world: World, office: Office) -> None:
    """Staff with the permission; a case that proposes nothing has no such page. Refusing says why of every line."""
    case = opened(world, office, moves(office))
    world.staff("b.staff", permissions=("staff:console:open", "staff:cases:work"))
    assert world.sign_in("b.staff").get(at(case)).status_code == 403
    staff, clerk = world.sign_in("a.staff"), world.sign_in("a.clerk")
    assert clerk.get(at(case)).status_code in (303, 403, 404)
    assert staff.get(at(10**6)).status_code == 404
    words = {"step": "refuse", "seen": "received", "words": "These are another group’s."}
    assert staff.post(f"/staff/cases/{case}/step", words).status_code == 303
    assert words_of(clerk.get(f"/cases/{case}")).count("because: These are another group’s.") == 3
    again = opened(world, office, replace(moves(office), doubts=["It may be wrong."]))
    ask = {"step": "ask", "seen": "received", "words": "Since when?"}
    assert staff.post(f"/staff/cases/{again}/step", ask).status_code == 303
    assert "It may be wrong." in words_of(staff.get(at(again)))
    assert 'name="line"' not in staff.get(at(again)).text, "it waits for the office"


def test_the_clocks_count_what_is_in_time_and_who_is_still_listed(world: World, office: Office, clock: Clock) -> None:
    """Weeks of the payer; business days since somebody has left, whether the record says so or a case that is still open."""
    clock.set(dt.datetime(2026, 7, 15, 17, tzinfo=dt.UTC))
    gone, both = dt.date(2026, 7, 2), office.affiliation
    leaves = Proposal("practitioner-ended", gone, [Fact("affiliation", both, "standing", "", "ended", gone)])
    with world.session() as session:
        say(session, Fact("affiliation", both, "directory", "", "yes", gone))
        late, timely = a_case(session, office, leaves), a_case(session, office, moves(office), "done")
        late.due_on, timely.due_on, timely.in_time, timely.ended_at = gone, None, True, timely.opened_at
        other = a_case(session, office, moves(office), "done")
        other.due_on, other.in_time, other.ended_at = None, False, other.opened_at - dt.timedelta(days=7)
        session.flush()
        number = late.id
    staff = world.sign_in("a.staff")
    said = words_of(staff.get("/staff/profiles/clocks"))
    for words in (
        "Changes that wait to be decided1",
        "Overdue1",
        "last 12 weeks1 of 2",
        "Aspenperson, Ann",
        "8 Late",
        "Jul 13, 202631",
        "Jul 6, 2026010 (0%)",
    ):
        assert words in said, said
    assert f"/staff/cases/{number}" in staff.get("/staff/profiles/clocks").text
    assert decide(staff, number, [0]).status_code == 303
    said = words_of(staff.get("/staff/profiles/clocks"))
    assert "On record" in said, "left on record, and marked as shown all the same"
    with world.session() as session:
        say(session, Fact("affiliation", both, "directory", "", "no", gone))
    assert "Nobody who has left" in words_of(staff.get("/staff/profiles/clocks"))
