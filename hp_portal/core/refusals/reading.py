"""Who was refused how often lately, and who so often that staff are warned. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.refusals.judging import OTHERS
from hp_portal.core.refusals.models import Refusal
from hp_portal.core.refusals.noting import APPLICATION, PAGE, PROOF, ROW
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

LONGEST = 200
# A row that does not exist is a slip or an old link, unless there are this many times as many.
SLIPS = 5

_others = sa.func.count().filter(Refusal.whose == OTHERS)
_missing = sa.func.count().filter(Refusal.kind == ROW, Refusal.whose != OTHERS)
_pages = sa.func.count().filter(Refusal.kind == PAGE)
_applications = sa.func.count().filter(Refusal.kind == APPLICATION)
_proofs = sa.func.count().filter(Refusal.kind == PROOF)
_grave = _others + _pages + _proofs


@dataclass(frozen=True)
class Refused:
    """A person and how often they were refused: rows of other organizations, rows that are not there, pages, applications,
    blocked proofs. `organization` is empty for the payer's staff. `warned`: so often that it is no slip."""

    person_id: int
    name: str
    username: str
    organization_id: int | None
    organization: str
    others: int
    missing: int
    pages: int
    applications: int
    proofs: int
    last_at: dt.datetime
    warned: bool


def _often(settings: Settings) -> sa.ColumnElement[bool]:
    most = settings.refusals_warned
    return sa.or_(_grave >= most, _others + _missing >= SLIPS * most)


def _since(settings: Settings) -> dt.datetime:
    return clock.now() - dt.timedelta(hours=settings.refusals_hours)


def count_warned(session: PortalSession, settings: Settings) -> int:
    """How many people were refused so often lately that staff should look."""
    people = sa.select(Refusal.person_id).where(Refusal.at > _since(settings)).group_by(Refusal.person_id)
    return session.scalar(sa.select(sa.func.count()).select_from(people.having(_often(settings)).subquery())) or 0


def view_refused(session: PortalSession, settings: Settings) -> list[Refused]:
    """Everybody who was refused something lately, the gravest first, at most `LONGEST`; recorded. The caller commits."""
    last = sa.func.max(Refusal.at)
    rows: sa.Select[*tuple[Any, ...]] = (
        sa.select(
            Person.id,
            Person.name,
            Person.username,
            Organization.id,
            sa.func.coalesce(Organization.name, ""),
            _others,
            _missing,
            _pages,
            _applications,
            _proofs,
            last,
            _often(settings),
        )
        .join(Person, Person.id == Refusal.person_id)
        .outerjoin(Organization, Organization.id == Person.organization_id)
        .where(Refusal.at > _since(settings))
        .group_by(Person.id, Person.name, Person.username, Organization.id, Organization.name)
        .order_by(_grave.desc(), last.desc(), Person.id)
        .limit(LONGEST)
    )
    found = [Refused(*row) for row in session.execute(rows)]
    record(session, "staff.refusals.viewed", shown=len(found))
    return found
