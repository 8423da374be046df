"""Another e-mail address of one's own: asked for, then confirmed by a link that is sent there. Every verb needs a whole scope."""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.accounts import by_name, hold_own, is_open, opens, row_at_work
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.people.accounts import email_changes_about, end_email_changes, end_links
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.models import EmailChange
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock

KEPT = dt.timedelta(hours=24)
# How often one person may ask in an hour: each sends a message to somebody.
MOST, WINDOW = 5, dt.timedelta(hours=1)


class LinkDead(Exception):
    """Nobody was sent this link, or it was used, replaced or has expired: the answer does not tell which."""


class SameAddress(Exception):
    """It is the address they have."""


def _is_taken(session: PortalSession, email: str) -> bool:
    # Either is accepted at the sign-in, so an address may not be the user name of somebody else.
    other = sa.select(Person.id).where(by_name(email))
    return session.scalar(other.limit(1)) is not None


def ask(session: PortalSession, actor: Actor, email: str) -> None:
    """Send a link to the actor's new address, or tell whoever has an account with it; the person cannot tell which.

    Raises SameAddress, TooManyAttempts, or SignInEnded like `hold_own`.
    """
    email = email.strip().lower()
    person = hold_own(session, actor)
    if email == person.email:
        raise SameAddress
    ask_for(session, person, email)
    record(session, "identity.email.asked")


def ask_for(session: PortalSession, person: Person, email: str) -> None:
    """The same for somebody whose account is held, whoever asks. Raises TooManyAttempts."""
    subject = f"person:{person.id}"
    check_attempts(session, "email-change", subject, limit=MOST, window=WINDOW)
    count_failure(session, "email-change", subject)
    end_email_changes(session, person.id)  # a newer request replaces those before
    known = _is_taken(session, email)
    token = secrets.token_urlsafe(32)
    session.add(EmailChange(person_id=person.id, email=email, token_hash=hash_token(token), asked_at=clock.now()))
    session.flush()
    template = "email_taken" if known else "email_confirm"
    link = absolute_url("pages.contact") if known else absolute_url("email.follow_link", token=token)
    values = {"name": "" if known else person.name, "link": link}
    subject_line = "An e-mail address for the provider portal"
    add_message(
        session, Outgoing(email, template, subject_line, email_changes_about(person.id), values, secrets=("link",))
    )


def _find(session: PortalSession, token: str) -> tuple[EmailChange, Person]:
    found = session.execute(
        sa.select(EmailChange, Person)
        .join(Person, Person.id == EmailChange.person_id)
        .where(
            EmailChange.token_hash == hash_token(token),
            EmailChange.ended_at.is_(None),
            EmailChange.asked_at > clock.now() - KEPT,
            opens(),
        )
    ).one_or_none()
    if found is None:
        raise LinkDead
    return found[0], found[1]


def look_at_link(session: PortalSession, token: str) -> tuple[str, str]:
    """Whose address the link confirms, and which. Raises LinkDead."""
    change, person = _find(session, token)
    return person.name, change.email


def confirm(session: PortalSession, token: str) -> None:
    """The address is the person's from now on; they are told at both. Once. Raises LinkDead."""
    lock(session, "names of accounts")
    change, person = _find(session, token)
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    if not is_open(session, person):
        raise LinkDead
    ended = sa.update(EmailChange).where(EmailChange.id == change.id, EmailChange.ended_at.is_(None))
    taken = _is_taken(session, change.email)
    if session.execute(ended.values(ended_at=clock.now()).returning(EmailChange.id)).first() is None or taken:
        raise LinkDead
    before, person.email = person.email, change.email
    person.email_returned_at = None
    end_links(session, person.id)  # they may lie in the mailbox of before
    session.flush()
    here, row = get_who(session), row_at_work(session, person)
    record(
        session,
        "identity.email.changed",
        who=Who(row.id, row.organization_id, None, here.request_id, here.address),
    )
    tell_change(session, person, "email", change.email, email_before=before)


def forget_old(session: PortalSession) -> None:
    """Remove requests that were confirmed, replaced, or are too old. The worker does it."""
    old = sa.or_(EmailChange.ended_at.is_not(None), EmailChange.asked_at <= clock.now() - KEPT)
    session.execute(sa.delete(EmailChange).where(old))
