"""What goes along with a message: PDF files and plain text, sealed in the database."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.delivery.models import Message, MessageAttachment
from hp_portal.database import PortalSession
from hp_portal.seals import seat

PDF, TEXT = "application/pdf", "text/plain"
MOST_BYTES = 10 << 20
"""What all attachments of a message may be together: mail servers refuse more."""
_BODY = seat(MessageAttachment.body_sealed)


@dataclass(frozen=True)
class Attachment:
    """A file that goes along with a message: a PDF (`application/pdf`) or text in UTF-8 (`text/plain`)."""

    name: str
    content_type: str
    body: bytes


def _is_text(body: bytes) -> bool:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter in "\t\r\n" for letter in text)


def check_attachments(attachments: Sequence[Attachment]) -> None:
    """Raise ValueError for what may not go along: another kind than it says, too much, or a name that is none."""
    for one in attachments:
        if not 0 < len(one.name) <= 120 or not one.name.isprintable() or set('/\\"') & set(one.name):
            raise ValueError(f"not a name of a file: {one.name!r}")
        fits = {PDF: one.body.startswith(b"%PDF-"), TEXT: _is_text(one.body)}
        if not fits.get(one.content_type):
            raise ValueError(f"{one.name} is no {one.content_type} that may go along: use a PDF, or text in UTF-8")
    if sum(len(one.body) for one in attachments) > MOST_BYTES:
        raise ValueError(f"attachments are more than {MOST_BYTES >> 20} MB")


def attach(session: PortalSession, message_id: int, attachments: Sequence[Attachment]) -> None:
    """Keep the attachments of a new message."""
    for one in attachments:
        token = secrets.token_hex(16)
        session.add(
            MessageAttachment(
                message_id=message_id,
                token=token,
                name=one.name,
                content_type=one.content_type,
                size=len(one.body),
                body_sealed=session.vault.seal(one.body, _BODY(token)),
            )
        )


def attached_to(session: PortalSession, message: Message) -> Sequence[MessageAttachment]:
    """The attachments of a message, in their order, sealed."""
    if not message.attached:
        return ()
    of_message = MessageAttachment.message_id == message.id
    return session.scalars(sa.select(MessageAttachment).where(of_message).order_by(MessageAttachment.id)).all()


def attachments_of(session: PortalSession, message: Message) -> list[Attachment]:
    """The attachments of a message, in their order."""
    return [
        Attachment(one.name, one.content_type, session.vault.open(one.body_sealed, _BODY(one.token)))
        for one in attached_to(session, message)
    ]
