"""A small directory that is published, for its tests."""

from __future__ import annotations

import datetime as dt
import io
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.directory.building import JOB, current_build
from hp_portal_plugins.profiles.directory.models import (
    DirectoryCount,
    DirectoryHidden,
    DirectoryRow,
    DirectoryTerm,
)
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.core.test_staff_console import rows_of
from tests.support.client import PortalClient
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
        *(f",HERE,hours,{day},08:00-17:00,2026-01-01" for day in ("monday", "tuesday", "wednesday")),
        ',HERE,hours,friday,"09:00-12:00, 13:00-17:00",2026-01-01',
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


def publish_sample(world: World, clock: Clock) -> World:
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


def exported(world: World, folder: Path, kind: str, *more: str) -> str:
    file = folder / f"directory.{kind}"
    result = world.app.test_cli_runner().invoke(
        args=["profiles", "directory", "export", "--format", kind, *more, str(file)]
    )
    assert result.exit_code == 0, (result.output, result.exception)
    return file.read_text(encoding="utf-8-sig")
