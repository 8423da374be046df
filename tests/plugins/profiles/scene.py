"""What the tests of access need to know of Provider Data Profiles."""

from __future__ import annotations

import datetime as dt
import io
import json
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.clock import now
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession
from hp_portal_plugins.profiles.changing.cases import ADD_PRACTITIONER
from hp_portal_plugins.profiles.changing.models import CONTENTS, SentForm
from hp_portal_plugins.profiles.changing.offered import WIZARDS
from hp_portal_plugins.profiles.deciding.models import ApplyAll
from hp_portal_plugins.profiles.directory.building import whole_digest
from hp_portal_plugins.profiles.directory.models import (
    DirectoryBuild,
    DirectoryDifference,
    DirectoryHidden,
)
from hp_portal_plugins.profiles.models import ServiceSpecialist
from hp_portal_plugins.profiles.proposing.models import LineOutcome, MadeSubject
from hp_portal_plugins.profiles.proposing.proposals import Proposal, propose
from hp_portal_plugins.profiles.record.applying import (
    Fact,
    Stated,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    saying,
)
from hp_portal_plugins.profiles.roster.models import RosterRow, RosterUpload
from hp_portal_plugins.profiles.roster.rows import Compared
from hp_portal_plugins.profiles.roster.working import row_values
from hp_portal_plugins.profiles.settings import ProfilesSettings
from tests.plugins.profiles.attested import attested, contradicted
from tests.plugins.profiles.paper import paper_form
from tests.plugins.profiles.updates import provider_update
from tests.support.attaching import attached_file
from tests.support.cases import portal_case
from tests.support.drafts import draft_row
from tests.support.scenes import Part, Provider
from tests.support.world import World

providers: dict[str, Provider] = {
    "practitioner_id": lambda part, person: part.values["practitioner"],
    "location_id": lambda part, person: part.values["location"],
    "build_id": lambda part, person: part.values["build"],
    "kind": lambda part, person: "json",
    "form_id": lambda part, person: part.values["form"],
    "affiliation_id": lambda part, person: part.values["affiliation"],
    "attestation_id": lambda part, person: part.values["attestation"],
    "contradiction_id": lambda part, person: part.values["contradiction"],
    "roster_id": lambda part, person: part.values["roster"],
    **{
        f"{endpoint}:case_id": lambda part, person: part.values["case"]
        for endpoint in (
            "profiles.paper_of_case",
            "profiles.paper_make_of_case",
            "profiles_staff.change",
            "profiles_staff.decide_change",
            "profiles_staff.undo_change",
            "profiles_staff.apply_whole_change",
            "profiles_staff.change_state",
        )
    },
}
for _wizard in WIZARDS:
    _own = {
        "draft_id": lambda part, person, key=_wizard.key: part.values[key],
        "attached_id": lambda part, person, key=_wizard.key: part.values[f"{key} file"],
        "step": lambda part, person, key=_wizard.steps[0].key: key,
    }
    for _deed in ["go_on", "step", "save", "keep", "check", "review", "send", "files", "download", "remove_file"]:
        providers |= {f"{_wizard.endpoint(_deed)}:{name}": provider for name, provider in _own.items()}
owned: frozenset[str] = frozenset(
    [
        "practitioner_id",
        "location_id",
        "draft_id",
        "attached_id",
        "form_id",
        "affiliation_id",
        "attestation_id",
        "roster_id",
        "case_id",
    ]
)
SINCE = dt.date(2026, 1, 1)


def roster(
    session: PortalSession, organization: Organization, author_id: int, name: str, ids: tuple[int, int, int]
) -> int:
    """A roster that was compared, and not sent yet."""
    owner = Owner(author_id, organization.id)
    stored = receive_file(session, io.BytesIO(b"NPI"), f"{name}.csv", owner=owner, kind="profiles roster")
    upload = RosterUpload(
        organization_id=organization.id,
        person_id=author_id,
        name=f"{name}.csv",
        stored_file_id=stored.id,
        state="ready",
        effective_on=SINCE,
        sent_at=now(),
    )
    session.add(upload)
    session.flush()
    practitioner, location, both = ids
    row = Compared(2, name, "", "", practitioner, location, both, "changed")
    session.add(RosterRow(**row_values(upload.id, organization.id, row)))
    session.flush()
    return upload.id


@dataclass(frozen=True)
class Owner:
    """Whose a file is."""

    person_id: int
    organization_id: int


def build(world: World, organization: Organization) -> Part:
    """A practitioner at a location of a payee of the organization's own, a service specialist, a form that was sent, and a draft
    with a file."""
    word = organization.name.partition(" ")[0]
    opened = ProfilesSettings(directory_search=True, directory_json=True, directory_pages_per_minute=100_000)
    world.app.extensions["hp_portal.plugin_settings"]["profiles"] = opened
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
        answers = {
            "who": {"first": word, "last": word, "licenses": []},
            "where": {"effective": SINCE.isoformat(), "places": []},
        }
        said = json.dumps({"sections": [], "doubts": [], "answers": answers})
        contents = session.vault.seal_text(said, CONTENTS(token))
        session.add(SentForm(organization_id=organization.id, case_id=case.id, token=token, contents_sealed=contents))
        fact = Fact("location", place.id, "phone", "", "9525550199", SINCE)
        propose(session, case.id, organization.id, Proposal("location-changed", SINCE, [fact]))
        own = {"organization_id": organization.id, "case_id": case.id}
        session.add(LineOutcome(line=0, became="refused", why=f"{word} refused", at=clock.now(), **own))
        session.add(MadeSubject(wanted=-1, subject_id=place.id, **own))
        session.add(ApplyAll(asked_at=clock.now(), state="ready", total=1, done=1, **own))
        author = session.scalars(sa.select(Person.id).where(Person.organization_id == organization.id)).first()
        values: dict[str, int] = {}
        for wizard in WIZARDS:
            draft = draft_row(session, organization, author or 0, wizard.key)
            first = attached_file(session, f"draft:{draft.id}:{wizard.steps[0].key}", organization)
            values |= {wizard.key: draft.id, f"{wizard.key} file": first.id}
        form = paper_form(session, organization, author or 0, person.id, f"{word}PRACTITIONER")
        done = attested(session, organization, author or 0, both.id)
        values |= {
            "case": case.id,
            "form": form.id,
            "attestation": done.id,
            "contradiction": contradicted(session, payee.id, place.id, f"{word} asked").id,
            "practitioner": person.id,
            "location": place.id,
            "affiliation": both.id,
            "build": _directory_build(session, both.id),
            "roster": roster(session, organization, author or 0, f"{word}PRACTITIONER", (person.id, place.id, both.id)),
        }
    return Part(values, (f"{word} Specialist", f"{word}PRACTITIONER", f"{word} Site", f"{word} asked"))


def _directory_build(session: PortalSession, affiliation_id: int) -> int:
    """A build of the directory that has changed something, and somebody whom it does not show."""
    now = clock.now()
    build = DirectoryBuild(
        edition=0,
        as_of=SINCE,
        started_at=now,
        finished_at=now,
        checked_at=now,
        change_id=0,
        specialties="",
        digest=whole_digest([]),
        rows=0,
        hidden=1,
        added=0,
        changed=1,
        removed=0,
    )
    session.add(build)
    session.flush()
    build.edition = build.id
    session.add(DirectoryHidden(edition=build.id, affiliation_id=affiliation_id, reasons="npi"))
    session.add(DirectoryDifference(build_id=build.id, kind="changed", label="Somebody", what="Telephone"))
    return build.id
