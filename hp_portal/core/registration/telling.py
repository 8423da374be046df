"""E-mails about registrations. None names a Tax ID or anything of a payment. Needs a whole scope."""

from __future__ import annotations

from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.organizations.models import Organization
from hp_portal.core.registration.facts import about_registration, asked_about, newcomer_about, news_about
from hp_portal.core.registration.models import (
    BILLING,
    CHECK,
    DECLINED,
    EXPIRED,
    JOIN,
    LEFT,
    MAIL,
    NEW,
    NOTICE,
    OPEN,
    UNLISTED,
    Registration,
)
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

CHALLENGE = "registration_challenge"
WAYS = {
    CHECK: "With a check or an EFT",
    NOTICE: "With a non-payment notice",
    MAIL: "With a PIN by mail",
    UNLISTED: "For a provider that is not listed",
    BILLING: "As a billing organization",
}
OURS = "This is our organization, and nobody who is registered can help: have your staff decide"
ROUTES = {
    JOIN: "Ask the delegates to let me in",
    LEFT: "The person who registered cannot help: register me anyway",
    NEW: "We are another office with the same Tax ID: register us separately",
}
LEFT_REASONS = {
    "left": "They no longer work there",
    "leave": "They are on leave",
    "unknown": "I do not know who they are",
    "other": "Another reason",
}


def _tell_delegates(
    session: PortalSession, settings: Settings, registration: Registration, template: str, subject: str
) -> None:
    organization = session.get_one(Organization, registration.organization_id)
    for delegate in reachable(delegates_of(session, [organization.id])):
        values = {
            "name": registration.name,
            "organization": organization.name,
            "link": absolute_url("registration.join", registration_id=registration.id),
            "until": show_day(registration.due_at, settings.payer.zone),
            "reason": LEFT_REASONS.get(registration.left_reason, ""),
        }
        add_message(session, Outgoing(delegate.email, template, subject, asked_about(registration), values))


def tell_of_join(session: PortalSession, settings: Settings, registration: Registration) -> None:
    """Ask the delegates whether somebody may join."""
    subject = f"{registration.name} asks to join your organization"
    _tell_delegates(session, settings, registration, "registration_join", subject)


def tell_of_more(session: PortalSession, registration: Registration) -> None:
    """Tell the delegates, once, that more people ask than they get messages about."""
    organization = session.get_one(Organization, registration.organization_id)
    values = {"organization": organization.name, "link": absolute_url("registration.joins")}
    for delegate in reachable(delegates_of(session, [organization.id])):
        about, subject = f"registration-joins:{organization.id}", "More people ask to join your organization"
        add_message(session, Outgoing(delegate.email, "registration_joins", subject, about, values))


def tell_of_dispute(session: PortalSession, registration: Registration) -> None:
    """Tell the delegates of a billing organization that somebody says it is theirs, and that staff decide."""
    organization = session.get_one(Organization, registration.organization_id)
    values = {
        "name": registration.name,
        "organization": organization.name,
        "link": absolute_url("registration.join", registration_id=registration.id),
        "reason": LEFT_REASONS.get(registration.left_reason, ""),
    }
    for delegate in reachable(delegates_of(session, [organization.id])):
        subject = f"{registration.name} says that your organization is theirs"
        add_message(
            session, Outgoing(delegate.email, "registration_disputed", subject, asked_about(registration), values)
        )


def tell_of_challenge(session: PortalSession, settings: Settings, registration: Registration) -> None:
    """Tell the delegates that somebody has registered in place of one who is said to have left."""
    subject = f"{registration.name} has registered for your organization"
    _tell_delegates(session, settings, registration, CHALLENGE, subject)


def tell_of_newcomer(session: PortalSession, registration: Registration, person: Person) -> None:
    """Tell the delegates of somebody who has come to their organization without their having said so."""
    organization = session.get_one(Organization, person.organization_id)
    values = {"name": person.name, "organization": organization.name, "delegate": person.is_delegate}
    subject = f"{person.name} has an account in your organization"
    about = newcomer_about(registration)
    for delegate in reachable(delegates_of(session, [organization.id])):
        if delegate.id != person.id:
            outgoing = Outgoing(delegate.email, "registration_newcomer", subject, about, values)
            add_message(session, outgoing)


def welcome(session: PortalSession, registration: Registration, token: str) -> None:
    """Tell the person what becomes of the registration, and where to look."""
    account = registration.person_id is not None
    link = absolute_url("registration.own") if account else absolute_url("registration.follow_status", token=token)
    values = {"name": registration.name, "link": link, "state": registration.state, "confirmed": True}
    subject = "Your registration"
    outgoing = Outgoing(
        registration.email, "registration_made", subject, about_registration(registration), values, secrets=("link",)
    )
    add_message(session, outgoing)


def tell_outcome(session: PortalSession, registration: Registration, *, password: str = "") -> None:
    """Tell the person what was decided, or how it goes on; `password` is a link with which they set their password."""
    account = registration.person_id is not None
    person = session.get(Person, registration.person_id) if account else None
    values = {
        "name": registration.name,
        "state": registration.state,
        "answer": registration.answer,
        "link": password or absolute_url("registration.own" if account else "registration.start"),
        "username": person.username if person and password else "",
    }
    over = registration.state in (OPEN, DECLINED, EXPIRED)
    subject = "Your registration: what was decided" if over else "Your registration: how it goes on"
    outgoing = Outgoing(
        registration.email, "registration_decided", subject, news_about(registration), values, secrets=("link",)
    )
    add_message(session, outgoing)
