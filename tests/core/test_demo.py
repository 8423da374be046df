"""The demo's seeding: once, and again for what a plugin brings that was installed since."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

import tests.sample_plugin as sample
from hp_portal import demo, demo_people
from hp_portal.app import create_app
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.tax_ids.models import LinkNotice
from hp_portal.settings import ConfigurationError
from tests.conftest import MakeApp
from tests.sample_plugin.notes import Note
from tests.support.databases import database_of, settings_for
from tests.support.world import World


@pytest.fixture
def instance(tmp_path: Path) -> Path:
    return tmp_path / "instance"


def test_a_plugin_installed_later_is_started_given_and_loaded_once(instance: Path) -> None:
    url = f"sqlite:///{instance / 'portal.sqlite'}"
    settings = settings_for(url, instance, plugins_left_out="remittance")
    first = create_app(settings)
    assert demo.seed(first) == []
    later = create_app(settings, extra_plugins={"sample": sample})
    for _ in range(2):
        assert [check.number for check in demo.seed(later)] == ["SAMPLE-1"]
    world = World(later)
    with world.session() as session:
        assert len(session.scalars(sa.select(Note)).all()) == 1
        given = set(
            session.scalars(
                sa.select(Person.username)
                .join(PersonApplication, PersonApplication.person_id == Person.id)
                .where(PersonApplication.application == "sample")
            )
        )
        assert given == {person.username for person in demo_people.PEOPLE if person.applications}
    assert world.sign_in("demo.office").get("/apps/sample/").status_code == 200
    assert world.sign_in("demo.staff").get("/staff/sample/count").status_code == 200
    for app in (first, later):
        database_of(app).engine.dispose()


def test_what_the_demo_tells_of_people_names_them(instance: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{instance / 'portal.sqlite'}", instance))
    demo.seed(app)
    with World(app).session() as session:
        (objected,) = session.scalars(sa.select(LinkNotice).where(LinkNotice.objected_at.is_not(None)))
        person = session.get_one(Person, objected.objected_by_id)
        assert person.organization_id == objected.organization_id


def test_a_portals_database_gets_no_accounts_of_the_demo(make_app: MakeApp, database_url: str) -> None:
    app = make_app(database_url)
    world = World(app)
    world.organization("Sample Clinic")
    with pytest.raises(ConfigurationError, match=r"organization.*Unset HP_PORTAL_DATABASE_URL"):
        demo.seed(app)
    with world.session() as session:
        assert session.scalars(sa.select(Person)).all() == []


def test_a_database_of_something_else_is_left_as_it_is(make_app: MakeApp, tmp_path: Path) -> None:
    file = tmp_path / "customers.sqlite"
    with closing(sqlite3.connect(file)) as other:
        other.execute("create table customer (name text)")
    with pytest.raises(ConfigurationError, match=r"customers\.sqlite is not the demo's.*customer"):
        demo.seed(make_app(f"sqlite:///{file}"))
    with closing(sqlite3.connect(file)) as other:
        assert other.execute("select name from sqlite_schema").fetchall() == [("customer",)]


def test_the_demo_has_messages_of_every_end_and_paper_that_waits(instance: Path) -> None:
    app = create_app(settings_for(f"sqlite:///{instance / 'portal.sqlite'}", instance))
    demo.seed(app)
    staff = World(app).sign_in("demo.staff")
    page = staff.get("/staff/deliveries").text
    assert re.search(r"\d+ waiting, \d+ sent, 1 not sent, 1 came back", page)
    assert 'id="by-day"' in page
    assert re.search(r"letters? waits? to be printed", staff.get("/staff/letters").text)
    assert "952-555-0100: A fax from" in staff.get("/staff/faxes").text
    database_of(app).engine.dispose()
