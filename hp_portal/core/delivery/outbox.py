"""Adding messages to the outbox, and taking them back.

A verb adds its messages in its own transaction: what was done and that it is told stand or fall together. The worker sends them.
Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.attaching import Attachment, attach, check_attachments
from hp_portal.core.delivery.models import DigestRefusal, Message, MessageAttempt
from hp_portal.database import PortalSession
from hp_portal.seals import seat

EMAIL = "email"
LETTER = "letter"
FAX = "fax"
WAITING, PRINTED, SENT, FAILED, RETURNED, CANCELED = "waiting", "printed", "sent", "failed", "returned", "canceled"
VALUES = seat(Message.values_sealed)
HIDDEN = "••••••••"
"""What staff see of a code, such as a PIN."""
REMOVED = "(no longer kept)"
"""What they see once it is removed."""


@dataclass(frozen=True)
class Outgoing:
    """A message to be sent: an e-mail to one address, from the templates `mail/<template>.txt` and `.html`, which extend
    `mail/frame.txt` and `.html`. A plugin names its own with their folder: `notes/mail/told`.

    `values` fill in the templates; they are of JSON's types, and never have health information or a full Tax ID. `about` is what
    the message is about, such as `registration:12`. `secrets` names those of the values that open something, such as a code or a
    link: staff never see them, and they are removed once the message has left or is canceled. It cannot be sent again then.
    `attachments` go along: they never have health information either. `digest`: it only tells what is new; its reader can stop
    such messages by a link, and who did gets none. `reference` is what a fax is told by.
    """

    recipient: str
    template: str
    subject: str
    about: str
    values: Mapping[str, Any] = field(default_factory=dict)
    channel: str = EMAIL
    secrets: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    digest: bool = False
    reference: str | None = None


def add_message(session: PortalSession, outgoing: Outgoing) -> int:
    """Put a message into the outbox; its id. A digest to somebody who wants none is in it as canceled.

    Raises ValueError for what could become another header or another recipient, and for attachments that may not go along.
    """
    for text in (outgoing.recipient, outgoing.subject):
        if not text.strip() or any(ord(letter) < 32 for letter in text):
            raise ValueError(f"not a line of text: {text!r}")
    check_attachments(outgoing.attachments)
    now, token = clock.now(), secrets.token_hex(16)
    with scopes.whole(session, "a message is written"):
        refused = outgoing.digest and _wants_no_digests(session, outgoing.recipient)
        message = Message(
            channel=outgoing.channel,
            template=outgoing.template,
            recipient=outgoing.recipient,
            subject=outgoing.subject[:200],
            values_sealed=session.vault.seal_text(json.dumps(dict(outgoing.values)), VALUES(token)),
            about=outgoing.about,
            token=token,
            state=CANCELED if refused else WAITING,
            problem="Whoever has this address wants no summaries." if refused else "",
            created_at=now,
            due_at=now,
            ended_at=now if refused else None,
            secrets=",".join(outgoing.secrets),
            attached=bool(outgoing.attachments),
            reference=outgoing.reference,
            digest_token=secrets.token_urlsafe(24) if outgoing.digest else None,
        )
        session.add(message)
        session.flush()
        attach(session, message.id, outgoing.attachments)
        record(session, "delivery.message.added", message=message.id, template=message.template, about=message.about)
    return message.id


def _wants_no_digests(session: PortalSession, address: str) -> bool:
    refusal = sa.select(DigestRefusal.id).where(DigestRefusal.address == address.lower())
    return session.scalar(refusal) is not None


def values_of(session: PortalSession, message: Message) -> dict[str, Any]:
    """What a message's template is filled in with."""
    found: dict[str, Any] = json.loads(session.vault.open_text(message.values_sealed, VALUES(message.token)))
    return found


def values_for_staff(session: PortalSession, message: Message) -> dict[str, Any]:
    """The same with a mark in the place of each secret."""
    values = values_of(session, message)
    return values | {name: HIDDEN if values.get(name) else REMOVED for name in names_of_secrets(message)}


def names_of_secrets(message: Message) -> tuple[str, ...]:
    """The values of a message that are removed once it has left."""
    return tuple(filter(None, message.secrets.split(",")))


def remove_secrets(session: PortalSession, message_ids: Sequence[int]) -> None:
    """Remove the secrets of messages that have left, or never will. Those without any are not read."""
    with_secrets = sa.select(Message).where(Message.id.in_(message_ids), Message.secrets != "")
    for message in session.scalars(with_secrets.execution_options(populate_existing=True)):
        values = values_of(session, message) | dict.fromkeys(names_of_secrets(message), "")
        message.values_sealed = session.vault.seal_text(json.dumps(values), VALUES(message.token))


def cancel_messages(session: PortalSession, about: str) -> int:
    """Take back what has not been sent of the messages about something whose purpose has ended; how many.

    One that a worker is sending at this moment may still arrive: what the other side was told cannot be taken back.
    """
    with scopes.whole(session, "messages whose purpose has ended"):
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
    remove_secrets(session, ended)
    for message_id in sorted(ended):
        record(session, "delivery.message.canceled", message=message_id)
    return len(ended)


def secrets_are_gone(message: Message) -> bool:
    """Has the message left or been canceled, and its secrets with it?"""
    return bool(message.secrets) and message.state in (SENT, RETURNED, CANCELED)


def may_send_again(message: Message) -> bool:
    """Would `send_again` send it?"""
    failed = message.state in (FAILED, RETURNED) or (message.channel == LETTER and message.state in (PRINTED, SENT))
    return failed and not secrets_are_gone(message)


def send_again(session: PortalSession, message_id: int) -> bool:
    """Have a message that failed or came back sent again, from its first attempt on; False when it did neither.

    A letter that was printed before is printed once more. A message whose secrets are removed is not: nobody has them any more,
    and whoever wrote it writes a new one. Needs a whole scope.
    """
    found = session.scalars(
        sa.update(Message)
        .where(
            Message.id == message_id,
            sa.or_(
                Message.state.in_((FAILED, RETURNED)),
                sa.and_(Message.channel == LETTER, Message.state.in_((PRINTED, SENT))),
            ),
            sa.or_(Message.secrets == "", Message.state.in_((FAILED, PRINTED))),
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
    note_attempts(session, [(message_id, clock.now(), outcome, said)])


def note_attempts(session: PortalSession, attempts: Sequence[tuple[int, dt.datetime, str, str]]) -> None:
    """The same for several: message, moment, outcome, and what was said."""
    rows = [
        {"message_id": message_id, "at": at, "outcome": outcome, "said": said[:300]}
        for message_id, at, outcome, said in attempts
    ]
    session.execute(sa.insert(MessageAttempt), rows)
