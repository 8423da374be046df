"""Cases of offices, and what staff keep beside them."""

from __future__ import annotations

import secrets
from typing import Any

from hp_portal import clock
from hp_portal.core.cases.models import Case, CaseView
from hp_portal.core.cases.numbers import draw_number
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.cases import KIND
from hp_portal.core.tax_ids.models import TaxIdCase
from hp_portal.database import PortalSession

from .identifiers import make_tin


def portal_case(session: PortalSession, organization: Organization, kind: str, state: str, **values: Any) -> Case:
    """An open case of an organization, added and flushed."""
    now = clock.now()
    given = {"title": "Sample case", "opened_at": now, "changed_at": now, "due_on": now.date()}
    row = Case(organization_id=organization.id, number=draw_number(), kind=kind, state=state, **{**given, **values})
    session.add(row)
    session.flush()
    return row


def tax_id_case(session: PortalSession, organization: Organization) -> TaxIdCase:
    """An office asks for a Tax ID of which it has no payment: added and flushed."""
    row = TaxIdCase(
        case_id=portal_case(session, organization, KIND, "received").id,
        organization_id=organization.id,
        **TaxIdCase.tin_values(session, make_tin(97), token=secrets.token_hex(16)),
        npi="",
        about="The first payment is still to come.",
        phone="952-555-0100",
    )
    session.add(row)
    session.flush()
    return row


def case_view(session: PortalSession, person: Person) -> CaseView:
    """A filter of the staff's queue that somebody has saved, added and flushed."""
    row = CaseView(person_id=person.id, name=secrets.token_hex(4), query="show=mine")
    session.add(row)
    session.flush()
    return row
