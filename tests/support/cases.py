"""Cases of offices, and what staff keep beside them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import Any

from hp_portal import clock
from hp_portal.core.cases.models import Case, CaseView
from hp_portal.core.cases.numbers import draw_number
from hp_portal.core.cases.public_models import (
    EMAIL_HASH,
    FORM_VALUES,
    SUBMITTER_EMAIL,
    SUBMITTER_NAME,
    SUBMITTER_TELEPHONE,
    CaseForm,
    CasePass,
    CaseSubmitter,
)
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.cases import KIND
from hp_portal.core.tax_ids.models import TaxIdCase
from hp_portal.database import Base, PortalSession

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


def public_rows(session: PortalSession, case_id: int) -> Iterator[Base]:
    """What there is of people without an account: a form that waits, who sent this case in, and a link to it; not yet added."""
    now, token = clock.now(), secrets.token_hex(16)
    yield CaseForm(
        kind="sample.case",
        token=token,
        values_sealed=session.vault.seal_text("{}", FORM_VALUES(token)),
        mail_hash=hash_token(token),
        sent_at=now,
    )
    yield CaseSubmitter(
        case_id=case_id,
        token=token,
        name_sealed=session.vault.seal_text("Sam Sample", SUBMITTER_NAME(token)),
        email_sealed=session.vault.seal_text("sam@office.example", SUBMITTER_EMAIL(token)),
        email_hash=session.vault.digest("sam@office.example", EMAIL_HASH),
        telephone_sealed=session.vault.seal_text("218-555-0142", SUBMITTER_TELEPHONE(token)),
        confirmed_at=now,
    )
    yield CasePass(case_id=case_id, token_hash=hash_token(token), made_at=now, expires_at=now, ends_at=now)


def case_view(session: PortalSession, person: Person) -> CaseView:
    """A filter of the staff's queue that somebody has saved, added and flushed."""
    row = CaseView(person_id=person.id, name=secrets.token_hex(4), query="show=mine")
    session.add(row)
    session.flush()
    return row
