"""Access on trial: it counts nowhere as somebody's office, and nothing is left behind when it ends."""

from __future__ import annotations

import datetime as dt
import io
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files.models import StoredFile
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.models import LinkNotice
from tests.core.test_registration_joins import ELSEWHERE, OTHER, Scene, follow, payments, scene
from tests.support.registering import Visitor, mails_leave, tidy

__all__ = ["payments", "scene"]
READ, DECIDE = "staff:registrations:read", "staff:registrations:decide"


def told(scene: Scene) -> set[int]:
    with scene.world.session() as session:
        return set(session.scalars(sa.select(LinkNotice.organization_id)))


def own_organization(scene: Scene) -> Organization:
    with scene.world.session() as session:
        return session.get_one(Organization, scene.case().own_id)


def test_who_is_on_trial_is_told_nothing_of_other_links(scene: Scene) -> None:
    follow(scene)
    assert own_organization(scene).provisional
    visitor = Visitor(scene.world, email="second.street@office.example")
    visitor.begin("check")
    visitor.prove(number=ELSEWHERE, npi=OTHER, amount="100.00")
    visitor.go_on("new")
    assert visitor.finish().status_code == 303
    assert told(scene) == {scene.harbor.id}


def waits_for_documents(scene: Scene, person: Person) -> None:
    """One document that is made, one that is being made, and one that failed."""
    with scene.world.session() as session:
        body = io.BytesIO(b"a sample")
        owner = SimpleNamespace(person_id=person.id, organization_id=person.organization_id)
        stored = receive_file(session, body, "sample.pdf", owner=owner, kind="document")
        for state in ("ready", "making", "failed"):
            row = DocumentRequest(
                organization_id=person.organization_id,
                person_id=person.id,
                kind="sample",
                title=f"A {state} document",
                wanted="",
                state=state,
                stored_file_id=stored.id if state == "ready" else None,
                size=8 if state == "ready" else None,
                lease_token="held" if state == "making" else None,
                requested_at=scene.clock.now(),
                expires_at=scene.clock.now() + dt.timedelta(days=30),
            )
            session.add(row)


def test_nothing_is_left_behind_when_a_trial_ends_well(scene: Scene) -> None:
    follow(scene)
    person = scene.newcomer()
    waits_for_documents(scene, person)
    mails_leave(scene.world)
    scene.clock.advance(days=10)
    tidy(scene.world)
    assert own_organization(scene).ended_at == scene.clock.now()
    with scene.world.session() as session:
        moved = sa.select(DocumentRequest.organization_id, DocumentRequest.state, DocumentRequest.lease_token)
        rows = session.execute(moved).all()
        assert sorted(rows) == [(scene.harbor.id, "failed", None), *[(scene.harbor.id, "waiting", None)] * 2]
        assert session.scalar(sa.select(sa.func.count(StoredFile.id))) == 0, "made anew of what Harbor Clinic sees"
        events = set(session.scalars(sa.select(AuditEvent.event)))
        assert {"registration.organization.ended", "document.moved"} <= events
    assert "A ready document" in scene.world.sign_in(person.username).get("/documents/").text
    permissions = ("staff:console:open", "staff:organizations:list", "staff:people:search", "staff:people:create")
    scene.world.staff("c.staff", permissions=permissions)
    staff = scene.world.sign_in("c.staff")
    assert "Harbor Payee" in staff.get("/staff/organizations/all?account=ended").text
    assert "Harbor Payee" not in staff.get("/staff/organizations/all?account=validated").text
    assert "Ended" in staff.get(f"/staff/organizations/{own_organization(scene).id}").text
    assert staff.get(f"/staff/organizations/{own_organization(scene).id}/people/new").status_code == 404


@pytest.mark.parametrize("closed", [True, False])
def test_nothing_is_left_behind_when_a_trial_ends_otherwise(scene: Scene, closed: bool) -> None:
    follow(scene)
    if closed:
        with scene.world.session() as session:
            session.get_one(Person, scene.newcomer().id).deactivated_at = scene.clock.now()
        mails_leave(scene.world)
        scene.clock.advance(days=10)
        tidy(scene.world)
    else:
        scene.world.staff("b.staff", permissions=("staff:console:open", READ, DECIDE))
        words = {"decision": "uphold", "reason": "Called the office.", "answer": "You do not belong there."}
        scene.world.sign_in("b.staff").post(f"/staff/registrations/{scene.case().id}/decide", words)
    assert scene.case().state == "declined"
    assert own_organization(scene).ended_at is not None
