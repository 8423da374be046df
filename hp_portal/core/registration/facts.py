"""What was given with a registration: kept sealed, as it was typed."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.models import WAITING_STATES, Registration
from hp_portal.database import PortalSession
from hp_portal.seals import seat

FACTS = seat(Registration.facts_sealed)
_KEPT = ("telephone", "job", "tin", "npi", "number", "organization", "audience", "address", "answers", "note")


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
    record(session, "registration.registration.moved", registration=registration.id, state=state, by=by)
