"""Attestations for tests."""

from __future__ import annotations

from hp_portal import clock
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.attesting.cases import NOT_RIGHT
from hp_portal_plugins.profiles.attesting.models import Attestation, AttestationDue, Contradiction, NotRight
from hp_portal_plugins.profiles.hiding import HiddenSpan
from tests.support.cases import portal_case
from tests.support.signing import signature


def attested(session: PortalSession, organization: Organization, person_id: int, affiliation_id: int) -> Attestation:
    """Somebody has attested something, left a line out, and is hidden all the same: added and flushed."""
    day = clock.now().date()
    case = portal_case(session, organization, NOT_RIGHT.key, "done", ended_at=clock.now())
    row = Attestation(
        organization_id=organization.id,
        person_id=person_id,
        as_of=day,
        attested_at=clock.now(),
        signature_id=signature(session, organization, about=f"profiles.attestation:{organization.id}").id,
        practitioners=1,
        locations=1,
        left_out=1,
    )
    session.add_all(
        [
            row,
            AttestationDue(organization_id=organization.id, due_on=day),
            NotRight(organization_id=organization.id, affiliation_id=affiliation_id, case_id=case.id),
            HiddenSpan(organization_id=organization.id, since=day, until=day),
        ]
    )
    session.flush()
    return row


def contradicted(session: PortalSession, payee_id: int, location_id: int, words: str) -> Contradiction:
    """Somebody has told what speaks against a location: added and flushed."""
    row = Contradiction(
        payee_id=payee_id,
        location_id=location_id,
        npi="",
        kind="claims",
        words=words,
        place="",
        source="Claims",
        seen_on=clock.now().date(),
        told_at=clock.now(),
        token=f"{words} {location_id}"[:64],
    )
    session.add(row)
    session.flush()
    return row
