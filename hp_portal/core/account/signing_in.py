"""Signing in and out, sign-ins as rows, changing the password."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.access.enforce import limits
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.identity import passwords
from hp_portal.core.identity.accounts import (
    by_name,
    check_still_in,
    hold_account,
    is_open,
    known_about,
    row_at_work,
)
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.directory import OpenedByDirectory, only_by_directory
from hp_portal.core.identity.factors import HalfSignIn, has_factor
from hp_portal.core.identity.known_browsers import KnownBrowser
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.limits.sign_ins import (
    Try,
    check_and_count,
    forget_try,
    own_password_try,
    sign_in_try,
    take_back_try,
)
from hp_portal.core.people.accounts import end_email_changes, end_links
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.factor_resets import end_used
from hp_portal.core.web.where_from import network_of
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings

SIGNED_IN_AGAIN = "signed in again"
MOST_LISTED = 50


class WrongCredentials(Exception):
    """User name and password do not go together, or the account is deactivated: the answer does not tell which."""


@dataclass(frozen=True)
class NewSignIn:
    """A fresh sign-in: the token for the cookie, and who it is."""

    token: str
    person: Person
    who: Who


@dataclass(frozen=True)
class Half:
    """The password was right, and a second factor is asked for: the token for the browser."""

    token: str


@dataclass(frozen=True)
class Reserved:
    """A try that is counted already, before the password is looked at."""

    name: str
    counted: Try


def _find_person(session: PortalSession, name: str) -> Person | None:
    return session.scalars(sa.select(Person).where(by_name(name))).one_or_none()


def reserve_try(
    session: PortalSession, settings: Settings, *, name: str, address: str, browser: KnownBrowser | None = None
) -> Reserved:
    """Count a try to sign in, before it is made; raises TooManyAttempts when there is none left.

    What is counted, and so what is answered, depends on the name as it was typed, never on whether there is such an account or
    whose other name it is. The caller commits at once: checking a password takes a while, and nobody should wait for it. Counting
    first means that tries made at the same time cannot slip through together.
    """
    name = name.strip().lower()
    with scopes.whole(session, "nobody is known before signing in"):
        person = _find_person(session, name)
        word = browser.word_for(session, person) if browser else None
        reserved = Reserved(name, sign_in_try(settings, name=name, address=address, browser=word))
        check_and_count(session, reserved.counted)
    return reserved


def sign_in(
    session: PortalSession, settings: Settings, reserved: Reserved, *, password: str, address: str, user_agent: str
) -> NewSignIn | Half:
    """Check the password of a reserved try, and start a sign-in: half of one for somebody who has a second factor.

    Raises WrongCredentials or OpenedByDirectory; the caller commits all the same, for the audit.
    """
    with scopes.whole(session, "nobody is known before signing in"):
        person = _find_person(session, reserved.name)
        right = passwords.verify_password(person.password_hash if person else None, password)
        stale = person is not None and right and passwords.needs_rehash(person.password_hash)
        rehashed = passwords.hash_password(password) if stale else None
        if person is None or not right or not hold_account(session, person) or not is_open(session, person):
            _record_failure(session, "identity.sign-in.failed", person, reserved.name)
            raise WrongCredentials
        check_local(session, settings, person)
        forget_try(session, reserved.counted)
        if rehashed:
            person.password_hash = rehashed
        if has_factor(session, person):
            return _begin_half(session, person)
        return start_sign_in(session, person, address, user_agent)


def check_local(session: PortalSession, settings: Settings, person: Person) -> None:
    """Raises OpenedByDirectory, recorded, for staff whom only the payer's directory lets in. Needs a whole scope."""
    if only_by_directory(session, settings, person):
        _record_failure(session, "identity.sign-in.only-by-directory", person, person.username)
        raise OpenedByDirectory


def _begin_half(session: PortalSession, person: Person) -> Half:
    token = secrets.token_urlsafe(32)
    session.add(
        HalfSignIn(
            token_hash=hash_token(token),
            person_id=person.id,
            password_changed_at=person.password_changed_at,
            created_at=clock.now(),
        )
    )
    session.flush()
    here, row = get_who(session), row_at_work(session, person)
    who = Who(row.id, row.organization_id, None, here.request_id, here.address)
    record(session, "identity.second-step.asked", who=who)
    return Half(token)


def record_blocked(session: PortalSession, name: str) -> None:
    """Audit a try that was not even checked."""
    with scopes.whole(session, "nobody is known before signing in"):
        name = name.strip().lower()
        _record_failure(session, "identity.sign-in.blocked", _find_person(session, name), name)


def _record_failure(session: PortalSession, event: str, person: Person | None, name: str) -> None:
    who = get_who(session)
    if person is not None:
        row = row_at_work(session, person)
        who = Who(row.id, row.organization_id, None, who.request_id, who.address)
    # Somebody may have typed the password into the wrong field: an unknown name is kept as a hash.
    account = person.username if person else session.vault.digest(name, "account").hex()[:16]
    record_refusal(session, event, who=who, account=account)


def start_sign_in(
    session: PortalSession, person: Person, address: str, user_agent: str, *, by_directory: bool = False
) -> NewSignIn:
    """Start a sign-in of somebody who has just shown who they are. Needs a whole scope."""
    token = secrets.token_urlsafe(32)
    now = clock.now()
    row = SignIn(
        token_hash=hash_token(token),
        person_id=person.id,
        created_at=now,
        last_seen_at=now,
        address=address,
        user_agent=user_agent[:300],
        by_directory=by_directory,
        chosen_id=_chosen_before(session, person),
    )
    session.add(row)
    session.flush()
    end_used(session, person)
    _tell_others(session, row)
    at = row_at_work(session, person)
    who = Who(at.id, at.organization_id, row.id, get_who(session).request_id, address)
    record(session, "identity.sign-in.succeeded", who=who)
    return NewSignIn(token, person, who)


def _chosen_before(session: PortalSession, person: Person) -> int | None:
    """For which of their organizations somebody opened the home page last, the time before."""
    before = (
        sa.select(SignIn.chosen_id).where(SignIn.person_id == person.id).order_by(SignIn.created_at.desc()).limit(1)
    )
    return session.scalar(before)


def _tell_others(session: PortalSession, row: SignIn) -> None:
    """Have the person's open sessions in other networks say that there is a new one."""
    open_ones = sa.select(SignIn.id, SignIn.address).where(
        SignIn.person_id == row.person_id,
        SignIn.id != row.id,
        SignIn.ended_at.is_(None),
        SignIn.last_seen_at > row.created_at - limits().idle,
    )
    here = network_of(row.address)
    elsewhere = [key for key, address in session.execute(open_ones) if network_of(address) != here]
    if elsewhere:
        told = sa.update(SignIn).where(SignIn.id.in_(elsewhere)).values(elsewhere_id=row.id, elsewhere_seen_at=None)
        session.execute(told.execution_options(synchronize_session=False))


@in_whole("one's own sign-ins")
def note_elsewhere_seen(session: PortalSession, actor: Actor) -> None:
    """The actor has read that they are signed in elsewhere as well."""
    mine = sa.update(SignIn).where(SignIn.id == actor.sign_in_id)
    session.execute(mine.values(elsewhere_seen_at=clock.now()).execution_options(synchronize_session=False))
    record(session, "identity.sign-in.elsewhere-seen")


@in_whole("one's own sign-ins")
def end_sign_in(session: PortalSession, actor: Actor, sign_in_id: int, how: str) -> bool:
    """End one of the actor's own sign-ins; False when it is not theirs or has ended."""
    ended = session.execute(
        sa.update(SignIn)
        .where(SignIn.id == sign_in_id, SignIn.person_id == actor.account_id, SignIn.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=how)
        .returning(SignIn.id)
    ).first()
    if ended is None:
        return False
    record(session, "identity.sign-in.ended", sign_in=sign_in_id, how=how)
    return True


def end_overdue(session: PortalSession, settings: Settings) -> None:
    """End the sign-ins of everybody that were idle, or lasted, for too long. For the worker."""
    now = clock.now()
    over = sa.or_(
        SignIn.last_seen_at <= now - dt.timedelta(minutes=settings.idle_minutes),
        SignIn.created_at <= now - dt.timedelta(hours=settings.absolute_hours),
    )
    session.execute(
        sa.update(SignIn).where(SignIn.ended_at.is_(None), over).values(ended_at=now, end_reason="timed out")
    )


@in_whole("one's own sign-ins")
def open_sign_ins(session: PortalSession, actor: Actor, settings: Settings) -> list[SignIn]:
    """The actor's sign-ins that would still be let in, newest first; one more than `MOST_LISTED` at most."""
    now = clock.now()
    return list(
        session.scalars(
            sa.select(SignIn)
            .where(
                SignIn.person_id == actor.account_id,
                SignIn.ended_at.is_(None),
                SignIn.last_seen_at > now - dt.timedelta(minutes=settings.idle_minutes),
                SignIn.created_at > now - dt.timedelta(hours=settings.absolute_hours),
            )
            .order_by(SignIn.created_at.desc())
            .limit(MOST_LISTED + 1)
        )
    )


@in_whole("one's own account")
def own_email(session: PortalSession, actor: Actor) -> str:
    """The actor's e-mail address."""
    return session.get_one(Person, actor.account_id).email


def reserve_own_try(session: PortalSession, settings: Settings, actor: Actor) -> None:
    """Count a try at the actor's own password before it is made, against this session alone; raises TooManyAttempts.

    Whoever sits at somebody's open session must not be able to lock them out elsewhere.
    """
    with scopes.whole(session, "one's own account"):
        check_and_count(session, own_password_try(settings, actor.sign_in_id))


@in_whole("one's own account")
def change_password(session: PortalSession, settings: Settings, actor: Actor, *, current: str, new: str) -> Person:
    """Change the actor's own password, with a reserved try, and end their other sign-ins and every link to set it.

    Raises WrongCredentials for a wrong current password, or passwords.WeakPassword; the caller commits all the same. Raises
    SignInEnded like `hold_own`.
    """
    person = session.get_one(Person, actor.account_id)
    if not passwords.verify_password(person.password_hash, current):
        _record_failure(session, "identity.sign-in.failed", person, person.username)
        raise WrongCredentials
    take_back_try(session, own_password_try(settings, actor.sign_in_id))
    about = known_about(person, actor.organization_name, settings.payer)
    passwords.check_acceptable(new, min_length=settings.password_min_length, about=about)
    hashed = passwords.hash_password(new)
    if not hold_account(session, person):
        raise WrongCredentials
    check_still_in(session, actor)
    person.password_hash = hashed
    person.password_changed_at = clock.now()
    # Whoever was here before may have asked for another address, or been given a link.
    end_email_changes(session, person.id)
    end_links(session, person.id)
    ended = end_others(session, actor, "password")
    record(session, "identity.password.changed", other_sign_ins_ended=ended)
    tell_change(session, person, "password")
    return person


@in_whole("one's own sign-ins")
def end_others(session: PortalSession, actor: Actor, how: str) -> int:
    """End the actor's other sign-ins; how many there were."""
    others = session.execute(
        sa.update(SignIn)
        .where(SignIn.person_id == actor.account_id, SignIn.id != actor.sign_in_id, SignIn.ended_at.is_(None))
        .values(ended_at=clock.now(), end_reason=how)
        .returning(SignIn.id)
    ).all()
    return len(others)
