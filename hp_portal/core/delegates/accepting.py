"""What whoever was invited does with the link: looks at the invitation, accepts it, or says no.

The holder of the link reads the mailbox it was sent to, so they are told whether an account has that address. Every verb sees
whatever it needs; the caller commits.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.applications.giving import give_application
from hp_portal.core.applications.matrix import enabled_for
from hp_portal.core.audit.record import Who, get_who, record, set_who
from hp_portal.core.delegates.invitations import EXPIRED, OPEN, about_invitation, end, keys_of, state_of
from hp_portal.core.delegates.models import ACCEPTED, DECLINED, Invitation
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity import passwords
from hp_portal.core.identity.accounts import account_of, by_name, is_open
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import NameTaken, create_person
from hp_portal.core.people.changes import is_disowned
from hp_portal.core.people.ended import OrganizationEnded, hold_going_on
from hp_portal.core.people.memberships import AccountClosed, AlreadyMember, add_membership, find_row
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import Application
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings

ENDED = "ended"
"""The organization has ended: an invitation to it leads nowhere."""
# What account has the address.
NONE, HERE, ELSEWHERE, CLOSED, STAFF = "none", "here", "elsewhere", "closed", "staff"
# Why the account of whoever is signed in does not accept, beside CLOSED there and STAFF.
ANOTHER, LOCKED = "another", "locked"
_WHY = "nobody is known before an invitation is accepted"


class LinkDead(Exception):
    """Nobody was sent this link, or another was sent since."""


class NotOpen(Exception):
    """The invitation has ended, or does not hold: `look` says why."""


class OtherAccount(Exception):
    """An account has the address of the invitation: it is accepted with that one, or not at all. `look` says which it is."""


@dataclass(frozen=True)
class Offer:
    """An invitation as whoever was invited reads it.

    `state`: a key of `LABELS` or `ENDED`. `account`: what account has its address. `own`: how the account of whoever is signed in
    stands to it; HERE and ELSEWHERE accept, and it is empty while nobody is. `applications`: labels of what is given.
    """

    id: int
    name: str
    email: str
    organization: str
    inviter: str
    delegate: bool
    state: str
    account: str
    expires_at: dt.datetime
    own: str = ""
    applications: tuple[str, ...] = field(default=())


def _find(session: PortalSession, token: str) -> Invitation:
    wanted = sa.select(Invitation).where(Invitation.token_hash == hash_token(token))
    found = session.scalars(wanted).one_or_none()
    if found is None:
        raise LinkDead
    return found


def _account_with(session: PortalSession, invitation: Invitation) -> Person | None:
    """The row that holds the account with the address of an invitation."""
    return session.scalars(sa.select(Person).where(by_name(invitation.email))).first()


def _kind(session: PortalSession, invitation: Invitation, account: Person | None) -> str:
    if account is None:
        return NONE
    if account.is_staff or account.organization_id is None:
        return STAFF
    row = find_row(session, account, invitation.organization_id)
    if row is not None:
        return HERE if row.deactivated_at is None else CLOSED
    return ELSEWHERE if is_open(session, account) else CLOSED


def _own(session: PortalSession, invitation: Invitation, account: Person) -> str:
    """How an account that is signed in stands to an invitation: it accepts when it is HERE or ELSEWHERE."""
    kind, with_address = _kind(session, invitation, account), _account_with(session, invitation)
    if kind == STAFF:
        return STAFF
    if with_address is not None and with_address.id != account.id:
        return ANOTHER
    return LOCKED if kind != CLOSED and is_disowned(session, account.id) else kind


@in_whole(_WHY)
def look(
    session: PortalSession,
    settings: Settings,
    token: str,
    address: str,
    applications: Sequence[Application] = (),
    actor: Actor | None = None,
) -> Offer:
    """What the link offers; `applications` are those that are installed, `actor` is who is signed in.

    Raises LinkDead, the try counted (the caller commits), or TooManyAttempts.
    """
    if not token:  # no link was followed, so no wrong one
        raise LinkDead
    window, subject = dt.timedelta(minutes=settings.attempts_window_minutes), f"at:{address}"
    check_attempts(session, "invitation-link", subject, limit=settings.attempts_per_address, window=window)
    try:
        found = _find(session, token)
    except LinkDead:
        count_failure(session, "invitation-link", subject)
        raise
    organization = session.get_one(Organization, found.organization_id)
    inviter = session.get(Person, found.invited_by_id)
    state = state_of(found, inviter)
    given = {one.key for one in _given(session, found, organization, applications)}
    account = account_of(session, session.get_one(Person, actor.person_id)) if actor else None
    return Offer(
        found.id,
        found.name,
        found.email,
        organization.name,
        inviter.name if inviter is not None else "",
        found.delegate,
        ENDED if state in (OPEN, EXPIRED) and organization.ended_at is not None else state,
        _kind(session, found, _account_with(session, found)),
        found.expires_at,
        _own(session, found, account) if account else "",
        tuple(one.label for one in applications if one.key in given),
    )


def _given(
    session: PortalSession, invitation: Invitation, organization: Organization, applications: Sequence[Application]
) -> list[Application]:
    """Those of the invitation's applications that are still installed and enabled for the organization."""
    enabled, keys = enabled_for(session, Audience(organization.audience)), keys_of(invitation)
    return [one for one in applications if one.key in keys and one.key in enabled]


def _hold(session: PortalSession, token: str) -> tuple[Invitation, Organization, Person]:
    """The open invitation, its organization and inviter, decided about by nobody else. Raises LinkDead, or NotOpen."""
    found = _find(session, token)
    lock(session, f"delegates of {found.organization_id}")
    session.refresh(found)
    if found.token_hash != hash_token(token):  # sent again meanwhile
        raise LinkDead
    inviter = session.get_one(Person, found.invited_by_id, populate_existing=True)
    organization = session.get_one(Organization, found.organization_id, populate_existing=True)
    if state_of(found, inviter) != OPEN or organization.ended_at is not None:
        raise NotOpen
    return found, organization, inviter


@contextmanager
def _in_name_of(session: PortalSession, inviter: Person) -> Iterator[None]:
    """What an accepted invitation does, its delegate does. Raises NotOpen or OtherAccount for what has changed just now."""
    before = get_who(session)
    set_who(session, Who(inviter.id, inviter.organization_id, None, before.request_id, before.address))
    try:
        yield
    except OrganizationEnded as error:
        raise NotOpen from error
    except (AccountClosed, AlreadyMember) as error:
        raise OtherAccount from error
    finally:
        set_who(session, before)


@in_whole(_WHY)
def accept_as_new(
    session: PortalSession,
    settings: Settings,
    applications: Sequence[Application],
    token: str,
    *,
    username: str,
    password: str,
) -> Person:
    """An account for whoever has none, with the invitation's address. The agreements are accepted by the caller.

    Raises LinkDead, NotOpen, OtherAccount, WeakPassword, or NameTaken for the user name.
    """
    # A password is checked before anybody waits for a lock.
    first = _find(session, token)
    name = session.get_one(Organization, first.organization_id).name
    about = (username, first.email, first.name, name, *_payer(settings))
    passwords.check_acceptable(password, min_length=settings.password_min_length, about=about)
    hashed = passwords.hash_password(password)
    invitation, organization, inviter = _hold(session, token)
    with _in_name_of(session, inviter):
        try:
            person = create_person(
                session,
                None,
                [],
                organization_id=organization.id,
                name=invitation.name,
                email=invitation.email,
                username=username,
                delegate=invitation.delegate,
            )
        except NameTaken as error:
            if error.field == "email":
                raise OtherAccount from error
            raise
        person.password_hash = hashed
        session.flush()
    _let_in(session, applications, invitation, organization, inviter, person)
    return person


def _payer(settings: Settings) -> tuple[str, ...]:
    return settings.payer.name, settings.payer.short_name, settings.payer.payer_id


@in_whole(_WHY)
def accept_as(session: PortalSession, actor: Actor, applications: Sequence[Application], token: str) -> Person:
    """The actor's account gets the organization of the invitation as well; whoever is of it already, what was offered.

    Raises LinkDead, NotOpen, or OtherAccount: the invitation's address is another account's, or the actor is of our staff, was
    deactivated there, or has locked the account.
    """
    invitation, organization, inviter = _hold(session, token)
    lock(session, "names of accounts")
    account = account_of(session, session.get_one(Person, actor.person_id))
    if _own(session, invitation, account) not in (HERE, ELSEWHERE):
        raise OtherAccount
    person = find_row(session, account, organization.id)
    with _in_name_of(session, inviter):
        if person is None:
            person = add_membership(
                session,
                None,
                [],
                account=account,
                organization_id=organization.id,
                delegate=invitation.delegate,
            )
        elif invitation.delegate and not person.is_delegate:
            hold_going_on(session, organization.id)
            person.is_delegate, person.delegate_since = True, clock.now()
            session.flush()
            record(session, "people.delegate.made", person=person.id)
    _let_in(session, applications, invitation, organization, inviter, person)
    return person


def _let_in(
    session: PortalSession,
    applications: Sequence[Application],
    invitation: Invitation,
    organization: Organization,
    inviter: Person,
    person: Person,
) -> None:
    """The applications, the end of the invitation, and the messages."""
    with _in_name_of(session, inviter):
        for application in _given(session, invitation, organization, applications):
            give_application(session, None, person, application, given_by_id=inviter.id)
    end(session, invitation, ACCEPTED, by_id=person.id, person_id=person.id)
    here = get_who(session)
    who = Who(person.id, organization.id, None, here.request_id, here.address)
    record(session, "delegates.invitation.accepted", who=who, invitation=invitation.id, person=person.id)
    _answer(session, invitation, inviter, ACCEPTED, person)
    values = {
        "name": person.name,
        "username": person.username,
        "organization": organization.name,
        "delegate": inviter.name,
        "as_delegate": invitation.delegate,
        "link": absolute_url("account.sign_in"),
        "contact": absolute_url("pages.contact"),
    }
    subject = f"You are at {organization.name} on the provider portal"
    about = f"{about_invitation(invitation.id)}:accepted"
    # Once to the address of the invitation, and to the account's where it is another.
    for address in dict.fromkeys((invitation.email, *(one.email for one in reachable([person])))):
        add_message(session, Outgoing(address, "invitation_accepted", subject, about, values))


@in_whole(_WHY)
def decline(session: PortalSession, token: str) -> None:
    """Whoever was invited says no: nothing is made, and the inviter is told. Raises LinkDead, or NotOpen."""
    invitation, organization, inviter = _hold(session, token)
    end(session, invitation, DECLINED)
    here = get_who(session)
    who = Who(None, organization.id, None, here.request_id, here.address)
    record(session, "delegates.invitation.declined", who=who, invitation=invitation.id)
    _answer(session, invitation, inviter, DECLINED, None)


def _answer(
    session: PortalSession, invitation: Invitation, inviter: Person, answer: str, person: Person | None
) -> None:
    """Tell the inviter."""
    link = absolute_url("accounts.one", person_id=person.id) if person else absolute_url("accounts.invitations")
    values = {"name": invitation.name, "email": invitation.email, "answer": answer, "link": link}
    subject = f"{invitation.name} has {'accepted' if answer == ACCEPTED else 'declined'} your invitation"
    about = f"{about_invitation(invitation.id)}:answer"
    for one in reachable([inviter]):
        add_message(session, Outgoing(one.email, "invitation_answered", subject, about, values))
