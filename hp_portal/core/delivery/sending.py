"""The worker's part: sends what is due, notes every attempt, tries again with growing pauses, and gives up to the staff.

At least once: a message is marked as sent after the other side has taken it. A worker that dies in between leaves it to be sent
a second time, under the same Message-ID, when its lease has run out.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from typing import Any

import structlog

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.composing import compose
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import (
    EMAIL,
    FAILED,
    SENT,
    WAITING,
    note_address,
    note_attempt,
    remove_secrets,
)
from hp_portal.core.delivery.transports import Connection, NotSent, Transport
from hp_portal.core.delivery.ways import ways_out
from hp_portal.core.leases.leasing import Lease, LeaseLost, release_lease, renew_lease, take_leases
from hp_portal.core.web.render import settings as portal_settings
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

log = structlog.get_logger(__name__)
BATCH = 20
LEASE = dt.timedelta(minutes=5)
# One attempt may take so long: five answers of the server, 20 seconds each.
ATTEMPT = dt.timedelta(minutes=2)
FIRST_PAUSE, LONGEST_PAUSE = dt.timedelta(minutes=1), dt.timedelta(hours=6)
MOST_FAILURES = 12
"""With these pauses, a message is given up after about two days."""
CLOSED = dt.timedelta(minutes=1)
"""How long nothing is tried by a way that does not work."""


def pause_after(failures: int) -> dt.timedelta:
    """How long to wait after so many failed attempts, at least one: four times as long each time, up to six hours, and up to a
    fifth longer by chance, so that not all come back at once."""
    pause: dt.timedelta = min(FIRST_PAUSE * 4 ** min(failures - 1, 8), LONGEST_PAUSE)
    return pause + dt.timedelta(seconds=pause.total_seconds() * random.SystemRandom().uniform(0, 0.2))


def send_due(session: PortalSession) -> None:
    """The job: send what is due until nothing is. Commits as it goes."""
    send_all(session, portal_settings(), ways_out())


def send_all(session: PortalSession, settings: Settings, transports: Mapping[str, Transport]) -> int:
    """Send what is due by these ways; how many messages left."""
    sent = 0
    for channel, transport in transports.items():
        while leases := _take(session, channel):
            went, works = _send_batch(session, settings, transport, leases)
            sent += went
            if not works:
                break
    return sent


def _take(session: PortalSession, channel: str) -> list[Lease]:
    leases = take_leases(
        session,
        Message,
        Message.state == WAITING,
        Message.channel == channel,
        Message.due_at <= clock.now(),
        lasts=LEASE,
        most=BATCH,
        first=(Message.due_at, Message.id),
    )
    session.commit()
    return leases


def _send_batch(
    session: PortalSession, settings: Settings, transport: Transport, leases: list[Lease]
) -> tuple[int, bool]:
    """Send these; how many left, and whether the way still works. What was not tried is given back."""
    left, sent = list(leases), 0
    try:
        with transport.open() as connection:
            while left:
                sent += _send_one(session, settings, connection, left[0])
                del left[0]
    except NotSent as error:
        log.warning("delivery.closed", said=str(error))
        _give_back(session, left, str(error))
        return sent, False
    return sent, True


def _send_one(session: PortalSession, settings: Settings, connection: Connection, lease: Lease) -> bool:
    """Send one message. Raises NotSent when the way does not work; the attempt has been noted, then."""
    try:
        if lease.until - clock.now() < ATTEMPT:
            renew_lease(session, lease, LEASE)
            session.commit()
        message = session.get_one(Message, lease.id, populate_existing=True)
        if message.state != WAITING or message.lease_token != lease.token:
            session.rollback()
            return False  # canceled, or another worker's by now
        channel = message.channel
        composed = _compose(session, settings, message)
        session.rollback()  # no transaction is open while the other side is waited for
        said = connection.send(composed)
    except NotSent as error:
        _note_failure(session, lease, error)
        if error.everything:
            raise
        return False
    except LeaseLost:
        session.rollback()
        return False
    try:
        release_lease(session, lease, state=SENT, problem="", ended_at=clock.now())
        remove_secrets(session, [lease.id])
    except LeaseLost:
        # It took longer than the lease, and another worker sends it as well; or it was canceled on the way.
        log.warning("delivery.sent-without-lease", message=lease.id)
        session.rollback()
    note_attempt(session, lease.id, "sent", said)
    if channel == EMAIL:
        note_address(session, composed.recipient, None)
    session.commit()
    return True


def _compose(session: PortalSession, settings: Settings, message: Message) -> Any:
    """The message as it leaves. Raises NotSent for good where it cannot be made, so that the others do not wait for it."""
    try:
        return compose(session, settings, message)
    except NotSent:
        raise
    except Exception as error:  # a template that is gone, values that do not fit it or cannot be opened
        log.error("delivery.not-composed", message=message.id, exc_info=error)
        raise NotSent("The message could not be put together.", final=True) from error


def _note_failure(session: PortalSession, lease: Lease, error: NotSent) -> None:
    session.rollback()
    message = session.get_one(Message, lease.id, populate_existing=True)
    failures = message.failures + 1
    given_up = error.final or failures >= MOST_FAILURES
    values = {"failures": failures, "problem": str(error)[:300], "due_at": clock.now() + pause_after(failures)}
    if given_up:
        values |= {"state": FAILED, "ended_at": clock.now()}
    try:
        release_lease(session, lease, **values)
    except LeaseLost:
        session.rollback()
        return
    note_attempt(session, lease.id, "refused" if given_up else "again", str(error))
    if given_up:
        record(session, "delivery.message.given-up", message=lease.id)
    session.commit()


def _give_back(session: PortalSession, leases: list[Lease], problem: str) -> None:
    """What was not tried waits, with the reason, and without counting as an attempt."""
    session.rollback()
    for lease in leases:
        try:
            release_lease(session, lease, problem=problem[:300], due_at=clock.now() + CLOSED)
        except LeaseLost:
            continue
    session.commit()
