"""What is done with cases: opened, taken a step further, written about, handed to a colleague, assigned. Nothing here commits.

Two people who act on one case at once: the first one's step counts, the other is told what happened (`CaseMoved`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.case_kinds import CaseKind, CaseRefused, CaseStep
from hp_portal.core.attachments.attaching import Upload, attach_files, attached_files, keep_attached
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.cases.clocks import start_clock, turn_clock
from hp_portal.core.cases.kinds import find_kind, steps_for
from hp_portal.core.cases.models import (
    ASSIGNED,
    COMMENT,
    ENTRY_WORDS,
    FILED,
    HANDED,
    NOTE,
    NOTE_WORDS,
    OPENED,
    STEP,
    Case,
    CaseEntry,
    CaseNote,
)
from hp_portal.core.cases.numbers import free_number, show_number
from hp_portal.core.cases.office import colleagues_for, who_can_see
from hp_portal.core.cases.telling import about_case, tell_comment, tell_handed, tell_step
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRoleMember, StaffRolePermission
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole

WORK = "staff:cases:work"
"""What staff need to work on cases, beside the permission that decides the kind."""


class CaseMoved(Exception):
    """Somebody else has taken the case a step further meanwhile; nothing was done."""


class WordsNeeded(Exception):
    """The step asks for words along with it."""


class NotTheirs(Exception):
    """Whoever the case is to go to cannot work on it."""


@dataclass(frozen=True)
class _Sender:
    """Who sends a file, and whose it is: the case's, also when staff send it."""

    person_id: int | None
    organization_id: int | None


def is_staff(actor: Actor | None) -> bool:
    """Is it the payer's staff who act? None is who sent the case in without an account."""
    return actor is not None and actor.is_staff


def held(session: PortalSession, case_id: int) -> Case:
    """The case, which nobody else changes until the end of the transaction."""
    lock(session, f"case:{case_id}")
    wanted = sa.select(Case).where(Case.id == case_id).execution_options(populate_existing=True)
    return session.scalars(wanted).one()


def _kind_of(case: Case) -> CaseKind:
    kind = find_kind(case.kind)
    if kind is None:
        raise CaseRefused("The application that this case belongs to is not installed now.")
    return kind


def _add_entry(
    session: PortalSession, case: Case, what: str, *, step: str = "", state: str = "", words: str = "", by_staff: bool
) -> None:
    token = secrets.token_hex(16)
    session.add(
        CaseEntry(
            case_id=case.id,
            organization_id=case.organization_id,
            token=token,
            at=clock.now(),
            what=what,
            person_id=get_who(session).person_id,
            by_staff=by_staff,
            step=step,
            state=state,
            words_sealed=session.vault.seal_text(words, ENTRY_WORDS(token)) if words else None,
        )
    )
    case.changed_at = clock.now()
    session.flush()


def _add_note(session: PortalSession, case: Case, what: str, *, to_id: int | None = None, words: str = "") -> None:
    token = secrets.token_hex(16)
    session.add(
        CaseNote(
            case_id=case.id,
            token=token,
            at=clock.now(),
            what=what,
            person_id=get_who(session).person_id,
            to_id=to_id,
            words_sealed=session.vault.seal_text(words, NOTE_WORDS(token)) if words else None,
        )
    )
    session.flush()


@in_whole("a case is opened")
def open_case(session: PortalSession, kind: CaseKind, title: str, *, organization_id: int, words: str = "") -> Case:
    """Open a case of an organization, in the name of whoever acts in this session: it is theirs, and its clock starts.

    `title` says in a few words what it is about, and tells of no patient; `words` may say more. The application keeps what
    belongs to it in a table of its own, with a foreign key to `portal_case.id`.
    """
    return begin_case(session, kind, title, organization_id, words)


def begin_case(
    session: PortalSession, kind: CaseKind, title: str, organization_id: int | None, words: str = ""
) -> Case:
    """The same, without an organization where somebody who has no account sends it in. Needs a whole scope."""
    now = clock.now()
    person_id = get_who(session).person_id
    lock(session, "numbers of cases")
    case = Case(
        number=free_number(session),
        kind=kind.key,
        state=kind.first.key,
        title=title,
        organization_id=organization_id,
        opened_at=now,
        opened_by_id=person_id,
        person_id=person_id,
        changed_at=now,
    )
    start_clock(settings(), case, kind)
    turn_clock(settings(), case, kind, kind.first)
    session.add(case)
    session.flush()
    _add_entry(session, case, OPENED, state=case.state, words=words, by_staff=False)
    record(session, "case.opened", case=case.id, kind=case.kind)
    return case


def turn_case(
    session: PortalSession, case: Case, kind: CaseKind, step: CaseStep, words: str, *, by_staff: bool
) -> None:
    """Do what a step means, and put it into the history; whether it may be taken has been asked. Needs a whole scope."""
    step.take(session, case.id, words)
    target, now = kind.state(step.target), clock.now()
    turn_clock(settings(), case, kind, target)
    case.state = step.target
    if target.ended:
        case.ended_at, case.ended_by_id = case.ended_at or now, case.ended_by_id or get_who(session).person_id
    else:
        case.ended_at = case.ended_by_id = None
    if step.by == "provider" and (words or not target.ended):
        case.asked_at = now
    _add_entry(session, case, STEP, step=step.key, state=step.target, words=words, by_staff=by_staff)
    record(session, "case.stepped", case=case.id, step=step.key, state=step.target)


@in_whole("a case is taken a step further")
def take_step(
    session: PortalSession,
    actor: Actor | None,
    case_id: int,
    key: str,
    *,
    seen: str,
    words: str = "",
    read: str = "",
    on_its_page: bool = False,
) -> Case:
    """Take a step of the case's kind, as whoever is signed in, or (None) as who sent it in without an account; `seen` is the
    state that they saw it in, and `read` when the provider wrote the newest message that staff saw, in ISO 8601: a newer one goes
    on waiting for them. `on_its_page`: it is taken on the page of its own that it has.

    The case is one that the caller has found in the person's scope. Raises CaseMoved, WordsNeeded, CaseRefused, and LookupError
    for a step that there is not, or that they may not take.
    """
    case = held(session, case_id)
    kind = _kind_of(case)
    step = kind.step(key)
    if step is None or step.by == "portal" or bool(step.page) != on_its_page:
        raise LookupError(key)
    if case.state != seen or case.state not in step.sources:
        raise CaseMoved
    if step not in steps_for(actor, kind, case.state):
        raise LookupError(key)
    if step.words == "required" and not words.strip():
        raise WordsNeeded
    turn_case(session, case, kind, step, words, by_staff=is_staff(actor))
    if is_staff(actor):
        _answered(case, read)
        tell_step(session, case, kind)
    return case


@in_whole("the portal takes a case a step further")
def portal_step(session: PortalSession, case_id: int, key: str, words: str = "") -> bool:
    """Take a step that is the portal's own, as a job does; False when the case is in another state by now.

    Raises LookupError for a step of somebody else.
    """
    case = held(session, case_id)
    kind = _kind_of(case)
    step = kind.step(key)
    if step is None or step.by != "portal":
        raise LookupError(key)
    if case.state not in step.sources:
        return False
    turn_case(session, case, kind, step, words, by_staff=False)
    tell_step(session, case, kind)
    return True


@in_whole("somebody writes about a case")
def add_comment(session: PortalSession, actor: Actor | None, case_id: int, words: str, read: str = "") -> None:
    """Write to the other side. What a provider writes waits for staff until they have answered or read it (`read`: see
    `take_step`)."""
    case = held(session, case_id)
    kind = _kind_of(case)
    if is_staff(actor):
        _answered(case, read)
    else:
        case.asked_at = clock.now()
    _add_entry(session, case, COMMENT, words=words, by_staff=is_staff(actor))
    record(session, "case.commented", case=case.id)
    if is_staff(actor):
        tell_comment(session, case, kind)


@in_whole("files come with a case")
def add_files(
    session: PortalSession, actor: Actor | None, case_id: int, uploads: Sequence[Upload], read: str = ""
) -> list[str]:
    """Attach files to a case, for both sides to open once they are checked; they stay with it. A sentence for each that was not
    attached. Those of a provider wait for staff like a message."""
    case = held(session, case_id)
    kind, about = _kind_of(case), about_case(case.id)
    before = {one.id for one in attached_files(session, about)}
    problems = attach_files(
        session, uploads, owner=_Sender(actor.person_id if actor else None, case.organization_id), about=about
    )
    keep_attached(session, about)
    names = [one.name for one in attached_files(session, about) if one.id not in before]
    if names:
        if is_staff(actor):
            _answered(case, read)
        else:
            case.asked_at = clock.now()
        _add_entry(session, case, FILED, words="\n".join(names), by_staff=is_staff(actor))
        if is_staff(actor):
            tell_comment(session, case, kind)
    return problems


def add_note(session: PortalSession, case_id: int, words: str) -> None:
    """Write something that staff alone read. Needs a whole scope."""
    case = held(session, case_id)
    _add_note(session, case, NOTE, words=words)
    record(session, "case.noted", case=case.id)


def mark_read(session: PortalSession, case_id: int, asked_at: str) -> bool:
    """Staff have read what the provider wrote at `asked_at`, in ISO 8601, and nothing is to be answered; False when there is
    something newer. Needs a whole scope.
    """
    case = held(session, case_id)
    if case.asked_at is None or not _answered(case, asked_at):
        return False
    session.flush()
    record(session, "case.read", case=case.id)
    return True


def _answered(case: Case, read: str) -> bool:
    """Staff have answered or read what the provider wrote, unless there is something newer than what they saw."""
    if case.asked_at is None or case.asked_at.isoformat() != read:
        return False
    case.asked_at = None
    return True


def _may_decide(session: PortalSession, person_id: int, kind: CaseKind) -> bool:
    """Can this member of the staff sign in, and do their roles let them work on such cases?"""
    held = set(
        session.scalars(
            sa.select(StaffRolePermission.permission)
            .join(StaffRoleMember, StaffRoleMember.role_id == StaffRolePermission.role_id)
            .join(Person, Person.id == StaffRoleMember.person_id)
            .where(Person.id == person_id, Person.is_staff, Person.deactivated_at.is_(None))
        )
    )
    return {WORK, kind.staff_permission} <= held


@dataclass(frozen=True)
class ManyDone:
    """What came of a deed with many cases: how many it was done with, and the numbers and reasons of those it was not."""

    done: int
    not_done: list[tuple[str, str]]


def assign(session: PortalSession, seen: Mapping[int, int | None], to_id: int | None) -> ManyDone:
    """Give cases to somebody of the staff, or to nobody; `seen`: who had each when it was shown. Those that somebody else has
    taken meanwhile stay with them. Raises NotTheirs when they may not decide one. Needs a whole scope.
    """
    done, not_done = 0, []
    for case_id in sorted(seen):
        case = held(session, case_id)
        if to_id is not None and not _may_decide(session, to_id, _kind_of(case)):
            raise NotTheirs
        if case.assigned_to_id == to_id:
            continue
        if case.assigned_to_id != seen[case_id]:
            has = session.get(Person, case.assigned_to_id) if case.assigned_to_id else None
            whose = f"{has.name} has taken it" if has else "It was assigned to nobody"
            not_done.append((show_number(case.number), f"{whose} in the meantime."))
            continue
        case.assigned_to_id = to_id
        _add_note(session, case, ASSIGNED, to_id=to_id)
        record(session, "case.assigned", case=case.id, to=to_id)
        done += 1
    return ManyDone(done, not_done)


@in_whole("a case goes to a colleague")
def hand_to(session: PortalSession, actor: Actor, case_id: int, to_id: int) -> str:
    """Somebody at the office hands a case to a colleague, who is told; the colleague's name. Raises NotTheirs when they may not
    see it. Whoever has it already keeps it, and nobody is told again."""
    case = held(session, case_id)
    to = next((one for one in colleagues_for(session, case, _kind_of(case)) if one.id == to_id), None)
    if to is None:
        raise NotTheirs
    if case.person_id != to.id:
        hand_on(session, case, to)
        if to.id != actor.person_id:
            tell_handed(session, case, to, session.get_one(Person, actor.person_id).name)
    return to.name


def hand_on(session: PortalSession, case: Case, to: Person) -> None:
    """A case goes to a colleague at the office, who is told from then on. Needs a whole scope."""
    case = held(session, case.id)
    case.person_id = to.id
    _add_entry(session, case, HANDED, words=to.name, by_staff=False)
    record(session, "case.handed", case=case.id, to=to.id)


def hand_over(session: PortalSession, person_id: int, to: Person) -> list[str]:
    """Somebody has left an organization: their open cases go to a colleague of it, or those that the colleague may not see to a
    delegate who may. In words, what went to whom. Needs a whole scope.
    """
    wanted = sa.select(Case).where(
        Case.person_id == person_id, Case.organization_id == to.organization_id, Case.ended_at.is_(None)
    )
    delegates = [one for one in delegates_of(session, [to.organization_id]) if one.id != person_id]
    went: dict[str, int] = {}
    for case in session.scalars(wanted.order_by(Case.id)).all():
        kind = find_kind(case.kind)
        who = (who_can_see(session, [to, *delegates], kind) if kind else []) or [to]
        hand_on(session, case, who[0])
        words = "" if who[0] is to else f", which {who[0].name} has now"
        went[words] = went.get(words, 0) + 1
    return [f"{show_count(count, 'open case')}{words}" for words, count in went.items()]
