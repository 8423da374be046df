"""What delegates do to accounts of their own organization, done by one of them at a time, and how the person is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hp_portal import scopes
from hp_portal.core.agreements.delegates import accepted_delegates
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

WHY = "a delegate looks after an account of the own organization"


class LastDelegate(Exception):
    """The organization would have no delegate who can sign in."""


class OwnAccount(Exception):
    """Somebody else has to do that: it is one's own account."""


class LockedByOwner(Exception):
    """Its owner has said that a change of the account was not theirs, and staff have not looked into it yet."""


class SharedAccount(Exception):
    """The account serves another organization as well: what opens it is no business of this one's delegates."""


class NoAddress(Exception):
    """The e-mail address of the account is not confirmed, so nothing can be sent to it."""


class ChangedMeanwhile(Exception):
    """It is so already, as another delegate has done it, or the account is in another state now."""


@contextmanager
def held_organization(session: PortalSession, actor: Actor) -> Iterator[None]:
    """For the length of a block no other delegate of the actor's organization decides about its accounts and invitations.

    Raises ChangedMeanwhile when the actor is no delegate anymore.
    """
    with scopes.whole(session, WHY):
        lock(session, f"delegates of {actor.organization_id}")
        if actor.person_id not in {one.id for one in delegates_of(session, [actor.organization_id])}:
            raise ChangedMeanwhile
        yield


@contextmanager
def held(session: PortalSession, actor: Actor, person: Person) -> Iterator[None]:
    """For the length of a block the account, read anew, is decided about by nobody else of the organization.

    Raises ChangedMeanwhile when the actor is no delegate anymore, or the person is not in the actor's organization anymore.
    """
    with held_organization(session, actor):
        session.refresh(person)
        if person.organization_id != actor.organization_id:
            raise ChangedMeanwhile
        yield


def other_delegates(session: PortalSession, settings: Settings, person: Person) -> list[Person]:
    """The delegates of somebody's organization beside them who have accepted to be one. Needs a whole scope."""
    found = accepted_delegates(session, settings, person.organization_id)
    return [one for one in found if one.id != person.id]


def tell(session: PortalSession, actor: Actor, person: Person, what: str, **more: Any) -> None:
    """Tell somebody by e-mail what a delegate has done with their account; `more` is what the words of it need."""
    if is_unconfirmed(person.email):
        return
    values = {
        "name": person.name,
        "username": person.username,
        "delegate": actor.display_name,
        "organization": actor.organization_name,
        "what": what,
        "link": absolute_url("account.sign_in"),
        "contact": absolute_url("pages.contact"),
        **more,
    }
    subject = "Your account for the provider portal"
    add_message(session, Outgoing(person.email, "account_told", subject, f"person:{person.id}", values))
