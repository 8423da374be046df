"""Objections to links, and Tax IDs at which somebody is guessing, for the payer's staff. Every function needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.models import ENDED, KEPT, LinkNotice, ProofWarning
from hp_portal.database import PortalSession


@dataclass(frozen=True)
class Objection:
    """An organization's objection to the link of another one to its Tax ID. The TIN is masked; `proof` is a key of PROOFS."""

    notice_id: int
    grant_id: int
    organization_id: int
    organization: str
    other_id: int
    other: str
    payee_id: int
    payee: str
    tin: str
    npi: str
    proof: str
    granted_at: dt.datetime
    objected_at: dt.datetime
    objected_by: str
    reason: str


@dataclass(frozen=True)
class Warned:
    """A Tax ID at which wrong payments were named: masked, how often in all and by whom last.

    `first_at` is when staff were warned, `last_at` when it was tried last.
    """

    id: int
    tin: str
    organization_id: int | None
    organization: str
    failed: int
    first_at: dt.datetime
    last_at: dt.datetime


_waiting = (LinkNotice.objected_at.is_not(None), LinkNotice.settled_at.is_(None))


def count_objections(session: PortalSession) -> int:
    """How many objections nobody has decided."""
    return session.scalar(sa.select(sa.func.count(LinkNotice.id)).where(*_waiting)) or 0


def count_warnings(session: PortalSession) -> int:
    """At how many Tax IDs somebody is guessing that nobody has looked at."""
    return session.scalar(sa.select(sa.func.count(ProofWarning.id)).where(ProofWarning.settled_at.is_(None))) or 0


def _objections(session: PortalSession, *where: sa.ColumnElement[bool]) -> list[Objection]:
    own, other = aliased(Organization), aliased(Organization)
    rows = session.execute(
        sa.select(LinkNotice, own.name, other.id, other.name, Payee, Grant, Person.name)
        .join(own, own.id == LinkNotice.organization_id)
        .join(other, other.id == LinkNotice.other_id)
        .join(Payee, Payee.id == LinkNotice.payee_id)
        .join(Grant, Grant.id == LinkNotice.grant_id)
        .outerjoin(Person, Person.id == LinkNotice.objected_by_id)
        .where(*_waiting, *where)
        .order_by(LinkNotice.objected_at, LinkNotice.id)
    ).all()
    return [
        Objection(
            notice.id,
            grant.id,
            notice.organization_id,
            organization,
            other_id,
            other_name,
            payee.id,
            payee.name,
            payee.masked_tin(session),
            payee.npi or "",
            grant.proof,
            grant.granted_at,
            notice.objected_at or notice.at,
            person or "",
            notice.objection,
        )
        for notice, organization, other_id, other_name, payee, grant, person in rows
    ]


def view_alerts(session: PortalSession) -> tuple[list[Objection], list[Warned]]:
    """What waits, the oldest first, recorded as looked at. The caller commits."""
    rows = session.execute(
        sa.select(ProofWarning, Organization.name)
        .outerjoin(Organization, Organization.id == ProofWarning.organization_id)
        .where(ProofWarning.settled_at.is_(None))
        .order_by(ProofWarning.id)
    ).all()
    warned = [
        Warned(row.id, row.tin, row.organization_id, name or "", row.failed, row.first_at, row.last_at)
        for row, name in rows
    ]
    objections = _objections(session)
    record(session, "tax-id-npi-access.alert.listed", objections=len(objections), warnings=len(warned))
    return objections, warned


def find_objection(session: PortalSession, notice_id: int) -> Objection | None:
    """An objection that waits, or None."""
    return next(iter(_objections(session, LinkNotice.id == notice_id)), None)


def keep_link(session: PortalSession, actor: Actor, objection: Objection, reason: str) -> bool:
    """Leave the link as it is; False when somebody has decided meanwhile."""
    return _settle(session, actor, KEPT, reason, LinkNotice.id == objection.notice_id) > 0


def settle_by_end(session: PortalSession, actor: Actor | None, grant_id: int, reason: str) -> int:
    """The link has ended, which answers every objection to it; how many there were. `actor`: who of the payer's staff ended it;
    None: nobody of them, and whoever did has not decided on an objection."""
    return _settle(session, actor, ENDED, reason, LinkNotice.grant_id == grant_id)


def _settle(
    session: PortalSession, actor: Actor | None, outcome: str, reason: str, which: sa.ColumnElement[bool]
) -> int:
    by_id = actor.person_id if actor else None
    settled = session.execute(
        sa.update(LinkNotice)
        .where(*_waiting, which)
        .values(outcome=outcome, settled_at=clock.now(), settled_by_id=by_id, answer=reason, read_at=None)
        .returning(LinkNotice.organization_id, LinkNotice.payee_id)
        .execution_options(synchronize_session=False)
    ).all()
    who = None if actor else Who(request_id=get_who(session).request_id)
    for organization_id, payee_id in settled:
        record(
            session,
            "tax-id-npi-access.objection.settled",
            reason=reason,
            who=who,
            organization=organization_id,
            payee=payee_id,
            outcome=outcome,
        )
    return len(settled)


def settle_warning(session: PortalSession, actor: Actor, warning_id: int) -> bool:
    """Somebody has looked at a warning; False when somebody had before. A new one comes with the next wrong payment."""
    done = session.execute(
        sa.update(ProofWarning)
        .where(ProofWarning.id == warning_id, ProofWarning.settled_at.is_(None))
        .values(settled_at=clock.now(), settled_by_id=actor.person_id)
        .returning(ProofWarning.tin)
    ).one_or_none()
    if done is None:
        return False
    record(session, "tax-id-npi-access.warning.settled", tin=done.tin)
    return True
