"""What the tests of access need to know of Provider Data Profiles."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.profiles.changing.cases import ADD_PRACTITIONER
from hp_portal_plugins.profiles.changing.models import CONTENTS, SentForm
from hp_portal_plugins.profiles.models import ServiceSpecialist
from tests.support.attaching import attached_file
from tests.support.cases import portal_case
from tests.support.drafts import draft_row
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {
    "draft_id": lambda part, person: part.values["draft"],
    "step": lambda part, person: "papers",
    "attached_id": lambda part, person: part.values["attached"],
}
owned = frozenset({"draft_id", "attached_id"})


def build(world: World, organization: Organization) -> Part:
    """A service specialist of the organization's own, a form that was sent, and a draft with a file."""
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
        case = portal_case(session, organization, ADD_PRACTITIONER.key, "received")
        token = secrets.token_hex(16)
        contents = session.vault.seal_text('{"sections": [], "doubts": [], "answers": {}}', CONTENTS(token))
        session.add(SentForm(organization_id=organization.id, case_id=case.id, token=token, contents_sealed=contents))
        person = session.scalars(sa.select(Person.id).where(Person.organization_id == organization.id)).first()
        draft = draft_row(session, organization, person or 0, "profiles.add-practitioner")
        attached = attached_file(session, f"draft:{draft.id}:papers", organization)
    return Part({"draft": draft.id, "attached": attached.id}, (f"{word} Specialist",))
