"""When somebody was here before."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import SignIn
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole


@in_whole("one's own sign-ins")
def last_visit(session: PortalSession, actor: Actor) -> dt.datetime | None:
    """When the actor signed in before this time; None for somebody who never has."""
    own = SignIn.person_id == actor.account_id, SignIn.id != actor.sign_in_id, SignIn.created_at < actor.signed_in_at
    return session.scalar(sa.select(sa.func.max(SignIn.created_at)).where(*own))
