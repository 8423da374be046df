"""What the tests of access need to know of Provider Data Profiles."""

from __future__ import annotations

from collections.abc import Mapping

from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.profiles.models import ServiceSpecialist
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {}
owned: frozenset[str] = frozenset()


def build(world: World, organization: Organization) -> Part:
    """A service specialist of the organization's own."""
    word = organization.name.partition(" ")[0]
    with world.session() as session:
        session.add(
            ServiceSpecialist(
                organization_id=organization.id,
                name=f"{word} Specialist",
                phone="952-555-0107",
                email=f"{word.lower()}@plan.example",
            )
        )
    return Part({}, (f"{word} Specialist",))
