"""A form that was sent after the session had ended: what was typed is kept, sealed, until its person has signed in again.

It is sent once: its page posts to an address of its own, which takes what is kept and has the browser post it on (307).
Only what the same browser sends with the ended session's own cookie and CSRF token is kept, for that person alone, one form at
a time, for an hour. Files are not, and neither are the forms of an account (passwords, the terms).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import request, session
from flask_wtf.csrf import validate_csrf
from wtforms import ValidationError

from hp_portal import scopes
from hp_portal.core.access.rules import Rule
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.kept.keeping import find_kept, keep_values, take_kept
from hp_portal.core.kept.models import KeptValues
from hp_portal.core.web.prefixes import asked_organization, here
from hp_portal.database import PortalSession

KIND = "portal unsent form"
SEND = "account.send_unsent"
TTL = dt.timedelta(hours=1)
LARGEST = 64 * 1024
_SECRETS = frozenset({"again", "code", "current", "new", "password", "pin", "secret"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True)
class _Somebody:
    """Whose form it is: nobody is signed in."""

    person_id: int
    organization_id: int | None


@dataclass(frozen=True)
class Unsent:
    """A form as it would have been sent: its address, its fields in order, and the page it stood on (both paths)."""

    address: str
    fields: tuple[tuple[str, str], ...]
    page: str


def page_before() -> str:
    """The path of this portal's page that the request came from; nothing when the browser does not say."""
    try:
        seen = urlsplit(request.referrer or "")
    except ValueError:
        return ""
    if seen.netloc != request.host:
        return ""
    return f"{seen.path}?{seen.query}" if seen.query else seen.path


def keep_unsent(db: PortalSession, rule: Rule) -> str | None:
    """Keep the request's form when it is the ended session's own; the word for it. Commits, as the request ends here."""
    if request.endpoint == SEND:  # kept already, and not sent
        return cast(dict[str, str], request.view_args)["token"]
    if request.method != "POST" or rule.before_terms or request.mimetype not in _FORMS:
        return None
    if not 0 < (request.content_length or 0) <= LARGEST or any(file.filename for file in request.files.values()):
        return None
    with scopes.whole(db, "whose session has ended?"):
        owner = _whose(db, session.get("_user_id"))
        if owner is None or not is_own_form():
            return None
        fields = [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]
        db.execute(sa.delete(KeptValues).where(KeptValues.person_id == owner.person_id, KeptValues.kind == KIND))
        values = {"address": here(), "fields": fields, "page": page_before()}
        token = keep_values(db, owner, KIND, values, TTL)
        db.commit()
    return token


def typed_fields(rule: Rule | None) -> list[tuple[str, str]]:
    """The fields of this request's form, to be shown and sent on by its own person; none where that would not be safe or whole:
    not this session's own, files, too much, secrets, and the forms of an account."""
    if request.method != "POST" or rule is None or rule.before_terms or request.mimetype not in _FORMS:
        return []
    if not 0 < (request.content_length or 0) <= LARGEST or any(file.filename for file in request.files.values()):
        return []
    if not is_own_form() or not _SECRETS.isdisjoint(request.form):
        return []
    return [(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"]


def find_unsent(db: PortalSession, actor: Actor, token: str) -> Unsent:
    """The form that the actor sent in vain. Raises KeptGone."""
    with scopes.whole(db, "one's own form"):
        return _read(find_kept(db, actor, KIND, token))


def take_unsent(db: PortalSession, actor: Actor, token: str) -> Unsent:
    """The same, for once: it is sent now. Raises KeptGone when it was sent already. The caller commits."""
    with scopes.whole(db, "one's own form"):
        return _read(take_kept(db, actor, KIND, token))


def _read(values: dict[str, Any]) -> Unsent:
    pairs: Iterable[tuple[str, str]] = values["fields"]
    return Unsent(values["address"], tuple((name, value) for name, value in pairs), values["page"])


def _whose(db: PortalSession, token: str | None) -> _Somebody | None:
    if not token:
        return None
    rows = db.execute(
        sa.select(Person.id, Person.organization_id)
        .join(SignIn, SignIn.person_id == Person.root_id)
        .where(SignIn.token_hash == hash_token(token), Person.deactivated_at.is_(None))
    ).all()
    asked = asked_organization()
    # Of somebody with several organizations, for the one that the form was for.
    found = [row for row in rows if row[1] == asked or (asked is None and len(rows) == 1)]
    return _Somebody(*found[0]) if found else None


def is_own_form() -> bool:
    """Does the request carry a CSRF token of this browser's session?"""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        return False
    return True
