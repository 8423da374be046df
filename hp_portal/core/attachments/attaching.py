"""Attaching files, listing them, taking them away, and sending them along. Nothing here commits.

What files are attached to is a word of whoever keeps that, such as `case:12`. Who may see a file is decided by whoever asks
here with that word: an organization's session sees its own files alone, and a public page has to know whose the word is.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, cast

import sqlalchemy as sa
import structlog

from hp_portal import clock, scopes
from hp_portal.core.attachments.kinds import HEAD, NotAccepted, kind_of
from hp_portal.core.attachments.models import NAME, AttachedFile
from hp_portal.core.attachments.states import READY, WAITING, WENT_WRONG
from hp_portal.core.audit.record import record
from hp_portal.core.files.storing import FileOwner, delete_stored, plain_name, receive_file
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.file_store import StoreAway

STORED_AS, NAMELESS = "attached file", "file"
"""The kind of the stored files, and their name: what the sender calls one is sealed beside it."""
_PIECE = 1 << 17

log = structlog.get_logger(__name__)
NOT_STORED = "files cannot be stored at the moment. Try again in a few minutes."


class Upload(Protocol):
    """A file of a form, as Flask has it."""

    @property
    def stream(self) -> Any:
        """Its contents, at their beginning."""

    @property
    def filename(self) -> str | None:
        """What its sender calls it."""


class CannotRemove(Exception):
    """The file was sent along, and stays."""


@contextmanager
def reached(session: PortalSession) -> Iterator[None]:
    """A public page has no scope: there the word a file is attached to is all that tells whose it is."""
    if session.context.scope is not None:
        yield
        return
    with scopes.whole(session, "files attached by somebody without an account"):
        yield


@dataclass(frozen=True)
class _Told:
    """What is known of an upload before anybody else has to wait for it."""

    upload: Upload
    name: str
    kind: str
    size: int
    digests: tuple[bytes, ...]


def always_there() -> bool:
    """Whatever the files are attached to stays."""
    return True


def attach_files(
    session: PortalSession,
    uploads: Sequence[Upload],
    *,
    owner: FileOwner,
    about: str,
    alive: Callable[[], bool] = always_there,
) -> list[str]:
    """Attach the files that can be attached; for each of the others a sentence that says why it was not, and what to do.

    The kind is told by what is in a file. It can be opened by nobody until the worker has looked at it. `alive` is asked once
    nobody else can attach or forget any more: is what the word stands for still there?
    """
    problems, told = [], []
    for upload in uploads:
        try:
            told.append(_tell(session, upload))
        except NotAccepted as error:
            problems.append(_not_attached(upload.filename or "file", error))
    if not told:
        return problems
    with reached(session):
        lock(session, f"attachments {about}")
        there = alive()
        for one in told:
            try:
                if not there:
                    raise NotAccepted("what it belongs to was removed in the meantime.")
                with session.begin_nested():
                    _attach(session, one, owner, about)
            except StoreAway as error:
                log.error("attachment.not-stored", said=str(error))
                problems.append(_not_attached(one.name, NotAccepted(NOT_STORED)))
            except NotAccepted as error:
                problems.append(_not_attached(one.name, error))
    return problems


def _not_attached(name: str, error: NotAccepted) -> str:
    short = name if len(name) <= 80 else f"{name[:50]}…{name[-25:]}"
    return f"“{short}” was not attached: {error}"


def _tell(session: PortalSession, upload: Upload) -> _Told:
    """Read all of it once, where it waits on this machine's disk. Raises NotAccepted."""
    stream = upload.stream
    piece = stream.read(HEAD)
    kind, size = kind_of(piece), 0
    # Keyed: what a short text says could be guessed from a plain one.
    digests = [hmac.new(key, digestmod="sha256") for key in session.vault.subkeys(STORED_AS)]
    most = settings().attachment_mb
    while piece:
        size += len(piece)
        if size > most << 20:
            raise NotAccepted(f"it is larger than {most} MB. Save it smaller, or split it.")
        for digest in digests:
            digest.update(piece)
        piece = stream.read(_PIECE)
    stream.seek(0)
    return _Told(upload, plain_name(upload.filename or ""), kind, size, tuple(one.digest() for one in digests))


def _attach(session: PortalSession, told: _Told, owner: FileOwner, about: str) -> None:
    rows = session.execute(sa.select(AttachedFile.digest, AttachedFile.state).where(AttachedFile.about == about)).all()
    # What went wrong is not in the way of the same file made anew; but it counts, or somebody could send on and on.
    there = {row.digest for row in rows if row.state in (WAITING, READY)}
    most, wrong = settings().attachments_most, sum(row.state in WENT_WRONG for row in rows)
    if len(rows) >= most:
        removable = " Remove those that went wrong first." if wrong else ""
        raise NotAccepted(f"there are {most} files already, which is the most.{removable}")
    if not there.isdisjoint(told.digests):
        raise NotAccepted("the same file is attached already.")
    stored = receive_file(session, cast(BinaryIO, told.upload.stream), NAMELESS, owner=owner, kind=STORED_AS)
    token = secrets.token_hex(16)
    row = AttachedFile(
        organization_id=owner.organization_id,
        person_id=owner.person_id,
        about=about,
        token=token,
        name_sealed=session.vault.seal_text(told.name, NAME(token)),
        kind=told.kind,
        size=stored.size,
        digest=told.digests[0],
        state=WAITING,
        sent_at=stored.stored_at,
        original_id=stored.id,
    )
    session.add(row)
    session.flush()
    record(session, "attachment.file.sent", file=row.id, about=about, kind=told.kind, size=row.size)


def attached_files(session: PortalSession, about: str) -> Sequence[AttachedFile]:
    """The files that are attached to it, as they came, in the session's scope."""
    with reached(session):
        return session.scalars(
            sa.select(AttachedFile).where(AttachedFile.about == about).order_by(AttachedFile.id)
        ).all()


def find_attached(session: PortalSession, file_id: int, about: str) -> AttachedFile | None:
    """One of the files that are attached to it; None when there is none in the session's scope."""
    with reached(session):
        return session.scalars(
            sa.select(AttachedFile).where(AttachedFile.id == file_id, AttachedFile.about == about)
        ).one_or_none()


def _held(session: PortalSession, about: str) -> Sequence[AttachedFile]:
    """The files as they are now, and stay until the transaction ends: a worker that gives one its copy waits or is waited for."""
    wanted = sa.select(AttachedFile).where(AttachedFile.about == about).order_by(AttachedFile.id).with_for_update()
    return session.scalars(wanted.execution_options(populate_existing=True)).all()


def remove_attached(session: PortalSession, file_id: int, about: str) -> bool:
    """Take a file away that was not sent along yet, or that went wrong, with all that is stored of it; False when there is none.

    Raises CannotRemove.
    """
    with reached(session):
        lock(session, f"attachments {about}")
        found = next((one for one in _held(session, about) if one.id == file_id), None)
        if found is None:
            return False
        if not found.removable:
            raise CannotRemove
        record(session, "attachment.file.removed", file=found.id, about=about, kind=found.kind)
        _forget(session, found)
    return True


def keep_attached(session: PortalSession, about: str, now_about: str | None = None) -> int:
    """What the files are attached to was sent: they stay with it from now on, or with what has become of it, `now_about`.

    How many there are. They may still be on their way through the check.
    """
    with reached(session):
        for word in sorted({about, now_about or about}):
            lock(session, f"attachments {word}")
        found = _held(session, about)
        for one in found:
            one.kept_at = one.kept_at or clock.now()
            one.about = now_about or about
        session.flush()
    return len(found)


def forget_attached(session: PortalSession, about: str) -> int:
    """What they are attached to is gone, as a draft that was thrown away: remove its files. How many there were."""
    with reached(session):
        lock(session, f"attachments {about}")
        found = _held(session, about)
        for one in found:
            record(session, "attachment.file.removed", file=one.id, about=about, kind=one.kind)
            _forget(session, one)
    return len(found)


def _forget(session: PortalSession, found: AttachedFile) -> None:
    """A worker that is looking at it notices at its end."""
    stored = {found.original_id, found.cleaned_id} - {None}
    session.delete(found)
    session.flush()
    for file_id in stored:
        delete_stored(session, cast(int, file_id))
