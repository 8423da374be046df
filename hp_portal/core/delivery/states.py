"""What became of messages, in words for the person whom they concern."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import CANCELED, EMAIL, FAILED, FAX, LETTER, PRINTED, RETURNED, SENT, WAITING
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

_NAMES = {EMAIL: "e-mail", LETTER: "letter", FAX: "fax"}
_WAITS = {LETTER: "waits to be printed", FAX: "waits to be sent"}


@dataclass(frozen=True)
class MessageState:
    """What became of a message. `state` is one of the outbox's words, `words` a sentence, `at` when it became so: when the
    message was written, while it has not left."""

    channel: str
    subject: str
    state: str
    words: str
    at: dt.datetime


def state_in_words(message: Message) -> str:
    """A sentence that says what became of a message, without the address. Needs an app context."""
    name, letter = _NAMES.get(message.channel, message.channel), message.channel == LETTER
    day = show_day(message.ended_at or message.created_at, settings().payer.zone)
    what = {
        WAITING: _WAITS.get(message.channel, "will leave within a few minutes"),
        PRINTED: "is printed and will be mailed soon",
        SENT: f"was {'mailed' if letter else 'sent'} on {day}",
        FAILED: "could not be sent",
        RETURNED: "came back: it could not be delivered",
        CANCELED: "was not sent, because it was no longer needed",
    }[message.state]
    if message.state == WAITING and message.failures:
        what = "could not be sent yet. We try again"
    return f"The {name} {what}."


def state_of_message(message: Message) -> MessageState:
    """What became of one message. Needs an app context."""
    at = message.ended_at or message.created_at
    return MessageState(message.channel, message.subject, message.state, state_in_words(message), at)


def messages_about(session: PortalSession, about: str) -> list[MessageState]:
    """What became of the messages about something, such as `registration:12`, the newest first.

    For the page where that thing is shown: whoever calls it has made sure that the reader may see the thing.
    """
    with scopes.whole(session, "what became of messages about a thing that is shown"):
        found = session.scalars(sa.select(Message).where(Message.about == about).order_by(Message.id.desc())).all()
        return [state_of_message(one) for one in found]
