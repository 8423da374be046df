"""The name and e-mail address of an account, corrected by a delegate of its organization. The caller commits.

The user name stays. Nobody's address is changed behind their back: the new one counts once a link that is sent there is
followed, and the person is told at the address they have, with a way to say that it was not theirs. An account that serves
several organizations is its owner's alone: what it is called there is no business of this one's delegates.
"""

from __future__ import annotations

from hp_portal.core.audit.record import record
from hp_portal.core.delegates.holding import ChangedMeanwhile, NoAddress, OwnAccount, SharedAccount, held, tell
from hp_portal.core.identity.accounts import hold_account, is_shared
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed
from hp_portal.core.people import email_changes
from hp_portal.core.people.changes import tell_change
from hp_portal.database import PortalSession


def _check(session: PortalSession, actor: Actor, person: Person) -> None:
    """The account is held. Raises OwnAccount, ChangedMeanwhile for a deactivated one, or SharedAccount."""
    if person.id == actor.person_id:
        raise OwnAccount
    hold_account(session, person)
    if person.deactivated_at is not None:
        raise ChangedMeanwhile
    if is_shared(session, person):
        raise SharedAccount


def rename(session: PortalSession, actor: Actor, person: Person, name: str, *, known: str) -> bool:
    """Call somebody by another name, and tell them; False when it is the one they have. `known` is the name as the delegate
    saw it.

    Raises ChangedMeanwhile when it is another one now, OwnAccount, or SharedAccount.
    """
    with held(session, actor, person):
        _check(session, actor, person)
        before = person.name
        if name == before:
            return False
        if known != before:
            raise ChangedMeanwhile
        person.name = name
        session.flush()
        record(session, "people.person.renamed", person=person.id, before=before)
        tell(session, actor, person, "renamed", before=before)
    return True


def ask_for_email(session: PortalSession, actor: Actor, person: Person, email: str) -> bool:
    """Send a link to another address of somebody, and tell them at the one they have; False when it is that one.

    Whoever asks cannot tell whether an account has the new address. Raises NoAddress for somebody who has not confirmed any yet,
    TooManyAttempts, OwnAccount, ChangedMeanwhile, or SharedAccount.
    """
    email = email.strip().lower()
    with held(session, actor, person):
        _check(session, actor, person)
        if is_unconfirmed(person.email):
            raise NoAddress
        if email == person.email:
            return False
        email_changes.ask_for(session, person, email)
        record(session, "people.email.asked", person=person.id)
        tell_change(
            session, person, "email-asked", f"{actor.display_name} entered {email}, where a link has to be followed"
        )
    return True
