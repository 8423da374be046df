"""Row scopes: whatever the statement, an organization reaches its own rows alone."""

from __future__ import annotations

import datetime as dt
import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import aliased

from hp_portal import scopes
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import Who, record
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.models import Person
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import Base, PortalSession, is_postgresql
from hp_portal.scopes import (
    May,
    OrganizationScope,
    OwnedByOrganizationAlone,
    PaidTo,
    ScopeMissing,
    ScopeViolation,
    WholeScope,
)
from hp_portal_plugins.remittance.models import Payment
from hp_portal_plugins.remittance.office import models as office
from tests.sample_plugin.notes import Note
from tests.support.databases import Databases
from tests.support.matrix import Scene, build_scene
from tests.support.rows import other_rows
from tests.support.scoped_models import MODELS, NEVER_CHANGED, SCOPED
from tests.support.world import World


@dataclass(frozen=True)
class Two:
    """Two organizations with a row of every model each, and the keys of each one's rows by model."""

    scene: Scene
    keys: dict[type[Any], tuple[set[Any], set[Any]]]

    @property
    def world(self) -> World:
        return self.scene.world


def key_of(model: type[Any]) -> Any:
    """The first column of the primary key: enough to tell the rows apart here."""
    columns = list(sa.inspect(model).primary_key)
    return getattr(model, sa.inspect(model).get_property_by_column(columns[0]).key)


def keys_in(session: PortalSession, model: type[Any]) -> set[Any]:
    return set(session.scalars(sa.select(key_of(model))))


@pytest.fixture
def two(sample_world: World, databases: Databases) -> Two:
    """Built once a run for each kind of database, and copied with it."""

    def build() -> bytes:
        built = build_two(sample_world)
        # What the plugins' parts are made of belongs to the world that they were built in.
        own, other = (replace(side, parts={}) for side in (built.scene.own, built.scene.other))
        return pickle.dumps((own, other, built.keys, sample_world.mark()))

    own, other, keys, mark = pickle.loads(databases.fill(sample_world.app, "two", build))
    sample_world.go_on_from(mark)
    return Two(Scene(sample_world, own, other), keys)


def build_two(world: World) -> Two:
    scene = build_scene(world)
    for side in (scene.own, scene.other):
        with world.session() as session:
            record(session, "audit.own.viewed", who=Who(side.person.id, side.organization.id), page=1)
            session.add_all(other_rows(session, side.organization, side.person))
        world.sign_in(side.person.username)
        with world.session() as session:
            owner = Who(side.person.id, side.organization.id)
            receive_file(session, io.BytesIO(b"x"), "sample.txt", owner=owner, kind="sample")
        with world.session_of(side.organization) as session:
            add_office_rows(session, side.organization.id, side.person.id)
            session.commit()
    keys = {}
    for model in MODELS:
        found = []
        for side in (scene.own, scene.other):
            with world.session_of(side.organization) as session:
                found.append(keys_in(session, model))
        keys[model] = (found[0], found[1])
    return Two(scene, keys)


def add_office_rows(session: PortalSession, organization_id: int, person_id: int) -> None:
    """What an office keeps for itself, which nobody else may write for it."""
    payment_id = session.scalars(sa.select(Payment.id).order_by(Payment.id)).first()
    now = dt.datetime.now(dt.UTC)
    posted = {"claims": "1", "claim_count": 1, "of_claims": 1, "person_id": person_id, "at": now}
    written = {"word": "w", "text_sealed": b"x", "written_by_id": person_id, "written_at": now}
    saved = {"person_id": person_id, "shared": False, "word": "w", "search_sealed": b"x", "saved_at": now}
    session.add(office.Posting(organization_id=organization_id, payment_id=payment_id, **posted))
    session.add(office.Note(organization_id=organization_id, payment_id=payment_id, **written))
    session.add(office.SavedSearch(organization_id=organization_id, **saved))


def test_every_model_has_rows_of_both_and_none_in_common(two: Two) -> None:
    for model in MODELS:
        own, other = two.keys[model]
        assert own, f"the test needs a row of {model.__name__}"
        assert other, f"the test needs a row of {model.__name__}"
        assert not own & other, model.__name__


Read = Callable[[PortalSession, type[Any]], set[Any]]


def _select(session: PortalSession, model: type[Any]) -> set[Any]:
    rows = session.scalars(sa.select(model)).all()
    return {getattr(row, key_of(model).key) for row in rows}


def _alias(session: PortalSession, model: type[Any]) -> set[Any]:
    other = aliased(model)
    return set(session.scalars(sa.select(getattr(other, key_of(model).key))))


def _join(session: PortalSession, model: type[Any]) -> set[Any]:
    other = aliased(model)
    key = key_of(model)
    return set(session.scalars(sa.select(key).join(other, getattr(other, key.key) == key)))


def _outer_join(session: PortalSession, model: type[Any]) -> set[Any]:
    """From a table that everybody may read, as a list of names would."""
    from hp_portal.core.identity.applications import ApplicationSetting

    statement = sa.select(key_of(model)).select_from(ApplicationSetting).outerjoin(model, sa.true())
    return set(session.scalars(statement)) - {None}


def _subquery(session: PortalSession, model: type[Any]) -> set[Any]:
    inner = sa.select(key_of(model).label("found")).subquery()
    return set(session.scalars(sa.select(inner.c.found)))


def _scalar_subquery(session: PortalSession, model: type[Any]) -> set[Any]:
    lowest, highest = (sa.select(function(key_of(model))).scalar_subquery() for function in (sa.func.min, sa.func.max))
    return set(session.execute(sa.select(lowest, highest)).one())


def _cte(session: PortalSession, model: type[Any]) -> set[Any]:
    inner = sa.select(key_of(model).label("found")).cte()
    return set(session.scalars(sa.select(inner.c.found)))


def _union(session: PortalSession, model: type[Any]) -> set[Any]:
    return set(session.scalars(sa.union(sa.select(key_of(model)), sa.select(key_of(model)))))


def _entity_of_subquery(session: PortalSession, model: type[Any]) -> set[Any]:
    entity = aliased(model, sa.select(model).subquery())
    return {getattr(row, key_of(model).key) for row in session.scalars(sa.select(entity))}


def _in(session: PortalSession, model: type[Any]) -> set[Any]:
    key = key_of(model)
    return set(session.scalars(sa.select(key).where(key.in_(sa.select(key)))))


def _query(session: PortalSession, model: type[Any]) -> set[Any]:
    return {value for (value,) in session.query(key_of(model))}


def _pages(session: PortalSession, model: type[Any]) -> set[Any]:
    rows = session.scalars(sa.select(model).execution_options(yield_per=1))
    return {getattr(row, key_of(model).key) for row in rows}


_made_once = {model: sa.select(key_of(model)) for model in SCOPED}


def _of_the_connection(session: PortalSession, model: type[Any]) -> set[Any]:
    """The short way of the busiest pages, from a statement's second time on."""
    first, second = ({row[0] for row in scopes.select_rows(session, _made_once[model], {})} for _ in range(2))
    assert first == second
    return second


READS: list[Read] = [
    keys_in, _select, _alias, _join, _outer_join, _subquery, _scalar_subquery, _cte, _union, _entity_of_subquery,
    _in, _query, _pages, _of_the_connection,
]  # fmt: skip


@pytest.mark.parametrize("read", READS, ids=lambda read: read.__name__.strip("_"))
def test_a_select_of_any_shape_sees_its_own_rows_alone(two: Two, read: Read) -> None:
    for model in MODELS:
        for number, side in enumerate((two.scene.own, two.scene.other)):
            with two.world.session_of(side.organization) as session:
                assert read(session, model) <= two.keys[model][number], model.__name__
                assert read(session, model), model.__name__


def test_counting_exists_and_get_stay_in_the_scope(two: Two) -> None:
    for model in MODELS:
        key = key_of(model)
        own, other = two.keys[model]
        stranger = next(iter(other))
        with two.world.session_of(two.scene.own.organization) as session:
            assert session.scalar(sa.select(sa.func.count(key.distinct()))) == len(own)
            assert session.scalar(sa.select(sa.select(key).where(key == stranger).exists())) is False
            assert session.scalars(sa.select(model).where(key == stranger)).all() == []
            if len(sa.inspect(model).primary_key) == 1:
                assert session.get(model, stranger) is None
                with pytest.raises(sa.exc.NoResultFound):
                    session.get_one(model, stranger)
                assert session.get_one(model, next(iter(own)))


def test_get_does_not_remember_a_wider_scope(two: Two) -> None:
    stranger = next(iter(two.keys[Payee][1]))
    with two.world.session_of(two.scene.own.organization) as session:
        with scopes.whole(session, "a test looks beyond"):
            kept = session.get(Payee, stranger)
        assert kept is not None
        assert session.get(Payee, stranger) is None


def test_update_and_delete_reach_own_rows_alone(two: Two) -> None:
    """Where the model lets an organization write, and where only its first wall would: PostgreSQL asks what the model says."""
    for model in (model for model in MODELS if model not in NEVER_CHANGED):
        key = key_of(model)
        with pytest.MonkeyPatch.context() as patch, two.world.session_of(two.scene.own.organization) as session:
            plain = next(
                one for one in sa.inspect(model).column_attrs if not one.columns[0].foreign_keys
            ).class_attribute
            is_let = bool(model.__organization_may__.change) or not is_postgresql(session)
            patch.setattr(model, "__organization_may__", May(change=(plain.key,), remove=True))
            own = sa.select(key.label("own")).subquery()
            updated = session.execute(sa.update(model).values({plain: plain}).returning(key))
            assert set(updated.scalars()) == (two.keys[model][0] if is_let else set()), model.__name__
            assert set(session.scalars(sa.select(own.c.own))) == two.keys[model][0], model.__name__
    for model in (Note, KeptValues):
        with two.world.session_of(two.scene.own.organization) as session:
            stranger = next(iter(two.keys[model][1]))
            assert session.execute(sa.delete(model).where(key_of(model) == stranger)).rowcount == 0  # type: ignore[attr-defined]


def test_no_scope_raises(two: Two) -> None:
    for model in MODELS:
        for statement in (sa.select(model), sa.select(key_of(model)), sa.update(model).values({key_of(model): 1})):
            with two.world.database.new_session() as session, pytest.raises((ScopeMissing, sa.exc.StatementError)) as e:
                session.execute(statement)
            assert "no scope is set" in str(e.value)


def test_a_whole_scope_sees_everything_and_ends(two: Two) -> None:
    for model in MODELS:
        own, other = two.keys[model]
        with two.world.session_of(two.scene.own.organization) as session:
            kept_back = issubclass(model, OwnedByOrganizationAlone) and is_postgresql(session)
            everything = set() if kept_back else own | other
            with scopes.whole(session, "a test counts all"):
                assert keys_in(session, model) >= everything
            assert keys_in(session, model) == own
        with two.world.database.new_session(WholeScope("a test")) as session:
            assert keys_in(session, model) >= everything
            assert not (kept_back and keys_in(session, model))


def test_an_ended_grant_takes_what_is_paid_to_the_payee_away_at_once(two: Two) -> None:
    with two.world.session() as session:
        session.execute(
            sa.update(Grant)
            .where(Grant.organization_id == two.scene.own.organization.id)
            .values(ended_at=dt.datetime.now(dt.UTC))
        )
    with two.world.session_of(two.scene.own.organization) as session:
        for model in (model for model in MODELS if issubclass(model, PaidTo)):
            assert keys_in(session, model) == set(), model.__name__
        assert keys_in(session, Payee) == set()


TABLES: list[Callable[[Any], Any]] = [
    lambda table: sa.select(table),
    lambda table: sa.select(table.c[0]),
    lambda table: sa.select(sa.func.count()).select_from(table),
    lambda table: sa.select(table.alias()),
    lambda table: sa.select(sa.select(table).subquery()),
    lambda table: sa.select(sa.exists().where(table.c[0] == 1)),
    lambda table: sa.select(sa.literal(1)).where(sa.literal(1).in_(sa.select(table.c[0]))),
    lambda table: sa.union(sa.select(table.c[0]), sa.select(table.c[0])),
    lambda table: sa.update(table).values({table.c[0]: 1}),
    lambda table: sa.delete(table),
    lambda table: sa.text(f"SELECT * FROM {table.name}"),
    lambda table: sa.text(f"SELECT id FROM {table.name}").columns(sa.column("id")),
    lambda table: sa.select(Person).from_statement(sa.text(f"SELECT * FROM {table.name}")),
]


@pytest.mark.parametrize("shape", range(len(TABLES)))
def test_statements_around_the_models_are_refused(two: Two, shape: int) -> None:
    for model in (Grant, Payee, AuditEvent):
        for scope in (None, OrganizationScope(two.scene.own.organization.id)):
            with two.world.database.new_session(scope) as session, pytest.raises(ScopeViolation):
                session.execute(TABLES[shape](model.__table__))


@pytest.mark.parametrize("which", [Grant, aliased(Grant)])
def test_what_is_changed_by_way_of_a_scoped_table_is_refused(two: Two, which: Any) -> None:
    """UPDATE … FROM and DELETE … USING get the criteria of the changed table alone; a select in where() has its own."""
    own, other = two.scene.own.organization, two.scene.other.organization
    where = {"execution_options": {"synchronize_session": False}}
    for statement in (sa.update(Note).values(text="leak"), sa.delete(Note)):
        refused = (ScopeViolation, NotImplementedError)  # SQLite knows no DELETE … USING
        with two.world.session_of(own) as session, pytest.raises(refused):
            session.execute(statement.where(Note.id == which.id), **where)
    with two.world.session_of(own) as session:
        theirs = sa.exists(sa.select(Grant.id).where(Grant.organization_id == other.id))
        session.execute(sa.update(Note).values(text="leak").where(theirs), **where)
        assert "leak" not in session.scalars(sa.select(Note.text)).all()


def test_an_unmarked_model_is_refused() -> None:
    with pytest.raises(TypeError, match="needs either a mark"):
        type("Unmarked", (Base,), {"__tablename__": "unmarked"})
    with pytest.raises(TypeError, match="say why"):
        type("Unexplained", (Base, scopes.Shared), {"__tablename__": "unexplained"})


def test_the_statement_cache_serves_every_organization(two: Two) -> None:
    """Criteria made a request would compile every statement anew."""
    cache = two.world.database.engine._compiled_cache
    assert cache is not None

    def read(organization_id: int) -> None:
        with two.world.database.new_session(OrganizationScope(organization_id)) as session:
            for model in MODELS:
                session.execute(sa.select(key_of(model)).where(key_of(model) == 1)).all()

    read(1)
    before = len(cache)
    for organization_id in range(2, 30):
        read(organization_id)
    assert len(cache) == before


# Any chain of scopes in one session: each statement sees the scope of its own moment.
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(turns=st.lists(st.sampled_from(["own", "other", "whole", "nobody"]), min_size=1, max_size=12))
def test_a_session_follows_its_scope(two: Two, turns: list[str]) -> None:
    own, other = two.scene.own.organization.id, two.scene.other.organization.id
    expected = {"own": {own}, "other": {other}, "nobody": set(), "whole": {own, other}}
    chosen: dict[str, scopes.Scope] = {
        "own": OrganizationScope(own),
        "other": OrganizationScope(other),
        "nobody": OrganizationScope(10**9),
        "whole": WholeScope("a test"),
    }
    with two.world.database.new_session() as session:
        for turn in turns:
            scopes.set_scope(session, chosen[turn])
            assert keys_in(session, Organization) == expected[turn]
            found = {row.id for row in session.scalars(sa.select(Organization))}
            assert found == expected[turn]
            assert {row.id for row in scopes.select_rows(session, _made_once[Organization], {})} == expected[turn]


def test_two_threads_do_not_mix_scopes(two: Two) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def read(number: int) -> bool:
        side = (two.scene.own, two.scene.other)[number % 2]
        with two.world.session_of(side.organization) as session:
            expected = two.keys[Payee][number % 2]
            return keys_in(session, Payee) == expected == _of_the_connection(session, Payee)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(read, range(60)))


def test_what_the_marks_ask_of_a_row() -> None:
    """However SQLAlchemy keeps a criterion: this is what it is made of."""
    asked: dict[str, Any] = {
        model.__tablename__: model.scope_criterion() for model in SCOPED if "__tablename__" in vars(model)
    }
    assert "WHERE person.organization_id = :scope_organization_id" in str(asked["sign_in"])
    assert (str(asked["attempt"]), asked["attempt"].right.value) == (":scope_organization_id < :param_1", 0)
