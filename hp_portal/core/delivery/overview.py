"""Deliveries as the payer's staff see them: what waits, left, failed or was canceled, and every attempt. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.attaching import attached_to
from hp_portal.core.delivery.mail import render_text
from hp_portal.core.delivery.models import Message, MessageAttachment, MessageAttempt
from hp_portal.core.delivery.outbox import (
    CANCELED,
    EMAIL,
    FAILED,
    FAX,
    HIDDEN,
    LETTER,
    PRINTED,
    RETURNED,
    SENT,
    WAITING,
    names_of_secrets,
    send_again,
    values_for_staff,
)
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.database import PortalSession, is_postgresql

LATE = dt.timedelta(minutes=15)
"""So long no message should wait for its first attempt."""
RECENT = dt.timedelta(days=30)
MOST_AGAIN = 500
_COUNTED = ("sent", "refused", "failed")
STATES = {
    WAITING: "Waiting",
    PRINTED: "Printed",
    SENT: "Sent",
    FAILED: "Not sent",
    RETURNED: "Came back",
    CANCELED: "Canceled",
}
CHANNELS = {EMAIL: "E-mail", LETTER: "Letter", FAX: "Fax"}
MESSAGES = Sorting(
    (
        Column("written", "Written", Message.created_at, "date"),
        Column("recipient", "To", Message.recipient),
        Column("subject", "Subject"),
        Column("state", "State"),
    ),
    default="-written",
    tie=Message.id,
)


@dataclass(frozen=True)
class Delivery:
    """A message with its attempts, the first one first, its text, and what goes along with it."""

    message: Message
    attempts: Sequence[MessageAttempt]
    text: str
    attached: Sequence[MessageAttachment]


def _wanted(
    zone: ZoneInfo,
    *,
    state: str = "",
    recipient: str = "",
    channel: str = "",
    words: str = "",
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> list[sa.ColumnElement[bool]]:
    where: list[sa.ColumnElement[bool]] = []
    if state:
        where.append(Message.state == state)
    if channel:
        where.append(Message.channel == channel)
    if recipient:
        in_address = sa.func.lower(Message.recipient).contains(recipient.lower(), autoescape=True)
        where.append(sa.or_(in_address, Message.reference == recipient.upper()))
    if words:
        told = (Message.subject, Message.problem, Message.about)
        where.append(sa.or_(*(sa.func.lower(one).contains(words.lower(), autoescape=True) for one in told)))
    if since:
        where.append(Message.created_at >= dt.datetime.combine(since, dt.time(), zone))
    if until:
        where.append(Message.created_at < dt.datetime.combine(until + dt.timedelta(days=1), dt.time(), zone))
    return where


def view_messages(session: PortalSession, order: Order, zone: ZoneInfo, **wanted: Any) -> Listing[Message]:
    """Messages of a `state` and a `channel`, to addresses with the letters of `recipient` in them, or the fax of that reference,
    with `words` in the subject, the reason why one was not sent, or what it is about, written on the days `since` to `until` as
    the wall clock of `zone` has them; recorded. Raises PastTheEnd."""
    listing: Listing[Message] = page_of(session, sa.select(Message).where(*_wanted(zone, **wanted)), order)
    record(session, "delivery.queue-viewed", shown=len(listing.rows))
    return listing


def count_to_send_again(session: PortalSession, zone: ZoneInfo, **wanted: Any) -> int:
    """How many messages of such a list were given up, and could be sent again."""
    return session.scalar(sa.select(sa.func.count()).select_from(_given_up(zone, **wanted).subquery())) or 0


def send_all_again(session: PortalSession, zone: ZoneInfo, **wanted: Any) -> int:
    """Have the messages of such a list that were given up sent again; how many: at most 500, the oldest first."""
    return sum(send_again(session, number) for number in session.scalars(_given_up(zone, **wanted)).all())


def _given_up(zone: ZoneInfo, **wanted: Any) -> sa.Select[int]:
    given_up = sa.select(Message.id).where(*_wanted(zone, **wanted), Message.state == FAILED)
    return given_up.order_by(Message.id).limit(MOST_AGAIN)


def find_message(session: PortalSession, message_id: int) -> Message | None:
    """One message as it stands; None when there is none."""
    return session.get(Message, message_id)


def view_message(session: PortalSession, message_id: int) -> Delivery | None:
    """One message, recorded; None when there is none."""
    message = session.get(Message, message_id)
    if message is None:
        return None
    attempts = session.scalars(
        sa.select(MessageAttempt).where(MessageAttempt.message_id == message_id).order_by(MessageAttempt.id)
    ).all()
    record(session, "delivery.message.viewed", message=message_id)
    shown = values_for_staff(session, message)
    if shown.get("code") and "code" not in names_of_secrets(message):
        shown["code"] = HIDDEN
    return Delivery(message, attempts, render_text(message, shown), attached_to(session, message))


def count_by_state(session: PortalSession) -> dict[str, int]:
    """How many messages there are in each state."""
    counted = sa.select(Message.state, sa.func.count(Message.id).label("messages")).group_by(Message.state)
    found = {row.state: row.messages for row in session.execute(counted)}
    return {state: found.get(state, 0) for state in STATES}


@dataclass(frozen=True)
class DayCount:
    """What became of messages on a day: how many left, were given up, and came back."""

    day: dt.date
    sent: int = 0
    failed: int = 0
    returned: int = 0


def count_by_day(session: PortalSession, zone: ZoneInfo) -> list[DayCount]:
    """What was noted in the last 30 days, the oldest first, days as the wall clock of `zone` has them. A message that was sent
    twice counts twice."""
    today = clock.today(zone)
    days = [today - dt.timedelta(days=back) for back in range(RECENT.days - 1, -1, -1)]
    begin = dt.datetime.combine(days[0], dt.time(), zone)
    # By the hour, which is cheap to count; the zones of payers are whole hours apart from UTC.
    postgresql = is_postgresql(session)
    at = MessageAttempt.at
    hour = sa.func.date_trunc("hour", at) if postgresql else sa.func.strftime("%Y-%m-%d %H", at, type_=sa.String)
    counted = (
        sa.select(hour.label("hour"), MessageAttempt.outcome, sa.func.count().label("number"))
        .where(at >= begin, MessageAttempt.outcome.in_(_COUNTED))
        .group_by(hour, MessageAttempt.outcome)
    )
    found: Counter[tuple[dt.date, str]] = Counter()
    for row in session.execute(counted):
        moment = row.hour if postgresql else dt.datetime.strptime(f"{row.hour}+0000", "%Y-%m-%d %H%z")
        found[moment.astimezone(zone).date(), row.outcome] += row.number
    return [DayCount(day, *(found[day, outcome] for outcome in _COUNTED)) for day in days]


def count_failed(session: PortalSession) -> int:
    """Messages that were given up."""
    return session.scalar(sa.select(sa.func.count(Message.id)).where(Message.state == FAILED)) or 0


def count_returned(session: PortalSession) -> int:
    """Messages that came back in the last 30 days."""
    recent = sa.and_(Message.state == RETURNED, Message.ended_at > clock.now() - RECENT)
    return session.scalar(sa.select(sa.func.count(Message.id)).where(recent)) or 0


def count_late(session: PortalSession) -> int:
    """E-mails that wait though they should have left: is a worker running, and is a mail server set up?"""
    late = sa.and_(Message.channel == EMAIL, Message.state == WAITING, Message.created_at < clock.now() - LATE)
    return session.scalar(sa.select(sa.func.count(Message.id)).where(late)) or 0
