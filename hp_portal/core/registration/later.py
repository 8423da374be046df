"""The e-mail address of somebody who proved a payment first: theirs once the link to it was followed, and told of to nobody else.

Until then the account has none (`core/identity/unconfirmed.py`). So whether an address is taken is told by e-mail to whoever
reads it, and by no page. Needs a whole scope; the caller commits.
"""

from __future__ import annotations

import secrets

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.accounts import by_name
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.people.accounts import NameTaken
from hp_portal.core.people.changes import tell_change
from hp_portal.core.registration.drafts import check_mails, has_account
from hp_portal.core.registration.facts import address_about
from hp_portal.core.registration.models import Registration
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock


def waits_for_address(session: PortalSession, registration: Registration) -> bool:
    """Has the account no confirmed address yet?"""
    person = session.get(Person, registration.person_id) if registration.person_id else None
    return person is not None and registration.email_confirmed_at is None and is_unconfirmed(person.email)


def ask_to_confirm(session: PortalSession, registration: Registration, token: str) -> None:
    """Send the link that confirms the address, or tell whoever has an account with it that they do. Both are the same work."""
    known = has_account(session, registration.email)
    about = address_about(registration)
    cancel_messages(session, about)
    link = absolute_url("account.sign_in") if known else absolute_url("registration.follow_status", token=token)
    values = {
        "name": registration.name,
        "link": link,
        "forgot": absolute_url("recovery.ask"),
        "state": registration.state,
        "confirmed": False,
    }
    template = "register_known" if known else "registration_made"
    subject = "You have an account already" if known else "Confirm your e-mail address"
    add_message(session, Outgoing(registration.email, template, subject, about, values, secrets=("link",)))


def change_address(session: PortalSession, registration: Registration, email: str, address: str) -> None:
    """Another address, or the same once more: links sent before are dead. Raises TooManyAttempts."""
    check_mails(session, f"registration:{registration.id}", address, email)
    token = secrets.token_urlsafe(32)
    registration.email, registration.status_hash = email, hash_token(token)
    session.flush()
    ask_to_confirm(session, registration, token)
    record(session, "registration.address.changed", registration=registration.id)


def confirm_address(session: PortalSession, registration: Registration) -> None:
    """Whoever reads the mailbox has followed the link in it: from now on it is the account's address, and they are told so, as
    of any other change.

    Raises NameTaken when another account has it by now.
    """
    if registration.email_confirmed_at is not None:
        return
    if waits_for_address(session, registration):
        lock(session, "names of accounts")
        if session.scalar(sa.select(Person.id).where(by_name(registration.email)).limit(1)) is not None:
            raise NameTaken("email")
        person = session.get_one(Person, registration.person_id)
        person.email = registration.email
        session.flush()
        tell_change(session, person, "email-confirmed", registration.email)
    registration.email_confirmed_at = clock.now()
    session.flush()
    record(session, "registration.email.confirmed-later", registration=registration.id)
