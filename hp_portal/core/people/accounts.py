"""Accounts of people in organizations: created, unlocked, deactivated and reactivated. Every verb needs a whole scope."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.applications.giving import give_starting_applications
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import WINDOW
from hp_portal.core.delivery.outbox import cancel_messages
from hp_portal.core.identity.accounts import by_name, is_open, rows_of
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.limits import sign_ins
from hp_portal.core.people.ended import OrganizationEnded, hold_going_on, hold_organization, let_go_on
from hp_portal.core.people.models import (
    RESET_CANCELED,
    STAYS,
    EmailChange,
    FactorPin,
    FactorReset,
    Leaving,
    PasswordLink,
)
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import Application
from hp_portal.settings import Settings

USERNAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{1,78}[a-z0-9])")


# What is recorded of a try that is counted against somebody.
FAILED = ("identity.sign-in.failed", "identity.factor.failed", "identity.passkey.counted-back")


class NameTaken(Exception):
    """The user name or the e-mail address belongs to an account already; `field` says which of the two."""

    def __init__(self, field: str) -> None:
        super().__init__(f"this {field} is taken")
        self.field = field


def find_member(session: PortalSession, person_id: int) -> Person | None:
    """Somebody of an organization; None for unknown ids and for the payer's own staff, who are managed by command."""
    person = session.get(Person, person_id)
    return person if person is not None and person.organization_id is not None else None


def _plain(text: str) -> str:
    """Lower-case ASCII letters and digits of a name: `Zoë` is `zoe`."""
    decomposed = unicodedata.normalize("NFKD", text.lower())
    return re.sub(r"[^a-z0-9]", "", decomposed.encode("ascii", "ignore").decode())


def _base_of(name: str) -> str:
    words = [word for part in name.split() if (word := _plain(part))]
    base = ".".join([words[0], words[-1]] if len(words) > 1 else words)[:60]
    return base if len(base) >= 3 else f"user.{base}".rstrip(".")


def propose_username(name: str, number: int) -> str:
    """A user name for somebody who is not known yet: `mina.keeper482`. It tells nothing of the names that are taken."""
    return f"{_base_of(name)}{100 + number % 900}"


def _taken(session: PortalSession, base: str) -> set[str]:
    return set(session.scalars(sa.select(Person.username).where(Person.username.startswith(base, autoescape=True))))


def draw_username(session: PortalSession, name: str) -> str:
    """A free user name for somebody whom others let in, such as `mina.keeper482`. There is a number whatever names are taken, and
    it is drawn, so that nobody is told who has an account."""
    lock(session, "names of accounts")
    base = _base_of(name)
    taken = _taken(session, base)
    for digits in itertools.count(2):
        numbers = range(10**digits, 10 ** (digits + 1))
        if free := [number for number in numbers if f"{base}{number}" not in taken]:
            break
    return f"{base}{secrets.choice(free)}"


def suggest_username(session: PortalSession, name: str) -> str:
    """A free user name made of somebody's name: `Mina Lee Keeper` is `mina.keeper`, then `mina.keeper2`.

    It tells which names are taken, so it is for those alone who may know.
    """
    base = _base_of(name)
    taken = _taken(session, base)
    return next(
        name for number in range(1, len(taken) + 2) if (name := base if number == 1 else f"{base}{number}") not in taken
    )


def create_person(
    session: PortalSession,
    actor: Actor | None,
    applications: list[Application],
    *,
    organization_id: int,
    name: str,
    email: str,
    username: str = "",
    delegate: bool = False,
) -> Person:
    """Create an account that cannot be signed in to before its password is set by a link, with what new people get of the
    installed `applications`.

    An empty `username` is made of the name. `actor` is who creates it, None somebody who registers. Raises NameTaken, or
    OrganizationEnded.
    """
    lock(session, "names of accounts")
    hold_going_on(session, organization_id)
    email = email.strip().lower()
    username = username.strip().lower() or suggest_username(session, name)
    for field, value in (("username", username), ("email", email)):
        # Either is accepted at the sign-in, so none may be the other of somebody else.
        if session.scalar(sa.select(Person.id).where(by_name(value))):
            raise NameTaken(field)
    now = clock.now()
    person = Person(
        organization_id=organization_id,
        username=username,
        email=email,
        name=name,
        # Of a password that nobody has ever seen.
        password_hash=hash_password(secrets.token_urlsafe(32)),
        password_changed_at=now,
        is_staff=False,
        is_delegate=delegate,
        created_at=now,
    )
    session.add(person)
    session.flush()
    record(session, "people.person.created", person=person.id, organization=organization_id, delegate=delegate)
    give_starting_applications(session, actor, person, applications)
    return person


@dataclass(frozen=True)
class Pause:
    """How long somebody has to wait before another try to sign in; `second_step`: whoever has tried knows the password."""

    wait: dt.timedelta
    second_step: bool = False


def locked_for(session: PortalSession, settings: Settings, person_ids: Iterable[int]) -> dict[int, Pause]:
    """How long each of these people has to wait somewhere before another try to sign in; the others are left out."""
    wanted = sa.select(Person.id, Person.root_id, Person.username, Person.email).where(Person.id.in_(list(person_ids)))
    rows = session.execute(wanted).all()
    whose = {name: root_id for _, root_id, *names in rows for name in names}
    waits: dict[int, dt.timedelta] = {}
    for name, wait in sign_ins.longest_waits(session, settings, list(whose)).items():
        waits[whose[name]] = max(wait, waits.get(whose[name], wait))
    found = {root_id: Pause(wait) for root_id, wait in waits.items()}
    for root_id, wait in sign_ins.longest_step_waits(session, settings, list({row[1] for row in rows})).items():
        found[root_id] = Pause(max(wait, waits.get(root_id, wait)), second_step=True)
    return {person_id: found[root_id] for person_id, root_id, *_ in rows if root_id in found}


def locked_people(session: PortalSession, settings: Settings, organization_id: int | None = None) -> dict[int, Pause]:
    """Everybody of an organization, of this one or of any, whose sign-in or second step is paused now, and for how long."""
    # The counts are kept under keyed hashes; the record says whose tries they may be. It tells the first of a window.
    longest = max(sign_ins.SLOWEST, dt.timedelta(minutes=settings.attempts_window_minutes))
    since = clock.now() - longest - WINDOW
    tried = session.scalars(
        sa.select(AuditEvent.person_id)
        .where(AuditEvent.event.in_(FAILED), AuditEvent.at > since, AuditEvent.organization_id.is_not(None))
        .distinct()
    )
    # It names one row of an account, and is about each.
    accounts = sa.select(Person.root_id).where(Person.id.in_([one for one in tried if one is not None]))
    there = (
        Person.organization_id.is_not(None) if organization_id is None else Person.organization_id == organization_id
    )
    rows = session.scalars(sa.select(Person.id).where(Person.root_id.in_(accounts), there))
    return locked_for(session, settings, rows)


def forget_tries(session: PortalSession, person: Person) -> None:
    """Nothing counts any more that was tried at somebody's password or second step."""
    sign_ins.forget_names(session, person.username, person.email)
    sign_ins.forget_second_steps(session, person.root_id)


def unlock(session: PortalSession, person: Person) -> None:
    """Forget the failed tries that are counted against somebody's account."""
    forget_tries(session, person)
    record(session, "people.person.unlocked", person=person.id)


def password_links_about(person_id: int) -> str:
    """What the messages with a link to set somebody's password are about."""
    return f"password-link:{person_id}"


def end_links(session: PortalSession, person_id: int) -> None:
    """Open links to set this person's password work no longer, and no message with one is sent anymore."""
    cancel_messages(session, password_links_about(person_id))
    session.execute(
        sa.update(PasswordLink)
        .where(PasswordLink.person_id == person_id, PasswordLink.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


def end_sign_ins(session: PortalSession, person_id: int, reason: str) -> int:
    """End every open sign-in of somebody; how many there were. `reason` has at most 20 characters."""
    ended = session.execute(
        sa.update(SignIn)
        .where(SignIn.person_id == person_id, SignIn.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=reason)
        .returning(SignIn.id)
    ).all()
    return len(ended)


def email_changes_about(person_id: int) -> str:
    """What the messages about another e-mail address of somebody are about."""
    return f"email-change:{person_id}"


def end_email_changes(session: PortalSession, person_id: int) -> None:
    """Another address that was asked for and is not confirmed yet counts no longer: somebody else may have asked."""
    cancel_messages(session, email_changes_about(person_id))
    session.execute(
        sa.update(EmailChange)
        .where(EmailChange.person_id == person_id, EmailChange.ended_at.is_(None))
        .values(ended_at=clock.now())
    )


def resets_about(person_id: int) -> str:
    """What the messages to delegates are about that somebody's second factors are to be removed."""
    return f"factor-reset:{person_id}"


def factor_letters_about(person_id: int) -> str:
    """What the letters with a PIN are about by which staff may remove somebody's second factors."""
    return f"factor-pin:{person_id}"


def end_factor_pins(session: PortalSession, person_id: int) -> None:
    """No PIN removes this person's second factors any more; a letter that has not been printed is not sent."""
    cancel_messages(session, factor_letters_about(person_id))
    session.execute(
        sa.update(FactorPin)
        .where(FactorPin.person_id == person_id, FactorPin.ended_at.is_(None))
        .values(ended_at=clock.now())
        .execution_options(synchronize_session=False)
    )


def end_resets(session: PortalSession, person_id: int, outcome: str) -> None:
    """Nobody's request to remove this person's second factors waits any more, nor does a letter for it."""
    cancel_messages(session, resets_about(person_id))
    end_factor_pins(session, person_id)
    session.execute(
        sa.update(FactorReset)
        .where(FactorReset.person_id == person_id, FactorReset.ended_at.is_(None))
        .values(ended_at=clock.now(), outcome=outcome)
    )


def end_leaving(session: PortalSession, person_id: int, outcome: str) -> None:
    """The plan that this person leaves ends: they have left, stay, or leave on another day."""
    cancel_messages(session, f"leaving:{person_id}")
    session.execute(
        sa.update(Leaving)
        .where(Leaving.person_id == person_id, Leaving.ended_at.is_(None))
        .values(ended_at=clock.now(), outcome=outcome)
    )


def end_sessions(session: PortalSession, person: Person) -> int:
    """Sign somebody out everywhere; returns how many sessions that ended. The password stays."""
    ended = end_sign_ins(session, person.root_id, "by staff")
    record(session, "people.person.signed-out", person=person.id, sign_ins_ended=ended)
    return ended


def end_everybodys_sessions(session: PortalSession, reason: str) -> int:
    """Sign everybody out, staff as well; `reason` has at most 20 characters. Returns how many sessions that ended.

    Names no other column, so that it runs on the schema of an older version, too.
    """
    ended = session.execute(
        sa.update(SignIn)
        .where(SignIn.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=reason)
        .execution_options(synchronize_session=False)
    )
    return cast("sa.CursorResult[Any]", ended).rowcount


def deactivate(session: PortalSession, person: Person, reason: str) -> bool:
    """Let somebody into their organization no longer; False when that is so already.

    Where it was the only one, their sign-ins and links end; with another one they go on for that.
    """
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    if person.deactivated_at is not None:
        return False
    person.deactivated_at = clock.now()
    session.flush()
    end_resets(session, person.id, RESET_CANCELED)
    end_leaving(session, person.id, STAYS)
    ended = 0
    if not is_open(session, person):
        ended = end_sign_ins(session, person.root_id, "deactivated")
        end_links(session, person.root_id)
        end_email_changes(session, person.root_id)
    record(session, "people.person.deactivated", reason=reason, person=person.id, sign_ins_ended=ended)
    return True


def deactivate_account(session: PortalSession, person: Person, reason: str) -> bool:
    """The same in every organization of theirs, so that nobody can sign in; False when nobody can already."""
    lock(session, f"account:{person.root_id}")
    ended = [deactivate(session, row, reason) for row in rows_of(session, person)]
    return any(ended)


def reactivate(session: PortalSession, person: Person, *, reopen: bool = False) -> bool:
    """Let somebody in again, with the password and applications they had; False when the account is active.

    `reopen`: an organization that has ended goes on with them. Raises OrganizationEnded without it, and TaxIdTaken.
    """
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    if person.deactivated_at is None:
        return False
    organization = hold_organization(session, person.organization_id) if person.organization_id is not None else None
    if organization is not None and organization.ended_at is not None:
        if not reopen:
            raise OrganizationEnded(organization.name)
        let_go_on(session, organization)
    person.deactivated_at, person.reactivated_at = None, clock.now()
    session.flush()
    record(session, "people.person.reactivated", person=person.id)
    return True
