"""Access on trial: it counts nowhere as somebody's office, and nothing is left behind when it ends."""

from __future__ import annotations

import datetime as dt
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse
from wtforms import SelectChoice

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files.models import StoredFile
from hp_portal.core.files.storing import receive_file
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.models import ChangeNotice
from hp_portal.core.registration import deciding
from hp_portal.core.registration.facts import AccountClosed
from hp_portal.core.registration.models import Registration
from hp_portal.core.staff import registration_views
from hp_portal.core.tax_ids.models import LinkNotice
from tests.core.test_registration_joins import ELSEWHERE, OTHER, TIN, Scene, follow, payments, scene
from tests.support.client import PortalClient
from tests.support.identifiers import make_npi
from tests.support.people import PERMISSIONS, recorded
from tests.support.registering import Visitor, mailed_link, mails_leave, tidy

pytestmark = pytest.mark.either_database

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


# ---- accounts that are closed meanwhile, and organizations that end


def staff(scene: Scene) -> PortalClient:
    """Somebody who decides, signed in just now."""
    with scene.world.session() as session:
        known = session.scalar(sa.select(Person.id).where(Person.username == "b.staff"))
    if known is None:
        scene.world.staff("b.staff", permissions=(*PERMISSIONS, READ, DECIDE))
    return scene.world.sign_in("b.staff")


def page_of(scene: Scene) -> str:
    return f"/staff/registrations/{scene.case().id}"


def decide(scene: Scene, decision: str) -> TestResponse:
    words = {"decision": decision, "reason": "Called the office.", "answer": "We have called."}
    return staff(scene).post(f"{page_of(scene)}/decide", words)


def close(scene: Scene) -> Person:
    """Staff close the account of whoever is on trial."""
    person = scene.newcomer()
    with scene.world.session() as session:
        session.get_one(Person, person.id).deactivated_at = scene.clock.now()
    return person


def lock_own_account(scene: Scene) -> Person:
    """Whoever is on trial is told of a change, and says that it was not theirs."""
    person = scene.newcomer()
    with scene.world.app.test_request_context(), scene.world.session() as session:
        tell_change(session, session.get_one(Person, person.id), "codes")
    somebody = scene.world.client()
    somebody.get(mailed_link(scene.world, person.email, "/not-me/"))
    assert somebody.post("/not-me").status_code == 200
    return person


def test_time_takes_nothing_from_whom_a_stranger_has_locked_out(scene: Scene) -> None:
    follow(scene)
    person = lock_own_account(scene)
    mails_leave(scene.world)
    scene.clock.advance(days=10)
    tidy(scene.world)
    assert (scene.case().state, scene.case().why) == ("staff", "locked")
    assert own_organization(scene).ended_at is None
    assert scene.grants(scene.case().own_id) == {scene.payee.id}
    page = staff(scene).get(page_of(scene)).text
    assert "The account is locked" in page
    assert 'value="dismiss"' not in page
    assert decide(scene, "dismiss").status_code == 422
    assert scene.newcomer().organization_id == own_organization(scene).id
    assert staff(scene).post(f"/staff/people/{person.id}/reactivate").status_code == 303
    assert "while your account was locked" in scene.world.sign_in(person.username).get("/registration").text
    assert decide(scene, "dismiss").status_code == 303
    assert (scene.newcomer().organization_id, scene.newcomer().is_delegate) == (scene.harbor.id, True)


def test_a_lock_that_staff_have_looked_into_is_an_account_that_staff_keep_closed(scene: Scene) -> None:
    follow(scene)
    lock_own_account(scene)
    with scene.world.session() as session:
        session.execute(sa.update(ChangeNotice).values(settled_at=scene.clock.now()))
    mails_leave(scene.world)
    scene.clock.advance(days=10)
    tidy(scene.world)
    assert scene.case().state == "declined"


def test_an_objection_to_a_closed_account_cannot_be_dismissed(scene: Scene) -> None:
    follow(scene)
    scene.client().post(f"/joins/{scene.case().id}/object")
    close(scene)
    page = staff(scene).get(page_of(scene)).text
    assert "The account is deactivated" in page
    assert 'value="dismiss"' not in page
    assert decide(scene, "dismiss").status_code == 422
    assert scene.case().state == "objected"
    assert decide(scene, "uphold").status_code == 303
    assert scene.case().state == "declined"


@pytest.mark.parametrize("verb", ["dismiss", "open_without_pin", "tell_again", "write_again"])
def test_no_verb_opens_anything_for_a_closed_account(scene: Scene, verb: str) -> None:
    """Whoever was offered it before the account was closed."""
    follow(scene)
    person = close(scene)
    state = {"write_again": "pin"}.get(verb, "staff")
    actor = cast(Actor, SimpleNamespace(person_id=person.id, is_staff=True))
    given: list[Any] = [actor] if verb == "dismiss" else [scene.world.settings, actor]
    with scene.world.app.test_request_context(), scene.world.session() as session:
        row = session.get_one(Registration, scene.case().id)
        row.state, row.why = state, "untold" if verb == "tell_again" else ""
        session.flush()
        with pytest.raises(AccountClosed):
            getattr(deciding, verb)(session, *given, row, answer="Yes.", reason="Called")
        session.rollback()


def test_staff_who_were_offered_it_before_the_account_was_closed_are_told(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(scene)
    scene.client().post(f"/joins/{scene.case().id}/object")
    close(scene)
    monkeypatch.setattr(registration_views, "choices", lambda _case: iter([SelectChoice("dismiss", "No")]))
    answer = decide(scene, "dismiss")
    assert answer.status_code == 422
    assert "Nothing was changed: the account is deactivated" in answer.text
    assert "We have called." in answer.text
    assert scene.case().state == "objected"


def test_who_follows_into_an_organization_that_has_ended_goes_on_alone(scene: Scene) -> None:
    """Those who are linked to the same Tax ID are told, as of any other link."""
    follow(scene)
    shore = scene.world.organization("Shore Clinic")
    scene.world.grant(shore, scene.world.payee(TIN, make_npi(4799)))
    mails_leave(scene.world)
    with scene.world.session() as session:
        now = scene.clock.now()
        session.execute(sa.update(Grant).where(Grant.organization_id == scene.harbor.id).values(ended_at=now))
        session.execute(sa.update(Person).where(Person.id == scene.delegate.id).values(deactivated_at=now))
        session.get_one(Organization, scene.harbor.id).ended_at = now
    scene.clock.advance(days=10)
    tidy(scene.world)
    assert (scene.case().state, scene.case().why) == ("staff", "no-delegate")
    assert "Harbor Clinic has ended: Mina Keeper goes on" in staff(scene).get(page_of(scene)).text
    assert decide(scene, "dismiss").status_code == 303
    own = own_organization(scene)
    assert scene.case().state == "open"
    assert (scene.newcomer().organization_id, scene.newcomer().is_delegate) == (own.id, True)
    assert (own.provisional, own.ended_at) == (False, None)
    assert scene.grants(own.id) == {scene.payee.id}
    assert scene.grants(scene.harbor.id) == set()
    assert told(scene) == {shore.id}
    decided = recorded(scene.world, "registration.case.decided")[-1]
    assert decided["decision"] == "alone"
