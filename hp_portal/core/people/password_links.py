"""Links to set a password: made for somebody, used once by them."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.identity import passwords
from hp_portal.core.identity.accounts import account_of, hold_account, known_about, opens, row_at_work
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.directory import only_by_directory
from hp_portal.core.identity.models import Person
from hp_portal.core.limits import attempts, sign_ins
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import end_email_changes, end_links, end_sign_ins
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.models import PasswordLink
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


class LinkDead(Exception):
    """Nobody made this link, or it was used, replaced or has expired: the answer does not tell which."""


@dataclass(frozen=True)
class NewLink:
    """A fresh link: the token that is shown once, and until when it works."""

    token: str
    expires_at: dt.datetime


@dataclass(frozen=True)
class Invited:
    """Whose password a link sets."""

    person_id: int
    name: str
    username: str


def make_link(session: PortalSession, settings: Settings, actor: Actor, person: Person) -> NewLink:
    """Make a link for somebody to set a password; earlier ones of theirs stop working. Needs a whole scope."""
    end_links(session, person.root_id)
    link = _add_link(
        session, account_of(session, person), actor.person_id, dt.timedelta(hours=settings.password_link_hours)
    )
    record(session, "people.password-link.made", person=person.id)
    return link


def make_own_link(session: PortalSession, settings: Settings, person: Person) -> NewLink:
    """Make the link that somebody has asked for themselves. Needs a whole scope.

    Those before it still work: whoever asks in somebody's name again and again does not end the link that they are following.
    """
    return _add_link(session, person, None, dt.timedelta(minutes=settings.recovery_link_minutes))


def _add_link(session: PortalSession, person: Person, made_by_id: int | None, works: dt.timedelta) -> NewLink:
    token, now = secrets.token_urlsafe(32), clock.now()
    link = PasswordLink(
        person_id=person.id,
        token_hash=hash_token(token),
        made_by_id=made_by_id,
        made_at=now,
        expires_at=now + works,
    )
    session.add(link)
    return NewLink(token, link.expires_at)


def _open_link(token: str) -> sa.Select[PasswordLink, Person]:
    return (
        sa.select(PasswordLink, Person)
        .join(Person, Person.id == PasswordLink.person_id)
        .where(
            PasswordLink.token_hash == hash_token(token),
            PasswordLink.ended_at.is_(None),
            PasswordLink.expires_at > clock.now(),
            opens(),
        )
    )


def look_at_link(session: PortalSession, settings: Settings, token: str, address: str) -> Invited:
    """Whose password the link sets. Raises LinkDead, the try counted (the caller commits), or TooManyAttempts."""
    window = dt.timedelta(minutes=settings.attempts_window_minutes)
    subject = f"at:{address}"
    attempts.check_attempts(session, "password-link", subject, limit=settings.attempts_per_address, window=window)
    with scopes.whole(session, "nobody is known before signing in"):
        found = session.execute(_open_link(token)).one_or_none()
        # Made before the payer had staff sign in with its directory, it would set a password that opens nothing.
        if found is not None and only_by_directory(session, settings, found[1]):
            found = None
    if found is None:
        attempts.count_failure(session, "password-link", subject)
        raise LinkDead
    return Invited(found[1].id, found[1].name, found[1].username)


def use_link(session: PortalSession, settings: Settings, token: str, address: str, *, password: str) -> Person:
    """Set the password, end every link and sign-in of the person, and forget failed tries at the old password.

    Raises what `look_at_link` does, or passwords.WeakPassword, after which the link still works.
    """
    look_at_link(session, settings, token, address)
    with scopes.whole(session, "the account of the link"):
        found = session.execute(_open_link(token)).one_or_none()
        if found is None:  # ended since it was looked at
            raise LinkDead
        link, person = found
        organization = session.get(Organization, person.organization_id)
        about = known_about(person, organization.name if organization else "", settings.payer)
        passwords.check_acceptable(password, min_length=settings.password_min_length, about=about)
        hashed = passwords.hash_password(password)
        hold_account(
            session, person
        )  # a sign-in with the old password, being checked right now, comes before or not at all
        now = clock.now()
        # Two windows with one link: the row is ended once.
        ended = sa.update(PasswordLink).where(PasswordLink.id == link.id, PasswordLink.ended_at.is_(None))
        if session.execute(ended.values(ended_at=now).returning(PasswordLink.id)).first() is None:
            raise LinkDead
        end_links(session, person.id)  # the others of theirs
        person.password_hash = hashed
        person.password_changed_at = now
        session.flush()
        _after(session, person)
    return person


def _after(session: PortalSession, person: Person) -> None:
    sign_ins.forget_names(session, person.username, person.email)
    end_email_changes(session, person.id)  # somebody else may have asked
    ended = end_sign_ins(session, person.id, "password")
    here, row = get_who(session), row_at_work(session, person)
    who = Who(row.id, row.organization_id, None, here.request_id, here.address)
    record(session, "identity.password.set", who=who, other_sign_ins_ended=ended)
    tell_change(session, person, "password-link")


def forget_dead(session: PortalSession) -> None:
    """Remove links that were used, replaced or have expired: none of them opens anything. The worker does it."""
    dead = sa.or_(PasswordLink.ended_at.is_not(None), PasswordLink.expires_at <= clock.now())
    session.execute(sa.delete(PasswordLink).where(dead))
