"""Stored files come back as they were sent, or not at all."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal.core.files import storing
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.storing import (
    FileTooLarge,
    delete_stored,
    find_stored,
    open_stored,
    receive_file,
    stored_bytes,
)
from hp_portal.database import PortalSession
from hp_portal.scopes import ScopeViolation, WholeScope
from hp_portal.session import Who
from hp_portal.vault import SealBroken, Vault
from tests.support.world import World

PAYER = Who()
TEXT = b"Remittance of Sample Clinic. " * 4


class Trickle(io.RawIOBase):
    """A stream that gives a few bytes at a time, as sockets do."""

    def __init__(self, data: bytes, most: int) -> None:
        self.data, self.most = data, most

    def read(self, size: int = -1) -> bytes:
        given, self.data = self.data[: min(size, self.most)], self.data[min(size, self.most) :]
        return given


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "PIECE", 16)


@pytest.fixture
def session(world: World) -> Iterator[PortalSession]:
    with world.database.new_session(WholeScope("a test")) as session:
        yield session


def store(session: PortalSession, data: bytes = TEXT, owner: Who = PAYER, **options: Any) -> StoredFile:
    return receive_file(session, io.BytesIO(data), "sample.txt", owner=owner, kind="sample", **options)


def read(session: PortalSession, stored: StoredFile) -> bytes:
    return open_stored(session, stored).read()


def pieces(session: PortalSession, stored: StoredFile) -> list[StoredPiece]:
    return list(
        session.scalars(sa.select(StoredPiece).where(StoredPiece.file_id == stored.id).order_by(StoredPiece.position))
    )


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=100), trickle=st.integers(1, 40), asked=st.integers(1, 40))
def test_a_file_comes_back_as_it_was_sent(session: PortalSession, data: bytes, trickle: int, asked: int) -> None:
    """Whatever its length, however it arrives, and however it is read."""
    stored = receive_file(session, Trickle(data, trickle), "x", owner=PAYER, kind="sample")  # type: ignore[arg-type]
    assert (stored.size, stored.pieces) == (len(data), max(1, -(-len(data) // 16)))
    stream = open_stored(session, stored)
    assert b"".join(iter(lambda: stream.read(asked), b"")) == data
    session.rollback()


def test_nothing_is_readable_in_the_database(session: PortalSession) -> None:
    stored = store(session)
    assert len(pieces(session, stored)) > 3
    assert not any(b"Sample" in piece.sealed for piece in pieces(session, stored))


def swap(found: list[StoredPiece]) -> None:
    found[1].sealed, found[2].sealed = found[2].sealed, found[1].sealed


def repeat(found: list[StoredPiece]) -> None:
    found[2].sealed = found[1].sealed


def flip(found: list[StoredPiece]) -> None:
    found[0].sealed = found[0].sealed[:-1] + bytes([found[0].sealed[-1] ^ 1])


def cut(found: list[StoredPiece]) -> None:
    found[0].sealed = found[0].sealed[:20]


def end_early(found: list[StoredPiece]) -> None:
    found[-2].sealed = found[-1].sealed


@pytest.mark.parametrize("damage", [swap, repeat, flip, cut, end_early])
def test_a_damaged_file_does_not_open(session: PortalSession, damage: Callable[[list[StoredPiece]], None]) -> None:
    stored = store(session)
    damage(pieces(session, stored))
    session.flush()
    with pytest.raises(SealBroken):
        read(session, stored)


def test_a_file_whose_end_is_cut_off_does_not_open(session: PortalSession) -> None:
    """Also when the number of its pieces, and its size, are made to fit."""
    stored = store(session)
    session.delete(pieces(session, stored)[-1])
    session.flush()
    with pytest.raises(SealBroken, match="missing"):
        read(session, stored)
    stored.pieces -= 1
    stored.size = stored.pieces * 16
    with pytest.raises(SealBroken):
        read(session, stored)
    stored.pieces = 0
    with pytest.raises(SealBroken):
        open_stored(session, stored)


def test_nothing_can_be_put_behind_the_end(session: PortalSession) -> None:
    stored = store(session)
    last = pieces(session, stored)[-1]
    session.add(StoredPiece(file_id=stored.id, position=last.position + 1, sealed=last.sealed, organization_id=None))
    stored.pieces += 1
    session.flush()
    with pytest.raises(SealBroken):
        read(session, stored)


def test_a_piece_of_another_file_does_not_open(session: PortalSession) -> None:
    """Nor one of an earlier file that had the same id, place and size."""
    first, second = store(session), store(session)
    pieces(session, first)[1].sealed = pieces(session, second)[1].sealed
    session.flush()
    with pytest.raises(SealBroken):
        read(session, first)
    old = [piece.sealed for piece in pieces(session, second)]
    second.token = store(session).token
    for piece, sealed in zip(pieces(session, second), old, strict=True):
        piece.sealed = sealed
    session.flush()
    with pytest.raises(SealBroken):
        read(session, second)


def test_a_file_given_to_another_owner_or_kind_does_not_open(world: World, session: PortalSession) -> None:
    own, other = world.organization(), world.organization()
    stored = store(session, owner=Who(organization_id=own.id))
    assert read(session, stored) == TEXT
    stored.organization_id = other.id
    session.flush()
    with pytest.raises(SealBroken):
        read(session, stored)
    stored.organization_id, stored.kind = own.id, "another kind"
    session.flush()
    with pytest.raises(SealBroken):
        read(session, stored)


def test_a_file_opens_while_data_keys_rotate(world: World, session: PortalSession) -> None:
    stored = store(session)
    session.context.vault = Vault([b"n" * 32, *world.settings.data_keys])
    assert read(session, stored) == TEXT


def test_an_organization_finds_its_own_files_alone(world: World, session: PortalSession) -> None:
    own, other = world.organization(), world.organization()
    with world.session_of(own) as mine:
        stored = store(mine, owner=Who(organization_id=own.id))
        mine.commit()
        assert read(mine, stored) == TEXT
        assert stored_bytes(mine) == len(TEXT)
        with pytest.raises(ScopeViolation):
            store(mine, owner=Who(organization_id=other.id))
    with world.session_of(other) as theirs:
        assert find_stored(theirs, stored.id, "sample") is None
        assert not delete_stored(theirs, stored.id)
        assert stored_bytes(theirs) == 0
        with pytest.raises(SealBroken, match="missing"):
            read(theirs, stored)
    found = find_stored(session, stored.id, "sample")
    assert found is not None
    assert read(session, found) == TEXT
    assert find_stored(session, stored.id, "another kind") is None


def test_a_deleted_file_leaves_nothing(session: PortalSession) -> None:
    stored, other = store(session), store(session)
    assert stored_bytes(session, "sample") == 2 * len(TEXT)
    assert stored_bytes(session, "another kind") == 0
    assert delete_stored(session, stored.id)
    assert not delete_stored(session, stored.id)
    assert read(session, other) == TEXT
    assert session.scalar(sa.select(sa.func.count()).select_from(StoredPiece)) == other.pieces


def test_a_file_that_is_too_large_is_refused(session: PortalSession) -> None:
    assert store(session, most=len(TEXT)).size == len(TEXT)
    with pytest.raises(FileTooLarge):
        store(session, most=len(TEXT) - 1)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("C:\\Users\\clerk\\march.pdf", "march.pdf"),
        ("../../etc/passwd", "passwd"),
        ("a\0b\r\nc.txt", "a b c.txt"),
        ("", "file"),
        ("x/..", "file"),
        ("Müller.pdf", "Müller.pdf"),
        ("n" * 400, "n" * 300),
    ],
)
def test_a_name_is_one_line_without_a_path(session: PortalSession, name: str, kept: str) -> None:
    assert receive_file(session, io.BytesIO(b""), name, owner=PAYER, kind="sample").name == kept
