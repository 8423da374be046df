"""The directory: built from the record, whole and by changes, searched, exported, and what never gets into it."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.directory import building
from hp_portal_plugins.profiles.directory.building import JOB, build_whole, clean, current_build, publish
from hp_portal_plugins.profiles.directory.models import (
    DirectoryBuild,
    DirectoryCount,
    DirectoryHidden,
    DirectoryRow,
    DirectoryTerm,
)
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change, undo_change
from hp_portal_plugins.profiles.record.fields import FIELDS, WEEKDAYS
from hp_portal_plugins.profiles.record.models import Affiliation, Location, Practitioner
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.core.test_staff_console import rows_of
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.public_cases import run_job
from tests.support.world import World

NOW = dt.datetime(2026, 9, 15, 17, tzinfo=dt.UTC)
SITE = """
,{0},standing,,open,2026-01-01,,{1},{2}
,{0},name,,{3},2026-01-01
,{0},street,,1 First Street,2026-01-01
,{0},city,,{4},2026-01-01
,{0},state,,MN,2026-01-01
,{0},zip,,{5},2026-01-01
,{0},phone,,(952) 555-0100,2026-01-01
,{0},directory,,yes,2026-01-01
"""
PERSON = """
{0},,last_name,,{1},2026-01-01
{0},,first_name,,{2},2026-01-01
{0},,npi,,{3},2026-01-01
{0},,specialty,{4},primary,2026-01-01
"""
BOTH = """
{0},{1},standing,,active,2026-01-01
{0},{1},directory,,yes,2026-01-01
{0},{1},accepting,,{2},2026-01-01
"""
FAMILY, HEART = "207Q00000X", "207RC0000X"
RECORD = "\n".join(
    [
        SITE.format("HERE", make_tin(41), make_npi(41), "Aspen Site", "Exampleton", "55001-1234"),
        ",HERE,accessibility,Entrance without steps,yes,2026-01-01",
        ",HERE,hours,monday,08:00-17:00,2026-01-01",
        SITE.format("THERE", make_tin(42), make_npi(42), "Birch Site", "Sampleville", "55002"),
        PERSON.format("A", "Älder-O’Neil", "Ann", "1234567893", FAMILY),
        "A,,language,Spanish,yes,2026-01-01",
        PERSON.format("B", "Basil", "Ben", make_npi(2), HEART),
        PERSON.format("C", "Cedar", "Cay", make_npi(3), FAMILY),
        BOTH.format("A", "HERE", "new"),
        BOTH.format("A", "THERE", "existing"),
        BOTH.format("B", "HERE", "new"),
        "B,HERE,standing,,ended,2026-10-01",
        "C,THERE,standing,,active,2026-01-01",
    ]
).replace("\n\n", "\n")
SEARCH = "/profiles/directory"


def load(session: PortalSession, record: str) -> None:
    report = load_file(session, io.BytesIO((",".join(COLUMNS) + "\n" + record.strip("\n")).encode()), "record.csv")
    assert not report.refused


def switch(app: Flask, **values: Any) -> None:
    app.extensions["hp_portal.plugin_settings"]["profiles"] = ProfilesSettings(**values)


@pytest.fixture
def published(world: World, clock: Clock) -> World:
    """Two sites of two offices; Ann works at both, Ben at one, and Cay is not to be shown."""
    clock.set(NOW)
    for number in (41, 42):
        world.payee(make_tin(number), make_npi(number))
    with world.session() as session:
        codes = f"code,classification,specialization\n{FAMILY},Family medicine,\n{HEART},Internal medicine,heart\n"
        load_specialties(session, io.BytesIO(codes.encode()))
        load(session, RECORD)
    run_job(world, JOB.key)
    switch(world.app, directory_search=True, directory_json=True, directory_pages_per_minute=100_000)
    return world


def found(client: PortalClient, **asked: str) -> list[str]:
    page = client.get(SEARCH, query_string=asked)
    assert page.status_code == 200, page.text
    return (
        [f"{row[0]} {row[2].partition(' 1 ')[0]}" for row in rows_of(page, "practitioners")]
        if "<tbody>" in page.text
        else []
    )


def state_of(session: PortalSession) -> dict[str, Any]:
    """Everything that the current edition says."""
    build = current_build(session)
    assert build
    said: dict[str, Any] = {"digest": build.digest, "rows": build.rows, "hidden": build.hidden}
    for model, columns in (
        (DirectoryRow, (DirectoryRow.affiliation_id, DirectoryRow.place, DirectoryRow.contents, DirectoryRow.digest)),
        (DirectoryTerm, (DirectoryTerm.term, DirectoryTerm.place)),
        (DirectoryCount, (DirectoryCount.term, DirectoryCount.rows, DirectoryCount.kind)),
        (DirectoryHidden, (DirectoryHidden.affiliation_id, DirectoryHidden.reasons)),
    ):
        rows = session.execute(sa.select(*columns).where(model.edition == build.edition))
        said[model.__tablename__] = sorted(tuple(row) for row in rows)
    return said


def test_members_search_without_an_account(published: World) -> None:
    client = PortalClient(published.app)
    page = client.get(SEARCH)
    assert "Set-Cookie" not in page.headers
    first = rows_of(page, "practitioners")[0]
    assert first == [
        "Älder-O’Neil, Ann",
        "Family medicine",
        "Aspen Site 1 First Street, Exampleton, MN 55001",
        "952-555-0100",
        "Accepts new patients",
        "Speaks Spanish. Entrance without steps. Mon 08:00-17:00. NPI 1234567893",
    ]
    here, there, ben = "Älder-O’Neil, Ann Aspen Site", "Älder-O’Neil, Ann Birch Site", "Basil, Ben Aspen Site"
    everybody = found(client)
    assert set(everybody) == {here, there, ben}
    assert everybody[-1] == ben
    for name in ("alder", "ALD", "oneil ann", "O'Neil", "1234567893"):
        assert set(found(client, name=name)) == {here, there}, name
    assert found(client, name="lder") == found(client, name="alder basil") == [], "beginnings of words, all of them"
    assert (
        found(client, place="55002") == found(client, place="sampl MN") == found(client, place="55002-9999") == [there]
    )
    assert found(client, specialty=HEART) == [ben]
    assert set(found(client, accepting="yes")) == {here, ben}
    assert found(client, accepting="yes", language="Spanish") == [here]
    assert set(found(client, access="Entrance without steps")) == {here, ben}
    assert set(found(client, name="aspen")) == {here, ben}, "the name of a clinic"
    assert found(client, specialty="0000000000") == [], "a specialty that nobody has"
    nobody = client.get(SEARCH, query_string={"name": "zzz"})
    assert "Nobody fits" in nobody.text
    assert "Cedar" not in client.get(SEARCH, query_string={"name": "cedar"}).text
    strange = client.get(SEARCH, query_string={"name": "!!!"})
    assert strange.status_code == 422
    assert 'value="!!!"' in strange.text
    assert client.get(SEARCH, query_string={"place": "x" * 101}).status_code == 422


def test_pages_follow_each_other_and_programs_read_them(published: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ROWS_ON_A_PAGE", "ROWS_FOR_PROGRAMS"):
        monkeypatch.setattr(f"hp_portal_plugins.profiles.directory.public_views.{name}", 2)
    client = PortalClient(published.app)
    first = client.get(SEARCH, query_string={"place": "MN"})
    assert len(rows_of(first, "practitioners")) == 2
    link = re.search(r'href="([^"]+)"[^>]*>\s*More matches', first.text)
    assert link
    second = client.get(html.unescape(link[1]))
    assert len(rows_of(second, "practitioners")) == 1
    assert "Back to the first" in second.text
    read, address = [], f"{SEARCH}/entries"
    while address:
        answer = client.get(address).get_json()
        read += answer["entries"]
        assert answer["rows"] == 3
        address = answer["next"] and answer["next"].partition("localhost")[2]
    assert len({one["id"] for one in read}) == 3
    switch(published.app)
    assert client.get(SEARCH).status_code == client.get(f"{SEARCH}/entries").status_code == 404, "off by default"


def test_it_is_read_at_a_gentle_pace(published: World) -> None:
    switch(published.app, directory_search=True, directory_json=True, directory_pages_per_minute=2)
    client = PortalClient(published.app)
    codes = [client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    refused = client.get(f"{SEARCH}/entries", environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert (refused.status_code, refused.headers["Retry-After"].isdigit()) == (429, True)
    assert client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.8"}).status_code == 200


def rows_now(session: PortalSession) -> list[str]:
    build = current_build(session)
    assert build
    found = session.scalars(sa.select(DirectoryRow.contents).where(DirectoryRow.edition == build.edition))
    return sorted(f"{one['practitioner']['last_name']} {one['location']['name']}" for one in map(json.loads, found))


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


def exported(world: World, folder: Path, kind: str, *more: str) -> str:
    file = folder / f"directory.{kind}"
    result = world.app.test_cli_runner().invoke(
        args=["profiles", "directory", "export", "--format", kind, *more, str(file)]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return file.read_text(encoding="utf-8-sig")


def test_what_members_saw_on_any_day_is_exported(published: World, clock: Clock, tmp_path: Path) -> None:
    now = json.loads(exported(published, tmp_path, "json"))
    with published.session() as session:
        build = current_build(session)
        assert build
        assert (now["digest"], now["rows"], now["as_of"]) == (build.digest, 3, "2026-09-15")
    assert json.loads(exported(published, tmp_path, "json", "--as-of", "2026-09-15")) == now
    assert now["entries"][0]["location"]["zip"] == "55001"
    assert now["entries"][0]["location"]["phone"] == "9525550100"
    later = json.loads(exported(published, tmp_path, "json", "--as-of", "2026-10-01"))
    assert later["rows"] == 2, "a day to come, from what is known now"
    clock.set(dt.datetime(2026, 9, 20, 17, tzinfo=dt.UTC))
    with published.session() as session:
        [place] = session.scalars(sa.select(Location.id).where(Location.reference == "HERE"))
        moved = Fact("location", place, "city", "", "Elsewhere", dt.date(2026, 9, 1))
        apply_change(session, Stated("location-changed"), [moved])
    assert json.loads(exported(published, tmp_path, "json", "--as-of", "2026-09-15")) == now, "as it was known then"
    assert "Elsewhere" in exported(published, tmp_path, "json", "--as-of", "2026-09-20")
    rows = list(csv.DictReader(io.StringIO(exported(published, tmp_path, "csv", "--as-of", "2026-09-15"))))
    assert [(row["last_name"], row["zip"], row["phone"], row["specialties"]) for row in rows][-1] == (
        "Basil",
        "55001",
        "9525550100",
        "Internal medicine, heart",
    )
    runner = published.app.test_cli_runner()
    wrong = runner.invoke(
        args=["profiles", "directory", "export", "--format", "csv", "--as-of", "May", str(tmp_path / "x")]
    )
    assert (wrong.exit_code, "Write a day as" in wrong.output) == (1, True)
    built = runner.invoke(args=["profiles", "directory", "build", "--whole"])
    assert "3 rows shown, 1 not shown, as of Sep 20, 2026" in built.output
    assert not (tmp_path / "x").exists()


def test_staff_see_what_is_not_shown_and_what_has_changed(published: World, clock: Clock) -> None:
    published.staff("s.directory", permissions=["profiles:record:load", "staff:console:open"])
    staff = published.sign_in("s.directory")
    page = staff.get("/staff/profiles/directory")
    assert "Not to be shown at this location" in words_of(page)
    assert rows_of(page, "list")[0][2:] == ["3", "3", "0", "0"]
    assert rows_of(staff.get("/staff/profiles/directory/not-shown"), "list") == [
        ["Cedar, Cay", "Birch Site", "Not to be shown at this location"]
    ]
    with published.session() as session:
        [place] = session.scalars(sa.select(Location.id).where(Location.reference == "THERE"))
        gone = [Fact("location", place, field, "", "", NOW.date()) for field in ("phone", "zip")]
        apply_change(session, Stated("location-changed"), gone)
        [ann] = session.scalars(sa.select(Practitioner.id).where(Practitioner.reference == "A"))
        spoken = Fact("practitioner", ann, "language", "Hmong", "yes", NOW.date())
        apply_change(session, Stated("practitioner-changed"), [spoken])
    run_job(published, JOB.key)
    assert ["Älder-O’Neil, Ann", "Birch Site", "ZIP code missing; Telephone missing"] in rows_of(
        staff.get("/staff/profiles/directory/not-shown"), "list"
    )
    with published.session() as session:
        build = current_build(session)
        assert build
        address = f"/staff/profiles/directory/builds/{build.id}"
    assert rows_of(staff.get(address), "list") == [
        ["Älder-O’Neil, Ann at Aspen Site", "Changed", "Language"],
        ["Älder-O’Neil, Ann at Birch Site", "Removed", "—"],
    ]
    assert staff.get("/staff/profiles/directory/builds/999999").status_code == 404
    for kind in ("csv", "json"):
        file = staff.get(f"/staff/profiles/directory/download/{kind}?on=2026-09-15")
        assert file.headers["Content-Disposition"] == f'attachment; filename="directory-2026-09-15.{kind}"'
        assert "Exampleton" in file.text
        assert staff.get(f"/staff/profiles/directory/download/{kind}?on=someday").status_code == 422
    assert "has not been published" not in staff.get("/staff/").text
    clock.set(NOW + dt.timedelta(days=3))
    assert (
        "directory has not been published for two business days" in published.sign_in("s.directory").get("/staff/").text
    )
