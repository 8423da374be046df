"""What may not stand in an address, such as a patient's name: posted, kept sealed for a while, found by a random word.

token = keep_values(db, the_actor(), "remittance claims", {"last_name": "SAMPLE"}, dt.timedelta(hours=12))
values = find_kept(db, the_actor(), "remittance claims", token)
"""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Mapping
from typing import Any, Protocol

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.kept.models import KeptValues
from hp_portal.database import PortalSession
from hp_portal.seals import seat

TTL = dt.timedelta(hours=12)
_PLACE = seat(KeptValues.sealed)
# What a word can look like; nothing else is worth asking the database, which refuses some characters.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


class Owner(Protocol):
    """Whom kept values belong to: an Actor, or the person of a session that has ended."""

    @property
    def person_id(self) -> int: ...

    @property
    def organization_id(self) -> int | None: ...


class KeptGone(Exception):
    """This word stands for nothing of this person and kind: mistyped, somebody else's, or too old."""


def keep_values(
    session: PortalSession, actor: Owner, kind: str, values: Mapping[str, Any], ttl: dt.timedelta = TTL
) -> str:
    """Keep values of JSON's types for the actor, alone, until `ttl` has passed; the word for them, 32 characters for an address.

    `kind` says what they are, at most 80 characters, starting with the application's key: a word is of one kind.
    Raises TypeError for a value that JSON does not know. The caller commits.
    """
    token = secrets.token_urlsafe(24)
    place = _PLACE(kind, hash_token(token), actor.person_id)
    session.add(
        KeptValues(
            token_hash=hash_token(token),
            kind=kind,
            person_id=actor.person_id,
            organization_id=actor.organization_id,
            sealed=session.vault.seal_text(json.dumps(dict(values)), place),
            expires_at=clock.now() + ttl,
        )
    )
    session.flush()
    return token


def find_kept(session: PortalSession, actor: Owner, kind: str, token: str) -> dict[str, Any]:
    """What the actor kept under a word. Raises KeptGone; SealBroken when the row has been tampered with."""
    sealed = session.scalar(sa.select(KeptValues.sealed).where(*_mine(actor, kind, token)))
    return _opened(session, actor, sealed, kind, token)


def take_kept(session: PortalSession, actor: Owner, kind: str, token: str) -> dict[str, Any]:
    """As `find_kept`, for once: whoever asks next, or at the same time, is told KeptGone. The caller commits."""
    sealed = session.scalar(sa.delete(KeptValues).where(*_mine(actor, kind, token)).returning(KeptValues.sealed))
    return _opened(session, actor, sealed, kind, token)


def _mine(actor: Owner, kind: str, token: str) -> tuple[sa.ColumnElement[bool], ...]:
    if not _TOKEN.fullmatch(token):
        raise KeptGone
    return (
        KeptValues.token_hash == hash_token(token),
        KeptValues.kind == kind,
        KeptValues.person_id == actor.person_id,
        KeptValues.expires_at > clock.now(),
    )


def _opened(session: PortalSession, actor: Owner, sealed: bytes | None, kind: str, token: str) -> dict[str, Any]:
    if sealed is None:
        raise KeptGone
    place = _PLACE(kind, hash_token(token), actor.person_id)
    values: dict[str, Any] = json.loads(session.vault.open_text(sealed, place, f"kept {kind} {token}"))
    return values


def forget_kept(session: PortalSession, token: str) -> None:
    """Remove what was kept under a word, before its time. Needs a scope that sees it."""
    session.execute(sa.delete(KeptValues).where(KeptValues.token_hash == hash_token(token)))


def move_kept(session: PortalSession, person_id: int, organization_id: int) -> None:
    """Somebody belongs to another organization now: what was kept for them is found there. Needs a whole scope."""
    moved = sa.update(KeptValues).where(KeptValues.person_id == person_id).values(organization_id=organization_id)
    session.execute(moved.execution_options(synchronize_session=False))


def hand_over_kept(session: PortalSession, person_id: int, to: Owner) -> None:
    """What was kept for somebody is another row's of the same person now, sealed anew. Needs a whole scope."""
    rows = sa.select(KeptValues).where(KeptValues.person_id == person_id, KeptValues.expires_at > clock.now())
    for row in session.scalars(rows.execution_options(populate_existing=True)).all():
        values = session.vault.open_text(row.sealed, _PLACE(row.kind, row.token_hash, person_id), f"kept {row.kind}")
        row.sealed = session.vault.seal_text(values, _PLACE(row.kind, row.token_hash, to.person_id))
        row.person_id, row.organization_id = to.person_id, to.organization_id
    session.flush()


def forget_expired(session: PortalSession) -> None:
    """Remove what can no longer be found. Needs a whole scope; the worker does it."""
    session.execute(sa.delete(KeptValues).where(KeptValues.expires_at <= clock.now()))
