"""The directory: built from the record, whole and by changes, searched, exported, and what never gets into it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from collections.abc import Mapping
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
from hp_portal_plugins.profiles.directory.settings import ProfilesSettings
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change, undo_change
from hp_portal_plugins.profiles.record.fields import FIELDS, WEEKDAYS
from hp_portal_plugins.profiles.record.models import Affiliation, Location, Practitioner
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
    return [f"{row[0]} {row[2].partition(' 1 ')[0]}" for row in rows_of(page, "practitioners")] if "<tbody>" in page.text else []


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
    assert found(client, place="55002") == found(client, place="sampl MN") == found(client, place="55002-9999") == [there]
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
    for module in ("searching.PAGE", "public_views.ROWS_FOR_PROGRAMS"):
        monkeypatch.setattr(f"hp_portal_plugins.profiles.directory.{module}", 2)
    monkeypatch.setattr("hp_portal_plugins.profiles.directory.searching.find_entries.__defaults__", (2,))
    client = PortalClient(published.app)
    first = client.get(SEARCH, query_string={"place": "MN"})
    assert len(rows_of(first, "practitioners")) == 2
    [url] = [link.get("href") for link in first.soup.select("a") if link.get_text() == "More matches"]
    second = client.get(url)
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
