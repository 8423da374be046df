"""What the tests of access need to know of the sample plugin."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from tests.sample_plugin.notes import Note
from tests.support.attaching import attached_file
from tests.support.drafts import draft_row
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {
    "note_id": lambda part, person: part.values["note"],
    "attached_id": lambda part, person: part.values["attached"],
    "sample.report_download:attached_id": lambda part, person: part.values["of draft"],
    "sample.report_remove_file:attached_id": lambda part, person: part.values["of draft"],
    "draft_id": lambda part, person: part.values["draft"],
    "step": lambda part, person: "proof",
}
owned = frozenset({"note_id", "attached_id", "draft_id"})


def build(world: World, organization: Organization) -> Part:
    """One note, whose text is the organization's own, with a file."""
    text = f"NOTE OF {organization.name.upper()}"
    with world.session() as session:
        note = Note(organization_id=organization.id, text=text)
        session.add(note)
        session.flush()
        attached = attached_file(session, f"sample.note:{note.id}", organization)
        person = session.scalars(sa.select(Person.id).where(Person.organization_id == organization.id)).first()
        draft = draft_row(session, organization, person or 0)
        of_draft = attached_file(session, f"draft:{draft.id}:proof", organization)
        values = {"note": note.id, "attached": attached.id, "draft": draft.id, "of draft": of_draft.id}
    return Part(values, (text,))
