"""One delegate alone is asked now and then to name a second: who could take over when they are away."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.identity.accounts import hold_own
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole

QUIET = dt.timedelta(days=90)
"""How long the advice stays away once it was put away."""


@in_whole("the delegates of the person's own organization")
def needs_second(session: PortalSession, actor: Actor) -> bool:
    """Is the actor the only delegate, with nobody named or invited to be another, and has not put the advice away lately?"""
    if not actor.is_delegate or not actor.validated or len(delegates_of(session, [actor.organization_id])) != 1:
        return False
    invited = sa.select(Invitation.id).where(
        Invitation.organization_id == actor.organization_id,
        Invitation.delegate,
        Invitation.ended_at.is_(None),
        Invitation.expires_at > clock.now(),
    )
    if session.scalar(invited.limit(1)) is not None:
        return False
    declined = session.get_one(Person, actor.person_id).successor_declined_at
    return declined is None or declined <= clock.now() - QUIET


@in_whole("one's own account")
def put_off(session: PortalSession, actor: Actor) -> None:
    """Not now: the advice comes again after a while. Raises SignInEnded. The caller commits."""
    hold_own(session, actor)
    session.get_one(Person, actor.person_id).successor_declined_at = clock.now()
    session.flush()
    record(session, "delegates.successor.put-off")
