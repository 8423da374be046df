"""The clocks of the law: changes published within 2 business days, and who has left out of the directory within 5.

Needs a whole scope; nothing here commits.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Case, Organization, PortalSession, counting, days_between, settings, show_number, today

from ..proposing.models import ProposedChange
from ..proposing.proposals import kept_proposal
from ..proposing.settling import outcomes_of
from ..record.facts import facts_of, holding
from ..record.models import Affiliation, Location, Practitioner
from ..record.timeline import value_on
from ..record.wording import full_name

WEEKS, MOST, DAYS_OUT = 12, 50_000, 5
_OTHERS = ("profiles.update",)
"""Kinds of this application whose clock is another one."""
_LEAVING = ("practitioner-ended", "location-closed", "location-moved", "affiliations-changed")


@dataclass(frozen=True)
class Week:
    """The changes that were decided in a week, which begins on a Monday, and how many of them in time."""

    begins: dt.date
    came: int
    decided: int
    in_time: int


@dataclass(frozen=True)
class StillListed:
    """Somebody who has left a location since a day and is shown in the directory there. `days` are business days; without a case
    it is the record that says both."""

    name: str
    location: str
    since: dt.date
    days: int
    organization: str
    case_id: int | None
    case_number: str

    @property
    def late(self) -> bool:
        return self.days > DAYS_OUT


@dataclass(frozen=True)
class Clocks:
    """The figures of the last `WEEKS` weeks, and what stands open now."""

    open: int
    overdue: int
    weeks: list[Week]
    listed: list[StillListed]

    @property
    def decided(self) -> int:
        return sum(week.decided for week in self.weeks)

    @property
    def in_time(self) -> int:
        return sum(week.in_time for week in self.weeks)


def clocks(session: PortalSession) -> Clocks:
    """The figures. Recorded."""
    zone = settings().payer.zone
    now = today(zone)
    first = now - dt.timedelta(days=now.weekday(), weeks=WEEKS - 1)
    since = dt.datetime.combine(first, dt.time(), zone)
    ours = sa.and_(Case.kind.like("profiles.%"), Case.kind.not_in(_OTHERS))

    def week_of(moment: dt.datetime) -> dt.date:
        day = moment.astimezone(zone).date()
        return day - dt.timedelta(days=day.weekday())

    came = Counter(map(week_of, session.scalars(sa.select(Case.opened_at).where(ours, Case.opened_at >= since))))
    decided: Counter[dt.date] = Counter()
    in_time: Counter[dt.date] = Counter()
    done = sa.select(Case.ended_at, Case.in_time).where(ours, Case.ended_at >= since, Case.in_time.is_not(None))
    for ended_at, timely in session.execute(done.order_by(Case.ended_at.desc()).limit(MOST)):
        if ended_at is not None:
            decided[week_of(ended_at)] += 1
            in_time[week_of(ended_at)] += bool(timely)
    still = session.execute(
        sa.select(sa.func.count(Case.id), sa.func.count(Case.id).filter(Case.due_on < now)).where(
            ours, Case.ended_at.is_(None)
        )
    ).one()
    weeks = [first + dt.timedelta(weeks=number) for number in range(WEEKS)]
    listed = sorted([*_not_applied(session, now), *_on_record(session, now)], key=lambda one: (-one.days, one.name))
    api.record(session, "profiles.clocks.viewed")
    return Clocks(*still, [Week(day, came[day], decided[day], in_time[day]) for day in weeks], listed)


def _not_applied(session: PortalSession, now: dt.date) -> Iterator[StillListed]:
    """Who has left, as an office says in a case that is still open."""
    rows = session.execute(
        sa.select(Case.id, Case.number, Organization.name)
        .join(ProposedChange, ProposedChange.case_id == Case.id)
        .join(Organization, Organization.id == Case.organization_id)
        .where(Case.ended_at.is_(None), ProposedChange.kind.in_(_LEAVING), ProposedChange.effective_on <= now)
        .order_by(Case.id)
        .limit(MOST)
    ).all()
    for case_id, number, organization in rows:
        kept, decided = kept_proposal(session, case_id), outcomes_of(session, case_id)
        leaves = {
            fact.subject_id: fact.holds_from
            for line, fact in enumerate(kept.proposal.facts if kept else ())
            if (fact.subject, fact.field, fact.value) == ("affiliation", "standing", "ended")
            and fact.holds_from <= now
            and (line not in decided or decided[line].became == "waiting")
        }
        shown = _shown(session, now, leaves)
        for one, (name, location) in _names(session, now, shown).items():
            yield _listed(name, location, leaves[one], now, organization, case_id, show_number(number))


def _on_record(session: PortalSession, now: dt.date) -> Iterator[StillListed]:
    """Who has left on record, and is marked as shown in the directory all the same."""
    listed = holding("affiliation", "directory", now, value=["yes"]).subquery()
    rows = session.execute(
        sa.select(Affiliation.id, Affiliation.until)
        .join(listed, listed.c.subject == Affiliation.id)
        .where(Affiliation.until <= now)
        .order_by(Affiliation.until)
        .limit(MOST)
    )
    gone = {one: until for one, until in rows if until is not None}
    for one, (name, location) in _names(session, now, gone).items():
        yield _listed(name, location, gone[one], now, "", None, "")


def _listed(
    name: str, location: str, since: dt.date, now: dt.date, organization: str, case_id: int | None, number: str
) -> StillListed:
    days = days_between(since, now, counting(settings(), business=True))
    return StillListed(name, location, since, days, organization, case_id, number)


def _shown(session: PortalSession, now: dt.date, ids: dict[int, dt.date]) -> list[int]:
    """Those that are active and shown in the directory on record."""
    facts = facts_of(session, "affiliation", [one for one in ids if one > 0])
    return [
        one
        for one, told in facts.items()
        if value_on(told.get(("standing", ""), []), now) == "active"
        and value_on(told.get(("directory", ""), []), now) == "yes"
    ]


def _names(session: PortalSession, now: dt.date, ids: dict[int, dt.date] | list[int]) -> dict[int, tuple[str, str]]:
    rows = session.execute(
        sa.select(Affiliation.id, Practitioner.id, Practitioner.reference, Location.id, Location.reference)
        .join(Practitioner, Practitioner.id == Affiliation.practitioner_id)
        .join(Location, Location.id == Affiliation.location_id)
        .where(Affiliation.id.in_(list(ids)))
    ).all()
    people = facts_of(session, "practitioner", [row[1] for row in rows])
    places = facts_of(session, "location", [row[3] for row in rows])
    found = {}
    for one, who, reference, where, place in rows:
        values = {key: value_on(told, now) for key, told in people.get(who, {}).items()}
        found[one] = (full_name(values, reference), value_on(places.get(where, {}).get(("name", ""), []), now) or place)
    return found
