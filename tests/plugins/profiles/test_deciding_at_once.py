"""Two of the staff decide, or take back, one case at the same moment: one of them counts, and the other is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.cases.models import STEP, Case, CaseEntry
from hp_portal.core.delivery.models import Message
from hp_portal_plugins.profiles.proposing.models import LineOutcome
from hp_portal_plugins.profiles.record.models import Change
from tests.plugins.profiles.proposing import an_office, holds, moves
from tests.plugins.profiles.test_deciding import WORKERS, at, decide, opened
from tests.support.client import words_of
from tests.support.world import World


def at_once(deeds: Sequence[Callable[[], TestResponse]]) -> list[TestResponse]:
    """What came of each, in the order of the statuses."""
    with ThreadPoolExecutor(len(deeds)) as pool:
        found = [pool.submit(deed) for deed in deeds]
        return sorted((one.result() for one in found), key=lambda one: one.status_code)


def test_one_decision_counts_and_the_other_is_told(world: World) -> None:
    office = an_office(world)
    world.person("a.clerk", organization=office.organization)
    for name in ("a.staff", "b.staff", "c.staff"):
        world.staff(name, permissions=WORKERS)
    case, staff = opened(world, office, moves(office)), [world.sign_in(f"{one}.staff") for one in "abc"]
    pages = [one.get(at(case)) for one in staff]
    choices = [([0, 1, 2], ""), ([0], "Not the fax"), ([1], "Not the telephone")]

    def decides(number: int) -> Callable[[], TestResponse]:
        lines, why = choices[number]
        typed = {"words": f"Typed by {number}"}
        return lambda: decide(staff[number], case, lines, pages[number], why=why, typed=typed)

    won, *lost = at_once([decides(number) for number in range(3)])
    assert [won.status_code, *(one.status_code for one in lost)] == [303, 409, 409]
    assert all("Somebody else has decided this case" in words_of(one) for one in lost)
    said = "".join(one.text for one in lost)
    assert sum(f"Typed by {number}" in said for number in range(3)) == 2, "and what the others typed is still there"
    with world.session() as session:
        decided = session.scalars(sa.select(LineOutcome).where(LineOutcome.case_id == case)).all()
        assert sorted(one.line for one in decided) == [0, 1, 2]
        assert len({one.person_id for one in decided}) == 1
        steps = sa.select(sa.func.count(CaseEntry.id)).where(CaseEntry.case_id == case, CaseEntry.what == STEP)
        assert session.scalar(steps) == 1
        assert session.scalar(sa.select(sa.func.count(Message.id)).where(Message.about == f"case:{case}")) == 1
        (change,) = session.scalars(sa.select(Change.id).where(Change.case_id == case))
        assert session.get_one(Case, case).state == "done"
    back = {"change": str(change), "reason": "It was a mistake"}
    won, lost_one = at_once([lambda one=one: one.post(f"{at(case)}/undo", back) for one in staff[:2]])  # type: ignore[misc] # bound now
    assert (won.status_code, lost_one.status_code) == (303, 409)
    said = words_of(lost_one)
    assert "taken this back in the meantime" in said or "taken back already" in said
    assert "It was a mistake" in said
    with world.session() as session:
        assert holds(session, "location", office.location, "phone") == "9525550100"
        assert session.scalar(sa.select(sa.func.count(Change.id)).where(Change.undoes_id == change)) == 1
