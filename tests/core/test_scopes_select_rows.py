"""The short way of the busiest pages: from a statement's second time on, past the ORM but never past the scope."""

from __future__ import annotations

import gc

import pytest
import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.scopes import OrganizationScope, ScopeMissing, WholeScope
from tests.support.world import World

_organizations = sa.select(Organization.id).order_by(Organization.id)


def test_rows_are_those_of_the_scope(world: World) -> None:
    own, other = (world.organization(name).id for name in ("Own", "Other"))
    for scope, expected in (
        (OrganizationScope(own), [own]),
        (OrganizationScope(other), [other]),
        (WholeScope("a test"), sorted((own, other))),
        (OrganizationScope(own), [own]),
    ):
        with world.database.new_session(scope) as session:
            assert [row.id for row in scopes.select_rows(session, _organizations, {})] == expected
    with world.database.new_session() as session, pytest.raises((ScopeMissing, sa.exc.StatementError)) as raised:
        scopes.select_rows(session, _organizations, {})
    assert "no scope is set" in str(raised.value)


_kinds = sa.select(KeptValues.kind)


def test_what_waits_in_the_session_is_seen(world: World) -> None:
    own = world.organization("Own")
    person = world.person("a.clerk", organization=own)
    with world.session_of(own) as session:
        assert scopes.select_rows(session, _kinds, {}).all() == []
        values = {"kind": "sample", "token_hash": b"0", "sealed": b"", "expires_at": clock.now()}
        session.add(KeptValues(organization_id=own.id, person_id=person.id, **values))
        assert scopes.select_rows(session, _kinds, {}).scalars().all() == ["sample"]


def test_statements_of_one_request_are_forgotten_with_it(world: World) -> None:
    with world.session_of(world.organization("Own")) as session:
        before = len(scopes._scoped_statements)
        for number in range(50):
            session.execute(sa.select(Payee.id).where(Payee.id == number)).all()
    gc.collect()
    assert len(scopes._scoped_statements) <= before + 1


def test_values_are_those_given_and_the_long_way_is_taken_once(world: World) -> None:
    """By each scope of an organization; every other takes it each time."""
    named = sa.select(Organization.id).where(Organization.name == sa.bindparam("name"))
    own, other = world.organization("Own"), world.organization("Other")
    long_ways = []
    for scope, expected in (
        (OrganizationScope(own.id), {"Own": own.id}),
        (OrganizationScope(other.id), {"Other": other.id}),
        (WholeScope("a test"), {"Own": own.id, "Other": other.id}),
    ):
        asked: list[object] = []
        with world.database.new_session(scope) as session:
            sa.event.listen(session, "do_orm_execute", asked.append)
            for name in ("Own", "Other", "Nobody's", "Own"):
                found = scopes.select_rows(session, named, {"name": name}).scalars().all()
                assert found == ([expected[name]] if name in expected else [])
        long_ways.append(len(asked))
    assert long_ways == [1, 0, 4]
