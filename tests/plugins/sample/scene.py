"""What the tests of access need to know of the sample plugin."""

from __future__ import annotations

from collections.abc import Mapping

from hp_portal.core.organizations.models import Organization
from tests.sample_plugin.notes import Note
from tests.support.attaching import attached_file
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {
    "note_id": lambda part, person: part.values["note"],
    "attached_id": lambda part, person: part.values["attached"],
}
owned = frozenset({"note_id", "attached_id"})


def build(world: World, organization: Organization) -> Part:
    """One note, whose text is the organization's own, with a file."""
    text = f"NOTE OF {organization.name.upper()}"
    with world.session() as session:
        note = Note(organization_id=organization.id, text=text)
        session.add(note)
        session.flush()
        attached = attached_file(session, f"sample.note:{note.id}", organization)
    return Part({"note": note.id, "attached": attached.id}, (text,))
