"""What delegates do with invitations: who is invited, and how that stands.

Nothing here tells a delegate whether an address has an account in another organization. Read in the scope of the organization;
the caller commits, as for every verb.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.holding import ChangedMeanwhile, held_organization
from hp_portal.core.delegates.models import ACCEPTED, CANCELED, DECLINED, Invitation
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.delivery.states import MessageState, messages_about
from hp_portal.core.identity.actor import Actor, hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts, check_attempts, count_failure
from hp_portal.core.people.ended import hold_going_on
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession
from hp_portal.hookspecs import Application
from hp_portal.scopes import whole
from hp_portal.settings import Settings

OPEN, EXPIRED = "open", "expired"
LABELS = {
    OPEN: "Open",
    EXPIRED: "Expired",
    ACCEPTED: "Accepted",
    CANCELED: "Canceled",
    DECLINED: "Declined",
}
# So often an organization may write to one address, and so many invitations it may send in all.
TO_ADDRESS_A_DAY, TO_ADDRESS, IN_DAYS, A_DAY = 3, 10, dt.timedelta(days=30), 100
DAY = dt.timedelta(days=1)
LISTED = 100
SHOWN = dt.timedelta(days=60)
"""How long those are listed that have ended."""


class Unfinished(Exception):
    """The organization's own registration is not finished, or it is on trial: nobody is invited to it yet."""


class HasAccount(Exception):
    """Somebody of the own organization has this e-mail address."""

    def __init__(self, person_id: int) -> None:
        super().__init__("this address has an account here")
        self.person_id = person_id


class InvitedAlready(Exception):
    """An invitation to this address has not ended; `by` invited, when."""

    def __init__(self, invitation_id: int, by: str) -> None:
        super().__init__("this address is invited")
        self.invitation_id = invitation_id
        self.by = by


@dataclass(frozen=True)
class Wanted:
    """Whom a delegate invites, as what, and the keys of the applications that are given once it is accepted."""

    name: str
    email: str
    applications: tuple[str, ...] = ()
    delegate: bool = False


@dataclass(frozen=True)
class Invited:
    """An invitation as delegates read it. `state` is a key of `LABELS`; `by` the inviter's name, empty for one who is not of the
    organization anymore; `orphaned`: it has expired since the inviter is no delegate anymore."""

    id: int
    name: str
    email: str
    delegate: bool
    by: str
    sent_at: dt.datetime
    expires_at: dt.datetime
    ended_at: dt.datetime | None
    person_id: int | None
    state: str
    orphaned: bool
    applications: tuple[str, ...] = ()
    sent: MessageState | None = field(default=None, compare=False)

    @property
    def label(self) -> str:
        """The state in a word."""
        return LABELS[self.state]


def about_invitation(invitation_id: int) -> str:
    """What the messages about an invitation are about."""
    return f"invitation:{invitation_id}"


def keys_of(invitation: Invitation) -> tuple[str, ...]:
    """The keys of the applications that are given once it is accepted."""
    return tuple(filter(None, invitation.applications.split(",")))


def may_invite(inviter: Person | None, organization_id: int) -> bool:
    """Does an invitation in this person's name hold?"""
    return (
        inviter is not None
        and inviter.is_delegate
        and inviter.deactivated_at is None
        and inviter.organization_id == organization_id
    )


def state_of(invitation: Invitation, inviter: Person | None) -> str:
    """How an invitation stands: a key of `LABELS`."""
    if invitation.outcome is not None:
        return invitation.outcome
    holds = invitation.expires_at > clock.now() and may_invite(inviter, invitation.organization_id)
    return OPEN if holds else EXPIRED


def _as_read(invitation: Invitation, inviter: Person | None, sent: MessageState | None = None) -> Invited:
    state = state_of(invitation, inviter)
    return Invited(
        invitation.id,
        invitation.name,
        invitation.email,
        invitation.delegate,
        inviter.name if inviter is not None else "",
        invitation.sent_at,
        invitation.expires_at,
        invitation.ended_at,
        invitation.person_id,
        state,
        state == EXPIRED and not may_invite(inviter, invitation.organization_id),
        keys_of(invitation),
        sent,
    )


def _select() -> sa.Select[Invitation, Person]:
    inviter = aliased(Person)
    return sa.select(Invitation, inviter).outerjoin(inviter, inviter.id == Invitation.invited_by_id)


def list_invitations(session: PortalSession) -> list[Invited]:
    """Those that have not ended, and those that have ended lately: the newest first, in the session's scope."""
    shown = sa.or_(Invitation.ended_at.is_(None), Invitation.ended_at > clock.now() - SHOWN)
    newest = Invitation.ended_at.is_not(None), Invitation.sent_at.desc(), Invitation.id.desc()
    rows = session.execute(_select().where(shown).order_by(*newest).limit(LISTED)).all()
    with whole(session, "messages to those who are invited"):
        sent = {row.id: messages_about(session, about_invitation(row.id)) for row, _ in rows if row.ended_at is None}
    return [_as_read(row, inviter, next(iter(sent.get(row.id, ())), None)) for row, inviter in rows]


def count_waiting(session: PortalSession) -> int:
    """How many have not ended, in the session's scope."""
    return session.scalar(sa.select(sa.func.count(Invitation.id)).where(Invitation.ended_at.is_(None))) or 0


def find_invitation(session: PortalSession, invitation_id: int) -> Invitation | None:
    """An invitation of the session's organization, or None."""
    return session.scalars(sa.select(Invitation).where(Invitation.id == invitation_id)).one_or_none()


def matching(session: PortalSession, which: sa.ColumnElement[bool]) -> list[Invited]:
    """Those that have not ended and of which this is true, in the session's scope."""
    rows = session.execute(_select().where(Invitation.ended_at.is_(None), which).order_by(Invitation.id).limit(LISTED))
    return [_as_read(row, inviter) for row, inviter in rows.all()]


def open_invitations_of(session: PortalSession, organization_id: int) -> list[Invited]:
    """Those of an organization that have not ended, for the payer's staff."""
    return matching(session, Invitation.organization_id == organization_id)


def _hold_finished(session: PortalSession, organization_id: int) -> None:
    """An organization that is validated and goes on. Raises OrganizationEnded, or Unfinished: whoever has proved nothing yet
    writes to nobody in the payer's name."""
    organization = hold_going_on(session, organization_id)
    if organization.validated_at is None or organization.provisional:
        raise Unfinished


def _count_message(session: PortalSession, actor: Actor, email: str) -> None:
    """Count one message more to an address. Raises TooManyAttempts."""
    to, of = f"to:{email} of:{actor.organization_id}", f"of:{actor.organization_id}"
    for subject, most in ((to, TO_ADDRESS_A_DAY), (of, A_DAY)):
        check_attempts(session, "invitation", subject, limit=most, window=DAY)
        count_failure(session, "invitation", subject)
    lately = sa.select(sa.func.sum(Invitation.sent)).where(
        Invitation.organization_id == actor.organization_id,
        Invitation.email == email,
        Invitation.sent_at > clock.now() - IN_DAYS,
    )
    if (session.scalar(lately) or 0) >= TO_ADDRESS:
        raise TooManyAttempts(IN_DAYS)


def send_link(
    session: PortalSession, settings: Settings, by: Person, organization_name: str, invitation: Invitation
) -> None:
    """A new link, in a delegate's name; the one before is dead."""
    token, now = secrets.token_urlsafe(32), clock.now()
    invitation.token_hash, invitation.invited_by_id = hash_token(token), by.id
    invitation.sent_at, invitation.expires_at = now, now + dt.timedelta(days=settings.invitation_days)
    invitation.sent += 1
    session.add(invitation)
    session.flush()
    about = about_invitation(invitation.id)
    cancel_messages(session, about)
    values = {
        "name": invitation.name,
        "delegate": by.name,
        "organization": organization_name,
        "as_delegate": invitation.delegate,
        "link": absolute_url("invitation.follow_link", token=token),
        "days": settings.invitation_days,
    }
    subject = f"{by.name} invites you to the provider portal"
    add_message(session, Outgoing(invitation.email, "invitation", subject, about, values, secrets=("link",)))


def invite(
    session: PortalSession, settings: Settings, actor: Actor, allowed: Collection[Application], wanted: Wanted
) -> Invitation:
    """Invite somebody to the actor's organization. Of the applications those count that are `allowed`: that delegates may give.

    Raises HasAccount, InvitedAlready, TooManyAttempts, OrganizationEnded, Unfinished, or ChangedMeanwhile.
    """
    email = wanted.email.strip().lower()
    with held_organization(session, actor):
        here = Person.organization_id == actor.organization_id, Person.email == email
        if (person_id := session.scalar(sa.select(Person.id).where(*here))) is not None:
            raise HasAccount(person_id)
        same = Invitation.organization_id == actor.organization_id, Invitation.email == email
        if found := matching(session, sa.and_(*same)):
            raise InvitedAlready(found[0].id, found[0].by)
        _hold_finished(session, actor.organization_id or 0)
        _count_message(session, actor, email)
        keys = {one.key for one in allowed}
        invitation = Invitation(
            organization_id=actor.organization_id,
            name=wanted.name,
            email=email,
            applications=",".join(key for key in wanted.applications if key in keys),
            delegate=wanted.delegate,
            made_at=clock.now(),
            sent=0,
        )
        send_link(session, settings, session.get_one(Person, actor.person_id), actor.organization_name, invitation)
        record(session, "delegates.invitation.made", invitation=invitation.id, delegate=wanted.delegate)
    return invitation


def _hold_waiting(session: PortalSession, invitation: Invitation) -> None:
    """Read anew an invitation that nobody else decides about now. Raises ChangedMeanwhile when it has ended."""
    session.refresh(invitation)
    if invitation.ended_at is not None:
        raise ChangedMeanwhile


def send_again(session: PortalSession, settings: Settings, actor: Actor, invitation: Invitation) -> None:
    """Send another link for as many days, also when the one before has expired; the actor invites from now on.

    Raises ChangedMeanwhile when it has ended, TooManyAttempts, OrganizationEnded, or Unfinished.
    """
    with held_organization(session, actor):
        _hold_waiting(session, invitation)
        _hold_finished(session, invitation.organization_id)
        _count_message(session, actor, invitation.email)
        send_link(session, settings, session.get_one(Person, actor.person_id), actor.organization_name, invitation)
        record(session, "delegates.invitation.repeated", invitation=invitation.id)


def cancel(session: PortalSession, actor: Actor, invitation: Invitation) -> None:
    """Take an invitation back: its link is dead, and whoever was invited is told. Raises ChangedMeanwhile when it has ended."""
    with held_organization(session, actor):
        _hold_waiting(session, invitation)
        holds = state_of(invitation, session.get(Person, invitation.invited_by_id)) == OPEN
        end(session, invitation, CANCELED, by_id=actor.person_id)
        record(session, "delegates.invitation.canceled", invitation=invitation.id)
        if holds:
            values = {"name": invitation.name, "delegate": actor.display_name, "organization": actor.organization_name}
            subject = "Your invitation to the provider portal was canceled"
            about = f"{about_invitation(invitation.id)}:canceled"
            add_message(session, Outgoing(invitation.email, "invitation_canceled", subject, about, values))


def end(
    session: PortalSession,
    invitation: Invitation,
    outcome: str,
    *,
    by_id: int | None = None,
    person_id: int | None = None,
) -> None:
    """An invitation that is held ends; its link is dead, and a message that has not left is not sent."""
    cancel_messages(session, about_invitation(invitation.id))
    invitation.ended_at, invitation.outcome = clock.now(), outcome
    invitation.ended_by_id, invitation.person_id = by_id, person_id
    session.flush()
