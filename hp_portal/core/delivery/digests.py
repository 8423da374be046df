"""Digests: summaries that come now and then, and that whoever gets them can stop and take up again, without signing in.

The link in the message is what entitles to it: it has a token of its own, which no mail server is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.models import DigestRefusal, Message
from hp_portal.core.delivery.outbox import FAILED, WAITING, cancel_message
from hp_portal.core.identity.masking import mask_email
from hp_portal.database import PortalSession, start_writing

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_REASON = "digests to the address that the link was sent to"


@dataclass(frozen=True)
class Digests:
    """Whether digests go to the address, with most of its name left out."""

    masked: str
    stopped: bool


def digests_of(session: PortalSession, token: str) -> Digests | None:
    """Whether digests go to the address of this link; None for a link that is none."""
    with scopes.whole(session, _REASON):
        message = _message(session, token)
        if message is None:
            return None
        return Digests(mask_email(message.recipient), _refusal(session, message) is not None)


def stop_digests(session: PortalSession, token: str) -> bool:
    """Send no more digests to the address, nor those that wait; False for a link that is none."""
    with scopes.whole(session, _REASON):
        message = _message(session, token)
        if message is None:
            return False
        start_writing(session)  # on SQLite a savepoint needs a transaction around it
        if _refusal(session, message) is None:
            try:
                with session.begin_nested():
                    session.add(DigestRefusal(address=message.recipient.lower(), at=clock.now()))
            except IntegrityError:
                return True  # the button and the mail client's own at the same moment
            record(session, "delivery.digests.stopped", message=message.id)
        waiting = sa.select(Message.id).where(
            Message.digest_token.is_not(None),
            sa.func.lower(Message.recipient) == message.recipient.lower(),
            Message.state.in_((WAITING, FAILED)),
        )
        for message_id in session.scalars(waiting).all():
            cancel_message(session, message_id)
        return True


def take_up_digests(session: PortalSession, token: str) -> bool:
    """Send digests to the address again; False for a link that is none."""
    with scopes.whole(session, _REASON):
        message = _message(session, token)
        if message is None:
            return False
        refusal = _refusal(session, message)
        if refusal is not None:
            session.delete(refusal)
            record(session, "delivery.digests.taken-up", message=message.id)
        return True


def _message(session: PortalSession, token: str) -> Message | None:
    if not _TOKEN.fullmatch(token):
        return None
    return session.scalars(sa.select(Message).where(Message.digest_token == token)).one_or_none()


def _refusal(session: PortalSession, message: Message) -> DigestRefusal | None:
    of_address = DigestRefusal.address == message.recipient.lower()
    return session.scalars(sa.select(DigestRefusal).where(of_address)).one_or_none()
