"""What the payer's staff open in the console: people, organizations, payees, the record. Every function needs a whole scope."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.activity.reading import Activity, ActivityFilter, search_activity
from hp_portal.core.audit.record import record
from hp_portal.core.factors.owned import described
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import Pause, locked_for, locked_people
from hp_portal.core.people.ended import tax_id_taken_by
from hp_portal.core.people.sharing import Sharing, look_shared
from hp_portal.core.staff.lookup import FoundPayee, found_payee
from hp_portal.core.web.listing import Listing
from hp_portal.database import PortalSession
from hp_portal.settings import Settings


def view_payee(session: PortalSession, payee: Payee) -> FoundPayee:
    """One payee of the record with the organizations linked to it, recorded."""
    record(session, "staff.payee.viewed", payee=payee.id)
    return found_payee(session, payee)


@dataclass(frozen=True)
class PersonPage:
    """A person of an organization as their page in the console shows them. `locked` says how long, None: not at all; `factors`:
    what they take the second step with, in words; empty: none is asked for. `ended_at` is when their organization ended, and
    `taken_by` the one that is registered with its Tax ID by now. `shared`: it looks as if several people used the
    account."""

    person: Person
    organization: str
    last_sign_in: dt.datetime | None
    locked: Pause | None
    factors: str
    ended_at: dt.datetime | None
    taken_by: str
    shared: Sharing | None


def view_person(session: PortalSession, settings: Settings, person: Person) -> PersonPage:
    """Somebody of an organization, recorded."""
    organization = session.get_one(Organization, person.organization_id)
    last = session.scalar(sa.select(sa.func.max(SignIn.created_at)).where(SignIn.person_id == person.root_id))
    record(session, "staff.person.viewed", person=person.id)
    locked = locked_for(session, settings, [person.id]).get(person.id)
    return PersonPage(
        person,
        organization.name,
        last,
        locked,
        described(session, person.root_id),
        organization.ended_at,
        tax_id_taken_by(session, organization) if organization.ended_at else "",
        look_shared(session, [person.id]).get(person.id),
    )


@dataclass(frozen=True)
class LockedPerson:
    """Somebody whose sign-in, or second step, is paused, and for how long."""

    id: int
    name: str
    organization: str
    pause: Pause


def list_locked(session: PortalSession, settings: Settings) -> list[LockedPerson]:
    """Everybody of an organization whose sign-in is paused at present, by name, recorded."""
    waits = locked_people(session, settings)
    rows = session.execute(
        sa.select(Person.id, Person.name, Organization.name)
        .join(Organization, Organization.id == Person.organization_id)
        .where(Person.id.in_(waits))
        .order_by(Person.name, Person.id)
    )
    found = [LockedPerson(person_id, name, organization, waits[person_id]) for person_id, name, organization in rows]
    record(session, "staff.person.locked-listed", found=len(found))
    return found


@dataclass(frozen=True)
class Member:
    """A person of an organization, with the applications given to them by key."""

    id: int
    name: str
    username: str
    email: str
    is_delegate: bool
    deactivated_at: dt.datetime | None
    last_sign_in: dt.datetime | None
    applications: list[str]


@dataclass(frozen=True)
class Link:
    """A TIN and NPI linked to an organization; `proof` is a key of PROOFS. The TIN is masked."""

    grant_id: int
    payee_id: int
    name: str
    tin: str
    npi: str
    vendor_number: str
    proof: str
    granted_at: dt.datetime
    granted_by: str


@dataclass(frozen=True)
class OrganizationPage:
    """An organization as its page in the console shows it."""

    id: int
    name: str
    audience: Audience
    tin: str
    validated_at: dt.datetime | None
    created_at: dt.datetime
    people: list[Member]
    links: list[Link]
    provisional: bool
    ended_at: dt.datetime | None


def view_organization(session: PortalSession, organization_id: int) -> OrganizationPage | None:
    """One organization with its people and linked TIN/NPIs, recorded; None when there is none with this id."""
    organization = session.get(Organization, organization_id)
    if organization is None:
        return None
    record(session, "staff.organization.viewed", organization=organization.id)
    return OrganizationPage(
        organization.id,
        organization.name,
        Audience(organization.audience),
        organization.masked_tin(session),
        organization.validated_at,
        organization.created_at,
        _members(session, organization.id),
        _links(session, organization.id),
        organization.provisional,
        organization.ended_at,
    )


def _members(session: PortalSession, organization_id: int) -> list[Member]:
    last = (
        sa.select(sa.func.max(SignIn.created_at))
        .where(SignIn.person_id == Person.root_id)
        .correlate(Person)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(Person, last).where(Person.organization_id == organization_id).order_by(Person.name)
    ).all()
    given: dict[int, list[str]] = {}
    for person_id, application in session.execute(
        sa.select(PersonApplication.person_id, PersonApplication.application)
        .join(Person, Person.id == PersonApplication.person_id)
        .where(Person.organization_id == organization_id)
        .order_by(PersonApplication.id)
    ):
        given.setdefault(person_id, []).append(application)
    return [
        Member(
            person.id,
            person.name,
            person.username,
            person.email,
            person.is_delegate,
            person.deactivated_at,
            signed_in,
            given.get(person.id, []),
        )
        for person, signed_in in rows
    ]


def _links(session: PortalSession, organization_id: int) -> list[Link]:
    rows = session.execute(
        sa.select(Grant, Payee, Person.name)
        .join(Payee, Payee.id == Grant.payee_id)
        .outerjoin(Person, Person.id == Grant.granted_by_id)
        .where(Grant.organization_id == organization_id, Grant.is_open())
        .order_by(Payee.name, Payee.npi)
    )
    return [
        Link(
            grant.id,
            payee.id,
            payee.name,
            payee.masked_tin(session),
            payee.npi or "",
            payee.vendor_number,
            grant.proof,
            grant.granted_at,
            person or "",
        )
        for grant, payee, person in rows
    ]


def search_record(
    session: PortalSession, wanted: ActivityFilter, filters: dict[str, str], number: int, newest: int | None
) -> Listing[Activity]:
    """One page of everybody's activity, the search recorded with its filters as they were typed. The caller commits."""
    listing = search_activity(session, wanted, number, newest)
    record(session, "staff.activity.searched", filters=filters, found=listing.total)
    return listing
