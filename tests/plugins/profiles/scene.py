"""What the tests of access need to know of Provider Data Profiles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.profiles.models import ServiceSpecialist
from hp_portal_plugins.profiles.record.applying import (
    Stated,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    saying,
)
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {
    "practitioner_id": lambda part, person: part.values["practitioner"],
    "location_id": lambda part, person: part.values["location"],
}
owned: frozenset[str] = frozenset({"practitioner_id", "location_id"})
SINCE = dt.date(2026, 1, 1)


def build(world: World, organization: Organization) -> Part:
    """A practitioner at a location of a payee of the organization's own, and a service specialist."""
    word = organization.name.partition(" ")[0]
    payee = world.payee(name=f"{word} Group")
    world.grant(organization, payee)
    with world.session() as session:
        session.add(
            ServiceSpecialist(
                organization_id=organization.id,
                name=f"{word} Specialist",
                phone="952-555-0107",
                email=f"{word.lower()}@plan.example",
            )
        )
        person, place = new_practitioner(session, f"{word}-P"), new_location(session, payee.id, f"{word}-L")
        both = affiliation_of(session, person.id, place.id)
        names = {("last_name", ""): f"{word}PRACTITIONER", ("dea_number", ""): f"{word}DEA"}
        facts = [
            *saying("practitioner", person.id, SINCE, names),
            *saying("location", place.id, SINCE, {("name", ""): f"{word} Site", ("standing", ""): "open"}),
            *saying("affiliation", both.id, SINCE, {("standing", ""): "active"}),
        ]
        stated = Stated("practitioner-added", f"{word} asked", organization_id=organization.id)
        apply_change(session, stated, facts)
        values = {"practitioner": person.id, "location": place.id, "affiliation": both.id}
    return Part(values, (f"{word} Specialist", f"{word}PRACTITIONER", f"{word} Site", f"{word} asked"))
