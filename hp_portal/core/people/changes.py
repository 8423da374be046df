"""Changes of how somebody signs in: told by e-mail, with a link to say that it was not them. Every verb needs a whole scope."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

import sqlalchemy as sa
from flask import current_app

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.accounts import by_name, row_at_work, rows_of
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.factors import forget_factors, has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.identity.unconfirmed import is_unconfirmed, reachable
from hp_portal.core.limits import attempts
from hp_portal.core.limits.sign_ins import forget_second_steps
from hp_portal.core.people.accounts import deactivate_account, end_sessions
from hp_portal.core.people.models import ChangeNotice
from hp_portal.core.web.formats import show_datetime
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings

# Who reads an e-mail after their vacation can still say that it was not them.
KEPT = dt.timedelta(days=30)
# Whoever guesses all day is told of once.
QUIET = dt.timedelta(days=1)
REASON = "“This was not me”"
WHAT = {
    "password": "The password was changed",
    "password-link": "A password was set by a link",
    "factor-added": "A second factor was added",
    "factor-removed": "A second factor was removed",
    "factors-lost": "Our staff removed your second factors, since you could not use them any more",
    "factors-asked": "A delegate of your organization asks to remove your second factors, since you cannot use them anymore",
    "factors-kept": "The delegate who asked to remove your second factors has left, so they stay unless another one asks",
    "factors-reset": "Delegates of your organization removed your second factors, since you could not use them anymore",
    "restored": "Our staff gave you a new password and removed your second factors, so that you can sign in again",
    "codes": "New recovery codes were made",
    "codes-used": "Somebody signed in with a recovery code",
    "codes-shown": "A recovery code was used to show that it is still you",
    "step-failed": "Somebody gave the right password, and failed several times at the second step",
    "email": "The e-mail address was changed",
    "email-asked": "A delegate of your organization asks for another e-mail address of your account",
    "email-confirmed": "The e-mail address was confirmed",
}

# These change nothing by themselves.
ONLY_SEEN = frozenset({"factors-asked", "factors-kept", "email-asked", "codes-used", "codes-shown", "step-failed"})


class NoticeDead(Exception):
    """Nobody was sent this link, or it was used or has expired: the answer does not tell which."""


@dataclass(frozen=True)
class Told:
    """A change as its person reads it."""

    name: str
    username: str
    what: str
    at: dt.datetime


@dataclass(frozen=True)
class Disowned:
    """A change that its person has said was not them."""

    id: int
    person_id: int
    name: str
    in_organization: bool
    what: str
    disowned_at: dt.datetime


def words(what: str, detail: str) -> str:
    """A change as a sentence."""
    return f"{WHAT[what]}: {detail}." if detail else f"{WHAT[what]}."


def tell_change(session: PortalSession, person: Person, what: str, detail: str = "", *, email_before: str = "") -> None:
    """Tell somebody of a change, at the address they had before as well when it is another one; an address that nobody has
    confirmed yet gets nothing."""
    settings: Settings = current_app.extensions["hp_portal.settings"]
    token, now = secrets.token_urlsafe(32), clock.now()
    notice = ChangeNotice(
        person_id=person.root_id,
        what=what,
        detail=detail,
        email_before=email_before,
        token_hash=hash_token(token),
        at=now,
        expires_at=now + KEPT,
    )
    session.add(notice)
    session.flush()
    values = {
        "name": person.name,
        "username": person.username,
        "what": words(what, detail),
        "at": show_datetime(now, settings.payer.zone),
        "link": absolute_url("changes.follow_link", token=token),
    }
    about, subject = f"change:{notice.id}", "Was this you?" if what in ONLY_SEEN else "Your account was changed"
    for address in dict.fromkeys(one for one in (person.email, email_before) if one and not is_unconfirmed(one)):
        outgoing = Outgoing(address, "account_changed", subject, about, values, secrets=("link",))
        add_message(session, outgoing)


def tell_step_failed(session: PortalSession, person: Person) -> None:
    """Tell somebody, once in a day, that whoever tries to sign in knows their password."""
    same = ChangeNotice.person_id == person.root_id, ChangeNotice.what == "step-failed"
    lock(session, f"account:{person.root_id}")
    if session.scalar(sa.select(ChangeNotice.id).where(*same, ChangeNotice.at > clock.now() - QUIET).limit(1)) is None:
        tell_change(session, person, "step-failed")


def _find(session: PortalSession, token: str) -> tuple[ChangeNotice, Person]:
    found = session.execute(
        sa.select(ChangeNotice, Person)
        .join(Person, Person.id == ChangeNotice.person_id)
        .where(
            ChangeNotice.token_hash == hash_token(token),
            ChangeNotice.disowned_at.is_(None),
            ChangeNotice.expires_at > clock.now(),
        )
    ).one_or_none()
    if found is None:
        raise NoticeDead
    return found[0], found[1]


def look_at_notice(session: PortalSession, settings: Settings, token: str, address: str) -> Told:
    """What the link is about. Raises NoticeDead, the try counted (the caller commits), or TooManyAttempts."""
    window, subject = dt.timedelta(minutes=settings.attempts_window_minutes), f"at:{address}"
    attempts.check_attempts(session, "not-me", subject, limit=settings.attempts_per_address, window=window)
    try:
        notice, person = _find(session, token)
    except NoticeDead:
        attempts.count_failure(session, "not-me", subject)
        raise
    return Told(person.name, person.username, words(notice.what, notice.detail), notice.at)


def disown(session: PortalSession, token: str) -> int:
    """It was not them: every sign-in and link ends, the account is locked, delegates and staff are told. Once. Whose it is.

    The password, the second factors and another e-mail address of it end as well. Raises NoticeDead.
    """
    notice, person = _find(session, token)
    lock(session, "names of accounts")
    lock(session, f"account:{person.root_id}")
    ended = sa.update(ChangeNotice).where(ChangeNotice.id == notice.id, ChangeNotice.disowned_at.is_(None))
    if session.execute(ended.values(disowned_at=clock.now()).returning(ChangeNotice.id)).first() is None:
        raise NoticeDead
    here, row = get_who(session), row_at_work(session, person)
    who = Who(row.id, row.organization_id, None, here.request_id, here.address)
    record(session, "identity.change.disowned", who=who, what=notice.what)
    deactivate_account(session, person, REASON)
    _take_back(session, notice, person)
    for row in rows_of(session, person):
        _tell_delegates(session, row, "account_locked", f"The account of {person.name} is locked")
    return person.id


def remove_factors(session: PortalSession, person: Person, reason: str, what: str = "factors-lost") -> bool:
    """Remove every app, passkey and recovery code of somebody who has lost them; False when there was none.

    `what` tells the person who did it, a key of `WHAT`: our staff, or delegates. The password alone opens the account then, so
    every sign-in ends, and the person and the other delegates are told.
    """
    lock(session, f"account:{person.root_id}")
    if not has_factor(session, person):
        return False
    forget_factors(session, person.root_id)
    forget_second_steps(session, person.root_id)
    end_sessions(session, person)
    record(session, "people.factors.removed", reason=reason, person=person.id)
    tell_change(session, person, what)
    by = "Our staff" if what == "factors-lost" else "Delegates of the organization"
    # Whoever looks after people that the account opens something for is told, whichever organization that is.
    rows = rows_of(session, person)
    for row in [one for one in rows if one.deactivated_at is None] or rows:
        _tell_delegates(session, row, "account_reset", f"The second factors of {person.name} were removed", by=by)
    return True


def _take_back(session: PortalSession, notice: ChangeNotice, person: Person) -> None:
    """Whoever it was may know the password and have added a factor: nothing of it opens the account once it is reactivated."""
    person.password_hash, person.password_changed_at = hash_password(secrets.token_urlsafe(32)), clock.now()
    forget_factors(session, person.id)
    later = (ChangeNotice.person_id == person.id, ChangeNotice.id > notice.id, ChangeNotice.disowned_at.is_(None))
    changed = sa.select(ChangeNotice.email_before).where(*later, ChangeNotice.email_before != "")
    before = notice.email_before or session.scalar(changed.order_by(ChangeNotice.id).limit(1))
    # What was changed later may have been told to somebody else alone: their links say nothing any more.
    session.execute(sa.update(ChangeNotice).where(*later).values(expires_at=clock.now()))
    if before and session.scalar(sa.select(Person.id).where(by_name(before))) is None:
        person.email = before
    session.flush()


def _tell_delegates(session: PortalSession, person: Person, template: str, subject: str, **more: str) -> None:
    if person.organization_id is None:
        return
    values = {"name": person.name, "username": person.username, "contact": absolute_url("pages.contact"), **more}
    for delegate in reachable(delegates_of(session, [person.organization_id])):
        if delegate.id != person.id:
            add_message(session, Outgoing(delegate.email, template, subject, f"person:{person.id}", values))


# Disowned, and staff have not looked into it yet.
_WAITS = sa.and_(ChangeNotice.disowned_at.is_not(None), ChangeNotice.settled_at.is_(None))


def disowned(session: PortalSession) -> list[Disowned]:
    """What staff still have to look into, oldest first."""
    rows = session.execute(
        sa.select(ChangeNotice, Person)
        .join(Person, Person.id == ChangeNotice.person_id)
        .where(_WAITS)
        .order_by(ChangeNotice.disowned_at, ChangeNotice.id)
    )
    return [
        Disowned(
            notice.id,
            person.id,
            person.name,
            person.organization_id is not None,
            words(notice.what, notice.detail),
            notice.disowned_at,
        )
        for notice, person in rows
        if notice.disowned_at is not None
    ]


@in_whole("whether somebody has said that of the account")
def is_disowned(session: PortalSession, person_id: int) -> bool:
    """Has somebody said that a change of this account was not theirs, and staff have not looked into it yet?"""
    whose = sa.select(Person.root_id).where(Person.id == person_id).scalar_subquery()
    mine = sa.select(ChangeNotice.id).where(ChangeNotice.person_id == whose, _WAITS)
    return session.scalar(mine.limit(1)) is not None


def count_disowned(session: PortalSession) -> int:
    """How many of them there are."""
    return session.scalar(sa.select(sa.func.count(ChangeNotice.id)).where(_WAITS)) or 0


def settle(session: PortalSession, actor: Actor, notice_id: int, reason: str) -> bool:
    """Staff have looked into it; False when it is settled already."""
    settled = session.execute(
        sa.update(ChangeNotice)
        .where(ChangeNotice.id == notice_id, _WAITS)
        .values(settled_at=clock.now(), settled_by_id=actor.person_id)
        .returning(ChangeNotice.person_id)
    ).one_or_none()
    if settled is None:
        return False
    record(session, "staff.change.settled", reason=reason, person=settled[0])
    return True
