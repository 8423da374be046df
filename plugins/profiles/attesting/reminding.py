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
from ..record.models import Location
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
    for due, name in rows:
        _remind(session, due, name, day)
        _hide(session, due, day)


def _begin(session: PortalSession, day: dt.date) -> None:
    """A due date for every provider organization that has locations on record and none yet."""
    open_grant = sa.and_(Grant.ended_at.is_(None), sa.or_(Grant.ends_at.is_(None), Grant.ends_at > now()))
    with_locations = (
        sa.select(Grant.organization_id).join(Location, Location.payee_id == Grant.payee_id).where(open_grant)
    )
    wanted = sa.select(Organization.id).where(
        Organization.id.in_(with_locations),
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
