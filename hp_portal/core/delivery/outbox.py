"""Adding messages to the outbox, and taking them back.

A verb adds its messages in its own transaction: what was done and that it is told stand or fall together. The worker sends them.
Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.models import Message, MessageAttempt
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession
from hp_portal.seals import seat

EMAIL = "email"
LETTER = "letter"
WAITING, PRINTED, SENT, FAILED, RETURNED, CANCELED = "waiting", "printed", "sent", "failed", "returned", "canceled"
VALUES = seat(Message.values_sealed)


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent: an e-mail to one address, from the templates `mail/<template>.txt` and `.html`.

    `values` fill in the templates; they are of JSON's types, and never have health information or a full Tax ID. `about` is what
    the message is about, such as `registration:12`.
    """

    recipient: str
    template: str
    subject: str
    about: str
    values: Mapping[str, Any] = field(default_factory=dict)
    channel: str = EMAIL


def add_message(session: PortalSession, outgoing: Outgoing) -> int:
    """Put a message into the outbox; its id. Needs a whole scope.

    Raises ValueError for what could become another header or another recipient.
    """
    for text in (outgoing.recipient, outgoing.subject):
        if not text.strip() or any(ord(letter) < 32 for letter in text):
            raise ValueError(f"not a line of text: {text!r}")
    now, token = clock.now(), secrets.token_hex(16)
    message = Message(
        channel=outgoing.channel,
        template=outgoing.template,
        recipient=outgoing.recipient,
        subject=outgoing.subject[:200],
        values_sealed=session.vault.seal_text(json.dumps(dict(outgoing.values)), VALUES(token)),
        about=outgoing.about,
        token=token,
        state=WAITING,
        created_at=now,
        due_at=now,
    )
    session.add(message)
    session.flush()
    record(session, "delivery.message.added", message=message.id, template=message.template, about=message.about)
    return message.id


def values_of(session: PortalSession, message: Message) -> dict[str, Any]:
    """What a message's template is filled in with."""
    found: dict[str, Any] = json.loads(session.vault.open_text(message.values_sealed, VALUES(message.token)))
    return found


def cancel_messages(session: PortalSession, about: str) -> int:
    """Take back what has not been sent of the messages about something whose purpose has ended; how many. Needs a whole scope.

    One that a worker is sending at this moment may still arrive: what the other side was told cannot be taken back.
    """
    return _cancel(session, Message.about == about)


def cancel_message(session: PortalSession, message_id: int) -> bool:
    """Take back one message that has not been sent."""
    return _cancel(session, Message.id == message_id) == 1


def _cancel(session: PortalSession, which: sa.ColumnElement[bool]) -> int:
    ended = session.scalars(
        sa.update(Message)
        .where(which, Message.state.in_((WAITING, PRINTED, FAILED)))
        .values(state=CANCELED, ended_at=clock.now(), lease_token=None, leased_until=None)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    for message_id in sorted(ended):
        record(session, "delivery.message.canceled", message=message_id)
    return len(ended)


def send_again(session: PortalSession, message_id: int) -> bool:
    """Have a message that failed or came back sent again, from its first attempt on; False when it did neither.

    A letter that was printed before is printed once more. Needs a whole scope.
    """
    found = session.scalars(
        sa.update(Message)
        .where(
            Message.id == message_id,
            sa.or_(
                Message.state.in_((FAILED, RETURNED)),
                sa.and_(Message.channel == LETTER, Message.state.in_((PRINTED, SENT))),
            ),
        )
        .values(state=WAITING, failures=0, problem="", due_at=clock.now(), ended_at=None, print_run_id=None)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if found is None:
        return False
    record(session, "delivery.message.sent-again", message=message_id)
    return True


def note_attempt(session: PortalSession, message_id: int, outcome: str, said: str) -> None:
    """Note an attempt to send a message, or what came back for it: see `MessageAttempt`."""
    values = {"message_id": message_id, "at": clock.now(), "outcome": outcome, "said": said[:300]}
    session.execute(sa.insert(MessageAttempt), values)


def note_address(session: PortalSession, address: str, returned_at: dt.datetime | None) -> None:
    """Note with the person whose address it is that a message came back, or that one arrived."""
    session.execute(
        sa.update(Person)
        .where(Person.email == address.lower(), Person.email_returned_at.is_distinct_from(returned_at))
        .values(email_returned_at=returned_at)
        .execution_options(synchronize_session=False)
    )
