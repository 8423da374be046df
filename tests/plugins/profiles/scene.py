"""What the tests of access need to know of Provider Data Profiles."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping

import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal_plugins.profiles.changing.cases import ADD_PRACTITIONER
from hp_portal_plugins.profiles.changing.models import CONTENTS, SentForm
from hp_portal_plugins.profiles.models import ServiceSpecialist
from hp_portal_plugins.profiles.record.applying import (
    Stated,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    saying,
)
from tests.plugins.profiles.attested import attested
from tests.plugins.profiles.paper import paper_form
from tests.plugins.profiles.updates import provider_update
from tests.support.attaching import attached_file
from tests.support.cases import portal_case
from tests.support.drafts import draft_row
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: Mapping[str, Provider] = {
    "practitioner_id": lambda part, person: part.values["practitioner"],
    "location_id": lambda part, person: part.values["location"],
    "draft_id": lambda part, person: part.values["draft"],
    "step": lambda part, person: "papers",
    "kind": lambda part, person: "json",
    "attached_id": lambda part, person: part.values["attached"],
    "form_id": lambda part, person: part.values["form"],
    "affiliation_id": lambda part, person: part.values["affiliation"],
    "attestation_id": lambda part, person: part.values["attestation"],
}
owned: frozenset[str] = frozenset(
    {"practitioner_id", "location_id", "draft_id", "attached_id", "form_id", "affiliation_id", "attestation_id"}
)
SINCE = dt.date(2026, 1, 1)


def build(world: World, organization: Organization) -> Part:
    """A practitioner at a location of a payee of the organization's own, a service specialist, a form that was sent, and a draft
    with a file."""
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
        provider_update(session, organization)
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
        case = portal_case(session, organization, ADD_PRACTITIONER.key, "received")
        token = secrets.token_hex(16)
        contents = session.vault.seal_text('{"sections": [], "doubts": [], "answers": {}}', CONTENTS(token))
        session.add(SentForm(organization_id=organization.id, case_id=case.id, token=token, contents_sealed=contents))
        author = session.scalars(sa.select(Person.id).where(Person.organization_id == organization.id)).first()
        draft = draft_row(session, organization, author or 0, "profiles.add-practitioner")
        attached = attached_file(session, f"draft:{draft.id}:papers", organization)
        form = paper_form(session, organization, author or 0, person.id, f"{word}PRACTITIONER")
        done = attested(session, organization, author or 0, both.id)
        values = {
            "form": form.id,
            "attestation": done.id,
            "practitioner": person.id,
            "location": place.id,
            "affiliation": both.id,
            "draft": draft.id,
            "attached": attached.id,
        }
    return Part(values, (f"{word} Specialist", f"{word}PRACTITIONER", f"{word} Site", f"{word} asked"))
