"""The worker begins access reviews, and reminds delegates of those that are open. Everything needs a whole scope."""

from __future__ import annotations

import calendar
import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.delegates.models import AccessReview
from hp_portal.core.delegates.reviewing import about_review
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.seeing import who_sees
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

SOON, AGAIN = dt.timedelta(days=14), dt.timedelta(days=7)
"""So long before it is due delegates are reminded, and so often once it is overdue."""
REST = dt.timedelta(days=30)
"""At least so long lies between a review that was signed late and the next."""
_SUBJECTS = {
    "start": "Review who has access to your data",
    "soon": "Your access review is due in two weeks",
    "due": "Your access review is due",
    "late": "Your access review is overdue",
}


def months_after(moment: dt.datetime, months: int) -> dt.datetime:
    """The same day so many months later, or the last day of that month."""
    year, month = divmod(moment.month - 1 + months, 12)
    year, month = moment.year + year, month + 1
    return moment.replace(year=year, month=month, day=min(moment.day, calendar.monthrange(year, month)[1]))


def go_on_with_reviews(session: PortalSession, settings: Settings) -> None:
    """Begin what is due, and remind of what is open; neither where no months are set. Commits after each."""
    if not settings.access_review_months:
        return
    for organization_id in _due(session, settings):
        _begin(session, settings, organization_id)
        session.commit()
    for review_id in session.scalars(_open_ones().with_only_columns(AccessReview.id)).all():
        _remind(session, settings, review_id)
        session.commit()


def _open_ones() -> sa.Select[AccessReview]:
    return (
        sa.select(AccessReview)
        .join(Organization, Organization.id == AccessReview.organization_id)
        .where(AccessReview.signed_at.is_(None), Organization.ended_at.is_(None))
        .order_by(AccessReview.id)
    )


def _more_than_one() -> sa.ColumnElement[bool]:
    """A condition on Organization: there is somebody to review beside one person, or a billing organization."""
    own, theirs, biller = aliased(Grant), aliased(Grant), aliased(Organization)
    own_payee, payee = aliased(Payee), aliased(Payee)
    people = (
        sa.select(sa.func.count(Person.id))
        .where(Person.organization_id == Organization.id, Person.deactivated_at.is_(None), sa.not_(Person.is_staff))
        .correlate(Organization)
    )
    billing = (
        sa.select(theirs.id)
        .join(payee, payee.id == theirs.payee_id)
        .join(biller, biller.id == theirs.organization_id)
        .join(own_payee, own_payee.tin_hash == payee.tin_hash)
        .join(own, own.payee_id == own_payee.id)
        .where(
            own.organization_id == Organization.id,
            own.is_open(),
            theirs.is_open(),
            theirs.organization_id != Organization.id,
            biller.audience == Audience.BILLING,
        )
        .correlate(Organization)
    )
    return sa.or_(people.scalar_subquery() > 1, sa.exists(billing))


def _due(session: PortalSession, settings: Settings) -> list[int]:
    """The organizations whose next review begins now."""
    has_delegate = sa.exists().where(
        Person.organization_id == Organization.id, Person.is_delegate, Person.deactivated_at.is_(None)
    )
    rows = session.execute(
        sa.select(
            Organization.id,
            Organization.validated_at,
            sa.func.max(AccessReview.started_at),
            sa.func.max(AccessReview.signed_at),
            sa.func.count(AccessReview.id) - sa.func.count(AccessReview.signed_at),
        )
        .outerjoin(AccessReview, AccessReview.organization_id == Organization.id)
        .where(
            Organization.validated_at.is_not(None),
            Organization.ended_at.is_(None),
            sa.not_(Organization.provisional),
            has_delegate,
            _more_than_one(),
        )
        .group_by(Organization.id, Organization.validated_at)
        .order_by(Organization.id)
    )
    now, due = clock.now(), []
    for organization_id, validated_at, started_at, signed_at, waiting in rows:
        begins = months_after(started_at or validated_at or now, settings.access_review_months)
        if signed_at is not None:
            begins = max(begins, signed_at + REST)
        if not waiting and begins <= now:
            due.append(organization_id)
    return due


def _begin(session: PortalSession, settings: Settings, organization_id: int) -> None:
    """Begin a review, unless one delegate alone is all there is to review."""
    lock(session, f"delegates of {organization_id}")
    wanted = sa.select(AccessReview.id).where(
        AccessReview.organization_id == organization_id, AccessReview.signed_at.is_(None)
    )
    seen = who_sees(session, organization_id, with_use=False)
    if session.scalar(wanted) is not None or len(seen.people) + len(seen.billing) < 2:
        return
    now = clock.now()
    due = now + dt.timedelta(days=settings.access_review_days)
    review = AccessReview(organization_id=organization_id, started_at=now, due_at=due, told="start", told_at=now)
    session.add(review)
    session.flush()
    _record(session, "delegates.access-review.begun", review)
    _tell(session, settings, review)


def _record(session: PortalSession, event: str, review: AccessReview, **more: object) -> None:
    """An event of the organization's own that nobody of it did."""
    who = Who(organization_id=review.organization_id, request_id=get_who(session).request_id)
    record(session, event, reason="", who=who, review=review.id, **more)


def _next(review: AccessReview) -> str:
    """What delegates are to be told now; empty: nothing."""
    now = clock.now()
    if now >= review.due_at:
        if review.told in ("due", "late"):
            return "late" if now >= review.told_at + AGAIN else ""
        return "due"
    soon = review.due_at - SOON
    return "soon" if review.told == "start" and review.started_at < soon <= now else ""


def _remind(session: PortalSession, settings: Settings, review_id: int) -> None:
    review = session.get_one(AccessReview, review_id)
    lock(session, f"delegates of {review.organization_id}")
    session.refresh(review)
    what = _next(review) if review.signed_at is None else ""
    if not what:
        return
    review.told, review.told_at = what, clock.now()
    session.flush()
    _record(session, "delegates.access-review.reminded", review, what=what)
    _tell(session, settings, review)


def _tell(session: PortalSession, settings: Settings, review: AccessReview) -> None:
    organization = session.get_one(Organization, review.organization_id)
    values = {
        "what": review.told,
        "delegate": "",
        "organization": organization.name,
        "due": show_day(review.due_at, settings.payer.zone),
        "ended": [],
        "kept": 0,
        "link": absolute_url("access_review.index"),
    }
    for person in reachable(delegates_of(session, [organization.id])):
        shown = {**values, "name": person.name}
        message = Outgoing(person.email, "access_review", _SUBJECTS[review.told], about_review(review.id), shown)
        add_message(session, message)


def overdue() -> sa.Select[AccessReview]:
    """The reviews that nobody signed in time, of organizations that go on."""
    return _open_ones().where(AccessReview.due_at <= clock.now())


def count_overdue(session: PortalSession) -> int:
    """How many of them there are."""
    return session.scalar(sa.select(sa.func.count()).select_from(overdue().subquery())) or 0
