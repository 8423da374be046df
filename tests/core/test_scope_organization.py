"""What speaks of the scope's organization by name answers for the session it runs in, whichever ran before."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from hp_portal import scopes
from hp_portal.api import granted_payees, scope_organization
from hp_portal.core.organizations.models import Organization
from hp_portal.database import Base, PortalSession
from hp_portal.scopes import ScopeMissing
from tests.support.databases import as_owner
from tests.support.processes import PATIENCE
from tests.support.world import World

Sides = list[tuple[Organization, int]]


@pytest.fixture
def sides(world: World) -> Sides:
    """Two organizations, each with the id of the one payee it holds a grant to."""
    found = []
    for name in ("Aspen Clinic", "Birch Clinic"):
        organization, payee = world.organization(name), world.payee()
        world.grant(organization, payee)
        found.append((organization, payee.id))
    return found


def payees(session: PortalSession) -> set[int]:
    return set(session.scalars(granted_payees()))


def test_the_first_statement_of_a_session_is_its_own(world: World, sides: Sides) -> None:
    for organization, payee_id in (*sides, *sides):
        with world.session_of(organization) as session:
            assert payees(session) == {payee_id}
        with world.session_of(organization) as session:
            assert session.scalar(sa.select(scope_organization)) == organization.id


def test_a_block_that_sees_everything_is_still_of_its_session(world: World, sides: Sides) -> None:
    for organization, payee_id in (*sides, *sides):
        with world.session_of(organization) as session:
            with scopes.whole(session, "a test looks beyond"):
                assert payees(session) == {payee_id}
                with scopes.whole(session, "and further"):
                    assert payees(session) == {payee_id}
            assert payees(session) == {payee_id}


def test_two_sessions_of_one_thread_take_turns(world: World, sides: Sides) -> None:
    (aspen, aspen_payee), (birch, birch_payee) = sides
    with world.session_of(aspen) as one, world.session_of(birch) as other:
        for _ in range(3):
            assert payees(one) == {aspen_payee}
            assert payees(other) == {birch_payee}
            with scopes.whole(other, "a test looks beyond"):
                assert payees(one) == {aspen_payee}
                assert payees(other) == {birch_payee}


def test_a_session_of_nobody_has_no_organization(world: World, sides: Sides) -> None:
    """Neither in a session without a scope nor in one that sees everything for the payer or the system."""
    for make in (world.database.new_session, world.session):
        with world.session_of(sides[0][0]) as session:
            assert payees(session)
        with pytest.raises((ScopeMissing, sa.exc.StatementError), match="no scope is set"), make() as session:
            payees(session)


def test_two_threads_keep_their_own(world: World, sides: Sides) -> None:
    """Each waits for the other between setting out and asking, so that one's scope is always the newest."""
    barrier, found = threading.Barrier(2), dict[int, list[set[int]]]()

    def ask(number: int) -> None:
        seen = found.setdefault(number, [])
        with world.session_of(sides[number][0]) as session:
            for _ in range(3):
                barrier.wait(PATIENCE)
                seen.append(payees(session))
                barrier.wait(PATIENCE)
                with scopes.whole(session, "a test looks beyond"):
                    seen.append(payees(session))

    threads = [threading.Thread(target=ask, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [{sides[number][1]}] * 6 for number in (0, 1)}


class Both(scopes.OwnedByOrganization, scopes.PaidTo):
    """What two marks say at once."""


@pytest.mark.parametrize(
    ("marks", "body", "text"),
    [
        ((), {}, "Contradicting needs either a mark"),
        ((scopes.OwnedByOrganization, scopes.Shared), {"__shared__": "both"}, "needs either a mark"),
        ((scopes.Shared,), {}, "Contradicting is Shared; say why"),
        ((scopes.OwnedByOrganization,), {"__shared__": "everybody's"}, "Contradicting is scoped and says"),
        ((Both,), {}, "Contradicting is marked as OwnedByOrganization and PaidTo; say in scope_criterion"),
    ],
)
def test_a_model_that_contradicts_itself_is_refused(marks: tuple[type, ...], body: dict[str, Any], text: str) -> None:
    with pytest.raises(TypeError, match=text):
        type("Contradicting", (Base, *marks), {"__tablename__": "contradicting", **body})


def test_two_marks_are_fine_where_the_model_says_what_they_mean() -> None:
    body = {"scope_criterion": classmethod(lambda cls: cls.organization_id == scope_organization)}
    scopes.check_marked(type("Single", (scopes.OwnedByOrganization,), {}))
    scopes.check_marked(type("Explained", (scopes.OwnedByOrganization, scopes.PaidTo), body))


def test_the_tables_of_scoped_models_are_known_by_themselves(world: World) -> None:
    """A statement that names a table instead of its model is refused, whatever base the model was made on."""

    class Apart(DeclarativeBase):
        """Not the portal's tables."""

    class Mine(Apart, scopes.OwnedByOrganization):
        __tablename__ = "apart_mine"
        id: Mapped[int] = mapped_column(primary_key=True)
        organization_id: Mapped[int]

    class Everybodys(Apart, scopes.Shared):
        __tablename__ = "apart_everybodys"
        __shared__ = "a test"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Part(Apart, scopes.OwnedByOrganization):
        __abstract__ = True

    for model in (Mine, Everybodys, Part):
        scopes.register(model)
    session = world.database.new_session(scopes.OrganizationScope(1))
    with session, pytest.raises(scopes.ScopeViolation):
        session.execute(sa.select(Mine.__table__))
    with session, pytest.raises((sa.exc.OperationalError, sa.exc.ProgrammingError)):
        session.execute(sa.select(Everybodys.__table__))  # let through; there is no such table


def test_what_is_paid_to_a_payee_is_seen_by_whoever_holds_a_grant(world: World, sides: Sides) -> None:
    """The bare mark, without a criterion of the model's own; where the payee is unknown, nobody's but the payer's."""

    class Apart(DeclarativeBase):
        """Not the portal's tables."""

    class Paid(Apart, scopes.PaidTo):
        __tablename__ = "apart_paid"
        id: Mapped[int] = mapped_column(primary_key=True)
        payee_id: Mapped[int | None] = mapped_column()  # of another base: without the foreign key

    with as_owner(world.app) as owner:
        scopes.register(Paid)
        Apart.metadata.create_all(owner)
    with world.session() as session:
        session.add_all(Paid(id=number, payee_id=payee_id) for number, (_, payee_id) in enumerate(sides, 1))
        session.add(Paid(id=3, payee_id=None))
    for number, (organization, _) in enumerate(sides, 1):
        with world.session_of(organization) as session:
            assert session.scalars(sa.select(Paid.id)).all() == [number]
    with world.session() as session:
        assert sorted(session.scalars(sa.select(Paid.id))) == [1, 2, 3]
