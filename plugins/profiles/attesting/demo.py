"""What the demo shows of attestations."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal.api import Grant, PortalSession, settings, today

from ..record.facts import holding
from ..record.models import Affiliation, Location
from .contradicting import CLAIMS, OUR_CLAIMS, OUR_STAFF, STAFF, Spoken, speak
from .models import AttestationDue


def load_attestation(session: PortalSession, organization_id: int) -> None:
    """The office has to attest within twelve days; it was reminded, and something speaks against its record."""
    day = today(settings().payer.zone)
    session.add(AttestationDue(organization_id=organization_id, due_on=day + dt.timedelta(days=12), reminded=14))
    active = holding("affiliation", "standing", day, value=["active"]).subquery()
    rows = session.execute(
        sa.select(Affiliation.practitioner_id, Affiliation.location_id, Location.payee_id)
        .join(Location, Location.id == Affiliation.location_id)
        .join(Grant, Grant.payee_id == Location.payee_id)
        .where(Grant.organization_id == organization_id, Affiliation.id.in_(sa.select(active.c.subject)))
        .order_by(Affiliation.id)
        .limit(5)
    ).all()
    if not rows:
        return
    (who, _, payee), (_, where, of_where) = rows[0], rows[-1]
    claims = "Claims come from an address that is not on record"
    nobody = "Members say that nobody answers the telephone"
    seen = [day - dt.timedelta(days=days) for days in (9, 4)]
    speak(
        session,
        [
            Spoken(
                payee, CLAIMS, claims, OUR_CLAIMS, seen[0], practitioner_id=who, place="9 Lantern Street, Sampleville"
            ),
            Spoken(of_where, STAFF, nobody, OUR_STAFF, seen[1], location_id=where),
        ],
    )
