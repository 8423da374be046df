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
from hp_portal.core.delivery.outbox import EMAIL, RETURNED, SENT, WAITING, note_attempt
from hp_portal.core.identity.models import Person
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.seals import seat

log = structlog.get_logger(__name__)
RAW = seat(ReturnedMail.raw_sealed)
LONGEST = 200_000
BY_ADDRESS = dt.timedelta(days=14)
"""Mail that names no message may belong to the last one that went to the address, when that is not older: staff decide."""
STAYED_AWAY = dt.timedelta(days=3)
MARKED, KNOWN, NOTED, KEPT = "marked", "known", "noted", "kept"
OUTCOMES = {
    MARKED: "message marked as returned",
    NOTED: "noted with its message",
    KNOWN: "known already",
    KEPT: "kept for the staff",
}


def take_return(session: PortalSession, raw: bytes, to: str = "") -> str:
    """Take mail that came back; one of OUTCOMES says what was done. The same mail again changes nothing. Does not commit.

    Only what has the message's token is believed: without it anybody could write that an address does not work any more.
    """
    returned = read_return(raw, to)
    message = None
    if returned.kind != OTHER and returned.token:
        message = session.scalars(sa.select(Message).where(Message.token == returned.token)).one_or_none()
    if message is None:
        return _keep(session, returned, raw)
    return _note(session, message, returned)


def _note(session: PortalSession, message: Message, returned: Returned) -> str:
    said = returned.said or "It came back without a reason."
    if _is_known(session, message.id, returned.kind, said):
        return KNOWN
    note_attempt(session, message.id, returned.kind, said)
    if returned.kind != FAILED or message.state not in (SENT, WAITING):
        return NOTED
    message.state, message.problem, message.ended_at = RETURNED, said[:300], clock.now()
    message.lease_token = message.leased_until = None
    session.execute(
        sa.update(Person)
        .where(Person.email == message.recipient.lower())
        .values(email_returned_at=clock.now())
        .execution_options(synchronize_session=False)
    )
    record(session, "delivery.message.returned", message=message.id)
    return MARKED


def _likely_message(session: PortalSession, returned: Returned) -> int | None:
    """The id of the last message that has gone to one of the addresses that a mail without a token says were not reached."""
    if returned.kind != FAILED or not returned.addresses:
        return None
    wanted = (
        sa.select(Message.id)
        .where(sa.func.lower(Message.recipient).in_({address.lower() for address in returned.addresses}))
        .where(Message.channel == EMAIL, Message.state == SENT, Message.ended_at > clock.now() - BY_ADDRESS)
        .order_by(Message.id.desc())
        .limit(1)
    )
    return session.scalars(wanted).one_or_none()


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
            likely_id=_likely_message(session, returned),
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
            done[_take_whatever(session, box.get_bytes(name))] += 1
            box.remove(name)
    finally:
        box.flush()
        box.unlock()
        box.close()
    return done


def _take_whatever(session: PortalSession, raw: bytes) -> str:
    """Take a mail and commit. One that cannot be dealt with is kept for the staff, and keeps nothing behind it waiting."""
    try:
        done = take_return(session, raw)
        session.commit()
    except Exception as error:  # the other side's mail may hold anything
        log.error("delivery.return-not-taken", exc_info=error)
        session.rollback()
        done = _keep(session, Returned("", OTHER, "", (), "", ""), raw)
        session.commit()
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
    """Mail that fits no message, and its text as it came. `likely`: the message it may be about, by an address in it."""

    mail: ReturnedMail
    text: str
    likely: Message | None


def _shown(raw: bytes) -> str:
    """What can be shown of a mail: what is no letter, and no line's end, becomes a mark."""
    text = raw.decode(errors="replace").replace("\r\n", "\n")
    return "".join(letter if letter.isprintable() or letter in "\n\t" else "\ufffd" for letter in text)


def view_kept_mail(session: PortalSession) -> list[KeptMail]:
    """Mail that waits for somebody to read it, the oldest first, at most 50, recorded."""
    waiting = (
        sa.select(ReturnedMail, Message)
        .outerjoin(Message, sa.and_(Message.id == ReturnedMail.likely_id, Message.state == SENT))
        .where(ReturnedMail.settled_at.is_(None))
        .order_by(ReturnedMail.id)
        .limit(50)
    )
    found = [
        KeptMail(mail, _shown(session.vault.open(mail.raw_sealed, RAW(mail.token))), likely)
        for mail, likely in session.execute(waiting)
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


def settle_as_returned(session: PortalSession, mail_id: int) -> bool:
    """Staff say that a mail is about the likely message, which came back; False when it was settled before, or there is none."""
    mail = session.get(ReturnedMail, mail_id)
    if mail is None or not settle(session, mail_id) or mail.likely_id is None:
        return False
    returned = read_return(session.vault.open(mail.raw_sealed, RAW(mail.token)))
    return _note(session, session.get_one(Message, mail.likely_id), returned) == MARKED


def forget_returns(session: PortalSession) -> None:
    """The job: an address counts as working again once a message to it, sent after the last return, has stayed away for some
    days. That the mail server took one says little: most mail comes back later. Commits nothing."""
    arrived = (
        sa.select(Message.id)
        .where(Message.recipient == Person.email, Message.channel == EMAIL, Message.state == SENT)
        .where(Message.ended_at > Person.email_returned_at, Message.ended_at < clock.now() - STAYED_AWAY)
        .exists()
    )
    session.execute(
        sa.update(Person)
        .where(Person.email_returned_at.is_not(None), arrived)
        .values(email_returned_at=None)
        .execution_options(synchronize_session=False)
    )


def own_address_returned(session: PortalSession, person_id: int) -> str:
    """The person's e-mail address when the last message to it came back; empty otherwise."""
    with scopes.whole(session, "whether mail to the person's own address came back"):
        address = session.scalar(
            sa.select(Person.email).where(Person.id == person_id, Person.email_returned_at.is_not(None))
        )
    return address or ""
