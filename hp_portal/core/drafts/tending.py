"""What happens to drafts by itself: a warning, the end, and a colleague when somebody leaves. All of it needs a whole scope."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record, set_who
from hp_portal.core.cases.office import who_can_see
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.drafts.keeping import about_draft, remove_draft
from hp_portal.core.drafts.kinds import find_kind
from hp_portal.core.drafts.listing import ends_at
from hp_portal.core.drafts.models import Draft
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.web.formats import show_count, show_day
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.draft_kinds import DraftKind
from hp_portal.settings import Settings

EMPTY = dt.timedelta(days=1)
"""A draft in which nothing was saved goes after a day."""


def tend_drafts(session: PortalSession, settings: Settings) -> None:
    """Warn of drafts that end soon, and delete those that are over. Commits each."""
    now = clock.now()
    warned = dt.timedelta(days=settings.draft_days - settings.draft_warning_days)
    sent = Draft.sent_at <= now - dt.timedelta(days=settings.draft_days)
    empty = sa.and_(Draft.saved_at.is_(None), Draft.started_at <= now - EMPTY)
    due = sa.or_(sent, empty, sa.and_(Draft.sent_at.is_(None), Draft.saved_at <= now - warned))
    for draft_id in session.scalars(sa.select(Draft.id).where(due).order_by(Draft.id)).all():
        session.rollback()
        lock(session, f"draft:{draft_id}")
        wanted = sa.select(Draft).where(Draft.id == draft_id, due).execution_options(populate_existing=True)
        draft = session.scalars(wanted).one_or_none()
        if draft is not None:
            _tend(session, settings, draft)
        session.commit()


def _tend(session: PortalSession, settings: Settings, draft: Draft) -> None:
    before = get_who(session)
    set_who(session, Who(None, draft.organization_id, None, before.request_id, before.address))
    try:
        if draft.sent_at is not None or draft.saved_at is None:
            remove_draft(session, draft, "draft.tidied")
        elif draft.warned_at is None:
            _warn(session, settings, draft)
        elif ends_at(settings, draft) <= clock.now():
            remove_draft(session, draft, "draft.expired")
    finally:
        set_who(session, before)


def _warn(session: PortalSession, settings: Settings, draft: Draft) -> None:
    """Tell whose draft it is, or else the delegates, when it is deleted. What is in it is not told."""
    draft.warned_at = clock.now()
    session.flush()
    kind = find_kind(draft.kind)
    until = show_day(ends_at(settings, draft), settings.payer.zone)
    record(session, "draft.warned", draft=draft.id, kind=draft.kind)
    if kind is None:
        return
    for one in _readers(session, draft, kind):
        values = {"name": one.name, "label": kind.label, "until": until, "link": absolute_url("drafts.own")}
        subject = f"Your draft “{kind.label}” will be deleted on {until}"
        add_message(session, Outgoing(one.email, "draft_ends", subject, about_draft(draft.id), values))


def _readers(session: PortalSession, draft: Draft, kind: DraftKind) -> list[Person]:
    person = session.get_one(Person, draft.person_id)
    if person.deactivated_at is None and person.organization_id == draft.organization_id:
        own = who_can_see(session, reachable([person]), kind)
        if own:
            return own
    return who_can_see(session, reachable(delegates_of(session, [draft.organization_id])), kind)


def hand_over_drafts(session: PortalSession, person_id: int, to: Person) -> list[str]:
    """Somebody has left an organization: their drafts go to a colleague of it, or those that the colleague may not see to a
    delegate who may; without one they stay with the organization. In words, what went to whom."""
    wanted = sa.select(Draft).where(
        Draft.person_id == person_id, Draft.organization_id == to.organization_id, Draft.sent_at.is_(None)
    )
    delegates = [one for one in delegates_of(session, [to.organization_id]) if one.id != person_id]
    went: dict[str, int] = {}
    for draft in session.scalars(wanted.order_by(Draft.id)).all():
        kind = find_kind(draft.kind)
        who = who_can_see(session, [to, *delegates], kind) if kind else []
        if not who:
            continue
        draft.person_id = who[0].id
        session.flush()
        record(session, "draft.handed", draft=draft.id, kind=draft.kind, to=who[0].id)
        if draft.saved_at is not None:
            words = "" if who[0] is to else f", which {who[0].name} has now"
            went[words] = went.get(words, 0) + 1
    return [f"{show_count(count, 'draft')}{words}" for words, count in went.items()]
