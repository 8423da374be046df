"""Finding organizations, people and payees, for the payer's staff. Every function needs a whole scope."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.audit.record import record
from hp_portal.core.identifiers.numbers import BadIdentifier, parse_npi, parse_tin
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.memberships import has_others
from hp_portal.database import PortalSession

LIMIT = 50


@dataclass(frozen=True)
class FoundOrganization:
    """An organization in a list of results."""

    id: int
    name: str
    audience: Audience
    validated: bool
    people: int
    ended: bool


@dataclass(frozen=True)
class FoundPerson:
    """A person in a list of results. `organization_id` is None for the payer's staff; `several`: one of several of theirs."""

    id: int
    name: str
    username: str
    email: str
    is_delegate: bool
    deactivated: bool
    organization_id: int | None
    organization: str
    several: bool


@dataclass(frozen=True)
class FoundPayee:
    """A payee of the payer's record, and the organizations that are linked to it. The TIN is masked."""

    id: int
    name: str
    tin: str
    npi: str
    vendor_number: str
    linked: list[tuple[int, str]]


@dataclass(frozen=True)
class Found:
    """What a search found, each list at most `LIMIT` long."""

    organizations: list[FoundOrganization]
    people: list[FoundPerson]
    payees: list[FoundPayee]

    @property
    def total(self) -> int:
        return len(self.organizations) + len(self.people) + len(self.payees)


# An EIN or SSN as people write them, in the midst of other words.
_TIN_LIKE = re.compile(r"(?<!\d)(?:\d{2}[\s.\-]?\d{7}|\d{3}[\s.\-]?\d{2}[\s.\-]?\d{4})(?!\d)")


def may_be_tin(query: str) -> bool:
    """Could this hold a Tax ID, whole or mistyped? Such a query is kept out of addresses, and masked in the record."""
    digits = re.sub(r"[\s.\-]", "", query)
    return (digits.isdecimal() and 7 <= len(digits) != 10) or _TIN_LIKE.search(query) is not None


def _masked(query: str) -> str:
    """The query with all but its last four digits hidden."""
    return re.sub(r"\d(?=(?:\D*\d){4})", "•", query)


def search(session: PortalSession, query: str) -> Found:
    """Look for a part of a name, a user name or e-mail address, a whole TIN, an NPI or a vendor number."""
    query = query.strip()
    payees = _payees(session, query)
    found = Found(
        _organizations(session, query, {organization_id for payee in payees for organization_id, _ in payee.linked}),
        _people(session, query),
        payees,
    )
    shown = _masked(query) if may_be_tin(query) else query
    record(session, "staff.people.searched", query=shown, found=found.total)
    return found


def _tin_is(model: type[Organization | Payee], session: PortalSession, query: str) -> sa.ColumnElement[bool]:
    try:
        return model.tin_is(session, parse_tin(query))
    except BadIdentifier:
        return sa.false()


def _organizations(session: PortalSession, query: str, linked: set[int]) -> list[FoundOrganization]:
    people = (
        sa.select(sa.func.count(Person.id))
        .where(Person.organization_id == Organization.id)
        .correlate(Organization)
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(
            Organization.id,
            Organization.name,
            Organization.audience,
            Organization.validated_at,
            people,
            Organization.ended_at,
        )
        .where(
            sa.or_(
                Organization.name.icontains(query, autoescape=True),
                _tin_is(Organization, session, query),
                Organization.id.in_(linked),
            )
        )
        .order_by(Organization.name)
        .limit(LIMIT)
    )
    return [
        FoundOrganization(i, name, Audience(a), validated is not None, n, ended is not None)
        for i, name, a, validated, n, ended in rows
    ]


def _people(session: PortalSession, query: str) -> list[FoundPerson]:
    rows = session.execute(
        sa.select(Person, Organization.name, has_others())
        .outerjoin(Organization, Organization.id == Person.organization_id)
        .where(
            sa.or_(
                Person.name.icontains(query, autoescape=True),
                Person.username.contains(query.lower(), autoescape=True),
                Person.email.contains(query.lower(), autoescape=True),
            )
        )
        .order_by(Person.name, Person.root_id, Person.id)
        .limit(LIMIT)
    )
    return [
        FoundPerson(
            person.id,
            person.name,
            person.username,
            person.email,
            person.is_delegate,
            person.deactivated_at is not None,
            person.organization_id,
            organization or "",
            several,
        )
        for person, organization, several in rows
    ]


def _payees(session: PortalSession, query: str) -> list[FoundPayee]:
    wanted: list[sa.ColumnElement[bool]] = [
        Payee.vendor_number.in_({query, query.upper()}),
        _tin_is(Payee, session, query),
    ]
    with contextlib.suppress(BadIdentifier):
        wanted.append(Payee.npi == parse_npi(query))
    payees = session.scalars(sa.select(Payee).where(sa.or_(*wanted)).order_by(Payee.name, Payee.npi).limit(LIMIT)).all()
    linked = _linked_to(session, [payee.id for payee in payees])
    return [_as_found(session, payee, linked) for payee in payees]


def found_payee(session: PortalSession, payee: Payee) -> FoundPayee:
    """One payee as a search finds it."""
    return _as_found(session, payee, _linked_to(session, [payee.id]))


def _linked_to(session: PortalSession, payee_ids: list[int]) -> dict[int, list[tuple[int, str]]]:
    """The organizations with an open link to each payee, as (id, name)."""
    linked: dict[int, list[tuple[int, str]]] = {}
    for payee_id, organization_id, name in session.execute(
        sa.select(Grant.payee_id, Organization.id, Organization.name)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(Grant.payee_id.in_(payee_ids), Grant.is_open())
        .order_by(Organization.name)
    ):
        linked.setdefault(payee_id, []).append((organization_id, name))
    return linked


def _as_found(session: PortalSession, payee: Payee, linked: dict[int, list[tuple[int, str]]]) -> FoundPayee:
    return FoundPayee(
        payee.id,
        payee.name,
        payee.masked_tin(session),
        payee.npi or "",
        payee.vendor_number,
        linked.get(payee.id, []),
    )
