"""The worker's part: sends what is due, notes every attempt, tries again with growing pauses, and gives up to the staff.

At least once: a message is marked as sent after the other side has taken it. A worker that dies in between leaves it to be sent
a second time, under the same Message-ID, when its lease has run out: of its messages at most as many as `Sender` lets leave
before they are marked.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
import structlog
from flask import current_app

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.composing import compose
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import (
    EMAIL,
    FAILED,
    SENT,
    WAITING,
    note_attempts,
    remove_secrets,
)
from hp_portal.core.delivery.sender import Job, Result, Sender
from hp_portal.core.delivery.transports import NotSent, Transport
from hp_portal.core.delivery.ways import ways_out
from hp_portal.core.leases.leasing import Lease, LeaseLost, release_lease, take_leases
from hp_portal.core.web.render import settings as portal_settings
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

log = structlog.get_logger(__name__)
BATCH = 50
"""Messages that are taken at a time."""
CHUNK = 10
"""Messages of which it is asked at a time, just before they are put together, whether they are still to be sent."""
LOOK = 0.5
"""Seconds after which it is asked again, of those that are ready and wait for their turn."""
PER_CONNECTION = 500
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
    """The job: send the e-mails that are due until none is. Commits as it goes."""
    send_all(session, portal_settings(), {EMAIL: ways_out()[EMAIL]})


def send_paper_due(session: PortalSession) -> None:
    """The job: the same with faxes, and with letters that a plugin sends. Each is typeset first, and no e-mail waits for that."""
    send_all(session, portal_settings(), {channel: way for channel, way in ways_out().items() if channel != EMAIL})


def send_all(session: PortalSession, settings: Settings, transports: Mapping[str, Transport]) -> int:
    """Send what is due by these ways; how many messages left. Needs an app context."""
    return sum(_Channel(session, settings, *way).send() for way in transports.items())


class _Channel:
    """The messages of one channel: taken with a lease, put together while others are sent, and marked when they have left."""

    def __init__(self, session: PortalSession, settings: Settings, channel: str, transport: Transport) -> None:
        self._session, self._settings, self._channel, self._transport = session, settings, channel, transport
        self._taken: deque[Lease] = deque()
        self._ready: deque[tuple[Lease, Message]] = deque()
        self._looked = 0.0
        self._sent = 0

    def send(self) -> int:
        """Send what is due until nothing is, or the way does not work."""
        while self._take():
            app = current_app._get_current_object()  # type: ignore[attr-defined] # the thread needs the app; the proxy has no type
            with Sender(app, self._transport) as sender:
                self._send_over(sender)
            if sender.closed is not None:
                log.warning("delivery.closed", said=str(sender.closed))
                self._give_back(self._open(sender), str(sender.closed))
                break
        return self._sent

    def _take(self) -> bool:
        """Take what is due next, if there is anything."""
        leases = take_leases(
            self._session,
            Message,
            Message.state == WAITING,
            Message.channel == self._channel,
            Message.due_at <= clock.now(),
            lasts=LEASE,
            most=BATCH,
            first=(Message.due_at, Message.id),
        )
        self._session.commit()
        self._taken.extend(leases)
        return bool(leases)

    def _send_over(self, sender: Sender) -> None:
        """Send over one connection, until nothing is due or it has had its share. The last results are marked in the end."""
        more, left = True, PER_CONNECTION
        while sender.works and (self._taken or self._ready or more or not sender.is_done):
            if not (self._taken or self._ready) and more:
                more = left > 0 and self._take()
                left -= len(self._taken)
            if (self._taken or self._ready) and sender.has_room:
                self._hand_next(sender)
            elif not sender.is_done:
                sender.wait(LOOK, for_room=bool(self._taken or self._ready))
            self._mark(sender)
            if time.monotonic() - self._looked >= LOOK:
                self._look(sender)
        self._mark(sender)
        sender.raise_what_broke()

    def _hand_next(self, sender: Sender) -> None:
        if not self._ready:
            self._load()
        if not self._ready:
            return
        lease, message = self._ready.popleft()
        try:
            composed = _compose(self._session, self._settings, message)
        except NotSent as error:
            self._session.rollback()
            _note_failure(self._session, lease, error, clock.now())
            self._session.commit()
            return
        if self._session.in_transaction():
            self._session.rollback()  # no transaction is open while the other side is waited for
        sender.hand(Job(lease, message.recipient, bool(message.secrets), composed))

    def _load(self) -> None:
        """Load the next ones that are still ours: others were canceled, or are another worker's by now."""
        leases = {lease.id: lease for lease in (self._taken.popleft() for _ in range(min(CHUNK, len(self._taken))))}
        loaded = self._session.scalars(
            _ours(sa.select(Message), leases.values()).order_by(Message.due_at, Message.id)
        ).all()
        for message in loaded:
            self._session.expunge(message)
            self._ready.append((leases[message.id], message))
        self._session.rollback()

    def _open(self, sender: Sender) -> list[Lease]:
        """Those that are taken, and whose sending has not begun."""
        return [*sender.not_begun(), *(lease for lease, _ in self._ready), *self._taken]

    def _look(self, sender: Sender) -> None:
        """Let go of what was canceled meanwhile, and keep the others longer."""
        self._looked = time.monotonic()
        leases = self._open(sender)
        if not leases:
            return
        ours = set(self._session.scalars(_ours(sa.select(Message.id), leases)))
        gone = {lease.id for lease in leases} - ours
        if gone:
            sender.drop(gone)
            self._ready = deque(one for one in self._ready if one[0].id not in gone)
            self._taken = deque(lease for lease in self._taken if lease.id not in gone)
        if min(lease.until for lease in leases) - clock.now() < ATTEMPT:
            until = clock.now() + LEASE
            change = _ours(sa.update(Message), leases).values(leased_until=until)
            self._session.execute(change.execution_options(synchronize_session=False))
            for lease in leases:
                lease.until = until
        self._session.commit()

    def _mark(self, sender: Sender) -> None:
        """Mark what was sent and what failed since the last time, in one transaction."""
        results = sender.take_results()
        if not results:
            return
        sent = [result for result in results if result.error is None]
        if sent:
            self._mark_sent(sent)
        for result in results:
            if result.error is not None:
                _note_failure(self._session, result.job.lease, result.error, result.at)
        self._session.commit()
        sender.marked(results)
        self._sent += len(sent)

    def _mark_sent(self, results: list[Result]) -> None:
        session, leases = self._session, [result.job.lease for result in results]
        change = _ours(sa.update(Message), leases).values(
            state=SENT, problem="", ended_at=results[-1].at, lease_token=None, leased_until=None
        )
        marked = set(session.scalars(change.returning(Message.id).execution_options(synchronize_session=False)))
        if lost := [lease.id for lease in leases if lease.id not in marked]:
            # It took longer than the lease, and another worker sends it as well; or it was canceled on the way.
            log.warning("delivery.sent-without-lease", messages=lost)
        if secret := [
            result.job.lease.id for result in results if result.job.secrets and result.job.lease.id in marked
        ]:
            remove_secrets(session, secret)
        note_attempts(session, [(result.job.lease.id, result.at, "sent", result.said or "") for result in results])

    def _give_back(self, leases: list[Lease], problem: str) -> None:
        """What was not tried waits, with the reason, and without counting as an attempt."""
        self._session.rollback()
        values = {"problem": problem[:300], "due_at": clock.now() + CLOSED, "lease_token": None, "leased_until": None}
        change = _ours(sa.update(Message), leases).values(**values)
        self._session.execute(change.execution_options(synchronize_session=False))
        self._session.commit()


def _ours(statement: Any, leases: Iterable[Lease]) -> Any:
    """The statement for those of the leases' messages that wait and are still held by them."""
    found = list(leases)
    return statement.where(
        Message.id.in_([lease.id for lease in found]),
        Message.lease_token.in_({lease.token for lease in found}),
        Message.state == WAITING,
    )


def _compose(session: PortalSession, settings: Settings, message: Message) -> Any:
    """The message as it leaves. Raises NotSent for good where it cannot be made, so that the others do not wait for it."""
    try:
        return compose(session, settings, message)
    except NotSent:
        raise
    except Exception as error:  # a template that is gone, values that do not fit it or cannot be opened
        log.error("delivery.not-composed", message=message.id, exc_info=error)
        raise NotSent("The message could not be put together.", final=True) from error


def _note_failure(session: PortalSession, lease: Lease, error: NotSent, at: dt.datetime) -> None:
    """Have the message tried again later, or given up. Nothing, when it is another worker's by now, or was canceled."""
    message = session.get_one(Message, lease.id, populate_existing=True)
    failures = message.failures + 1
    given_up = error.final or failures >= MOST_FAILURES
    values = {"failures": failures, "problem": str(error)[:300], "due_at": at + pause_after(failures)}
    if given_up:
        values |= {"state": FAILED, "ended_at": at}
    try:
        release_lease(session, lease, **values)
    except LeaseLost:
        return
    note_attempts(session, [(lease.id, at, "refused" if given_up else "again", str(error))])
    if given_up:
        record(session, "delivery.message.given-up", message=lease.id)
