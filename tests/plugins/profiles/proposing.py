"""Offices with a record of their own, and changes that they propose."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.core.cases.models import Case
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.proposing.proposals import Proposal, propose
from hp_portal_plugins.profiles.proposing.stages import CHANGE
from hp_portal_plugins.profiles.record.applying import (
    Fact,
    Stated,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    saying,
)
from hp_portal_plugins.profiles.record.facts import facts_of
from hp_portal_plugins.profiles.record.fields import Subject
from hp_portal_plugins.profiles.record.timeline import value_on
from tests.support.cases import portal_case
from tests.support.identifiers import make_npi
from tests.support.world import World

SINCE, DAY = dt.date(2026, 1, 1), dt.date(2026, 7, 1)
NPI = make_npi(701)


@dataclass(frozen=True)
class Office:
    """An organization, and the ids of what it has on record."""

    organization: Organization
    payee: int
    practitioner: int
    location: int
    affiliation: int


def an_office(world: World, name: str = "Aspen Clinic", npi: str = NPI) -> Office:
    """An organization with one practitioner at one location."""
    organization, payee = world.organization(name), world.payee()
    world.grant(organization, payee)
    with world.session() as session:
        who, where = new_practitioner(session).id, new_location(session, payee.id).id
        both = affiliation_of(session, who, where).id
        names = {("last_name", ""): f"{name.split()[0]}person", ("first_name", ""): "Ann", ("npi", ""): npi}
        place = {("name", ""): f"{name} Main", ("phone", ""): "9525550100", ("fax", ""): "9525550101"}
        facts = [
            *saying("practitioner", who, SINCE, names),
            *saying("location", where, SINCE, {**place, ("standing", ""): "open"}),
            *saying("affiliation", both, SINCE, {("standing", ""): "active", ("accepting", ""): "new"}),
        ]
        apply_change(session, Stated("loaded", "The first load"), facts)
    return Office(organization, payee.id, who, where, both)


def moves(office: Office) -> Proposal:
    """Another telephone and fax, and no new patients."""
    place, both = office.location, office.affiliation
    return Proposal(
        "location-changed",
        DAY,
        [
            Fact("location", place, "phone", "", "952-555-0200", DAY),
            Fact("location", place, "fax", "", "952-555-0201", DAY),
            Fact("affiliation", both, "accepting", "", "closed", DAY),
        ],
        [
            Fact("location", place, "phone", "", "9525550100", DAY),
            Fact("location", place, "fax", "", "9525550101", DAY),
            Fact("affiliation", both, "accepting", "", "new", DAY),
        ],
    )


def a_case(session: PortalSession, office: Office, proposal: Proposal, state: str = "received") -> Case:
    """A case of the office's that proposes this. The session sees everything."""
    whose = session.scalar(sa.select(Person.id).where(Person.organization_id == office.organization.id))
    case = portal_case(session, office.organization, CHANGE.key, state, title="A change", person_id=whose)
    propose(session, case.id, office.organization.id, proposal)
    return case


def say(session: PortalSession, *facts: Fact) -> None:
    """Something else that the record learns."""
    apply_change(session, Stated("loaded", "Meanwhile"), facts)


def holds(session: PortalSession, subject: Subject, one: int, field: str, day: dt.date = DAY) -> str:
    """The value of a field on a day."""
    return value_on(facts_of(session, subject, [one], sealed=True).get(one, {}).get((field, ""), []), day)
