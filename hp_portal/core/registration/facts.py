"""What was given with a registration, kept sealed as it was typed, and the state that it is in."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import cancel_messages
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.models import WAITING_STATES, Registration
from hp_portal.database import PortalSession, lock
from hp_portal.seals import seat

FACTS = seat(Registration.facts_sealed)
_KEPT = ("telephone", "job", "tin", "npi", "number", "organization", "audience", "address", "answers", "note")


class DecidedAlready(Exception):
    """Somebody, or time, has decided on this registration meanwhile."""


class AccountClosed(Exception):
    """The account is deactivated: nothing is opened for it, and nothing sent, before staff reactivate it."""


def about_registration(registration: Registration) -> str:
    """What the first message to the person is found by: it has the link to the status page."""
    return f"registration:{registration.id}"


def asked_about(registration: Registration) -> str:
    """What the messages to the delegates are found by."""
    return f"registration:{registration.id}:asked"


def news_about(registration: Registration) -> str:
    """What later messages to the person are found by."""
    return f"registration:{registration.id}:news"


def address_about(registration: Registration) -> str:
    """What messages with a link to confirm an account's address are found by."""
    return f"registration:{registration.id}:address"


def abouts_of(registration: Registration) -> tuple[str, ...]:
    """What every message to the person is found by."""
    return about_registration(registration), news_about(registration), address_about(registration)


def newcomer_about(registration: Registration) -> str:
    """What messages to delegates are found by, of somebody who has come without their having said so."""
    return f"registration:{registration.id}:newcomer"


def add_registration(session: PortalSession, draft: Draft, state: str, **values: Any) -> tuple[Registration, str]:
    """A registration in this state from what was typed; with the token of its status page."""
    typed, now = draft.typed, clock.now()
    seal, token = secrets.token_hex(16), secrets.token_urlsafe(32)
    facts = {name: value for name, value in dataclasses.asdict(typed).items() if name in _KEPT and value}
    row = Registration(
        path=typed.path,
        route=typed.route,
        state=state,
        seal=seal,
        facts_sealed=session.vault.seal_text(json.dumps(facts), FACTS(seal)),
        status_hash=hash_token(token),
        name=typed.name,
        email=typed.email,
        payee_id=typed.payee_id,
        email_confirmed_at=draft.row.confirmed_at,
        left_reason=typed.left_reason,
        created_at=now,
        **values,
    )
    session.add(row)
    session.flush()
    record(session, "registration.registration.made", registration=row.id, path=row.path, route=row.route, state=state)
    return row, token


def facts_of(session: PortalSession, registration: Registration) -> Typed:
    """What was given. Raises SealBroken."""
    found = json.loads(session.vault.open_text(registration.facts_sealed, FACTS(registration.seal)))
    return Typed(path=registration.path, name=registration.name, email=registration.email, **found)


def hold(session: PortalSession, registration: Registration, *states: str) -> None:
    """Lock the registration and read it anew. Raises DecidedAlready when it is in none of these states any more."""
    lock(session, f"registration:{registration.id}")
    session.refresh(registration)
    if registration.state not in states:
        raise DecidedAlready


def move(
    session: PortalSession,
    registration: Registration,
    state: str,
    *,
    due_at: dt.datetime | None = None,
    by: str = "",
    why: str = "",
) -> None:
    """Put a registration into another state, recorded; `by` says who moved it: the person, a delegate, staff, or time; `why`
    staff have to look."""
    registration.state, registration.why = state, why
    registration.due_at = due_at
    registration.ended_at = None if due_at is not None or state in WAITING_STATES else clock.now()
    session.flush()
    # What has not been sent yet tells how it stood before.
    stale = (asked_about(registration), news_about(registration))
    for about in stale if registration.ended_at is None else (*stale, about_registration(registration)):
        cancel_messages(session, about)
    record(session, "registration.registration.moved", registration=registration.id, state=state, by=by)
