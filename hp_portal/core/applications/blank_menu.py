"""Why the Applications menu is blank, and who can change that."""

from __future__ import annotations

import enum

from hp_portal import scopes
from hp_portal.core.applications.menu import plugins
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.database import PortalSession


class Blank(enum.StrEnum):
    """What has to change first before an application can be opened."""

    NOT_VALIDATED = "not validated"
    NOTHING_ENABLED = "nothing enabled"
    NOT_GIVEN = "not given"


def why_blank(actor: Actor) -> Blank:
    """The first reason for which a person of an organization can open no application."""
    if not actor.validated:
        return Blank.NOT_VALIDATED
    if not any(application.key in actor.enabled for application in plugins().applications):
        return Blank.NOTHING_ENABLED
    return Blank.NOT_GIVEN


def delegate_names(session: PortalSession, actor: Actor) -> list[str]:
    """The delegates of the actor's own organization, by name; nobody for the payer's staff."""
    if actor.organization_id is None:
        return []
    with scopes.whole(session, "the delegates of the person's own organization"):
        return [one.name for one in delegates_of(session, [actor.organization_id])]
