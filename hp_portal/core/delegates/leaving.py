"""*This person leaves on …*: planned by a delegate, done when the day begins, and handed over to a colleague.

On the day the account is deactivated, with which its sessions, its links, and what was asked for it end. What the person had
open is the successor's: what applications keep for people (`portal_person_leaves`), and where the successor is a delegate, the
invitations that they sent and the lost factors that they asked to remove. An only delegate stays until the successor has accepted
to be one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record, set_who
from hp_portal.core.cases.acting import hand_over
from hp_portal.core.delegates import accounts
from hp_portal.core.delegates.holding import ChangedMeanwhile, LastDelegate, held, other_delegates
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.drafts.tending import hand_over_drafts
from hp_portal.core.identity.accounts import hold_account
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import end_leaving, end_resets
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.models import CHANGED, LEFT, RESET_CANCELED, STAYS, FactorReset, Leaving
from hp_portal.core.registration.closing import close_held, hold_waiting
from hp_portal.core.web.formats import show_date
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.scopes import whole
from hp_portal.settings import Settings

LONGEST = dt.timedelta(days=366)
"""How far ahead it is planned at most."""


class BadDay(Exception):
    """The day has passed, or is more than a year away."""


class NoSuccessor(Exception):
    """The successor is not an active colleague."""


@dataclass(frozen=True)
class Plan:
    """When somebody leaves, who takes over, why, and who said so. `late`: the day has come, and the only delegate stays until the
    successor has accepted."""

    id: int
    person_id: int
    leaves_on: dt.date
    successor_id: int
    successor: str
    reason: str
    asked_by: str
    late: bool


def about_leaving(person_id: int) -> str:
    """What the messages about somebody who leaves are about."""
    return f"leaving:{person_id}"


def plans_of(session: PortalSession, person_ids: Iterable[int]) -> dict[int, Plan]:
    """Who of these people leaves and when, in the session's scope."""
    successor, asker = aliased(Person), aliased(Person)
    rows = session.execute(
        sa.select(Leaving, successor.name, asker.name)
        .outerjoin(successor, successor.id == Leaving.successor_id)
        .outerjoin(asker, asker.id == Leaving.asked_by_id)
        .where(Leaving.person_id.in_(list(person_ids)), Leaving.ended_at.is_(None))
    )
    return {
        row.person_id: Plan(
            row.id,
            row.person_id,
            row.leaves_on,
            row.successor_id,
            to or "",
            row.reason,
            by or "",
            row.told_late_at is not None,
        )
        for row, to, by in rows
    }


def colleagues(session: PortalSession, person: Person) -> list[Person]:
    """Who can take over from somebody: everybody else in the session's scope who can sign in, delegates first."""
    return list(
        session.scalars(
            sa.select(Person)
            .where(
                Person.organization_id == person.organization_id,
                Person.id != person.id,
                Person.deactivated_at.is_(None),
                sa.not_(Person.is_staff),
            )
            .order_by(Person.is_delegate.desc(), sa.func.lower(Person.name), Person.id)
        )
    )


def _open(session: PortalSession, person_id: int) -> Leaving | None:
    wanted = sa.select(Leaving).where(Leaving.person_id == person_id, Leaving.ended_at.is_(None))
    return session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def _check_known(session: PortalSession, person: Person, known: int) -> Leaving | None:
    """The plan that a delegate saw: its id, 0 for none. Raises ChangedMeanwhile when it is another one now."""
    found = _open(session, person.id)
    if person.deactivated_at is not None or (found.id if found else 0) != known:
        raise ChangedMeanwhile
    return found


def _hold_both(session: PortalSession, person: Person, successor: Person | None) -> None:
    """Whoever leaves and who becomes a delegate, in one order; what waits for a PIN is held before."""
    hold_waiting(session, person)
    both = [person]
    if successor is not None and successor.organization_id == person.organization_id:
        both.append(successor)
    for one in sorted(both, key=lambda one: one.root_id):
        hold_account(session, one)


def plan(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    actor: Actor,
    person: Person,
    *,
    day: dt.date,
    successor_id: int,
    reason: str,
    known: int,
) -> bool:
    """Somebody leaves on a day; True when that is today: then it is done. `known` is the id of the plan there was, 0 for none.

    Where the only delegate leaves, the successor becomes a delegate and is asked to accept. Raises ChangedMeanwhile, BadDay,
    NoSuccessor, or LastDelegate: the only delegate does not leave today.
    """
    with held(session, actor, person):
        _hold_both(session, person, session.get(Person, successor_id))
        before = _check_known(session, person, known)
        today = clock.today(settings.payer.zone)
        if not today <= day <= today + LONGEST:
            raise BadDay
        successor = next((one for one in colleagues(session, person) if one.id == successor_id), None)
        if successor is None:
            raise NoSuccessor
        if person.is_delegate and not other_delegates(session, settings, person):
            if day == today:
                raise LastDelegate
            if not successor.is_delegate:
                accounts.make_delegate(session, actor, successor)
        if before is not None:
            end_leaving(session, person.id, CHANGED)
        leaving = Leaving(
            person_id=person.id,
            leaves_on=day,
            successor_id=successor.id,
            reason=reason,
            asked_by_id=actor.person_id,
            asked_at=clock.now(),
        )
        session.add(leaving)
        session.flush()
        record(
            session,
            "delegates.leaving.planned",
            reason=reason,
            person=person.id,
            successor=successor.id,
            day=day.isoformat(),
        )
        if day > today:
            _tell(session, person, successor, "planned", leaving, by=actor.display_name)
            return False
        _leave(session, plugins, person, successor, leaving)
        return True


def stay(session: PortalSession, actor: Actor, person: Person, *, known: int) -> None:
    """Somebody does not leave after all. Raises ChangedMeanwhile."""
    with held(session, actor, person):
        hold_account(session, person)
        leaving = _check_known(session, person, known)
        if leaving is None:
            raise ChangedMeanwhile
        end_leaving(session, person.id, STAYS)
        record(session, "delegates.leaving.withdrawn", person=person.id)
        successor = session.get_one(Person, leaving.successor_id)
        _tell(session, person, successor, "withdrawn", leaving, by=actor.display_name)


def leave_due(session: PortalSession, settings: Settings, plugins: Plugins) -> None:
    """Whoever leaves today, or should have left, leaves. For the worker: commits after each. Needs an app context."""
    due = sa.select(Leaving.id).where(Leaving.ended_at.is_(None), Leaving.leaves_on <= clock.today(settings.payer.zone))
    for leaving_id in session.scalars(due.order_by(Leaving.leaves_on, Leaving.id)).all():
        leaving = session.get_one(Leaving, leaving_id)
        person = session.get_one(Person, leaving.person_id)
        lock(session, f"delegates of {person.organization_id}")
        _hold_both(session, person, None)
        session.refresh(leaving)
        if leaving.ended_at is None:
            _leave_or_stay(session, settings, plugins, person, leaving)
        session.commit()


def _leave_or_stay(
    session: PortalSession, settings: Settings, plugins: Plugins, person: Person, leaving: Leaving
) -> None:
    asker = session.get_one(Person, leaving.asked_by_id)
    if asker.organization_id != person.organization_id:  # moved to another one, where nobody has said so
        end_leaving(session, person.id, STAYS)
        return
    others = other_delegates(session, settings, person)
    chosen = session.get_one(Person, leaving.successor_id)
    if person.is_delegate and not others:
        if leaving.told_late_at is None:
            leaving.told_late_at = clock.now()
            session.flush()
            record(session, "delegates.leaving.put-off", person=person.id)
            _tell(session, person, chosen, "late", leaving)
        return
    # Whoever was to take over may have left as well.
    active = {one.id: one for one in colleagues(session, person)}
    wanted = [active.get(leaving.successor_id), active.get(leaving.asked_by_id), *others, *active.values()]
    successor = next((one for one in wanted if one is not None), None)
    _leave(session, plugins, person, successor, leaving)


def _leave(
    session: PortalSession, plugins: Plugins, person: Person, successor: Person | None, leaving: Leaving
) -> None:
    """The account is held, and somebody else is a delegate where this person is one."""
    handed, failed = _hand_over(session, plugins, person, successor)
    end_leaving(session, person.id, LEFT)
    organization_id = person.organization_id
    before = get_who(session)
    if before.person_id is None:  # the worker's: the organization finds it in its record
        set_who(session, Who(None, organization_id, None, before.request_id, before.address))
    try:
        _end_asked(session, person)
        close_held(session, person, leaving.reason)
        to = successor.id if successor else None
        record(session, "delegates.leaving.done", person=person.id, successor=to)
        if failed:
            record(session, "delegates.leaving.not-handed", person=person.id, applications=", ".join(failed))
    finally:
        set_who(session, before)
    _tell(session, person, successor, "done", leaving, handed=handed, failed=failed)
    if failed:
        told = (person.id, successor.id if successor else None)
        others = [one for one in delegates_of(session, [organization_id or 0]) if one.id not in told]
        _tell(session, person, successor, "failed", leaving, failed=failed, to=others)


def _having(plugins: Plugins, hook: str) -> dict[str, str]:
    """What the plugins that implement a hook are called, by their names."""
    names = [one.plugin_name for one in getattr(plugins.manager.hook, hook).get_hookimpls()]
    applications = {name: plugins.states[name].application for name in names}
    return {name: found.label if found else name for name, found in applications.items()}


def _hand_over(
    session: PortalSession, plugins: Plugins, person: Person, successor: Person | None
) -> tuple[list[str], list[str]]:
    """What somebody had open is the successor's; what that is, in words, and the applications that could not hand it over."""
    if successor is None:
        return [], []
    handed: list[str] = []
    failed = _having(plugins, "portal_person_leaves")
    for name, words in plugins.collect(
        "portal_person_leaves",
        session=session,
        person_id=person.id,
        successor_id=successor.id,
        organization_id=person.organization_id,
    ):
        del failed[name]
        handed += words
    handed += hand_over(session, person.id, successor)
    handed += hand_over_drafts(session, person.id, successor)
    if successor.is_delegate:
        handed += _hand_asked(session, person, successor)
        mine = Invitation.invited_by_id == person.id, Invitation.organization_id == person.organization_id
        moved = session.execute(
            sa.update(Invitation)
            .where(*mine, Invitation.ended_at.is_(None))
            .values(invited_by_id=successor.id)
            .returning(Invitation.id)
        ).all()
        if moved:
            handed.append("1 open invitation" if len(moved) == 1 else f"{len(moved)} open invitations")
    return handed, list(failed.values())


def _hand_asked(session: PortalSession, person: Person, successor: Person) -> list[str]:
    """Whose lost second factors somebody has asked to remove: the successor asks now, but never for their own."""
    asked = session.scalars(
        sa.update(FactorReset)
        .where(
            FactorReset.asked_by_id == person.id, FactorReset.person_id != successor.id, FactorReset.ended_at.is_(None)
        )
        .values(asked_by_id=successor.id)
        .returning(FactorReset.person_id)
    ).all()
    names = session.scalars(sa.select(Person.name).where(Person.id.in_(asked)).order_by(Person.name, Person.id))
    return [f"the request to remove the second factors of {name}" for name in names]


def _end_asked(session: PortalSession, person: Person) -> None:
    """What somebody had asked for and nobody goes on asking for: whose factors stay is told."""
    wanted = sa.select(FactorReset.person_id).where(
        FactorReset.asked_by_id == person.id, FactorReset.ended_at.is_(None)
    )
    for person_id in session.scalars(wanted.order_by(FactorReset.person_id)).all():
        record(session, "people.factors.reset-canceled", person=person_id)
        end_resets(session, person_id, RESET_CANCELED)
        tell_change(session, session.get_one(Person, person_id), "factors-kept")


def _tell(
    session: PortalSession,
    person: Person,
    successor: Person | None,
    what: str,
    leaving: Leaving,
    *,
    by: str = "",
    handed: Iterable[str] = (),
    failed: Iterable[str] = (),
    to: Iterable[Person] | None = None,
) -> None:
    """Tell the person and whoever takes over, or whom it is `to`: `what` is planned, withdrawn, late, done, or failed."""
    organization = session.get_one(Organization, person.organization_id)
    values = {
        "name": person.name,
        "username": person.username,
        "successor": successor.name if successor else "",
        "organization": organization.name,
        "day": show_date(leaving.leaves_on),
        "by": by,
        "what": what,
        "handed": list(handed),
        "failed": list(failed),
        "link": absolute_url("account.sign_in"),
        "contact": absolute_url("pages.contact"),
    }
    subjects = {
        "planned": f"{person.name} leaves on {show_date(leaving.leaves_on)}",
        "withdrawn": f"{person.name} stays",
        "late": f"{person.name} cannot leave yet",
        "done": f"{person.name} has left",
        "failed": f"Not everything of {person.name} could be handed over",
    }
    for one in reachable(one for one in ((person, successor) if to is None else to) if one is not None):
        told = {**values, "to_successor": one is successor}
        add_message(session, Outgoing(one.email, "account_leaving", subjects[what], about_leaving(person.id), told))


def only_delegate(session: PortalSession, settings: Settings, person: Person) -> bool:
    """Is somebody the only one who has accepted to be a delegate? In any scope that shows the person."""
    with whole(session, "the delegates of the person's own organization"):
        return person.is_delegate and not other_delegates(session, settings, person)
