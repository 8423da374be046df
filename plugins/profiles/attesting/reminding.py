"""The clock of attestations: every organization has a due date, is reminded of it, told when it is over, and then hidden."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import sqlalchemy as sa

from hp_portal.api import (
    Audience,
    Grant,
    Job,
    Organization,
    Outgoing,
    Person,
    PortalSession,
    absolute_url,
    add_message,
    now,
    record,
    settings,
    show_date,
    today,
)

from ..hiding import HiddenSpan
from ..record.facts import holding
from ..record.models import Affiliation, Location
from .acting import plugin_settings
from .models import AttestationDue

BEFORE = (30, 14, 3)
"""So many days before the due date somebody is reminded."""
_OVER = 0


def keep_clock(session: PortalSession) -> None:
    """The job. Commits nothing."""
    day = today(settings().payer.zone)
    _begin(session, day)
    rows = session.execute(
        sa.select(AttestationDue, Organization.name)
        .join(Organization, Organization.id == AttestationDue.organization_id)
        .where(Organization.ended_at.is_(None), AttestationDue.due_on <= day + dt.timedelta(days=BEFORE[0]))
        .order_by(AttestationDue.id)
    ).all()
    attesting = set(session.scalars(_with_locations(day)))
    for due, name in rows:
        if due.organization_id not in attesting:
            _rest(session, due, day)
            continue
        _remind(session, due, name, day)
        _hide(session, due, day)


def _with_locations(day: dt.date) -> sa.Select[int]:
    """The organizations that have something to attest: a location that is not closed, or somebody who works at one that is."""
    open_grant = sa.and_(Grant.ended_at.is_(None), sa.or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
    closed = sa.select(holding("location", "standing", day, value=["closed"]).subquery().c.subject)
    busy = sa.select(Affiliation.location_id).where(
        Affiliation.since <= day, sa.or_(Affiliation.until.is_(None), Affiliation.until > day)
    )
    return (
        sa.select(Grant.organization_id)
        .join(Location, Location.payee_id == Grant.payee_id)
        .where(open_grant, sa.or_(Location.id.not_in(closed), Location.id.in_(busy)))
        .distinct()
    )


def _rest(session: PortalSession, due: AttestationDue, day: dt.date) -> None:
    """Nothing is left to attest: nobody is reminded or hidden for that, and once there is something again, all days are left."""
    due.due_on = day + dt.timedelta(days=plugin_settings().attest_days)
    due.reminded = due.noticed_on = None
    spans = sa.select(HiddenSpan).where(HiddenSpan.organization_id == due.organization_id, HiddenSpan.until.is_(None))
    for span in session.scalars(spans):
        span.until = day


def _begin(session: PortalSession, day: dt.date) -> None:
    """A due date for every provider organization that has something to attest and none yet."""
    wanted = sa.select(Organization.id).where(
        Organization.id.in_(_with_locations(day)),
        Organization.id.not_in(sa.select(AttestationDue.organization_id)),
        Organization.audience != Audience.BILLING,
        Organization.ended_at.is_(None),
    )
    due_on = day + dt.timedelta(days=plugin_settings().attest_days)
    for organization_id in session.scalars(wanted).all():
        session.add(AttestationDue(organization_id=organization_id, due_on=due_on))
    session.flush()


def _remind(session: PortalSession, due: AttestationDue, name: str, day: dt.date) -> None:
    left = (due.due_on - day).days
    stage = _OVER if left < 0 else min((one for one in BEFORE if left <= one), default=None)
    # A stage that was missed, as the worker stood still, is not made up for once a later one has come.
    if stage is None or (due.reminded is not None and due.reminded <= stage):
        return
    due.reminded = stage
    hides = plugin_settings().hidden_after_days
    hidden_on = day + dt.timedelta(days=hides) if stage == _OVER and hides else None
    if stage == _OVER:
        due.noticed_on = day
    for person in _whom(session, due):
        subject = f"Confirm your practitioners and locations by {show_date(due.due_on)}"
        values = {
            "name": person.name,
            "organization": name,
            "due": show_date(due.due_on),
            "overdue": stage == _OVER,
            "hidden_on": show_date(hidden_on) if hidden_on else "",
            "link": absolute_url("profiles.attestation"),
        }
        if stage == _OVER:
            subject = "Your attestation of practitioners and locations is overdue"
        about = f"profiles.attestation:{due.organization_id}"
        add_message(session, Outgoing(person.email, "profiles/mail/attestation_due", subject, about, values))


def _whom(session: PortalSession, due: AttestationDue) -> Sequence[Person]:
    """The responsible person, as long as that is somebody of the organization; else its delegates."""
    of = sa.select(Person).where(Person.organization_id == due.organization_id, Person.deactivated_at.is_(None))
    if due.responsible_id is not None:
        found = session.scalars(of.where(Person.id == due.responsible_id)).all()
        if found:
            return found
    return session.scalars(of.where(Person.is_delegate).order_by(Person.id)).all()


def _hide(session: PortalSession, due: AttestationDue, day: dt.date) -> None:
    """Hide an organization so many days after it was told that it is overdue."""
    days = plugin_settings().hidden_after_days
    if not days or due.noticed_on is None or day < due.noticed_on + dt.timedelta(days=days):
        return
    hidden = sa.select(HiddenSpan.id).where(
        HiddenSpan.organization_id == due.organization_id, HiddenSpan.until.is_(None)
    )
    if session.scalar(hidden) is None:
        session.add(HiddenSpan(organization_id=due.organization_id, since=day))
        session.flush()
        record(session, "profiles.attestation.hidden", organization=due.organization_id)


JOB = Job(
    key="profiles.attestation-clock",
    label="Remind of attestations",
    every=dt.timedelta(hours=1),
    run=keep_clock,
)
