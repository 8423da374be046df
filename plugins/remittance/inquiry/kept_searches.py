"""Searches by member data. What was typed is kept sealed for some hours; the page's address holds a random word for it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import secrets
from typing import Any

import sqlalchemy as sa

from hp_portal.api import Actor, Job, PortalSession, now

from ..models import KeptSearch
from .criteria import ClaimCriteria

KEPT = dt.timedelta(hours=12)
_PURPOSE = "remittance search"
# What a word can look like; nothing else is worth asking the database, which refuses some characters.
_WORD = re.compile(r"[A-Za-z0-9_-]{32}")


class SearchGone(Exception):
    """This word stands for no search of this person: mistyped, somebody else's, or too old."""


def keep(session: PortalSession, actor: Actor, kind: str, values: dict[str, Any]) -> str:
    """Keep what was typed for this person; the word for it."""
    token = secrets.token_urlsafe(24)
    session.add(
        KeptSearch(
            token=token,
            person_id=actor.person_id,
            organization_id=actor.organization_id,
            criteria_sealed=session.vault.seal_text(json.dumps({"kind": kind, **values}), _PURPOSE),
            created_at=now(),
        )
    )
    return token


def find(session: PortalSession, actor: Actor, kind: str, token: str) -> dict[str, Any]:
    """What a word of this person stands for. Raises SearchGone."""
    if not _WORD.fullmatch(token):
        raise SearchGone
    sealed = session.scalar(
        sa.select(KeptSearch.criteria_sealed).where(
            KeptSearch.token == token,
            KeptSearch.person_id == actor.person_id,
            KeptSearch.created_at > now() - KEPT,
        )
    )
    if sealed is None:
        raise SearchGone
    values: dict[str, Any] = json.loads(session.vault.open_text(sealed, _PURPOSE))
    if values.pop("kind") != kind:
        raise SearchGone
    return values


def keep_claims(session: PortalSession, actor: Actor, criteria: ClaimCriteria) -> str:
    """Keep a search for claims; the word for it."""
    values = {
        name: value.isoformat() if isinstance(value, dt.date) else value
        for name, value in dataclasses.asdict(criteria).items()
        if value
    }
    return keep(session, actor, "claims", values)


def find_claims(session: PortalSession, actor: Actor, token: str) -> ClaimCriteria:
    """The search for claims that a word stands for. Raises SearchGone."""
    values = find(session, actor, "claims", token)
    for name in ("service_from", "service_to"):
        if name in values:
            values[name] = dt.date.fromisoformat(values[name])
    return ClaimCriteria(**values)


def forget_old(session: PortalSession) -> None:
    """Remove the searches that can no longer be used."""
    session.execute(sa.delete(KeptSearch).where(KeptSearch.created_at <= now() - KEPT))


def jobs() -> list[Job]:
    """What the worker does for this module."""
    return [Job("remittance.forget-searches", "Forget old searches", dt.timedelta(minutes=30), forget_old)]
