"""Cases as their office reads them, and what both sides read of one: where it stands, what happened, what comes next."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.case_kinds import CaseClock, CaseKind, CaseState
from hp_portal.core.audit.record import record
from hp_portal.core.cases.clocks import days_to
from hp_portal.core.cases.kinds import find_kind, kinds_for
from hp_portal.core.cases.models import (
    COMMENT,
    ENTRY_WORDS,
    FILED,
    HANDED,
    OPENED,
    STEP,
    Case,
    CaseEntry,
)
from hp_portal.core.cases.numbers import BadCaseNumber, read_number, show_number
from hp_portal.core.cases.submitters import WITHOUT_ACCOUNT, find_submitter, is_public
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.scopes import OrganizationScope, set_scope

ON_HOME = 5
MOST_IN_FILE = 20_000


@dataclass(frozen=True)
class CaseRow:
    """A case in a list. `days` are those that it has left, negative when it is overdue; None while no clock runs. `whose` works
    for the office, `worker` for the payer."""

    id: int
    number: str
    kind: str
    title: str
    state: CaseState
    opened_at: dt.datetime
    changed_at: dt.datetime
    ended_at: dt.datetime | None
    due_on: dt.date | None
    days: int | None
    asked_at: dt.datetime | None
    whose: str
    organization: str = ""
    worker: str = ""
    in_time: bool | None = None
    overdue: bool = False
    worker_id: int | None = None


@dataclass(frozen=True)
class Entry:
    """Something that happened: when, who did it, what it was, and what was written along."""

    at: dt.datetime
    who: str
    by_staff: bool
    what: str
    words: str
    state: CaseState | None = None


@dataclass(frozen=True)
class OwnFilter:
    """Which cases an office looks for: `show` is open, ended or all; `mine`: only one's own."""

    show: str = "open"
    kind: str = ""
    mine: bool = False
    query: str = ""

    def values(self) -> dict[str, str]:
        """For an address."""
        show = "" if self.show == "open" else self.show
        values = {"kind": self.kind, "mine": "y" if self.mine else "", "q": self.query, "show": show}
        return {name: value for name, value in values.items() if value}


LIST = Sorting(
    (
        Column("number", "Case", Case.number, "code"),
        Column("title", "About", sa.func.lower(Case.title)),
        Column("state", "Where it stands"),
        Column("opened", "Sent", Case.opened_at, "date"),
        Column("changed", "Last change", Case.changed_at, "date"),
        Column("due", "Due", Case.due_on, "date"),
        Column("person", "Sent by"),
    ),
    default="-changed",
    tie=Case.id,
)

APPLICATION_CASES = Sorting(
    (
        Column("number", "Case", Case.number, "code"),
        Column("title", "About", sa.func.lower(Case.title)),
        Column("state", "Where it stands"),
        Column("opened", "Sent", Case.opened_at, "date"),
        Column("changed", "Last change", Case.changed_at, "date"),
        Column("ended", "Done", Case.ended_at, "date"),
        Column("person", "Sent by"),
    ),
    default="-opened",
    tie=Case.id,
)
"""The columns of `application_cases`, the newest case first."""


def numbered(query: str) -> str | None:
    """The number of a case that somebody looks for, or None: then it is words."""
    try:
        return read_number(query)
    except BadCaseNumber:
        return None


def has_words(column: Any, query: str) -> sa.ColumnElement[bool]:
    """A condition: these words stand in the column, in capitals or not."""
    # `icontains` writes a literal into the statement, which the wall around an organization's scope lets nobody do.
    pattern = "%" + re.sub("([/%_])", r"/\1", query) + "%"
    found: sa.ColumnElement[bool] = column.ilike(pattern, escape="/")
    return found


def row_of(case: Case, whose: str | None, today: dt.date, *, count_days: bool = True) -> CaseRow:
    """A case as a list shows it; counting days takes a moment for a case that is long overdue."""
    kind = find_kind(case.kind)
    return CaseRow(
        case.id,
        show_number(case.number),
        kind.label if kind else case.kind,
        case.title,
        kind.state(case.state) if kind else CaseState(case.state, case.state, case.state, ""),
        case.opened_at,
        case.changed_at,
        case.ended_at,
        case.due_on,
        days_to(settings(), case, today) if count_days else None,
        case.asked_at,
        whose or "",
        in_time=case.in_time,
        overdue=case.due_on is not None and case.due_on < today,
        worker_id=case.assigned_to_id,
    )


def _own(actor: Actor, wanted: OwnFilter) -> sa.Select[Case, str]:
    """The cases of the scope's organization that somebody may see; the one of a number whatever else is filtered for."""
    asked = "" if numbered(wanted.query) else wanted.kind
    seen = [kind.key for kind in kinds_for(actor) if asked in ("", kind.key)]
    statement = sa.select(Case, Person.name).outerjoin(Person, Person.id == Case.person_id).where(Case.kind.in_(seen))
    if number := numbered(wanted.query):
        return statement.where(Case.number == number)
    if wanted.show != "all":
        statement = statement.where(Case.ended_at.is_(None) if wanted.show == "open" else Case.ended_at.is_not(None))
    if wanted.mine:
        statement = statement.where(Case.person_id == actor.person_id)
    if wanted.query:
        statement = statement.where(has_words(Case.title, wanted.query))
    return statement


def own_cases(session: PortalSession, actor: Actor, wanted: OwnFilter, order: Order) -> Listing[CaseRow]:
    """One page of the cases of the person's organization."""
    today = clock.today(settings().payer.zone)
    return page_of(session, _own(actor, wanted), order, make=lambda found: row_of(found[0], found[1], today))


def application_cases(session: PortalSession, actor: Actor, application: str, order: Order) -> Listing[CaseRow]:
    """One page of the cases of one application, open and done, that the person's organization has sent and the person may see.
    `order` is read by `APPLICATION_CASES`."""
    today = clock.today(settings().payer.zone)
    seen = [kind.key for kind in kinds_for(actor) if kind.key.startswith(f"{application}.")]
    statement = _own(actor, OwnFilter(show="all")).where(Case.kind.in_(seen))
    return page_of(session, statement, order, make=lambda found: row_of(found[0], found[1], today, count_days=False))


def own_cases_for_file(session: PortalSession, actor: Actor, wanted: OwnFilter) -> tuple[list[CaseRow], bool]:
    """All of them, newest first, at most `MOST_IN_FILE`; and whether there are more."""
    today = clock.today(settings().payer.zone)
    found = session.execute(_own(actor, wanted).order_by(Case.opened_at.desc(), Case.id.desc()).limit(MOST_IN_FILE + 1))
    rows = [row_of(case, whose, today, count_days=False) for case, whose in found]
    return rows[:MOST_IN_FILE], len(rows) > MOST_IN_FILE


def open_on_home(session: PortalSession, actor: Actor) -> tuple[list[CaseRow], int]:
    """One's own open cases, those that wait for an answer first, at most `ON_HOME`; and how many there are."""
    if not kinds_for(actor) or actor.organization_id is None:
        return [], 0
    # The home page is public, so the gate has set no scope.
    before = session.context.scope
    set_scope(session, OrganizationScope(actor.organization_id))
    try:
        return _open_on_home(session, actor)
    finally:
        set_scope(session, before)


def _open_on_home(session: PortalSession, actor: Actor) -> tuple[list[CaseRow], int]:
    today = clock.today(settings().payer.zone)
    statement = _own(actor, OwnFilter(mine=True))
    count = session.scalar(statement.with_only_columns(sa.func.count(), maintain_column_froms=True)) or 0
    waiting = [(kind.key, state.key) for kind in kinds_for(actor) for state in kind.states if state.waits]
    first = sa.case((sa.tuple_(Case.kind, Case.state).in_(waiting), 0), else_=1) if waiting else sa.literal(0)
    found = session.execute(statement.order_by(first, Case.changed_at.desc(), Case.id.desc()).limit(ON_HOME))
    return [row_of(case, whose, today) for case, whose in found], count


def find_case(session: PortalSession, actor: Actor, case_id: int) -> tuple[Case, CaseKind] | None:
    """A case of the scope that the person may see, with its kind, or None."""
    case = session.get(Case, case_id)
    if case is None:
        return None
    kind = next((one for one in kinds_for(actor) if one.key == case.kind), None)
    return (case, kind) if kind else None


def entries_of(session: PortalSession, case: Case, kind: CaseKind, payer: str) -> list[Entry]:
    """What has happened, oldest first. An organization's scope shows no staff: to the office, they are the payer, by its short
    name."""
    rows = session.execute(
        sa.select(CaseEntry, Person.name)
        .outerjoin(Person, Person.id == CaseEntry.person_id)
        .where(CaseEntry.case_id == case.id)
        .order_by(CaseEntry.at, CaseEntry.id)
    )

    sender = sender_of(session, case)

    def who(entry: CaseEntry, name: str | None) -> str:
        if entry.person_id is None and not entry.by_staff and sender and _is_senders(entry, kind):
            return sender
        return name or (payer if entry.by_staff or entry.person_id is None else "Somebody who has left")

    return [_entry(session, entry, who(entry, name), kind) for entry, name in rows]


def sender_of(session: PortalSession, case: Case) -> str:
    """Who sent it in without an account; an organization is not told their name. Empty: somebody with an account."""
    found = find_submitter(session, case.id)
    if found is not None:
        return found.contact.name
    return WITHOUT_ACCOUNT if is_public(session, case.id) else ""


def _is_senders(entry: CaseEntry, kind: CaseKind) -> bool:
    """Nobody of the payer's and no account did it: was it the sender's deed, and not the portal's own?"""
    step = kind.step(entry.step)
    return entry.what != STEP or (step is not None and step.by == "provider")


def _entry(session: PortalSession, entry: CaseEntry, who: str, kind: CaseKind) -> Entry:
    words = session.vault.open_text(entry.words_sealed, ENTRY_WORDS(entry.token)) if entry.words_sealed else ""
    if entry.what == OPENED:
        return Entry(entry.at, who, entry.by_staff, "Sent", words, kind.state(entry.state))
    if entry.what == COMMENT:
        return Entry(entry.at, who, entry.by_staff, "Wrote", words)
    if entry.what == FILED:
        return Entry(entry.at, who, entry.by_staff, "Attached files", words)
    if entry.what == HANDED:
        return Entry(entry.at, who, entry.by_staff, f"Handed on to {words}", "")
    step = kind.step(entry.step)
    return Entry(entry.at, who, entry.by_staff, step.done if step else entry.step, words, kind.state(entry.state))


def rule_of(kind: CaseKind) -> CaseClock | None:
    """The rule that the kind's clock follows."""
    return kind.clock() if kind.clock else None


def own_case(session: PortalSession, case: Case) -> CaseRow:
    """A case as its page shows it to the office."""
    whose = session.scalar(sa.select(Person.name).where(Person.id == case.person_id))
    return row_of(case, whose, clock.today(settings().payer.zone))


def note_viewed(session: PortalSession, case: Case) -> None:
    """Somebody has opened a case, and read what was written."""
    record(session, "case.viewed", case=case.id)
