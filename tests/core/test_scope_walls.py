"""Every way round the row scope that is known: none reads, none writes, and each would where everything may be seen."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import g

from hp_portal import clock, scopes
from hp_portal.app import create_app
from hp_portal.core.audit.record import Who
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Acceptance, SignIn
from hp_portal.core.jobs.models import PluginFailure
from hp_portal.core.limits.models import Attempt
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.models import PasswordLink
from hp_portal.core.staff.accounts import ensure_role
from hp_portal.database import Base, PortalSession
from hp_portal.scopes import OrganizationScope, WholeScope
from hp_portal_plugins.remittance.models import Payment, RemittanceFile
from tests import sample_plugin
from tests.plugins.remittance.scene import build
from tests.sample_plugin.notes import Note
from tests.support.databases import Databases, as_owner, database_of, prepare_database, settings_for
from tests.support.postgresql import CannotStart
from tests.support.scope_ways import WAYS, Attack, Facts, Way, apart
from tests.support.scope_ways.way import leaks
from tests.support.world import World

from ..conftest import cannot_run

# What SQLAlchemy warns of, an attacker does not mind.
pytestmark = pytest.mark.filterwarnings("ignore")


Scene = tuple[World, Facts, Facts]


@pytest.fixture(scope="module")
def scenes(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Scene]]:
    """Gives the scene on a kind of database, built once for each: every way is rolled back."""
    with contextlib.ExitStack() as stack:
        yield cache(lambda kind: stack.enter_context(_built(kind, databases, tmp_path_factory.mktemp("ways"))))


@pytest.fixture
def scene(request: pytest.FixtureRequest, scenes: Callable[[str], Scene]) -> Scene:
    return scenes(request.param)


@contextlib.contextmanager
def _built(kind: str, databases: Databases, folder: Path) -> Iterator[Scene]:
    """Two organizations, Aspen (the attacker's) and Birch."""
    with _database(kind, databases, folder) as url:
        app = create_app(settings_for(url, databases.instance), extra_plugins={"sample": sample_plugin})
        try:
            prepare_database(app)
            world = World(app)
            with as_owner(app) as engine:
                apart.letter_table.create(engine)
            own, other = _side(world, "Aspen"), _side(world, "Birch")
            _the_payers(world)
            yield world, own, other
        finally:
            database_of(app).engine.dispose()


@contextlib.contextmanager
def _database(kind: str, databases: Databases, folder: Path) -> Iterator[str]:
    if kind == "sqlite":
        yield databases.new_sqlite(folder / "portal.sqlite")
        return
    try:
        url = databases.new_postgresql()
    except CannotStart as error:
        cannot_run(f"PostgreSQL cannot start here: {error}")
    yield url
    databases.drop(url)


def _side(world: World, name: str) -> Facts:
    word = name.lower()
    organization = world.organization(f"{name} Clinic")
    person = world.person(f"{word}.clerk", organization=organization, name=f"{name} Clerk", applications=())
    build(world, organization)
    now = clock.now()
    with world.session() as session:
        notes = [Note(organization_id=organization.id, text=text) for text in (f"{word} note", f"{word} letter")]
        session.add_all(notes)
        session.flush()
        session.connection().execute(sa.insert(apart.letter_table).values(id=notes[1].id, body=f"{word} body"))
        sign_in = SignIn(
            token_hash=word.encode().ljust(32), person_id=person.id, created_at=now, last_seen_at=now,
            address="127.0.0.1", user_agent=f"{word} agent",
        )  # fmt: skip
        session.add_all(
            [
                sign_in,
                Acceptance(person_id=person.id, agreement="x", version=word, accepted_at=now, address="x"),
                PersonApplication(person_id=person.id, application=word, given_at=now),
                PasswordLink(person_id=person.id, token_hash=word.encode().ljust(32), made_at=now, expires_at=now),
            ]
        )
        stored = receive_file(
            session, io.BytesIO(b"x"), f"{word}.txt", owner=Who(person.id, organization.id), kind="sample"
        )
        payee = session.scalars(sa.select(Payee).where(Payee.name == f"{name} Payee")).one()
        grant = session.scalars(sa.select(Grant).where(Grant.organization_id == organization.id)).one()
        payment = session.scalars(sa.select(Payment.id).where(Payment.payee_id == payee.id)).one()
        session.flush()
        return Facts(organization, person, payee, grant, (notes[0].id, notes[1].id), payment, sign_in.id, stored.id)


def _the_payers(world: World) -> None:
    now = clock.now()
    with world.session() as session:
        ensure_role(session, "payers-own role", ["staff:console:open"])
        session.execute(sa.update(RemittanceFile).values(name="payers-own file"))
        session.add(PluginFailure(plugin="x", place="x", error="payers-own", times=1, first_at=now, last_at=now))
        session.add(Attempt(kind="x", subject=b"5" * 32, at=now))


def _snapshot(session: PortalSession) -> dict[str, list[Any]]:
    """Every row of every table in the database, as the session's transaction sees it. What other tests made up has no table."""
    with scopes.whole(session, "a test compares"):
        there = set(sa.inspect(session.connection()).get_table_names())
        tables = [table for table in (*Base.metadata.sorted_tables, apart.letter_table) if table.name in there]
        return {table.name: sorted(map(repr, session.connection().execute(sa.select(table)).all())) for table in tables}


@contextlib.contextmanager
def _attacking(scene: Scene, scope: scopes.Scope) -> Iterator[Attack]:
    world, own, other = scene
    with world.app.test_request_context("/apps/sample/"):
        session = g.session = world.database.session
        scopes.set_scope(session, scope)
        attack = Attack(session, own, other, world.database)
        yield attack
        session.rollback()


def _works(way: Way, attack: Attack) -> tuple[bool, Exception | None]:
    """Did the way read or write something that is not the attacker's? Else what stopped it, if anything raised."""
    before = _snapshot(attack.session) if way.kind == "write" else {}
    try:
        found = way.run(attack)
        if way.kind == "read":
            return leaks(found), None
        attack.session.flush()
    except Exception as error:
        attack.session.rollback()
        return False, error
    return _snapshot(attack.session) != before, None


# Ways that still work, one a line as `database-kind-name`. What is left for good is told in docs/access.md.
OPEN = frozenset((Path(__file__).with_name("scope_ways_open.txt")).read_text(encoding="utf-8").split())


# What no session can do, whatever it may see.
CLOSED_TO_ALL = frozenset({"a session with the class of this one", "the session's context"})


def _cases() -> Iterator[Any]:
    """Every way on every database that it exists on."""
    for database, marks in (("sqlite", ()), ("postgresql", (pytest.mark.postgresql,))):
        for way in WAYS:
            if way.only in ("", database):
                name = f"{database}-{way.kind}-{way.name}".replace(" ", "_")
                yield pytest.param(database, way, id=name, marks=marks)


@pytest.mark.parametrize(("scene", "way"), [*_cases()], indirect=["scene"])
def test_no_way_round_the_scope(way: Way, scene: Scene, request: pytest.FixtureRequest) -> None:
    if request.node.callspec.id in OPEN:
        request.applymarker(pytest.mark.xfail(reason="still open", strict=True))
    if way.name not in CLOSED_TO_ALL:
        # As the owner of the tables: a connection of one's own shows PostgreSQL no pass, in a whole scope either.
        with as_owner(scene[0].app), _attacking(scene, WholeScope("a test has the way succeed")) as attack:
            works, error = _works(way, attack)
            assert works, f"proves nothing, as it does not work where everything may be seen either: {error!r}"
    with _attacking(scene, OrganizationScope(scene[1].id)) as attack:
        works, error = _works(way, attack)
        assert not works
