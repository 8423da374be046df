"""The directory as it is seen: searched by members, read by programs, exported, and shown to staff."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.downloads import making
from hp_portal.core.limits.paces import keep_pace
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.directory import documents, exporting, pace
from hp_portal_plugins.profiles.directory.building import JOB, current_build
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from hp_portal_plugins.profiles.record.models import Location, Practitioner
from tests.core.test_staff_console import rows_of
from tests.plugins.profiles.published import (
    HEART,
    NOW,
    SEARCH,
    exported,
    found,
    publish_sample,
    switch,
)
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.public_cases import run_job
from tests.support.world import World


@pytest.fixture
def published(world: World, clock: Clock) -> World:
    return publish_sample(world, clock)


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
        "Speaks Spanish. Entrance without steps. Mon–Wed 8:00 AM to 5:00 PM; Fri 9:00 AM to 12:00 PM, 1:00 PM to 5:00 PM. "
        "NPI 1234567893",
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
    to_search = f'href="{SEARCH}"'
    public = ("/", "/help/", "/help/profiles-directory")
    assert all(to_search in client.get(address).text for address in public)
    switch(published.app)
    assert client.get(SEARCH).status_code == client.get(f"{SEARCH}/entries").status_code == 404, "off by default"
    assert not any(to_search in client.get(address).text for address in public)


def test_it_is_read_at_a_gentle_pace_whichever_process_answers(published: World, clock: Clock) -> None:
    switch(published.app, directory_search=True, directory_json=True, directory_pages_per_minute=3)
    client, minute = PortalClient(published.app), dt.timedelta(minutes=1)
    with published.session() as session:
        # What another process has counted.
        keep_pace(session, pace.KIND, "198.51.100.7", limit=3, window=minute)
    clock.advance(seconds=20)
    codes = [client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    refused = client.get(f"{SEARCH}/entries", environ_base={"REMOTE_ADDR": "198.51.100.7"})
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "41")
    assert "Wait 41 seconds" in client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.7"}).text
    assert client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.8"}).status_code == 200
    clock.advance(seconds=40)
    assert client.get(SEARCH, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 200, "the next minute"


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
    assert "has not been published" not in staff.get("/staff/").text
    clock.set(NOW + dt.timedelta(days=3))
    assert (
        "directory has not been published for two business days" in published.sign_in("s.directory").get("/staff/").text
    )


def test_staff_download_the_directory_and_large_ones_wait_for_the_worker(
    published: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.staff("s.files", permissions=["profiles:record:load", "staff:console:open"])
    staff = published.sign_in("s.files")
    address = "/staff/profiles/directory/download"
    for kind in ("csv", "json"):
        file = staff.get(f"{address}/{kind}?on=2026-09-15")
        assert file.headers["Content-Disposition"] == f'attachment; filename="directory-2026-09-15.{kind}"'
        assert "Exampleton" in file.text
        refused = staff.get(f"{address}/{kind}?on=someday")
        assert (refused.status_code, 'value="someday"' in refused.text) == (422, True)
    at_once = json.loads(staff.get(f"{address}/json").text)
    monkeypatch.setattr(documents, "SMALL", 2)
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(making, "_progress", lambda lease: lambda done, of: told.append((done, of)))
    for query, as_of, rows, total in (("", "2026-09-15", 3, 3), ("?on=2026-10-01", "2026-10-01", 2, 4)):
        answer = staff.get(f"{address}/json{query}")
        assert re.fullmatch(r"/documents/\d+", answer.location), "it waits for the worker"
        run_job(published, "documents.make")
        assert told.pop() == (total, total)
        assert "Directory as" in staff.get(answer.location).text
        file = staff.get(f"{answer.location}/file")
        body = json.loads(file.text)
        assert (body["as_of"], body["rows"], len(body["entries"])) == (as_of, rows, rows)
        assert f"directory-{as_of}.json" in file.headers["Content-Disposition"]
        assert query or body == at_once
    with published.session() as session:
        [place] = session.scalars(sa.select(Location.id).where(Location.reference == "HERE"))
        apply_change(session, Stated("location-changed"), [Fact("location", place, "city", "", "New", NOW.date())])
    first = staff.get(f"{address}/json").location
    assert first != staff.get(f"{address}/csv").location
    assert staff.get(f"{address}/json").location == first, "while it waits it is one"
    run_job(published, JOB.key)
    run_job(published, "documents.make")
    assert "New" in staff.get(f"{first}/file").text
    assert staff.get(f"{address}/json").location != first, "who asks again gets what members see by then"
    monkeypatch.setattr(exporting, "current_build", _outdated(current_build))
    with pytest.raises(exporting.Moving), published.session() as session:
        exporting.published(session)


def _outdated(real: Any) -> Any:
    """A build that another one has replaced by the time its rows are read."""

    def read(session: PortalSession) -> Any:
        build = real(session)
        session.expunge(build)
        build.digest = "0" * 64
        return build

    return read
