"""The staff's queue over the cases of all applications, what one may do with many of them at once, and saved filters.

Everything here needs a whole scope, and shows somebody the kinds of cases alone that a role of theirs lets them decide.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.business_days import add_days, counting
from hp_portal.case_kinds import CaseKind, CaseRefused, CaseStep
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.audit.record import record
from hp_portal.core.audit.shown import what_was_shown
from hp_portal.core.cases import acting
from hp_portal.core.cases.kinds import kinds_for
from hp_portal.core.cases.models import NOTE, NOTE_WORDS, Case, CaseNote, CaseView
from hp_portal.core.cases.reading import CaseRow, Entry, has_words, numbered, row_of
from hp_portal.core.cases.submitters import WITHOUT_ACCOUNT
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRoleMember, StaffRolePermission
from hp_portal.core.organizations.models import Organization
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock

SOON = 2
"""Business days: due so soon, a case stands out."""
SHOWS = {
    "open": "Open",
    "overdue": "Overdue",
    "soon": "Due soon",
    "unread": "With a new message",
    "unassigned": "Assigned to nobody",
    "mine": "Assigned to me",
    "waiting": "Waiting for the provider",
    "ended": "Done",
    "all": "All",
}
MOST_VIEWS = 20

QUEUE = Sorting(
    (
        Column("number", "Case", Case.number, "code"),
        Column("title", "About", sa.func.lower(Case.title)),
        Column("organization", "Organization", sa.func.lower(Organization.name)),
        Column("state", "State"),
        Column("opened", "Sent", Case.opened_at, "date"),
        Column("due", "Due", Case.due_on, "text"),
        Column("worker", "Assigned to"),
    ),
    default="due",
    tie=Case.id,
)


@dataclass(frozen=True)
class StaffFilter:
    """Which cases staff look for: `show` is one of `SHOWS`, `worker` the id of somebody of the staff."""

    show: str = "open"
    kind: str = ""
    worker: int | None = None
    query: str = ""

    def values(self) -> dict[str, Any]:
        """For an address."""
        show = "" if self.show == "open" else self.show
        values = {"show": show, "kind": self.kind, "worker": str(self.worker or ""), "q": self.query}
        return {name: value for name, value in values.items() if value}


_worker = aliased(Person)


def _today() -> dt.date:
    return clock.today(settings().payer.zone)


def _shown(actor: Actor, show: str, kinds: Sequence[CaseKind]) -> sa.ColumnElement[bool]:
    still_open = Case.ended_at.is_(None)
    if show == "all":
        return sa.true()
    if show == "ended":
        return Case.ended_at.is_not(None)
    if show == "overdue":
        return sa.and_(still_open, Case.due_on < _today())
    if show == "soon":
        soon = add_days(_today(), SOON, counting(settings(), business=True))
        return sa.and_(still_open, Case.due_on >= _today(), Case.due_on <= soon)
    if show == "unread":
        return Case.asked_at.is_not(None)
    if show == "unassigned":
        return sa.and_(still_open, nobodys())
    if show == "mine":
        return sa.and_(still_open, Case.assigned_to_id == actor.person_id)
    if show == "waiting":
        waits = [(kind.key, state.key) for kind in kinds for state in kind.states if state.waits]
        return sa.and_(still_open, sa.tuple_(Case.kind, Case.state).in_(waits)) if waits else sa.false()
    return still_open


def _select(actor: Actor, wanted: StaffFilter) -> sa.Select[Case, str, str, str]:
    number = numbered(wanted.query)
    kinds = [kind for kind in kinds_for(actor) if number or wanted.kind in ("", kind.key)]
    person = aliased(Person)
    statement = (
        sa.select(Case, person.name, Organization.name, _worker.name)
        .outerjoin(person, person.id == Case.person_id)
        .outerjoin(Organization, Organization.id == Case.organization_id)
        .outerjoin(_worker, _worker.id == Case.assigned_to_id)
        .where(Case.kind.in_([kind.key for kind in kinds]))
    )
    if number:  # whatever else is filtered for
        return statement.where(Case.number == number)
    statement = statement.where(_shown(actor, wanted.show, kinds))
    if wanted.worker is not None:
        statement = statement.where(Case.assigned_to_id == wanted.worker)
    if wanted.query:
        words = (has_words(column, wanted.query) for column in (Case.title, Organization.name))
        statement = statement.where(sa.or_(*words))
    return statement


def _row(found: tuple[Case, str, str, str], today: dt.date) -> CaseRow:
    case, whose, organization, worker = found
    named = organization or (WITHOUT_ACCOUNT if case.organization_id is None else "")
    return dataclasses.replace(row_of(case, whose, today), organization=named, worker=worker or "")


def list_queue(session: PortalSession, actor: Actor, wanted: StaffFilter, order: Order) -> Listing[CaseRow]:
    """One page of the queue, those due first at the top unless asked otherwise. Recorded."""
    today = _today()
    listing = page_of(session, _select(actor, wanted), order, make=lambda found: _row(found, today))
    record(session, "case.listed", **what_was_shown(listing, lambda row: row.id))
    return listing


def next_case(
    session: PortalSession, actor: Actor, after: Case, wanted: StaffFilter, due_on: dt.date | None = None
) -> int | None:
    """The case that follows one in the queue, in the order in which they are due; the first of it after the last, None when there
    is no other. `due_on`: when it was due before somebody decided it or asked, and it lost its place."""
    last = dt.date.max
    due = sa.func.coalesce(Case.due_on, last)
    here = (due_on or after.due_on or last, after.id)
    found = _select(actor, wanted).with_only_columns(Case.id, maintain_column_froms=True).order_by(due, Case.id)
    later = sa.or_(due > here[0], sa.and_(due == here[0], Case.id > here[1]))
    first = session.scalar(found.where(later).limit(1))
    return first if first is not None else session.scalar(found.where(Case.id != after.id).limit(1))


def _own_kinds() -> sa.ColumnElement[bool]:
    """Of the kinds that whoever is signed in may decide."""
    return Case.kind.in_([kind.key for kind in kinds_for(the_actor())])


def _count(session: PortalSession, *which: sa.ColumnElement[bool]) -> int:
    return session.scalar(sa.select(sa.func.count(Case.id)).where(_own_kinds(), *which)) or 0


def count_overdue_cases(session: PortalSession) -> int:
    """How many cases are overdue, of those that whoever is signed in may decide."""
    return _count(session, Case.ended_at.is_(None), Case.due_on < _today())


def count_unread_cases(session: PortalSession) -> int:
    """How many of them have a message of the provider that nobody has answered or read."""
    return _count(session, Case.asked_at.is_not(None))


def count_unassigned_cases(session: PortalSession) -> int:
    """How many open ones are assigned to nobody who can work on them."""
    return _count(session, Case.ended_at.is_(None), nobodys())


def _can_work() -> sa.Select[int]:
    """The ids of staff who can sign in and whose roles let them work on cases."""
    return (
        sa.select(Person.id)
        .join(StaffRoleMember, StaffRoleMember.person_id == Person.id)
        .join(StaffRolePermission, StaffRolePermission.role_id == StaffRoleMember.role_id)
        .where(Person.is_staff, Person.deactivated_at.is_(None), StaffRolePermission.permission == acting.WORK)
    )


def nobodys() -> sa.ColumnElement[bool]:
    """A condition: assigned to nobody, or to somebody who cannot work on cases any more."""
    return sa.or_(Case.assigned_to_id.is_(None), Case.assigned_to_id.not_in(_can_work()))


def workers(session: PortalSession, *also: int | None) -> list[tuple[int, str]]:
    """The staff who can be given cases, by name; `also` those who have some and cannot work on them any more, as is said then."""
    rows = session.execute(
        sa.select(Person.id, Person.name, Person.id.in_(_can_work()))
        .where(
            sa.or_(Person.id.in_(_can_work()), sa.and_(Person.is_staff, Person.id.in_([one for one in also if one])))
        )
        .order_by(sa.func.lower(Person.name), Person.id)
    )
    return [(key, name if can else f"{name} (cannot work on cases now)") for key, name, can in rows]


def steps_for_many(actor: Actor, wanted: StaffFilter) -> list[tuple[CaseKind, CaseStep]]:
    """The steps that may be taken for many cases of the kind that is filtered for."""
    if not wanted.kind:
        return []
    return [
        (kind, step)
        for kind in kinds_for(actor)
        if kind.key == wanted.kind
        for step in kind.steps
        if step.many and step.by == "staff"
    ]


def seen_cases(session: PortalSession, actor: Actor, case_ids: Sequence[int]) -> dict[int, Case]:
    """Those of these cases that somebody may decide."""
    kinds = [kind.key for kind in kinds_for(actor)]
    rows = session.scalars(sa.select(Case).where(Case.id.in_(case_ids), Case.kind.in_(kinds)))
    return {case.id: case for case in rows}


def step_many(
    session: PortalSession, actor: Actor, seen: Sequence[tuple[int, str]], key: str, words: str
) -> acting.ManyDone:
    """Take a step with many cases, each for itself: those that cannot take it are named with the reason. `seen`: the ids and the
    states in which they were shown. Raises LookupError for a step that may not be taken for many.
    """
    cases = seen_cases(session, actor, [case_id for case_id, _ in seen])
    done, not_done = 0, []
    for case_id, state in sorted(seen):
        case = cases.get(case_id)
        if case is None:
            continue
        kind = next(kind for kind in kinds_for(actor) if kind.key == case.kind)
        step = kind.step(key)
        if step is None or not step.many:
            raise LookupError(key)
        number = row_of(case, None, _today()).number
        if state not in step.sources:
            not_done.append((number, f"{step.label} is no step of a case that stands at {kind.state(state).label}."))
            continue
        try:
            with session.begin_nested():
                acting.take_step(session, actor, case_id, key, seen=state, words=words)
        except acting.CaseMoved:
            not_done.append((number, "Somebody else has taken it a step further meanwhile."))
        except acting.WordsNeeded:
            not_done.append((number, "This step needs a message."))
        except CaseRefused as error:
            not_done.append((number, str(error)))
        else:
            done += 1
    return acting.ManyDone(done, not_done)


def notes_of(session: PortalSession, case: Case) -> list[Entry]:
    """What staff have said and done among themselves, oldest first."""
    to = aliased(Person)
    rows = session.execute(
        sa.select(CaseNote, Person.name, to.name)
        .outerjoin(Person, Person.id == CaseNote.person_id)
        .outerjoin(to, to.id == CaseNote.to_id)
        .where(CaseNote.case_id == case.id)
        .order_by(CaseNote.at, CaseNote.id)
    )
    found = []
    for note, who, name in rows:
        words = session.vault.open_text(note.words_sealed, NOTE_WORDS(note.token)) if note.words_sealed else ""
        what = "Noted" if note.what == NOTE else f"Assigned to {name}" if name else "Assigned to nobody"
        found.append(Entry(note.at, who or "The portal", True, what, words))
    return found


def views_of(session: PortalSession, actor: Actor) -> list[CaseView]:
    """The filters that somebody has saved, by name."""
    wanted = sa.select(CaseView).where(CaseView.person_id == actor.person_id)
    return list(session.scalars(wanted.order_by(sa.func.lower(CaseView.name), CaseView.id)))


class TooManyViews(Exception):
    """Somebody has saved as many filters as there may be."""


def save_view(session: PortalSession, actor: Actor, name: str, wanted: StaffFilter) -> None:
    """Save a filter under a name, in the place of one that has it. Raises TooManyViews."""
    lock(session, f"views of {actor.person_id}")
    query = urlencode(wanted.values())
    views = {view.name: view for view in views_of(session, actor)}
    if (view := views.get(name)) is not None:
        view.query = query
        return
    if len(views) >= MOST_VIEWS:
        raise TooManyViews
    session.add(CaseView(person_id=actor.person_id, name=name, query=query))


def remove_view(session: PortalSession, actor: Actor, view_id: int) -> bool:
    """Remove one's own saved filter; False when there is none."""
    removed = sa.delete(CaseView).where(CaseView.id == view_id, CaseView.person_id == actor.person_id)
    return bool(session.scalars(removed.returning(CaseView.id)).all())


def one_case(session: PortalSession, case: Case) -> CaseRow:
    """A case as its page shows it to staff."""
    person = aliased(Person)
    found = session.execute(
        sa.select(person.name, Organization.name, _worker.name)
        .select_from(Case)
        .outerjoin(person, person.id == Case.person_id)
        .outerjoin(Organization, Organization.id == Case.organization_id)
        .outerjoin(_worker, _worker.id == Case.assigned_to_id)
        .where(Case.id == case.id)
    ).one()
    return _row((case, *found), _today())
