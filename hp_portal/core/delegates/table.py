"""Who has which application, in one table for the whole organization.

A delegate sends what they saw with what they want. Only what differs between the two is done, so what another delegate has
changed in the meantime stays as it is, and is told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from hp_portal.core.applications import giving
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.holding import held_organization, tell
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.web.listing import Listing, page_of
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application

SIZE = 50
"""People on a page, and at most in one form."""


@dataclass(frozen=True)
class TableRow:
    """Somebody with an active account, and the keys of the applications they have."""

    id: int
    name: str
    username: str
    given: frozenset[str] = frozenset()


@dataclass
class Saved:
    """What became of a table that was sent: the people whose applications changed, by name; what others had changed since it was
    shown, in words; who could not be changed, since the account is not active anymore."""

    changed: list[str] = field(default_factory=list)
    meanwhile: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def _given(session: PortalSession, person_ids: Collection[int]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {one: set() for one in person_ids}
    rows = sa.select(PersonApplication.person_id, PersonApplication.application)
    for person_id, key in session.execute(rows.where(PersonApplication.person_id.in_(person_ids))):
        found[person_id].add(key)
    return found


def show_table(session: PortalSession, name: str, number: int) -> Listing[TableRow]:
    """One page of the active accounts of the session's organization, recorded; `name` narrows it to a part of a name or user
    name.

    Raises PastTheEnd. The caller commits.
    """
    rows = sa.select(Person.id, Person.name, Person.username).where(
        sa.not_(Person.is_staff), Person.deactivated_at.is_(None)
    )
    if name:
        pattern = "%" + name.replace("/", "//").replace("%", "/%").replace("_", "/_") + "%"
        rows = rows.where(sa.or_(*(one.ilike(pattern, escape="/") for one in (Person.name, Person.username))))
    ordered = rows.order_by(sa.func.lower(Person.name), Person.id)
    listing: Listing[TableRow] = page_of(session, ordered, number, size=SIZE, make=lambda row: TableRow(*row))
    given = _given(session, [one.id for one in listing.rows])
    record(session, "delegates.applications.viewed", found=listing.total)
    return listing.with_rows(
        [TableRow(one.id, one.name, one.username, frozenset(given[one.id])) for one in listing.rows]
    )


def save_table(
    session: PortalSession,
    actor: Actor,
    allowed: Collection[Application],
    seen: Mapping[int, Collection[str]],
    wanted: Mapping[int, Collection[str]],
) -> Saved:
    """Give and take what differs between `seen` and `wanted`, keys by person, of the applications that are `allowed`; whoever
    gets or loses some is told once. Ids that are not of the actor's organization are left out. Raises ChangedMeanwhile."""
    done = Saved()
    with held_organization(session, actor):
        mine = Person.organization_id == actor.organization_id, sa.not_(Person.is_staff)
        people = session.scalars(
            sa.select(Person)
            .where(Person.id.in_(list(seen)[:SIZE]), *mine)
            .order_by(sa.func.lower(Person.name), Person.id)
            .execution_options(populate_existing=True)
        ).all()
        now = _given(session, [one.id for one in people])
        for person in people:
            before, chosen = set(seen[person.id]), set(wanted.get(person.id, ()))
            if person.deactivated_at is not None:
                done.gone += [person.name] if before != chosen else []
                continue
            _note_meanwhile(done, person, allowed, before, now[person.id])
            given, taken = [], []
            for one in allowed:
                if (one.key in before) == (one.key in chosen):
                    continue
                if one.key in chosen and giving.give_application(session, actor, person, one):
                    given.append(one.label)
                elif one.key not in chosen and giving.take_application(session, actor, person, one):
                    taken.append(one.label)
            if given or taken:
                done.changed.append(person.name)
            if (given or taken) and person.id != actor.person_id:
                tell(session, actor, person, "applications", given=given, taken=taken)
    return done


def _note_meanwhile(
    done: Saved, person: Person, allowed: Collection[Application], before: set[str], now: set[str]
) -> None:
    for one in allowed:
        if (one.key in before) != (one.key in now):
            done.meanwhile.append(f"{person.name} {'now has' if one.key in now else 'no longer has'} {one.label}")
