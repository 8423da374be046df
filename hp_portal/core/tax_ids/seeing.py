"""Who can see what is paid to the payees of an organization: its own people, and other organizations, with what they have used.

The number of statements does not grow with the people, the payees or the organizations.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.access.enforce import directory
from hp_portal.core.applications.matrix import enabled_for
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import record
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.models import LINKED, LinkNotice
from hp_portal.core.tax_ids.use import COUNTED, REMEMBERED, Use, showing, used_of
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole


@dataclass(frozen=True)
class OwnPayee:
    """A payee of the organization. The TIN is masked; `npi` is empty where it has none."""

    id: int
    name: str
    tin: str
    npi: str


@dataclass(frozen=True)
class PersonWhoSees:
    """Somebody of the organization itself. `applications`: keys of those that show payments; none: they see nothing."""

    id: int
    name: str
    username: str
    is_delegate: bool
    since: dt.datetime
    last_sign_in: dt.datetime | None
    applications: tuple[str, ...] = ()
    use: Use = field(default_factory=Use)


@dataclass(frozen=True)
class Access:
    """Another organization's access to one payee.

    `proof` is a key of PROOFS; `by` is who approved it or, of its own people, proved it. `ends_at` is when it ends by itself;
    None: it does not. `notice_id`: by which one may object to it, None where one cannot, or has (`objected`). `own`: the
    organization is linked to the payee itself, not only to another NPI of its Tax ID.
    """

    grant_id: int
    payee: OwnPayee
    proof: str
    since: dt.datetime
    by: str
    ends_at: dt.datetime | None
    notice_id: int | None
    objected: bool
    own: bool

    @property
    def ends_soon(self) -> bool:
        """Does it end by itself within 30 days?"""
        return self.ends_at is not None and self.ends_at <= clock.now() + COUNTED


@dataclass(frozen=True)
class OtherWhoSees:
    """Another organization that sees payments. `billing`: it works for the organization, which can end its access.

    `on_trial`: what it sees may be taken from it again, as a delegate has objected or may.
    """

    id: int
    name: str
    billing: bool
    on_trial: bool
    accesses: tuple[Access, ...]
    use: Use

    @property
    def since(self) -> dt.datetime:
        """Since when it sees any of it."""
        return min(one.since for one in self.accesses)


@dataclass(frozen=True)
class WhoSees:
    """Everybody who can see payments of the organization's payees, those who work for it before the others."""

    payees: list[OwnPayee]
    people: list[PersonWhoSees]
    others: list[OtherWhoSees]

    @property
    def billing(self) -> list[OtherWhoSees]:
        return [one for one in self.others if one.billing]


@in_whole("who else sees what is paid to the organization's own payees")
def who_sees(session: PortalSession, organization_id: int, *, with_use: bool = True) -> WhoSees:
    """Everybody who can see what is paid to the payees that an organization is linked to, and the billing organizations that see
    other payees of the same Tax IDs.

    A billing organization is shown its own people alone: who else sees a provider's payments is the provider's business. So is
    whoever has access on trial, or none yet. Without `with_use` nobody seems to have opened anything, which is cheap.
    """
    organization = session.get_one(Organization, organization_id)
    payees = _own_payees(session, organization_id)
    people = _people(session, organization, with_use=with_use)
    if organization.audience == Audience.BILLING or on_trial(organization) or not payees:
        return WhoSees(payees, people, [])
    own = {one.id: one for one in payees}
    return WhoSees(payees, people, _others(session, organization_id, own, with_use=with_use))


def on_trial(organization: Organization) -> bool:
    """Its access may be taken from it again, or it has none yet: it is told nothing of others."""
    return organization.provisional or organization.validated_at is None


def tins_of(session: PortalSession, organization_id: int) -> set[str]:
    """The Tax IDs that an organization is linked to. Needs a whole scope."""
    rows = session.scalars(
        sa.select(Payee)
        .join(Grant, Grant.payee_id == Payee.id)
        .where(Grant.organization_id == organization_id, Grant.is_open())
    )
    return {one.whole_tin(session) for one in rows}


def view_who_sees(session: PortalSession, organization_id: int) -> WhoSees:
    """As `who_sees`, recorded as looked at. The caller commits."""
    seen = who_sees(session, organization_id)
    others = [one.id for one in seen.others]
    record(session, "tax-id-npi-access.access.listed", people=len(seen.people), others=others)
    return seen


def _own_payees(session: PortalSession, organization_id: int) -> list[OwnPayee]:
    rows = session.scalars(
        sa.select(Payee)
        .join(Grant, Grant.payee_id == Payee.id)
        .where(Grant.organization_id == organization_id, Grant.is_open())
        .order_by(Payee.name, Payee.npi, Payee.id)
    )
    return [_payee(session, one) for one in rows]


def _payee(session: PortalSession, one: Payee) -> OwnPayee:
    return OwnPayee(one.id, one.name, one.masked_tin(session), one.npi or "")


def last_sign_in() -> sa.ColumnElement[Any]:
    """When somebody last signed in; of who works for several organizations, when they last did something for this one.

    When they sign in for another one is not this one's business.
    """
    other = sa.orm.aliased(Person)
    elsewhere = sa.exists().where(other.account_id == Person.id).correlate(Person)
    signed_in = sa.select(sa.func.max(SignIn.created_at)).where(SignIn.person_id == Person.root_id).correlate(Person)
    here = (
        sa.select(AuditEvent.at)
        .where(
            AuditEvent.person_id == Person.id,
            AuditEvent.organization_id == Person.organization_id,
            # Of the account itself, whichever organization it is used for.
            AuditEvent.event.not_like("identity.%"),
        )
        .order_by(AuditEvent.id.desc())
        .limit(1)
        .correlate(Person)
    )
    several = sa.or_(Person.account_id.is_not(None), elsewhere)
    return sa.case((several, here.scalar_subquery()), else_=signed_in.scalar_subquery())


def _people(session: PortalSession, organization: Organization, *, with_use: bool) -> list[PersonWhoSees]:
    rows = session.execute(
        sa.select(Person.id, Person.name, Person.username, Person.is_delegate, Person.created_at, last_sign_in())
        .where(Person.organization_id == organization.id, Person.deactivated_at.is_(None), sa.not_(Person.is_staff))
        .order_by(sa.func.lower(Person.name), Person.id)
    ).all()
    ids = [row.id for row in rows]
    given = _given(session, ids, enabled_for(session, Audience(organization.audience)))
    used = _used_by_people(session, organization.id) if with_use else {}
    return [
        replace(PersonWhoSees(*row), applications=given.get(row.id, ()), use=used.get(row.id, Use())) for row in rows
    ]


def _given(session: PortalSession, people: list[int], enabled: Collection[str]) -> dict[int, tuple[str, ...]]:
    showing = directory().with_member_data & set(enabled)
    rows = sa.select(PersonApplication.person_id, PersonApplication.application).where(
        PersonApplication.person_id.in_(people), PersonApplication.application.in_(sorted(showing))
    )
    found: dict[int, tuple[str, ...]] = {}
    for person_id, application in session.execute(rows.order_by(PersonApplication.application)):
        found[person_id] = (*found.get(person_id, ()), application)
    return found


def _used_by_people(session: PortalSession, organization_id: int) -> dict[int, Use]:
    now = clock.now()
    recent = sa.case((AuditEvent.at >= now - COUNTED, 1), else_=0)
    rows = session.execute(
        sa.select(AuditEvent.person_id, sa.func.sum(recent), sa.func.max(AuditEvent.at))
        .where(
            AuditEvent.organization_id == organization_id,
            AuditEvent.event.in_(list(showing(session))),
            # A search that showed no claim.
            sa.not_(AuditEvent.fields.contains('"claims":{}')),
            AuditEvent.at >= now - REMEMBERED,
        )
        .group_by(AuditEvent.person_id)
    )
    return {person_id: Use(int(opened), last) for person_id, opened, last in rows if person_id is not None}


def _others(
    session: PortalSession, organization_id: int, own: dict[int, OwnPayee], *, with_use: bool
) -> list[OtherWhoSees]:
    same_tin = Payee.tin_in(session, tins_of(session, organization_id))
    rows = session.execute(
        sa.select(Grant, Organization, Payee, Person.name, LinkNotice, AccessRequest)
        .join(Organization, Organization.id == Grant.organization_id)
        .join(Payee, Payee.id == Grant.payee_id)
        .outerjoin(Person, sa.and_(Person.id == Grant.granted_by_id, Person.organization_id == Grant.organization_id))
        .outerjoin(AccessRequest, AccessRequest.id == Grant.request_id)
        .outerjoin(
            LinkNotice,
            sa.and_(
                LinkNotice.grant_id == Grant.id,
                LinkNotice.organization_id == organization_id,
                LinkNotice.kind == LINKED,
            ),
        )
        .where(
            sa.or_(Grant.payee_id.in_(own), sa.and_(Organization.audience == Audience.BILLING, same_tin)),
            Grant.organization_id != organization_id,
            Grant.is_open(),
            Organization.ended_at.is_(None),
        )
        .order_by(Organization.name, Organization.id, Grant.id)
    ).all()
    accesses: dict[int, dict[int, Access]] = {}
    organizations: dict[int, Organization] = {}
    payees = dict(own)
    for grant, other, payee, proved_by, notice, request in rows:
        organizations[other.id] = other
        payees.setdefault(payee.id, _payee(session, payee))
        # Who works for another provider is that provider's business.
        by = (_signature(request) or proved_by or "") if other.audience == Audience.BILLING else ""
        objected = notice is not None and notice.objected_at is not None
        found = Access(
            grant.id,
            payees[grant.payee_id],
            grant.proof,
            grant.granted_at,
            by,
            grant.ends_at,
            notice.id if notice is not None and not objected else None,
            objected,
            grant.payee_id in own,
        )
        accesses.setdefault(other.id, {})[grant.id] = found
    used = used_of(session, organizations, payees) if with_use else {}
    seen = [
        OtherWhoSees(
            other.id,
            other.name,
            other.audience == Audience.BILLING,
            other.provisional,
            tuple(sorted(accesses[other.id].values(), key=lambda one: (one.payee.name, one.payee.npi))),
            used.get(other.id, Use()),
        )
        for other in organizations.values()
    ]
    return sorted(seen, key=lambda one: not one.billing)


def _signature(request: AccessRequest | None) -> str:
    """Who approved a request, as they signed."""
    return ", ".join(text for text in (request.signed_name, request.signed_title) if text) if request else ""
