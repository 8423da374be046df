"""The days in which delegates can object to somebody who has registered in place of one who is said to have left.

They run from when the first message to a delegate has left. Where none has, or it came back, or no delegate is left, nobody could
object: staff decide, and time decides nothing. Every function needs a whole scope.
"""

from __future__ import annotations

import contextlib
import datetime as dt

import sqlalchemy as sa

from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import SENT
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.registration import telling
from hp_portal.core.registration.facts import DecidedAlready, asked_about, hold
from hp_portal.core.registration.models import CHALLENGED, NO_DELEGATE, UNTOLD, Registration
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


def told_at(session: PortalSession, registration: Registration) -> dt.datetime | None:
    """When the first of the delegates was told who can still object; None: no message has left, or all have come back."""
    delegates = {one.email.lower() for one in delegates_of(session, [registration.organization_id])}
    left = session.execute(
        sa.select(Message.recipient, Message.ended_at).where(
            Message.about == asked_about(registration),
            Message.template == telling.CHALLENGE,
            Message.state == SENT,
        )
    )
    return min((at for recipient, at in left if at and recipient.lower() in delegates), default=None)


def problem(session: PortalSession, registration: Registration) -> str:
    """Why nobody could have objected, as `Registration.why` says it; empty: somebody could."""
    if not delegates_of(session, [registration.organization_id]):
        return NO_DELEGATE
    return UNTOLD if told_at(session, registration) is None else ""


def start_days(session: PortalSession, settings: Settings) -> None:
    """Let the days of every trial run from when a delegate was told: they end later where the message left late."""
    days = dt.timedelta(days=settings.registration_challenge_days)
    for registration in session.scalars(sa.select(Registration).where(Registration.state == CHALLENGED)).all():
        if _is_short(registration, told := told_at(session, registration), days) and told is not None:
            with contextlib.suppress(DecidedAlready):
                hold(session, registration, CHALLENGED)
                registration.due_at = told + days
    session.flush()


def _is_short(registration: Registration, told: dt.datetime | None, days: dt.timedelta) -> bool:
    return told is not None and registration.due_at is not None and registration.due_at < told + days
