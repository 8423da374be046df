"""What organizations have opened of which payees: counted by day as the record is sealed, so that no page reads 90 days of it.

The worker counts sealed events (`count_use`); what came after is read from the record itself, which is little. Every function
needs a whole scope.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent, AuditSeal, AuditSealedRow
from hp_portal.core.tax_ids.models import PayeeUse, UseCounted
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.events import EventSpec

COUNTED, REMEMBERED = dt.timedelta(days=30), dt.timedelta(days=90)
"""How far back is counted what was opened, and how far back the last use is looked for; both in days of the payer's zone."""
_AT_A_TIME = 5_000
_SEALS, _BATCHES = 500, 20


@dataclass(frozen=True)
class Use:
    """What somebody has opened: payments and claims in the last 30 days, and when last; None: not in the last 90 days."""

    opened: int = 0
    last: dt.datetime | None = None

    def and_at(self, moment: dt.datetime, times: int) -> Use:
        """The same with more of it."""
        return Use(self.opened + times, max(self.last or moment, moment))


def showing(session: PortalSession) -> dict[str, EventSpec]:
    """The kinds of events that say whose payments were opened."""
    return {spec.key: spec for spec in session.context.events.all() if spec.payees_shown is not None}


def day_of(moment: dt.datetime) -> dt.date:
    return moment.astimezone(settings().payer.zone).date()


def used_of(session: PortalSession, others: Iterable[int], payees: Collection[int]) -> dict[int, Use]:
    """What these organizations have opened of these payees; what they opened of others is nobody's business here."""
    others, today = list(others), day_of(clock.now())
    until, found = _counted_until(session), _counted(session, others, payees, today)
    while until != (now := _counted_until(session)):  # the worker has counted more in between
        until, found = now, _counted(session, others, payees, today)
    kinds = showing(session)
    rows = session.execute(
        sa.select(AuditEvent.organization_id, AuditEvent.event, AuditEvent.at, AuditEvent.fields)
        .where(
            AuditEvent.organization_id.in_(others),
            AuditEvent.id > until,
            AuditEvent.event.in_(list(kinds)),
            AuditEvent.at >= clock.now() - REMEMBERED,
        )
        .order_by(AuditEvent.id)
    )
    for some in rows.partitions(_AT_A_TIME):
        for event, whose in _opened(session, kinds, some):
            if not whose.isdisjoint(payees):
                recent = int(day_of(event.at) > today - COUNTED)
                found[event.organization_id] = found.get(event.organization_id, Use()).and_at(event.at, recent)
    return found


def _counted_until(session: PortalSession) -> int:
    """The highest event that is counted."""
    return session.scalar(sa.select(UseCounted.event_id)) or 0


def _counted(
    session: PortalSession, others: Collection[int], payees: Collection[int], today: dt.date
) -> dict[int, Use]:
    # Of what was opened at once for several payees there is a row for each of them, with the same numbers.
    once = (
        sa.select(
            PayeeUse.organization_id,
            PayeeUse.day,
            sa.func.max(PayeeUse.opened).label("opened"),
            sa.func.max(PayeeUse.last_at).label("last_at"),
        )
        .where(
            PayeeUse.payee_id.in_(sorted(payees)),
            PayeeUse.organization_id.in_(others),
            PayeeUse.day > today - REMEMBERED,
        )
        .group_by(PayeeUse.organization_id, PayeeUse.day, PayeeUse.whose)
        .subquery()
    )
    recent = sa.case((once.c.day > today - COUNTED, once.c.opened), else_=0)
    rows = session.execute(
        sa.select(once.c.organization_id, sa.func.sum(recent), sa.func.max(once.c.last_at)).group_by(
            once.c.organization_id
        )
    )
    return {organization_id: Use(int(opened), last) for organization_id, opened, last in rows}


def _opened(session: PortalSession, kinds: dict[str, EventSpec], rows: Iterable[Any]) -> Iterator[tuple[Any, set[int]]]:
    """Each event with the payees whose payments it has opened."""
    by_kind: dict[str, list[Any]] = {}
    for row in rows:
        by_kind.setdefault(row.event, []).append(row)
    for key, events in by_kind.items():
        shown = kinds[key].payees_shown
        opened = shown(session, [json.loads(event.fields) for event in events]) if shown else []
        for event, whose in zip(events, opened, strict=True):
            yield event, set(whose)


def count_use(session: PortalSession) -> None:
    """Count what was sealed since, and forget what is too old; for the worker, which gives an app context. Commits."""
    for _ in range(_BATCHES):
        counted = _count_some(session)
        session.commit()
        if not counted:
            break
    session.execute(sa.delete(PayeeUse).where(PayeeUse.day <= day_of(clock.now()) - REMEMBERED))
    session.commit()


def _count_some(session: PortalSession) -> bool:
    """Count the events of the next seals; False when there is none."""
    lock(session, "use counted")
    mark = session.scalars(sa.select(UseCounted).execution_options(populate_existing=True)).one_or_none()
    oldest = clock.now() - REMEMBERED
    if mark is None:
        # What was sealed before that is of earlier days.
        before = session.scalar(sa.select(sa.func.max(AuditSeal.id)).where(AuditSeal.sealed_at < oldest)) or 0
        mark = UseCounted(seal_id=before, event_id=0)
        session.add(mark)
    last = _next_seals(session, mark.seal_id)
    if last == mark.seal_id:
        return False
    of_seals = AuditSealedRow.seal_id.between(mark.seal_id + 1, last)
    kinds = showing(session)
    rows = session.execute(
        sa.select(AuditEvent.organization_id, AuditEvent.event, AuditEvent.at, AuditEvent.fields)
        .join(AuditSealedRow, AuditSealedRow.event_id == AuditEvent.id)
        .where(
            of_seals,
            AuditEvent.event.in_(list(kinds)),
            AuditEvent.organization_id.is_not(None),
            AuditEvent.at >= oldest,
        )
    ).all()
    _add(session, list(_opened(session, kinds, rows)))
    newest = session.scalar(sa.select(sa.func.max(AuditSealedRow.event_id)).where(of_seals)) or 0
    mark.seal_id, mark.event_id = last, max(mark.event_id, newest)
    session.flush()
    return True


def _next_seals(session: PortalSession, after: int) -> int:
    """The last of the next seals that have about as many rows as are counted at a time."""
    rows = session.execute(
        sa.select(AuditSeal.id, AuditSeal.rows).where(AuditSeal.id > after).order_by(AuditSeal.id).limit(_SEALS)
    )
    last, total = after, 0
    for seal_id, number in rows.all():
        last, total = seal_id, total + number
        if total >= _AT_A_TIME:
            break
    return last


def _word_of(payees: Collection[int]) -> str:
    """What the rows of events have in common that were of exactly these payees."""
    return hashlib.sha256(" ".join(map(str, sorted(payees))).encode()).hexdigest()[:32]


def _add(session: PortalSession, opened: Sequence[tuple[Any, set[int]]]) -> None:
    more: dict[tuple[int, int, dt.date, str], Use] = {}
    for event, payees in opened:
        whose = _word_of(payees)
        for payee_id in payees:
            key = (event.organization_id, payee_id, day_of(event.at), whose)
            more[key] = more.get(key, Use()).and_at(event.at, 1)
    if not more:
        return
    known = {
        (row.organization_id, row.payee_id, row.day, row.whose): row
        for row in session.scalars(
            sa.select(PayeeUse).where(
                PayeeUse.organization_id.in_(sorted({key[0] for key in more})),
                PayeeUse.day.in_(sorted({key[2] for key in more})),
            )
        )
    }
    for key, use in more.items():
        row, last = known.get(key), use.last or clock.now()
        if row is None:
            organization_id, payee_id, day, whose = key
            session.add(
                PayeeUse(
                    organization_id=organization_id,
                    payee_id=payee_id,
                    day=day,
                    whose=whose,
                    opened=use.opened,
                    last_at=last,
                )
            )
        else:
            row.opened, row.last_at = row.opened + use.opened, max(row.last_at, last)
    session.flush()
