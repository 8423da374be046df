"""What the tests of access need to know of the sample plugin."""

from __future__ import annotations

from collections.abc import Mapping

from hp_portal.core.organizations.models import Organization
from tests.sample_plugin.notes import Note
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {"note_id": lambda part, person: part.values["note"]}
owned = frozenset({"note_id"})


def build(world: World, organization: Organization) -> Part:
    """One note, whose text is the organization's own."""
    text = f"NOTE OF {organization.name.upper()}"
    with world.session() as session:
        note = Note(organization_id=organization.id, text=text)
        session.add(note)
    return Part({"note": note.id}, (text,))
