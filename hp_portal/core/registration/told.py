"""What became of our messages about a registration, as those read it whom they concern. Every function needs a whole scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import CANCELED, SENT, WAITING
from hp_portal.core.delivery.states import MessageState, state_of_message
from hp_portal.core.registration.drafts import Draft, about_draft
from hp_portal.core.registration.facts import abouts_of, asked_about
from hp_portal.core.registration.models import Registration
from hp_portal.database import PortalSession

# A message that waits for longer does not leave as it should.
LATE = dt.timedelta(minutes=15)


def of_draft(session: PortalSession, draft: Draft) -> MessageState | None:
    """The newest message with a link to confirm the address. What it says makes no difference to what is told of it."""
    wanted = sa.select(Message).where(Message.about == about_draft(draft), Message.recipient == draft.typed.email)
    return _newest(session.scalars(wanted.order_by(Message.id.desc())).all())


def to_person(session: PortalSession, registration: Registration) -> MessageState | None:
    """The newest message to whoever has registered."""
    return to_people(session, [registration]).get(registration.id)


def to_people(session: PortalSession, registrations: Sequence[Registration]) -> dict[int, MessageState]:
    """The newest message to each of them, by the registration's id; those to whom none was written are left out."""
    about = {name: one for one in registrations for name in abouts_of(one)}
    found: dict[int, list[Message]] = {}
    for message in session.scalars(sa.select(Message).where(Message.about.in_(about)).order_by(Message.id.desc())):
        one = about[message.about]
        if message.recipient == one.email:
            found.setdefault(one.id, []).append(message)
    return {key: state for key, messages in found.items() if (state := _newest(messages)) is not None}


def to_delegates(session: PortalSession, registration: Registration) -> MessageState | None:
    """What became of the messages to the delegates: one that was sent before one that waits, and those before the others."""
    messages = session.scalars(
        sa.select(Message).where(Message.about == asked_about(registration)).order_by(Message.id.desc())
    ).all()
    first = sorted(messages, key=lambda one: (one.state != SENT, one.state != WAITING))
    return _newest(first)


def is_late(sent: MessageState | None) -> bool:
    """Has a message been waiting for longer than it should?"""
    return sent is not None and sent.state == WAITING and clock.now() - sent.at > LATE


def _newest(messages: Sequence[Message]) -> MessageState | None:
    return next((state_of_message(one) for one in messages if one.state != CANCELED), None)
