"""What an organization's session writes: its own rows, and nothing read past the scope on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.database import PortalSession
from hp_portal.scopes import May, ScopeMissing, ScopeViolation
from tests.sample_plugin.notes import Note
from tests.support.world import World


@pytest.fixture
def world(sample_world: World) -> World:
    return sample_world


@pytest.fixture
def granted(world: World) -> tuple[Organization, Grant]:
    """An organization with a grant; another has one, too."""
    for name in ("Birch Clinic", "Aspen Clinic"):
        organization = world.organization(name)
        grant = world.grant(organization, world.payee())
    return organization, grant


def _from(source: Any) -> sa.Insert:
    """Copy what grants say to a table of one's own."""
    id_column = source.c.proof if isinstance(source, sa.Table) else source.proof
    return sa.insert(Note).from_select(["text", "organization_id"], sa.select(id_column, sa.literal(1)))


@pytest.mark.parametrize("source", [Grant.__table__, Grant], ids=["table", "model"])
def test_what_is_inserted_by_a_select_is_not_read_past_the_scope(
    world: World, granted: tuple[Organization, Grant], source: Any
) -> None:
    organization, _ = granted
    with world.session_of(organization) as session, pytest.raises(ScopeViolation):
        session.execute(_from(source))
    with world.database.new_session() as session, pytest.raises(ScopeMissing):
        session.execute(_from(source))


@pytest.mark.parametrize("many", [False, True])
def test_rows_given_as_values_are_the_organization_s_own(
    world: World, granted: tuple[Organization, Grant], many: bool
) -> None:
    """One as a mapping, several as a list of them."""
    organization, _ = granted
    own = {"text": "x", "organization_id": organization.id}
    other = {**own, "organization_id": world.organization().id}
    with world.session_of(organization) as session:
        session.execute(sa.insert(Note), [own] if many else own)
        assert session.scalars(sa.select(Note.text)).all() == ["x"]
        for values in ([own, other] if many else other, {**own, "organization_id": None}):
            with pytest.raises(ScopeViolation):
                session.execute(sa.insert(Note), values)


def test_own_rows_can_be_written(world: World, granted: tuple[Organization, Grant]) -> None:
    own, _ = granted
    note = Note(organization_id=own.id, text="one")
    with world.session_of(own) as session:
        session.add(note)
        session.flush()
        note.text = "two"
        session.flush()
        session.execute(sa.insert(Note), [{"text": "three", "organization_id": own.id}])
        session.execute(sa.update(Note).where(Note.text == "three").values(text="four"))
        session.delete(note)
        session.commit()
    with world.session_of(own) as session:
        assert session.scalars(sa.select(Note.text)).all() == ["four"]


def test_what_is_got_again_keeps_what_was_changed(world: World, granted: tuple[Organization, Grant]) -> None:
    """`get` reads again in the scope; what is not written yet must not be read over."""
    organization, _ = granted
    with world.session_of(organization) as session:
        session.add(note := Note(organization_id=organization.id, text="one"))
        session.flush()
        row = session.get_one(Note, note.id)
        row.text = "two"
        assert session.get_one(Note, note.id) is row
        assert row.text == "two"
        session.commit()
    with world.session() as session:
        assert session.get_one(Note, note.id).text == "two"


@pytest.mark.parametrize(
    ("may", "values", "words"),
    [
        (May(), {"text": "x"}, "about to change Note with text"),
        (May(change=("text",)), {"id": 7}, "about to change Note with id"),
        (May(change=("text",)), {"text": "x", "organization_id": 99}, "with organization_id"),
    ],
)
def test_columns_that_a_model_does_not_allow_are_refused(
    world: World, monkeypatch: pytest.MonkeyPatch, may: May, values: dict[str, Any], words: str
) -> None:
    """By a statement, and by an object; one that is only looked at before does not hide the next."""
    organization = world.organization()
    with world.session() as session:
        session.add_all([Note(organization_id=organization.id, text=text) for text in ("one", "two")])
    monkeypatch.setattr(Note, "__organization_may__", may)
    with world.session_of(organization) as session:
        with pytest.raises(ScopeViolation, match=words):
            session.execute(sa.update(Note).values(**values))
        looked_at, row = session.scalars(sa.select(Note).order_by(Note.id)).all()
        looked_at.text = str(looked_at.text)
        for name, value in values.items():
            setattr(row, name, value)
        with pytest.raises(ScopeViolation, match=words):
            session.flush()


def test_what_waits_is_written_in_the_scope_it_was_made_in(world: World) -> None:
    """A verb of the core that sees everything does not write what a page had prepared before; nor does a page write what the
    verb had."""
    own, other = world.organization(), world.organization()
    with world.session_of(own) as session:
        session.add(Note(organization_id=other.id, text="planted"))
        with pytest.raises(ScopeViolation), scopes.whole(session, "a test"):
            pass
        session.rollback()
        with scopes.whole(session, "a test"):
            session.add(Note(organization_id=other.id, text="sent"))
        session.commit()
    with world.session_of(other) as session:
        assert session.scalars(sa.select(Note.text)).all() == ["sent"]


def test_references_lead_to_rows_in_the_scope(world: World) -> None:
    own, other = world.organization(), world.organization()
    mine, theirs = world.person("a.clerk", organization=own), world.person("b.clerk", organization=other)
    values = {"organization_id": own.id, "kind": "x", "sealed": b"", "expires_at": clock.now()}
    with world.session_of(own) as session:
        session.execute(sa.insert(KeptValues), {**values, "person_id": mine.id, "token_hash": b"1"})
        with pytest.raises(ScopeViolation, match=r"KeptValues.person_id was about to refer to a row of somebody else"):
            session.execute(sa.insert(KeptValues), {**values, "person_id": theirs.id, "token_hash": b"2"})
        session.add(KeptValues(**values, person_id=theirs.id, token_hash=b"3"))
        with pytest.raises(ScopeViolation, match=r"KeptValues.person_id was about to refer to a row of somebody else"):
            session.flush()


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


def _grant(world: World, organization: Organization) -> Grant:
    payee = world.payee()
    return Grant(organization_id=organization.id, payee_id=payee.id, proof="check", granted_at=dt.datetime.now(dt.UTC))


def test_rows_of_another_cannot_be_written(world: World, granted: tuple[Organization, Grant]) -> None:
    other, stranger = granted
    own = world.organization("Cedar Clinic")
    world.grant(own, world.payee())

    def add(session: PortalSession) -> None:
        session.add(_grant(world, other))

    def change(session: PortalSession) -> None:
        session.merge(stranger, load=False).proof = "check"

    def take(session: PortalSession) -> None:
        session.merge(stranger, load=False).organization_id = own.id

    def remove(session: PortalSession) -> None:
        session.delete(session.merge(stranger, load=False))

    def add_payee(session: PortalSession) -> None:
        payee = world.payee()
        session.merge(payee, load=False).name = "Mine now"

    values = {"proof": "check", "granted_at": dt.datetime.now(dt.UTC), "payee_id": 1, "organization_id": other.id}

    def insert(session: PortalSession) -> None:
        session.execute(sa.insert(Grant), [values])

    def insert_values(session: PortalSession) -> None:
        session.execute(sa.insert(Grant).values(**values))

    def update_by_keys(session: PortalSession) -> None:
        session.execute(sa.update(Grant), [{"id": stranger.id, "proof": "check"}])

    for write in (add, change, take, remove, add_payee, insert, insert_values, update_by_keys):
        with world.session_of(own) as session, pytest.raises(ScopeViolation):
            _write(session, write)


def _write(session: PortalSession, write: Callable[[PortalSession], None]) -> None:
    write(session)
    session.flush()
