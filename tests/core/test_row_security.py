"""Row-level security of PostgreSQL: whatever the SQL, a transaction reaches what the pass it shows lets it reach."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from psycopg.pq import TransactionStatus

from hp_portal import cli, migrations, passes, row_security, scopes
from hp_portal.core.audit.models import AuditEvent, AuditWindow
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.organizations.models import Organization
from hp_portal.database import Base, PortalSession, staging_table
from hp_portal.migrations.chains import core_tables
from hp_portal.scopes import OrganizationScope, WholeScope
from hp_portal.settings import ConfigurationError
from hp_portal_plugins.remittance.models import Claim, PaymentText
from tests.conftest import MakeApp
from tests.support.databases import as_owner, data_key, database_of, owner_url
from tests.support.world import World

pytestmark = pytest.mark.postgresql
NAMES = "SELECT name FROM organization ORDER BY name"


@pytest.fixture
def database_kind() -> str:
    return "postgresql"


@pytest.fixture
def two(world: World) -> tuple[Organization, Organization]:
    return world.organization("Aspen"), world.organization("Birch")


def driver_of(session: PortalSession) -> Any:
    """The driver's own connection: what is run on it passes none of the portal's walls, only the database's."""
    return session.connection().connection.dbapi_connection


def names(session: PortalSession) -> list[str]:
    return [row[0] for row in driver_of(session).execute(NAMES).fetchall()]


def test_a_session_reaches_what_its_scope_says(world: World, two: tuple[Organization, Organization]) -> None:
    aspen, birch = two
    with world.database.new_session() as session:
        assert names(session) == []
        scopes.set_scope(session, OrganizationScope(aspen.id))
        assert names(session) == ["Aspen"]
        with scopes.whole(session, "a test"):
            session.scalar(sa.select(sa.func.count(Organization.id)))
            assert names(session) == ["Aspen", "Birch"]
        assert names(session) == ["Aspen"], "a wider pass ends with the block"
        scopes.set_scope(session, OrganizationScope(birch.id))
        assert names(session) == ["Birch"]
        session.commit()
        assert names(session) == ["Birch"], "a new transaction shows it anew"
    with world.database.engine.connect() as connection:
        assert connection.exec_driver_sql(NAMES).all() == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda raw: raw.execute(NAMES).fetchall(),
        lambda raw: raw.cursor().execute(NAMES, prepare=True).fetchall(),
        lambda raw: _on_the_server(raw.cursor("on_the_server")),
        lambda raw: list(raw.cursor().stream(NAMES)),
        lambda raw: _copied(raw.cursor()),
        lambda raw: _of_many(raw.cursor()),
    ],
    ids=["execute", "prepared", "on the server", "stream", "copy", "many"],
)
def test_every_way_to_ask_the_driver_shows_the_scope_first(
    world: World, two: tuple[Organization, Organization], ask: Callable[[Any], list[tuple[str, ...]]]
) -> None:
    """The scope became another and nothing was asked since: whatever comes first shows it."""
    with world.database.new_session(WholeScope("a test")) as session:
        raw = driver_of(session)
        assert len(ask(raw)) == 2
        scopes.set_scope(session, OrganizationScope(two[0].id))
        assert ask(raw) == [("Aspen",)]
        with scopes.whole(session, "a test"):
            assert len(ask(raw)) == 2
        assert ask(raw) == [("Aspen",)]


def _on_the_server(cursor: Any) -> list[tuple[str, ...]]:
    with cursor:
        return list(cursor.execute(NAMES).fetchall())


def _copied(cursor: Any) -> list[tuple[str, ...]]:
    with cursor.copy(f"COPY ({NAMES}) TO STDOUT") as copying:
        return list(copying.rows())


def _of_many(cursor: Any) -> list[tuple[str, ...]]:
    cursor.executemany("SELECT name FROM organization WHERE name <> %s ORDER BY name", [("x",)], returning=True)
    return list(cursor.fetchall())


def test_a_transaction_is_as_isolated_as_it_was_asked_to_be(
    world: World, two: tuple[Organization, Organization]
) -> None:
    with world.session_of(two[0]) as session:
        session.connection(execution_options={"isolation_level": "SERIALIZABLE"})
        assert names(session) == ["Aspen"]
        assert driver_of(session).execute("SHOW transaction_isolation").fetchone() == ("serializable",)


def test_a_request_shows_its_passes_where_transactions_begin_and_nowhere_else(
    world: World, two: tuple[Organization, Organization], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.person("aspen.person", organization=two[0])
    client = world.sign_in("aspen.person")
    said: list[tuple[str, TransactionStatus]] = []
    say = passes._say

    def heard(raw: Any, text: str) -> None:
        said.append((text.split(":")[1], raw.info.transaction_status))
        say(raw, text)

    monkeypatch.setattr(passes, "_say", heard)
    answer = client.get("/apps/remittance/?number=1234567")
    assert "No results found" in answer.text
    # The gate's query enters the organization's scope; after the event is committed a second transaction begins in it.
    assert said == [("0", TransactionStatus.IDLE), (str(two[0].id), TransactionStatus.IDLE)]


def test_entering_leads_into_a_scope_and_never_out_of_one(world: World, two: tuple[Organization, Organization]) -> None:
    aspen, birch = two

    def enter(session: PortalSession, organization_id: int | None) -> tuple[Any, list[str]]:
        found = driver_of(session).execute("SELECT portal_wall.enter(%s)", (organization_id,)).fetchone()[0]
        return found, names(session)

    with world.database.new_session(WholeScope("a test")) as session:
        assert enter(session, None) == (None, ["Aspen", "Birch"])
        assert enter(session, aspen.id) == (aspen.id, ["Aspen"])
        for other in (birch.id, 0, None):
            assert enter(session, other) == (None, ["Aspen"])
    with world.session_of(aspen) as session:
        assert enter(session, birch.id) == (None, ["Aspen"])
    with world.database.new_session() as session:
        assert enter(session, aspen.id) == (None, [])


def test_savepoints_take_no_wider_pass_back(world: World, two: tuple[Organization, Organization]) -> None:
    with world.database.new_session(WholeScope("a test")) as session:
        assert len(names(session)) == 2
        savepoint = session.begin_nested()
        scopes.set_scope(session, OrganizationScope(two[0].id))
        assert names(session) == ["Aspen"]
        savepoint.rollback()
        assert names(session) == ["Aspen"], "what was shown before the savepoint"
        with pytest.raises(sa.exc.DBAPIError), session.begin_nested():
            session.execute(sa.select(Organization.id / (Organization.id - Organization.id)))
        assert names(session) == ["Aspen"]
        savepoint = session.begin_nested()
        session.execute(sa.select(Organization.id))
        savepoint.commit()
        assert names(session) == ["Aspen"]


def shown(session: PortalSession) -> str:
    return str(driver_of(session).execute("SELECT current_setting('portal.pass')").fetchone()[0])


@pytest.mark.parametrize(
    "forged",
    [
        lambda own, _: own.replace(own.split(":")[1], "0", 1),
        lambda own, other: own.replace(f":{own.split(':')[1]}:", f":{other}:"),
        lambda own, other: f"{own.split(':')[0]}:{other}:{hashlib.sha256(str(other).encode()).hexdigest()}",
        lambda _own, _: "0",
        lambda _own, _: ":0:",
        lambda _own, _: "x:0:x",
        lambda _own, _: "::",
        lambda own, _: own.rpartition(":")[0],
        lambda own, _: own.rpartition(":")[0] + ":",
        lambda own, _: own + ":",
    ],
    ids=[
        "whole",
        "another's",
        "a digest of one's own",
        "bare",
        "no key",
        "unknown key",
        "empty",
        "cut",
        "no digest",
        "longer",
    ],
)
def test_a_pass_cannot_be_made_by_sql(
    world: World, two: tuple[Organization, Organization], forged: Callable[[str, int], str]
) -> None:
    aspen, birch = two
    with world.session_of(aspen) as session:
        raw = driver_of(session)
        raw.execute("SELECT set_config('portal.pass', %s, true)", (forged(shown(session), birch.id),))
        seen = [row[0] for row in raw.execute(NAMES).fetchall()]
    assert seen in ([], ["Aspen"])


def test_a_pass_is_no_good_on_another_connection(world: World, two: tuple[Organization, Organization]) -> None:
    with world.database.new_session(WholeScope("a test")) as wide, world.session_of(two[0]) as session:
        stolen = shown(wide)
        raw = driver_of(session)
        raw.execute("SELECT set_config('portal.pass', %s, true)", (stolen,))
        assert raw.execute(NAMES).fetchall() == []


def test_what_the_next_user_of_a_connection_inherits_is_nothing(
    two: tuple[Organization, Organization], database_url: str, make_app: MakeApp
) -> None:
    app = make_app(database_url, database_pool=1)
    with database_of(app).new_session(OrganizationScope(two[0].id)) as session:
        raw = driver_of(session)
        raw.execute("SELECT set_config('portal.pass', %s, false)", (shown(session),))
        session.commit()
    with database_of(app).new_session(OrganizationScope(two[1].id)) as session:
        assert names(session) == ["Birch"]
    with database_of(app).new_session() as session:
        assert names(session) == []


@pytest.mark.parametrize("what", ["portal_wall.key", "portal_wall.key_ids FOR UPDATE"])
def test_the_keys_cannot_be_read(world: World, what: str) -> None:
    with world.session() as session, pytest.raises(sa.exc.DBAPIError, match="permission denied"):
        session.connection().exec_driver_sql(f"SELECT * FROM {what}")


def test_the_wall_cannot_be_taken_down_by_the_portal(world: World) -> None:
    for statement in (
        "ALTER TABLE organization DISABLE ROW LEVEL SECURITY",
        "DROP POLICY portal_select ON organization",
        "CREATE POLICY more ON organization USING (true)",
        "CREATE OR REPLACE FUNCTION portal_wall.scope() RETURNS bigint LANGUAGE sql AS 'SELECT 0'",
        "INSERT INTO portal_wall.key VALUES ('x', '')",
    ):
        with world.session() as session:
            with pytest.raises(sa.exc.DBAPIError, match=r"permission denied|must be owner"):
                session.connection().exec_driver_sql(statement)
            session.rollback()
    with world.database.engine.connect() as connection:
        connection.exec_driver_sql("SET row_security = off")
        with pytest.raises(sa.exc.DBAPIError, match="row-level security"):
            connection.exec_driver_sql(NAMES)


def test_rows_are_loaded_in_a_whole_scope_alone(world: World, two: tuple[Organization, Organization]) -> None:
    with world.session_of(two[0]) as session:
        with pytest.raises(scopes.ScopeViolation):
            staging_table(session, "remittance_payment")
        with pytest.raises(psycopg.Error, match="only a whole scope"):
            driver_of(session).execute("SELECT portal_wall.stage('remittance_payment')")
    with world.session() as session:
        raw = driver_of(session)
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            raw.cursor().copy("COPY organization (name) FROM STDIN").__enter__()
        session.rollback()
        assert staging_table(session, "organization") == staging_table(session, "organization")
    with as_owner(world.app), world.database.new_session(WholeScope("a test")) as session:
        assert staging_table(session, "organization") == ""


def test_an_organization_adds_no_event_in_another_s_name(world: World, two: tuple[Organization, Organization]) -> None:
    columns = {"event": "x", "at": sa.func.now(), "request_id": "", "address": "", "reason": "", "fields": "{}"}
    for organization, person in ((two[1].id, None), (None, 1)):
        forged = sa.insert(AuditEvent).inline().values(**columns, organization_id=organization, person_id=person)
        compiled: Any = forged.compile(dialect=world.database.engine.dialect)
        with world.session_of(two[0]) as session, pytest.raises(psycopg.Error, match=r"row-level|null value"):
            driver_of(session).execute(str(compiled), compiled.params)


def test_shared_rows_are_read_by_everybody_and_written_in_a_whole_scope(
    world: World, two: tuple[Organization, Organization]
) -> None:
    with world.session_of(two[0]) as session:
        assert driver_of(session).execute("SELECT count(*) FROM application_setting").fetchone()[0] > 0
        assert driver_of(session).execute("UPDATE application_setting SET enabled = NOT enabled").rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            driver_of(session).execute("INSERT INTO remittance_code (list, code, text) VALUES ('CARC', 'x', 'x')")
    with world.session() as session:
        assert driver_of(session).execute("UPDATE application_setting SET enabled = enabled").rowcount > 0


def test_counts_of_refusals_are_nobodys_to_read_or_change(world: World, two: tuple[Organization, Organization]) -> None:
    """They name people and addresses of others; and a count that was taken away would be missing in the record."""
    world.client().post("/sign-in", data={"username": "nobody", "password": "wrong"})
    counts = "SELECT count(*) FROM audit_window", "DELETE FROM audit_window", "UPDATE audit_window SET times = 0"
    for scope in (None, OrganizationScope(two[0].id)):
        with world.database.new_session(scope) as session:
            raw = driver_of(session)
            assert raw.execute(counts[0]).fetchone()[0] == 0
            assert [raw.execute(one).rowcount for one in counts[1:]] == [0, 0]
    with world.session() as session:
        assert driver_of(session).execute(counts[0]).fetchone()[0] == 1


def test_refusals_are_counted_in_whatever_scope_somebody_is_refused(
    world: World, two: tuple[Organization, Organization]
) -> None:
    """And the session is in its own scope again afterwards."""
    for scope in (None, OrganizationScope(two[0].id)):
        with world.database.new_session(scope) as session:
            for _ in range(2):
                record_refusal(session, "identity.sign-in.failed", account="nobody")
            assert driver_of(session).execute("SELECT count(*) FROM audit_window").fetchone()[0] == 0
            session.commit()
    with world.session() as session:
        assert session.scalars(sa.select(AuditWindow.times)).all() == [3]


def test_criteria_become_policies() -> None:
    found = row_security.wanted_policies({"remittance_claim", "remittance_text", "organization"})
    assert list(found) == ["organization", "remittance_claim", "remittance_text"]
    read = {table: policies[0].statement(table) for table, policies in found.items()}
    assert read["organization"] == (
        "CREATE POLICY portal_select ON organization FOR SELECT USING "
        "(CASE (SELECT portal_wall.scope()) WHEN 0 THEN true WHEN organization.id THEN true ELSE false END)"
    )
    for model in (Claim, PaymentText):
        assert "organization_id = (SELECT portal_wall.scope())" in read[model.__tablename__]
        assert "access_grant.ended_at IS NULL" in read[model.__tablename__]


def test_every_table_has_its_policies(app: Flask) -> None:
    with database_of(app).engine.connect() as connection:
        on = set(connection.scalars(sa.text("SELECT relname FROM pg_class WHERE relrowsecurity")))
    models: list[Any] = [mapper.class_ for mapper in Base.registry.mappers]
    ours = ("hp_portal.", "hp_portal_plugins.")
    marked = {one.__tablename__ for one in models if one.__module__.startswith(ours)}
    assert core_tables() - {"alembic_version"} <= on
    assert on == marked
    assert migrations.weaknesses(app) == []


def test_missing_and_changed_policies_are_named_and_mended(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    with as_owner(app) as engine, engine.begin() as connection:
        for statement in (
            "DROP POLICY portal_delete ON person",
            "ALTER POLICY portal_select ON access_grant USING (true)",
            "CREATE POLICY more ON remittance_claim USING (true)",
            "ALTER TABLE organization DISABLE ROW LEVEL SECURITY",
        ):
            connection.exec_driver_sql(statement)
    named = migrations.weaknesses(app)
    for table in ("person", "access_grant", "remittance_claim", "organization"):
        assert any(f"table {table} " in one for one in named), table
    assert len(named) == 4
    monkeypatch.setattr(cli, "_app", [app])
    checked = CliRunner().invoke(cli.cli, ["db", "check"])
    assert checked.exit_code == 1
    assert "The table organization has no row-level security" in checked.output
    with as_owner(app):
        migrations.upgrade(app)
    assert migrations.weaknesses(app) == []


def test_a_key_that_the_database_does_not_know(world: World, database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url)
    other = make_app(owner_url(database_url), data_key=data_key("other"))
    with as_owner(app) as engine, engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM portal_wall.key WHERE id = %s", (database_of(other).vault.marks[0].id,))
    with pytest.raises(ConfigurationError, match="not the data key of this database, or `hp-portal db upgrade`"):
        database_of(other).new_session(WholeScope("a test"))


def test_passes_differ_by_scope_process_and_key() -> None:
    made = {
        passes.make_pass("a", b"k" * 32, 1, 10),
        passes.make_pass("a", b"k" * 32, 11, 0),
        passes.make_pass("a", b"k" * 32, 1, 11),
        passes.make_pass("a", b"l" * 32, 1, 10),
        passes.make_pass("a", b"k" * 32, 0, 10),
    }
    assert len({one.rpartition(":")[2] for one in made}) == 5
