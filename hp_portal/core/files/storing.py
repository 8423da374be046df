"""Files at rest: received from a stream, sealed in pieces of a megabyte, read back as a stream.

Each piece is sealed for its file, its owner, its place and whether it is the last, all of it authenticated: a piece that is
missing, cut off, moved, repeated or taken from another file (also from one that had the same id before) cannot be opened, and
neither can a file that was given to another organization behind the portal's back.

    stored = receive_file(db, upload.stream, upload.filename, owner=the_actor(), kind="sample attachment")
    body = open_stored(db, stored).read()
"""

from __future__ import annotations

import io
import secrets
import zlib
from typing import BinaryIO, Protocol, cast

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.files import away
from hp_portal.core.files.models import StoredFile, StoredPiece, place_of_piece
from hp_portal.database import PortalSession
from hp_portal.vault import SealBroken

PIECE = 1 << 20
_LEVEL = 1
_NAME = 300


class FileTooLarge(Exception):
    """More bytes than allowed; nothing of the file may stay: roll back."""


class FileOwner(Protocol):
    """Whose file it is: an `Actor`, or anything else that knows an organization (None: the payer's) and a person."""

    @property
    def organization_id(self) -> int | None:
        """Whose file it is; None: the payer's."""

    @property
    def person_id(self) -> int | None:
        """Who sent it; None when nobody did by hand."""


def receive_file(
    session: PortalSession, stream: BinaryIO, name: str, *, owner: FileOwner, kind: str, most: int | None = None
) -> StoredFile:
    """Store what a stream holds from here to its end, one piece in memory at a time; flushes, the caller commits.

    `name` is what the sender calls it; its path is cut off. `most` is the most bytes allowed. Refer to the file by a foreign key
    to `stored_file`, within a day: the worker removes older files that no foreign key refers to. Raises FileTooLarge, and
    StoreAway when the store outside the database does not take it.
    """
    stored = StoredFile(
        token=secrets.token_hex(16),
        kind=kind,
        name=plain_name(name),
        size=0,
        pieces=0,
        organization_id=owner.organization_id,
        person_id=owner.person_id,
        stored_at=clock.now(),
    )
    session.add(stored)
    session.flush()
    piece = _read(stream)
    while True:
        following = _read(stream) if piece else b""
        stored.size += len(piece)
        if most is not None and stored.size > most:
            raise FileTooLarge
        _keep(session, stored, piece, last=not following)
        if not following:
            break
        piece = following
    session.flush()
    return stored


def plain_name(name: str) -> str:
    """What a sender calls a file, without its path and in one line."""
    last = name.replace("\\", "/").rpartition("/")[2]
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in last).split())[:_NAME]
    return plain if plain not in ("", ".", "..") else "file"


def _read(stream: BinaryIO) -> bytes:
    """A whole piece, unless the stream ends: a socket gives less than was asked for."""
    parts: list[bytes] = []
    missing = PIECE
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _keep(session: PortalSession, stored: StoredFile, piece: bytes, *, last: bool) -> None:
    place, _ = place_of_piece(stored, stored.pieces, last=last)
    session.execute(
        sa.insert(StoredPiece),
        {
            "file_id": stored.id,
            "position": stored.pieces,
            "sealed": session.vault.seal(_put_away(session, stored, zlib.compress(piece, _LEVEL)), place),
            "organization_id": stored.organization_id,
        },
    )
    stored.pieces += 1


def _put_away(session: PortalSession, stored: StoredFile, packed: bytes) -> bytes:
    """What is sealed into the database of a piece: the piece, or where in the store it is. Raises StoreAway."""
    store = session.context.store
    return packed if store is None else away.put(store, away.name_of(stored, stored.pieces), packed)


class _Pieces(io.RawIOBase):
    """A stored file as a stream, one piece in memory at a time."""

    def __init__(self, session: PortalSession, stored: StoredFile) -> None:
        self._session = session
        self._stored = stored
        self._position = 0
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        room = memoryview(cast(bytearray, buffer)).cast("B")
        while not self._rest and self._position < self._stored.pieces:
            self._rest = memoryview(self._next())
        taken = min(len(room), len(self._rest))
        room[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken

    def _next(self) -> bytes:
        position, stored = self._position, self._stored
        sealed = self._session.scalar(
            sa.select(StoredPiece.sealed).where(StoredPiece.file_id == stored.id, StoredPiece.position == position)
        )
        if sealed is None:
            raise SealBroken(f"a piece of stored file {stored.id} is missing")
        self._position += 1
        opened = self._session.vault.open(sealed, *place_of_piece(stored, position))
        if away.is_away(opened):
            opened = away.get(self._session.context.store, opened)
        return zlib.decompress(opened)


def open_stored(session: PortalSession, stored: StoredFile) -> BinaryIO:
    """A stored file as a stream for reading, in the scope of the session, which must stay open as long.

    Reading raises SealBroken where the file is damaged or has been altered; what was read before that came from the file as it
    was sent. Only who has read to the end knows that nothing is missing. Raises StoreAway while the store outside the database
    does not answer.
    """
    if stored.pieces < 1:
        raise SealBroken(f"stored file {stored.id} has no pieces")
    return io.BufferedReader(_Pieces(session, stored), PIECE)


def find_stored(session: PortalSession, file_id: int, kind: str) -> StoredFile | None:
    """A stored file of this kind, when there is one in the session's scope."""
    return session.scalars(sa.select(StoredFile).where(StoredFile.id == file_id, StoredFile.kind == kind)).one_or_none()


def delete_stored(session: PortalSession, file_id: int) -> bool:
    """Remove a file with all its pieces; False when there is none in the session's scope. Clear references to it before."""
    # Locked first: the worker, which removes what nothing refers to, locks in the same order.
    found = session.scalar(sa.select(StoredFile.id).where(StoredFile.id == file_id).with_for_update())
    if found is None:
        return False
    session.execute(sa.delete(StoredPiece).where(StoredPiece.file_id == file_id))
    session.execute(sa.delete(StoredFile).where(StoredFile.id == file_id))
    return True


def stored_bytes(session: PortalSession, kind: str | None = None) -> int:
    """How many bytes are stored in the session's scope, of one kind or of all, as they were sent."""
    wanted = sa.select(sa.func.coalesce(sa.func.sum(StoredFile.size), 0))
    return int(session.scalar(wanted if kind is None else wanted.where(StoredFile.kind == kind)) or 0)
