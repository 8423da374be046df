"""What staff say that a case of somebody without an account is about: a payee of the payer's record, and an organization that is
linked to the payee, whose people see it among their cases from then on. Needs a whole scope. Nothing here commits.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.case_kinds import CaseKind, CaseRefused
from hp_portal.core.attachments.giving import StillChecked, give_attached
from hp_portal.core.audit.record import record
from hp_portal.core.cases.acting import held
from hp_portal.core.cases.models import Case, CaseEntry
from hp_portal.core.cases.submitters import Submitter, find_submitter, row_of_submitter
from hp_portal.core.cases.telling import about_case
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.finding import find_payees
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession

BUSY = "A file of this case is being checked. Try again in a minute."


class NoSuchPayee(Exception):
    """No payee, or more than one, has what was typed; the text says which, and what to do."""


@dataclass(frozen=True)
class Linked:
    """Who sent a case in without an account, the payee it is about, and the organizations that it can be given to."""

    submitter: Submitter
    payee: Payee | None
    masked_tin: str
    organizations: list[tuple[int, str]]


def linked(session: PortalSession, case: Case, kind: CaseKind) -> Linked | None:
    """What staff see of it; None for a case of somebody with an account."""
    submitter = find_submitter(session, case.id)
    if submitter is None:
        return None
    payee = session.get(Payee, submitter.payee_id) if submitter.payee_id else None
    masked = payee.masked_tin(session) if payee else ""
    return Linked(submitter, payee, masked, _organizations(session, case, kind, submitter.payee_id))


def _organizations(session: PortalSession, case: Case, kind: CaseKind, payee_id: int | None) -> list[tuple[int, str]]:
    """Those that are linked to the payee, and the one that has the case already."""
    if kind.public is None or kind.public.given is None:
        return []
    linked_to = sa.select(Grant.organization_id).where(Grant.payee_id == payee_id, Grant.is_open())
    wanted = sa.select(Organization.id, Organization.name).where(
        sa.or_(
            sa.and_(Organization.id.in_(linked_to), Organization.ended_at.is_(None)),
            Organization.id == case.organization_id,
        )
    )
    rows = session.execute(wanted.order_by(sa.func.lower(Organization.name), Organization.id))
    return [(row.id, row.name) for row in rows]


def link_payee(session: PortalSession, case_id: int, *, tin: str | None, npi: str | None) -> str:
    """Link the case to the payee that has all of what is given, or to none where nothing is; the payee's name, or empty.

    Raises NoSuchPayee, and LookupError for a case of somebody with an account.
    """
    case = held(session, case_id)
    row = row_of_submitter(session, case.id)
    if row is None:
        raise LookupError(case_id)
    found = find_payees(session, tin=tin, npi=npi) if tin or npi else [None]
    if not found:
        raise NoSuchPayee("No payee on record has this Tax ID and NPI.")
    if len(found) > 1:
        raise NoSuchPayee(f"{len(found):,} payees on record have it. Enter both the Tax ID and the NPI.")
    payee = found[0]
    if row.payee_id != (payee.id if payee else None):
        row.payee_id = payee.id if payee else None
        session.flush()
        record(session, "case.linked.payee", case=case.id, payee=row.payee_id)
    return payee.name if payee else ""


def link_organization(session: PortalSession, kind: CaseKind, case_id: int, organization_id: int | None) -> bool:
    """Give the case to an organization that is linked to its payee, or back to the payer (None), with its history and its files;
    False when it has it already. Raises CaseRefused, and LookupError where it cannot be given to it.
    """
    case = held(session, case_id)
    row = row_of_submitter(session, case.id)
    if row is None or kind.public is None or kind.public.given is None:
        raise LookupError(case_id)
    if organization_id is not None and organization_id not in dict(_organizations(session, case, kind, row.payee_id)):
        raise LookupError(organization_id)
    if case.organization_id == organization_id:
        return False
    try:
        give_attached(session, about_case(case.id), organization_id)
    except StillChecked:
        raise CaseRefused(BUSY) from None
    case.organization_id, case.person_id = organization_id, None
    entries = sa.update(CaseEntry).where(CaseEntry.case_id == case.id).values(organization_id=organization_id)
    session.execute(entries.execution_options(synchronize_session=False))
    kind.public.given(session, case.id, organization_id)
    session.flush()
    record(session, "case.linked.organization", case=case.id, organization=organization_id)
    return True
