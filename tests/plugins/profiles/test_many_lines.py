"""A case of a roster's size: its page is in parts, each decided by itself, and the rest is applied by the worker."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.clock import now
from hp_portal.core.cases.models import Case
from hp_portal.core.delivery.models import Message
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.deciding import whole
from hp_portal_plugins.profiles.deciding.models import READY, ApplyAll
from hp_portal_plugins.profiles.proposing.models import LineOutcome
from hp_portal_plugins.profiles.proposing.proposals import NewAffiliation, NewPractitioner, Proposal
from hp_portal_plugins.profiles.proposing.settling import made_by, outcomes_of, settle
from hp_portal_plugins.profiles.record.applying import Fact, Stated, affiliation_of, apply_change, new_practitioner
from hp_portal_plugins.profiles.record.models import Change
from tests.core.test_staff_console import recorded
from tests.plugins.profiles.proposing import DAY, NPI, SINCE, Office, a_case, an_office, holds, say
from tests.plugins.profiles.test_deciding import WORKERS, at, decide
from tests.support.client import PortalClient, words_of
from tests.support.processes import killed
from tests.support.world import World

FIELDS = {"degree": ("MD", "DO"), "primary_care": ("no", "yes"), "last_name": ("Before", "After")}


@pytest.fixture
def office(world: World) -> Office:
    found = an_office(world)
    world.person("a.clerk", organization=found.organization)
    world.staff("a.staff", permissions=WORKERS)
    return found


def many(session: PortalSession, office: Office, people: int, new: int = 0) -> Proposal:
    """A proposal of four lines for each of so many practitioners, who come on record, and of three for each new one."""
    before, after, made = [], [], list[Any]()
    for _ in range(people):
        who = new_practitioner(session).id
        both = affiliation_of(session, who, office.location).id
        before.append(Fact("affiliation", both, "standing", "", "active", SINCE))
        for field, (old, wanted) in FIELDS.items():
            before.append(Fact("practitioner", who, field, "", old, SINCE))
            after.append(Fact("practitioner", who, field, "", wanted, DAY))
        before.append(Fact("affiliation", both, "accepting", "", "new", SINCE))
        after.append(Fact("affiliation", both, "accepting", "", "closed", DAY))
    for number in range(1, 2 * new, 2):
        who, both = -number, -number - 1
        made += [NewPractitioner(who), NewAffiliation(both, who, office.location)]
        npi = NPI if number == 1 else ""  # the first one has the NPI of somebody on record
        after += [
            Fact("practitioner", who, "last_name", "", "New", DAY),
            Fact("practitioner", who, "npi", "", npi, DAY),
        ]
        after.append(Fact("affiliation", both, "standing", "", "active", DAY))
    apply_change(session, Stated("loaded"), before)
    wanted_of = {(fact.subject, fact.subject_id, fact.field) for fact in after}
    seen = [
        replace(fact, holds_from=DAY) for fact in before if (fact.subject, fact.subject_id, fact.field) in wanted_of
    ]
    return Proposal("roster", DAY, after, seen, made)


def boxes(text: str) -> list[int]:
    """The lines that can be decided on a page."""
    return [int(line) for line in re.findall(r'name="line" value="(\d+)"', text)]


@contextmanager
def statements(world: World) -> Iterator[list[str]]:
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        said.append(statement)

    sa.event.listen(world.database.engine, "before_cursor_execute", note)
    yield said
    sa.event.remove(world.database.engine, "before_cursor_execute", note)


def apply_page(staff: PortalClient, case: int, lines: list[int], why: str = "") -> Any:
    page = staff.get(at(case))
    (shown,) = re.findall(r'name="shown" value="([\d,]*)"', page.text)
    return decide(staff, case, lines, page, why=why, typed={"shown": shown})


def test_a_page_at_a_time_is_decided_and_the_office_is_told_at_the_end(world: World, office: Office) -> None:
    with world.session() as session:
        small, case = (a_case(session, office, many(session, office, people)).id for people in (26, 30))
    staff, clerk = world.sign_in("a.staff"), world.sign_in("a.clerk")
    with statements(world) as few:
        staff.get(at(small))
    with statements(world) as more:
        page = staff.get(at(case))
    assert len(more) == len(few), "one statement for each kind of thing, however many lines"
    assert len(boxes(page.text)) == 100
    assert "1–100 of 120 lines" in words_of(page)
    for text in (clerk.get(f"/cases/{case}"), staff.get(f"/staff/cases/{case}")):
        assert "1–100 of 120 lines" in words_of(text)
    assert "101–120 of 120 lines" in words_of(clerk.get(f"/cases/{case}?page=2"))
    assert "101–120 of 120 lines" in words_of(staff.get(f"{at(case)}?page=99"))
    first = boxes(page.text)
    refused = apply_page(staff, case, first[1:])
    assert (refused.status_code, "Say why each line" in words_of(refused)) == (422, True)
    done = apply_page(staff, case, first[1:], why="This one is wrong")
    assert (done.status_code, done.location) == (303, at(case))
    with world.session() as session:
        assert session.get_one(Case, case).state == "in-work"
        decided = outcomes_of(session, case)
        assert sorted(decided) == sorted(first)
        assert [row.became for row in decided.values()].count("refused") == 1
    rest = staff.get(at(case))
    assert "99 lines applied, 1 refused. 20 lines still to be decided." in words_of(rest)
    assert len(boxes(rest.text)) == 20
    assert staff.get(f"{at(case)}?show=all").text.count("Applied</span>") == 99
    assert "No lines here" in words_of(staff.get(f"{at(case)}?show=moved"))
    late = decide(staff, case, first[:3], page)
    assert (late.status_code, "Somebody else has decided this case" in words_of(late)) == (409, True)
    assert apply_page(staff, case, boxes(rest.text)).location == f"/staff/cases/{case}"
    with world.session() as session:
        assert session.get_one(Case, case).state == "done"
        told = session.scalars(sa.select(Message.id).where(Message.about == f"case:{case}")).all()
        assert len(told) == 2, "it is being processed; it is done"


def test_the_worker_applies_all_and_a_dead_one_loses_nothing(
    world: World, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.session() as session:
        proposal = many(session, office, 26, new=2)
        case = a_case(session, office, proposal).id
        say(session, replace(proposal.facts[0], value="MBBS"))
    staff, clerk = world.sign_in("a.staff"), world.sign_in("a.clerk")
    asked = staff.post(f"{at(case)}/all", {"seen": "received"})
    assert (asked.status_code, asked.location) == (303, at(case))
    again = staff.post(f"{at(case)}/all", {"seen": "in-work"})
    assert (again.status_code, "being applied already" in words_of(again)) == (409, True)
    waits = staff.get(at(case))
    assert "0 of 110 lines" in words_of(waits)
    assert boxes(waits.text) == [], "nobody decides at the same time"
    meanwhile = decide(staff, case, [5], waits)
    assert (meanwhile.status_code, "All lines are being applied." in words_of(meanwhile)) == (409, True)
    monkeypatch.setattr(whole, "AT_ONCE", 40)
    parts = list[int]()

    def dies(*given: Any, **more: Any) -> Any:
        settle(*given, **more)
        parts.append(1)
        if len(parts) == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        with world.app.app_context(), world.session() as session:
            whole.apply_all(session)

    with monkeypatch.context() as patch:
        patch.setattr(whole, "settle", dies)
        assert killed(work, world.database.engine)
    with world.session() as session:
        row = session.scalars(sa.select(ApplyAll)).one()
        assert len(outcomes_of(session, case)) == 37, (
            "what was committed stands; one had moved, and of one it is asked who it is"
        )
        assert row.leased_until is not None
        row.leased_until = now() - dt.timedelta(minutes=1)
    assert "40 of 110 lines" in words_of(staff.get(f"{at(case)}/state"))
    work()
    with world.session() as session:
        row = session.scalars(sa.select(ApplyAll)).one()
        decided = session.scalars(sa.select(LineOutcome).where(LineOutcome.case_id == case)).all()
        assert (row.state, len(decided), len({one.line for one in decided})) == (READY, 106, 106)
        assert {one.person_id for one in decided} == {row.person_id}
        assert set(made_by(session, case)) == {-3, -4}
        assert session.get_one(Case, case).state == "in-work"
        assert session.scalar(sa.select(sa.func.count(Change.id)).where(Change.case_id == case)) == 3
        assert holds(session, "practitioner", proposal.facts[0].subject_id, "degree") == "MBBS"
    left = staff.get(at(case))
    assert "4 lines left to look at" in words_of(left)
    assert sorted(boxes(left.text)) == [0, 104, 105, 106]
    assert decide(staff, case, [0], left, why="On record already").status_code == 303
    with world.session() as session:
        assert session.get_one(Case, case).state == "done"
    assert "because: On record already" in words_of(clerk.get(f"/cases/{case}?page=2"))
    assert [event["lines"] for event in recorded(world, "profiles.change.all_asked")] == [110]
