"""The drafts of an organization, as its people find them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from flask import url_for
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.drafts.keeping import title_of
from hp_portal.core.drafts.kinds import kinds_for_me
from hp_portal.core.drafts.models import Draft
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.scopes import OrganizationScope, set_scope
from hp_portal.settings import Settings

ON_HOME = 5
LIST = Sorting(
    (
        Column("kind", "Form", Draft.kind),
        Column("title", "For"),
        Column("saved", "Last saved", Draft.saved_at, "date"),
        Column("whose", "Whose"),
        Column("until", "Kept until"),
        Column("deed", "What to do"),
    ),
    default="-saved",
    tie=Draft.id,
)


@dataclass(frozen=True)
class DraftRow:
    """A draft in a list. `until` is when it is deleted unless somebody saves it; `soon`: that was told already, or is near."""

    id: int
    kind: str
    label: str
    title: str
    saved_at: dt.datetime
    saved_by: str
    whose: str
    mine: bool
    until: dt.datetime
    soon: bool
    url: str


def ends_at(chosen: Settings, draft: Draft) -> dt.datetime:
    """When a draft is deleted unless somebody saves it: never before the warning has had its time."""
    saved = draft.saved_at or draft.started_at
    end = saved + dt.timedelta(days=chosen.draft_days)
    warned = draft.warned_at
    return max(end, warned + dt.timedelta(days=chosen.draft_warning_days)) if warned else end


def _visible(kind: str = "") -> sa.Select[Draft, str | None, str | None]:
    """Drafts in which something is saved, of kinds that whoever is signed in may see: who saved each, and whose it is."""
    saver, owner = aliased(Person), aliased(Person)
    known = [key for key in kinds_for_me() if kind in ("", key)]
    return (
        sa.select(Draft, saver.name, owner.name)
        .outerjoin(saver, saver.id == Draft.saved_by_id)
        .outerjoin(owner, owner.id == Draft.person_id)
        .where(Draft.kind.in_(known), Draft.saved_at.is_not(None), Draft.sent_at.is_(None))
    )


def _row(session: PortalSession, actor: Actor, draft: Draft, saver: str | None, owner: str | None) -> DraftRow:
    kind, until = kinds_for_me()[draft.kind], ends_at(settings(), draft)
    left = "Somebody who has left"
    return DraftRow(
        draft.id,
        kind.key,
        kind.label,
        title_of(session, draft),
        draft.saved_at or draft.started_at,
        saver or left,
        owner or left,
        draft.person_id == actor.person_id,
        until,
        until - clock.now() <= dt.timedelta(days=settings().draft_warning_days),
        url_for(kind.endpoint, draft_id=draft.id),
    )


def own_drafts(session: PortalSession, actor: Actor, order: Order) -> Listing[DraftRow]:
    """One page of the drafts of the person's organization that they may see."""
    return page_of(session, _visible(), order, make=lambda found: _row(session, actor, *found))


def drafts_of_kind(session: PortalSession, actor: Actor, kind: str) -> list[DraftRow]:
    """The newest drafts of a kind, on the page where one begins another."""
    found = session.execute(_visible(kind).order_by(Draft.saved_at.desc(), Draft.id.desc()).limit(ON_HOME))
    return [_row(session, actor, *row) for row in found]


def find_own(session: PortalSession, actor: Actor, draft_id: int) -> DraftRow | None:
    """A draft that the person may see, or None."""
    found = session.execute(_visible().where(Draft.id == draft_id)).one_or_none()
    return _row(session, actor, *found) if found else None


@dataclass(frozen=True)
class OnHome:
    """One's own drafts, those first that are deleted first; how many one has, and how many colleagues have."""

    rows: list[DraftRow]
    mine: int = 0
    others: int = 0


def drafts_on_home(session: PortalSession, actor: Actor) -> OnHome:
    """What the home page says of drafts."""
    if actor.organization_id is None or not kinds_for_me():
        return OnHome([])
    # The home page is public, so the gate has set no scope.
    before = session.context.scope
    set_scope(session, OrganizationScope(actor.organization_id))
    try:
        own = _visible().where(Draft.person_id == actor.person_id)
        found = session.execute(own.order_by(Draft.saved_at.desc(), Draft.id.desc()).limit(ON_HOME))
        rows = [_row(session, actor, *row) for row in found]
        mine = sa.case((Draft.person_id == actor.person_id, 1), else_=0)
        counted = _visible().with_only_columns(
            sa.func.count(), sa.func.coalesce(sa.func.sum(mine), 0), maintain_column_froms=True
        )
        total, own_count = session.execute(counted).one()
        return OnHome(rows, own_count, total - own_count)
    finally:
        set_scope(session, before)
