"""What is done with mail that came back: the message is marked, or the mail is put before the staff. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
import hashlib
import mailbox
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import structlog

from hp_portal import clock, scopes
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.bounces import FAILED, OTHER, Returned, read_return
from hp_portal.core.delivery.models import Message, MessageAttempt, ReturnedMail
from hp_portal.core.delivery.outbox import RETURNED, SENT, WAITING, note_address, note_attempt
from hp_portal.core.identity.models import Person
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.seals import seat

log = structlog.get_logger(__name__)
RAW = seat(ReturnedMail.raw_sealed)
LONGEST = 200_000
BY_ADDRESS = dt.timedelta(days=14)
"""Mail that names no message belongs to the last one that went to the address, when that is not older."""
MARKED, KNOWN, NOTED, KEPT = "marked", "known", "noted", "kept"
OUTCOMES = {
    MARKED: "message marked as returned",
    NOTED: "noted with its message",
    KNOWN: "known already",
    KEPT: "kept for the staff",
}


def take_return(session: PortalSession, raw: bytes, to: str = "") -> str:
    """Take mail that came back; one of OUTCOMES says what was done. The same mail again changes nothing. Does not commit."""
    returned = read_return(raw, to)
    message = None if returned.kind == OTHER else _message_of(session, returned)
    if message is None:
        return _keep(session, returned, raw)
    said = returned.said or "It came back without a reason."
    if _is_known(session, message.id, returned.kind, said):
        return KNOWN
    note_attempt(session, message.id, returned.kind, said)
    if returned.kind != FAILED or message.state not in (SENT, WAITING):
        return NOTED
    message.state, message.problem, message.ended_at = RETURNED, said[:300], clock.now()
    message.lease_token = message.leased_until = None
    note_address(session, message.recipient, clock.now())
    record(session, "delivery.message.returned", message=message.id)
    return MARKED


def _message_of(session: PortalSession, returned: Returned) -> Message | None:
    if returned.token:
        return session.scalars(sa.select(Message).where(Message.token == returned.token)).one_or_none()
    for address in returned.addresses:
        found = session.scalars(
            sa.select(Message)
            .where(sa.func.lower(Message.recipient) == address.lower(), Message.state == SENT)
            .where(Message.ended_at > clock.now() - BY_ADDRESS)
            .order_by(Message.id.desc())
            .limit(1)
        ).one_or_none()
        if found is not None:
            return found
    return None


def _is_known(session: PortalSession, message_id: int, outcome: str, said: str) -> bool:
    """Was the same said of the message since it was sent last?"""
    of_message = MessageAttempt.message_id == message_id
    sent = sa.select(sa.func.coalesce(sa.func.max(MessageAttempt.id), 0)).where(
        of_message, MessageAttempt.outcome == "sent"
    )
    same = sa.select(MessageAttempt.id).where(
        of_message,
        MessageAttempt.outcome == outcome,
        MessageAttempt.said == said[:300],
        MessageAttempt.id > sent.scalar_subquery(),
    )
    return session.scalar(same.limit(1)) is not None


def _keep(session: PortalSession, returned: Returned, raw: bytes) -> str:
    token = hashlib.sha256(raw).hexdigest()[:40]
    if session.scalar(sa.select(ReturnedMail.id).where(ReturnedMail.token == token)) is not None:
        return KNOWN
    session.add(
        ReturnedMail(
            token=token,
            at=clock.now(),
            sender=returned.sender,
            subject=returned.subject,
            raw_sealed=session.vault.seal(raw[:LONGEST], RAW(token)),
        )
    )
    return KEPT


def collect_returns(session: PortalSession, path: Path) -> Counter[str]:
    """Take everything out of a mailbox, an mbox file or a Maildir folder; how many of each of OUTCOMES. Commits after each.

    Mail leaves the mailbox after it was taken: a process that dies in between takes it a second time, which changes nothing.
    Raises OSError and mailbox.Error.
    """
    done: Counter[str] = Counter()
    box: mailbox.Maildir | mailbox.mbox
    box = mailbox.Maildir(path, create=False) if path.is_dir() else mailbox.mbox(path, create=False)
    box.lock()
    try:
        for name in list(box.keys()):
            done[take_return(session, box.get_bytes(name))] += 1
            session.commit()
            box.remove(name)
    finally:
        box.flush()
        box.unlock()
        box.close()
    return done


def collect_due(session: PortalSession) -> None:
    """The job: empty the mailbox of the settings, where one is named."""
    box = settings().bounce_mailbox
    if box is None or not box.exists():
        return  # mail servers make an mbox when the first mail comes
    if done := collect_returns(session, box):
        log.info("delivery.returns", **done)


@dataclass(frozen=True)
class KeptMail:
    """Mail that fits no message, and its text as it came."""

    mail: ReturnedMail
    text: str


def _shown(raw: bytes) -> str:
    """What can be shown of a mail: what is no letter, and no line's end, becomes a mark."""
    text = raw.decode(errors="replace").replace("\r\n", "\n")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


def view_kept_mail(session: PortalSession) -> list[KeptMail]:
    """Mail that waits for somebody to read it, the oldest first, at most 50, recorded."""
    waiting = sa.select(ReturnedMail).where(ReturnedMail.settled_at.is_(None)).order_by(ReturnedMail.id).limit(50)
    found = [
        KeptMail(mail, _shown(session.vault.open(mail.raw_sealed, RAW(mail.token))))
        for mail in session.scalars(waiting)
    ]
    record(session, "delivery.returns-viewed", shown=len(found))
    return found


def count_kept(session: PortalSession) -> int:
    """How many wait for somebody to read them."""
    return session.scalar(sa.select(sa.func.count(ReturnedMail.id)).where(ReturnedMail.settled_at.is_(None))) or 0


def settle(session: PortalSession, mail_id: int) -> bool:
    """Somebody has read it and has done what there was to do; False when that was so already."""
    done = session.scalars(
        sa.update(ReturnedMail)
        .where(ReturnedMail.id == mail_id, ReturnedMail.settled_at.is_(None))
        .values(settled_at=clock.now())
        .returning(ReturnedMail.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is not None:
        record(session, "delivery.return.settled", mail=mail_id)
    return done is not None


def own_address_returned(session: PortalSession, person_id: int) -> str:
    """The person's e-mail address when the last message to it came back; empty otherwise."""
    with scopes.whole(session, "whether mail to the person's own address came back"):
        address = session.scalar(
            sa.select(Person.email).where(Person.id == person_id, Person.email_returned_at.is_not(None))
        )
    return address or ""
