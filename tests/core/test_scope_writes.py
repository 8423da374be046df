"""What an organization's session writes: its own rows, and nothing read past the scope on the way."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.models import AuditSeal
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.scopes import ScopeViolation
from tests.support.world import World


@pytest.fixture
def granted(world: World) -> tuple[Organization, Grant]:
    """An organization with a grant; another has one, too."""
    for name in ("Birch Clinic", "Aspen Clinic"):
        organization = world.organization(name)
        grant = world.grant(organization, world.payee())
    return organization, grant


def _from(source: Any) -> sa.Insert:
    """Copy ids of grants to a table that everybody may read."""
    columns = ["id", "sealed_at", "rows", "digest"]
    id_column = source.c.id if isinstance(source, sa.Table) else source.id
    copied = sa.select(id_column, sa.literal(clock.now()), sa.literal(1), sa.literal(b"x"))
    return sa.insert(AuditSeal).from_select(columns, copied)


@pytest.mark.parametrize("source", [Grant.__table__, Grant], ids=["table", "model"])
def test_what_is_inserted_by_a_select_is_not_read_past_the_scope(
    world: World, granted: tuple[Organization, Grant], source: Any
) -> None:
    organization, _ = granted
    with world.session_of(organization) as session, pytest.raises(ScopeViolation):
        session.execute(_from(source))
    with world.database.new_session() as session, pytest.raises(ScopeViolation):
        session.execute(_from(source))


@pytest.mark.parametrize("many", [False, True])
def test_rows_given_as_values_are_the_organization_s_own(
    world: World, granted: tuple[Organization, Grant], many: bool
) -> None:
    """One as a mapping, several as a list of them."""
    organization, _ = granted
    own = {
        "proof": "check",
        "granted_at": clock.now(),
        "payee_id": world.payee().id,
        "organization_id": organization.id,
    }
    other = {**own, "organization_id": world.organization().id}
    with world.session_of(organization) as session:
        session.execute(sa.insert(Grant), [own] if many else own)
        assert len(session.scalars(sa.select(Grant.id)).all()) == 2
        for values in ([own, other] if many else other, {**own, "organization_id": None}):
            with pytest.raises(ScopeViolation):
                session.execute(sa.insert(Grant), values)


def test_what_is_got_again_keeps_what_was_changed(world: World, granted: tuple[Organization, Grant]) -> None:
    """`get` reads again in the scope; what is not written yet must not be read over."""
    organization, grant = granted
    with world.session_of(organization) as session:
        row = session.get_one(Grant, grant.id)
        row.proof = "check"
        assert session.get_one(Grant, grant.id) is row
        assert row.proof == "check"
        session.commit()
    with world.session() as session:
        assert session.get_one(Grant, grant.id).proof == "check"


def test_get_one_names_what_it_did_not_find(world: World, granted: tuple[Organization, Grant]) -> None:
    with (
        world.session_of(granted[0]) as session,
        pytest.raises(sa.exc.NoResultFound, match="no Grant with that key in the scope"),
    ):
        session.get_one(Grant, 10**9)


def test_a_row_that_changes_hands_is_refused_both_ways(world: World, granted: tuple[Organization, Grant]) -> None:
    organization, grant = granted
    other = world.organization()
    with world.session_of(organization) as session:
        session.get_one(Grant, grant.id).organization_id = other.id
        with pytest.raises(ScopeViolation):
            session.flush()
    with world.session_of(other) as session:
        with scopes.whole(session, "a test reaches for it"):
            row = session.get_one(Grant, grant.id)
        row.organization_id = other.id
        with pytest.raises(ScopeViolation):
            session.flush()


def test_what_is_only_looked_at_is_not_written(world: World, granted: tuple[Organization, Grant]) -> None:
    """A row of somebody else that a wider block has loaded, touched but unchanged, stops nothing."""
    _, grant = granted
    with world.session_of(world.organization()) as session:
        with scopes.whole(session, "a test reaches for it"):
            row = session.get_one(Grant, grant.id)
        row.proof = str(row.proof)
        session.flush()
        row.proof = "other"
        with pytest.raises(ScopeViolation):
            session.flush()
