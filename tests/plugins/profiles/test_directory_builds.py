"""The directory as it is built: by changes, whole, interrupted, and without what is not public."""

from __future__ import annotations

import datetime as dt
import io
import random
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal_plugins.profiles.directory import building
from hp_portal_plugins.profiles.directory.building import JOB, build_whole, clean, current_build, publish
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
from hp_portal_plugins.profiles.record.models import Affiliation, Location, Practitioner
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


@pytest.mark.parametrize("seed", [1, 2])
def test_changes_one_by_one_make_what_a_whole_build_makes(published: World, clock: Clock, seed: int) -> None:
    """Whatever is recorded, taken back and withdrawn, in whatever order and on whatever day."""
    chance = random.Random(seed)
    made: list[int] = []
    with published.session() as session:
        subjects = {
            "practitioner": list(session.scalars(sa.select(Practitioner.id))),
            "location": list(session.scalars(sa.select(Location.id))),
            "affiliation": list(session.scalars(sa.select(Affiliation.id))),
        }
        moves = {
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
        for step in range(25):
            subject, field, item = chance.choice(sorted(moves))
            day = NOW.date() + dt.timedelta(days=chance.randint(-5, 8))
            fact = Fact(
                subject,  # type: ignore[arg-type] # one of the three, from the table above
                chance.choice(subjects[subject]),
                field,
                item,
                chance.choice(moves[subject, field, item]),
                day,
                withdrawn=chance.random() < 0.15,
            )
            written = apply_change(session, Stated("practitioner-changed", "A test"), [fact])
            made += [written.change.id] if written.change else []
            if made and chance.random() < 0.15:
                undo_change(session, made.pop(), Stated("undone"))
            if chance.random() < 0.2:
                clock.advance(days=1)
            if chance.random() < 0.7 or step == 24:
                session.commit()
                with published.app.app_context():
                    publish(session)
        by_changes = state_of(session)
        edition = session.scalar(sa.select(sa.func.max(DirectoryBuild.edition)))
        with published.app.app_context():
            build_whole(session)
        assert session.scalar(sa.select(sa.func.max(DirectoryBuild.edition))) != edition
        assert state_of(session) == by_changes
        newest = current_build(session)
        assert newest
        assert (newest.added, newest.changed, newest.removed) == (0, 0, 0)


def test_an_interrupted_build_leaves_the_former_one_complete(published: World, monkeypatch: pytest.MonkeyPatch) -> None:
    client = PortalClient(published.app)
    with published.session() as session:
        before = state_of(session)
    steps = {"_insert": building._insert, "_insert_counts": building._insert_counts, "_finish": building._finish}
    for step, real in steps.items():

        def dies(*given: Any, real: Any = real, step: str = step) -> Any:
            if step != "_finish":
                real(*given)
                given[0].commit()
            raise KeyboardInterrupt

        monkeypatch.setattr(building, step, dies)
        with published.app.app_context(), pytest.raises(KeyboardInterrupt), published.session() as session:
            build_whole(session)
        monkeypatch.setattr(building, step, real)
        with published.session() as session:
            assert state_of(session) == before
        assert len(rows_of(client.get(SEARCH), "practitioners")) == 3
    with published.app.app_context(), published.session() as session:
        build_whole(session)
        assert state_of(session) == before
        clean(session)
        build = current_build(session)
        assert build
        for model in (DirectoryRow, DirectoryTerm, DirectoryCount, DirectoryHidden):
            left = set(session.scalars(sa.select(model.edition)))
            assert left <= {build.edition}, "what was interrupted is removed"
    monkeypatch.setattr(building, "_add_counts", lambda *given: 1 / 0)
    with published.session() as session:
        [place] = session.scalars(sa.select(Location.id).where(Location.reference == "HERE"))
        apply_change(session, Stated("location-changed"), [Fact("location", place, "directory", "", "no", NOW.date())])
    with published.app.app_context(), pytest.raises(ZeroDivisionError), published.session() as session:
        publish(session)
    with published.session() as session:
        assert state_of(session) == before, "changes are applied together or not at all"


def test_nothing_that_is_not_public_gets_out(published: World, clock: Clock, tmp_path: Path) -> None:
    """Every field that is not public has a value of its own, for everybody; none is in a file, a page or the tables."""
    secret, facts = "NOTFORMEMBERS", []
    values = {"birth_date": "1907-07-07", "license_expires": "2907-07-07", "dea_expires": "2907-07-07"}
    values |= {"insurance_expires": "2907-07-07", "billing_state": "GU", "billing_zip": "99907-9907"}
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
    assert all("06:00" in one for one in told[:6]), "what is public is there"
    for text in told:
        for value in (secret, "HERE", "THERE", make_tin(41), *values.values()):
            assert value not in text
