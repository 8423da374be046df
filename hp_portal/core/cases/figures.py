"""What became of the cases in numbers: how many came and were done by week, how long they took, who decided them."""

from __future__ import annotations

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.cases.kinds import kinds_for
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.public_asking import count_forms
from hp_portal.core.cases.public_models import CONFIRMED, FORGOTTEN
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

WEEKS = 12
MOST = 50_000


@dataclass(frozen=True)
class Week:
    """How many cases came and were done in a week, which begins on a Monday."""

    begins: dt.date
    opened: int
    ended: int


@dataclass(frozen=True)
class Done:
    """How many cases of a kind, or by a person, were done; the median of days that they took; how many of those with a clock were
    in time, and how many had one."""

    what: str
    cases: int
    median: float
    in_time: int
    with_clock: int


@dataclass(frozen=True)
class Figures:
    """The figures of the last `WEEKS` weeks. `cut_off`: there are more than `MOST` done ones, of which the newest are counted."""

    open: int
    overdue: int
    unassigned: int
    weeks: list[Week]
    kinds: list[Done]
    people: list[Done]
    cut_off: bool
    forms: Forms | None


@dataclass(frozen=True)
class Forms:
    """How many forms people without an account sent in these weeks; the others wait to be confirmed, or were not theirs."""

    sent: int
    confirmed: int
    forgotten: int


def _done(what: str, rows: Iterable[tuple[float, bool | None]]) -> Done:
    taken = list(rows)
    timed = [in_time for _, in_time in taken if in_time is not None]
    return Done(what, len(taken), round(statistics.median(days for days, _ in taken), 1), sum(timed), len(timed))


def _forms(session: PortalSession, kinds: list[str], since: dt.datetime) -> Forms | None:
    if not kinds:
        return None
    counts = count_forms(session, kinds, since)
    return Forms(sum(counts.values()), counts.get(CONFIRMED, 0), counts.get(FORGOTTEN, 0))


def figures(session: PortalSession, actor: Actor) -> Figures:
    """The figures of the kinds that somebody may decide. Recorded. Needs a whole scope."""
    kinds = {kind.key: kind.label for kind in kinds_for(actor)}
    zone = settings().payer.zone
    today = clock.today(zone)
    first = today - dt.timedelta(days=today.weekday(), weeks=WEEKS - 1)
    since = dt.datetime.combine(first, dt.time(), zone)
    ours = Case.kind.in_(kinds)

    def week_of(moment: dt.datetime) -> dt.date:
        day = moment.astimezone(zone).date()
        return day - dt.timedelta(days=day.weekday())

    opened = Counter(map(week_of, session.scalars(sa.select(Case.opened_at).where(ours, Case.opened_at >= since))))
    done = session.execute(
        sa.select(Case.opened_at, Case.ended_at, Case.kind, Case.in_time, Case.ended_by_id)
        .where(ours, Case.ended_at >= since)
        .order_by(Case.ended_at.desc())
        .limit(MOST + 1)
    ).all()
    cut_off, done = len(done) > MOST, done[:MOST]
    ended: Counter[dt.date] = Counter()
    by_kind: dict[str, list[tuple[float, bool | None]]] = {}
    by_person: dict[int | None, list[tuple[float, bool | None]]] = {}
    for opened_at, ended_at, kind, in_time, ended_by in done:
        if ended_at is None:
            continue
        ended[week_of(ended_at)] += 1
        took = ((ended_at - opened_at).total_seconds() / 86400, in_time)
        by_kind.setdefault(kind, []).append(took)
        by_person.setdefault(ended_by, []).append(took)
    deciders = [key for key in by_person if key]
    named = session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(deciders), Person.is_staff))
    names = {one.id: one.name for one in named}
    by_name: dict[str, list[tuple[float, bool | None]]] = {}
    for person_id, rows in by_person.items():
        who = names.get(person_id, "The provider") if person_id else "The portal"
        by_name.setdefault(who, []).extend(rows)
    still = session.execute(
        sa.select(
            sa.func.count(Case.id),
            sa.func.count(Case.id).filter(Case.due_on < today),
            sa.func.count(Case.id).filter(Case.assigned_to_id.is_(None)),
        ).where(ours, Case.ended_at.is_(None))
    ).one()
    record(session, "case.figures")
    weeks = [first + dt.timedelta(weeks=number) for number in range(WEEKS)]
    return Figures(
        *still,
        weeks=[Week(day, opened[day], ended[day]) for day in weeks],
        kinds=sorted((_done(kinds[key], rows) for key, rows in by_kind.items()), key=lambda one: one.what),
        people=sorted((_done(who, rows) for who, rows in by_name.items()), key=lambda one: (-one.cases, one.what)),
        cut_off=cut_off,
        forms=_forms(session, [kind.key for kind in kinds_for(actor) if kind.public is not None], since),
    )
