"""The directory as it is built: by changes, whole, interrupted, and without what is not public."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from hp_portal import api
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.directory import building
from hp_portal_plugins.profiles.directory.building import JOB, build_whole, clean, current_build, publish
from hp_portal_plugins.profiles.directory.exporting import of_day
from hp_portal_plugins.profiles.directory.models import (
    DirectoryBuild,
    DirectoryCount,
    DirectoryHidden,
    DirectoryRow,
    DirectoryTerm,
)
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change, undo_change
from hp_portal_plugins.profiles.record.fields import FIELDS, WEEKDAYS
from hp_portal_plugins.profiles.record.models import SUBJECTS, Affiliation, Location, Practitioner
from tests.core.test_staff_console import rows_of
from tests.plugins.profiles.published import (
    FAMILY,
    HEART,
    NOW,
    SEARCH,
    exported,
    found,
    publish_sample,
    state_of,
)
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.identifiers import make_tin
from tests.support.public_cases import run_job
from tests.support.world import World


@pytest.fixture
def published(world: World, clock: Clock) -> World:
    return publish_sample(world, clock)


def test_a_change_is_visible_after_the_job_and_who_leaves_is_gone_that_day(published: World, clock: Clock) -> None:
    """42 USC 300gg-115: an update within two business days; nobody has to do anything for it."""
    client = PortalClient(published.app)
    with published.session() as session:
        ids = dict(session.execute(sa.select(Location.reference, Location.id)).all())
        stated = Stated("location-changed", "A test")
        apply_change(session, stated, [Fact("location", ids["THERE"], "phone", "", "9525550199", NOW.date())])
    assert "952-555-0199" not in client.get(SEARCH).text
    run_job(published, JOB.key)
    assert "952-555-0199" in client.get(SEARCH).text
    with published.session() as session:
        newest = current_build(session)
        assert newest
        assert (newest.added, newest.changed, newest.removed) == (0, 1, 0)
        before = newest.digest
    assert found(client, name="basil")
    clock.set(dt.datetime(2026, 10, 1, 5, 30, tzinfo=dt.UTC))  # half past midnight where the payer is
    run_job(published, JOB.key)
    assert not found(client, name="basil"), "on the first day on which he has left"
    with published.session() as session:
        newest = current_build(session)
        assert newest
        assert (newest.added, newest.changed, newest.removed, newest.rows) == (0, 0, 1, 2)
        assert newest.digest != before
        builds = session.query(DirectoryBuild).count()
    run_job(published, JOB.key)
    with published.session() as session:
        assert session.query(DirectoryBuild).count() == builds, "nothing has changed, so there is no build"
        load_specialties(session, io.BytesIO(f"code,classification\n{FAMILY},General practice\n".encode()))
    run_job(published, JOB.key)
    assert "General practice" in client.get(SEARCH).text


MOVES = {
    ("practitioner", "last_name", ""): ["Alder", "Birch-Cedar", ""],
    ("practitioner", "npi", ""): ["1234567893", ""],
    ("practitioner", "specialty", HEART): ["primary", "secondary", ""],
    ("practitioner", "language", "Hmong"): ["yes", ""],
    ("practitioner", "dea_number", ""): ["SECRET", ""],
    ("location", "standing", ""): ["open", "closed"],
    ("location", "directory", ""): ["yes", "no"],
    ("location", "city", ""): ["Newtown", "Exampleton"],
    ("location", "phone", ""): ["9525550111", ""],
    ("affiliation", "standing", ""): ["active", "ended"],
    ("affiliation", "directory", ""): ["yes", "no"],
    ("affiliation", "accepting", ""): ["new", "closed", ""],
}
CHANGE = st.tuples(
    st.sampled_from([(*key, value) for key, values in MOVES.items() for value in values]),
    st.integers(0, 4),
    st.integers(-5, 8),
    st.sampled_from([False] * 6 + [True]),
)
STEPS = st.lists(
    st.one_of(CHANGE, CHANGE, CHANGE, st.sampled_from(["undo", "publish", "publish", "next day"])),
    min_size=5,
    max_size=25,
)


@settings(
    max_examples=7,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(steps=STEPS)
def test_changes_one_by_one_make_what_a_whole_build_makes(published: World, clock: Clock, steps: list[Any]) -> None:
    """Whatever is recorded, taken back and withdrawn, in whatever order and on whatever day; and what was published at the end of
    each day is what is shown of it later. Each example goes on where the one before ended."""
    made: list[int] = []
    ends: dict[dt.date, str] = {}
    with published.app.app_context(), published.session() as session:
        for step in [*steps, "next day", "publish"]:
            today = payer_today()
            if step == "undo" and made:
                undo_change(session, made.pop(), Stated("undone"))
            elif step in ("publish", "next day"):
                session.commit()
                ends[today] = publish(session).digest
                clock.advance(days=step == "next day")
            elif step != "undo":
                made += _change(session, today, *step)
        by_changes = state_of(session)
        edition = session.scalar(sa.select(sa.func.max(DirectoryBuild.edition)))
        build_whole(session)
        assert session.scalar(sa.select(sa.func.max(DirectoryBuild.edition))) != edition
        assert state_of(session) == by_changes
        newest = current_build(session)
        assert newest
        assert (newest.added, newest.changed, newest.removed) == (0, 0, 0)
        assert {day: of_day(session, day).digest for day in ends} == ends
        clean(session)


def payer_today() -> dt.date:
    return api.today(api.settings().payer.zone)


def _change(
    session: PortalSession, today: dt.date, move: tuple[Any, str, str, str], which: int, days: int, withdrawn: bool
) -> list[int]:
    """Record a fact about one of the record's subjects; the change, where there is something to say."""
    subject, field, item, value = move
    ids = list(session.scalars(sa.select(SUBJECTS[subject].id).order_by("id")))
    fact = Fact(subject, ids[which % len(ids)], field, item, value, today + dt.timedelta(days), withdrawn=withdrawn)
    written = apply_change(session, Stated("practitioner-changed", "A test"), [fact])
    return [written.change.id] if written.change else []


def _killed(world: World, step: str, work: Callable[[PortalSession], Any]) -> None:
    """A process that works, and is killed when it has come to a step, which it has done unless that is the last."""
    engine = world.app.extensions["hp_portal.database"].engine
    child = os.fork()
    if child == 0:
        engine.dispose(close=False)  # the connections are the parent's
        real = getattr(building, step)

        def dies(*given: Any) -> None:
            if not step.startswith("_finish"):
                real(*given)
                given[0].flush()
            if step == "_insert":
                given[0].commit()
            os.kill(os.getpid(), signal.SIGKILL)

        setattr(building, step, dies)
        try:
            with world.app.app_context(), world.session() as session:
                work(session)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it has come to that step"


def test_a_build_that_is_killed_leaves_the_former_one_complete_and_the_next_one_finishes(
    published: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "AT_ONCE", 2)
    client = PortalClient(published.app)
    with published.session() as session:
        before = state_of(session)
    for step in ("_insert", "_insert_counts", "_finish"):
        _killed(published, step, build_whole)
        with published.session() as session:
            assert state_of(session) == before
            assert len(set(session.scalars(sa.select(DirectoryTerm.edition)))) > 1, "it had begun"
        assert len(rows_of(client.get(SEARCH), "practitioners")) == 3
    with published.app.app_context(), published.session() as session:
        build_whole(session)
        assert state_of(session) == before
        clean(session)
    _only_the_current_is_left(published)
    with published.session() as session:
        [place] = session.scalars(sa.select(Location.id).where(Location.reference == "HERE"))
        apply_change(session, Stated("location-changed"), [Fact("location", place, "city", "", "New", NOW.date())])
    _killed(published, "_add_counts", publish)
    with published.session() as session:
        assert state_of(session) == before, "changes are applied together or not at all"
    _killed(published, "_insert_counts", build_whole)
    run_job(published, JOB.key)
    with published.app.app_context(), published.session() as session:
        after = state_of(session)
        build_whole(session)
        assert after == state_of(session) != before
    _killed(published, "_insert_counts", build_whole)
    clock.advance(days=2)
    run_job(published, JOB.key)
    _only_the_current_is_left(published)


def _only_the_current_is_left(world: World) -> None:
    with world.session() as session:
        build = current_build(session)
        assert build
        for model in (DirectoryRow, DirectoryTerm, DirectoryCount, DirectoryHidden):
            assert set(session.scalars(sa.select(model.edition))) <= {build.edition}, "what was interrupted is removed"
        open_ones = sa.select(DirectoryBuild.id).where(DirectoryBuild.finished_at.is_(None))
        assert not session.scalars(open_ones).all()


def test_nothing_that_is_not_public_gets_out(published: World, clock: Clock, tmp_path: Path) -> None:
    """Every field that is not public has a value of its own, for everybody; none is in a file, a page or the tables."""
    secret, facts = "NOTFORMEMBERS", []
    values = {"birth_date": "1907-07-07", "license_expires": "2907-07-07", "dea_expires": "2907-07-07"}
    values |= {
        "license_starts": "1908-08-08",
        "insurance_expires": "2907-07-07",
        "billing_state": "GU",
        "billing_zip": "99907-9907",
    }
    hidden = [field for field in FIELDS.values() if not field.public]
    assert len(hidden) > 12
    with published.session() as session:
        for subject, model in (("practitioner", Practitioner), ("location", Location), ("affiliation", Affiliation)):
            for row_id in session.scalars(sa.select(model.id)):
                for field in (one for one in hidden if one.subject == subject):
                    item = "" if not field.item else "AK" if "license" in field.key else secret
                    value = "yes" if field.choices else values.get(field.key, secret)
                    facts.append(Fact(field.subject, row_id, field.key, item, value, NOW.date()))
        facts += [
            Fact("location", row_id, "hours", day, "06:00-07:00", NOW.date())
            for row_id in session.scalars(sa.select(Location.id))
            for day in WEEKDAYS
        ]
        apply_change(session, Stated("practitioner-changed"), facts)
    run_job(published, JOB.key)
    client = PortalClient(published.app)
    told = [client.get(SEARCH).text, client.get(f"{SEARCH}/entries").text]
    for kind in ("json", "csv"):
        for more in ([], ["--as-of", "2026-09-15"]):
            told.append(exported(published, tmp_path, kind, *more))
    with published.session() as session:
        told += session.scalars(sa.select(DirectoryRow.contents))
        told += session.scalars(sa.select(DirectoryTerm.term))
    assert all("06:00" in one or "6:00 AM" in one for one in told[:6]), "what is public is there"
    for text in told:
        for value in (secret, "HERE", "THERE", make_tin(41), *values.values()):
            assert value not in text
