"""The days to object: nobody takes an organization over by waiting whom no delegate could have objected to."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa

from hp_portal import clock as portal_clock
from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.registration.deciding import decline
from hp_portal.core.registration.models import Registration
from tests.core.test_registration_joins import NOW, Scene, follow, payments, scene
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.registering import Visitor, mails, mails_leave, tidy

pytestmark = pytest.mark.either_database

__all__ = ["payments", "scene"]
LIST = "/staff/registrations"


def staff(scene: Scene) -> PortalClient:
    """Somebody of the staff who decides, signed in."""
    with scene.world.session() as session:
        known = session.scalar(sa.select(Person.id).where(Person.username == "a.staff"))
    if known is None:
        rights = ("staff:console:open", "staff:registrations:read", "staff:registrations:decide")
        scene.world.staff("a.staff", permissions=rights)
    return scene.world.sign_in("a.staff")


def decide(scene: Scene, decision: str) -> int:
    words = {"decision": decision, "reason": "Called the office.", "answer": "We have called your office."}
    return staff(scene).post(f"{LIST}/{scene.case().id}/decide", words).status_code


def own_page(scene: Scene) -> str:
    return text_of(tree_of(scene.world.sign_in(scene.newcomer().username).get("/registration")))


def nothing_was_sent(_scene: Scene) -> None:
    """There is no mail server."""


def it_failed(scene: Scene) -> None:
    _become(scene, "failed")


def it_came_back(scene: Scene) -> None:
    _become(scene, "returned")


def _become(scene: Scene, state: str) -> None:
    with scene.world.session() as session:
        mine = sa.update(Message).where(Message.template == "registration_challenge")
        session.execute(mine.values(state=state, ended_at=portal_clock.now()))


def it_went_to_one_who_is_gone(scene: Scene) -> None:
    """Another delegate came after the message had left, so nobody who is there was told."""
    mails_leave(scene.world)
    with scene.world.session() as session:
        session.get_one(Person, scene.delegate.id).deactivated_at = portal_clock.now()
    scene.world.person("b.delegate", organization=scene.harbor, delegate=True)


@pytest.mark.parametrize("happens", [nothing_was_sent, it_failed, it_came_back, it_went_to_one_who_is_gone])
def test_nobody_takes_over_whom_no_delegate_was_told_of(scene: Scene, happens: object) -> None:
    follow(scene)
    assert callable(happens)
    happens(scene)
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    case = scene.case()
    assert (case.state, case.why) == ("staff", "untold")
    assert scene.newcomer().organization_id == case.own_id
    assert scene.grants(case.own_id) == {scene.payee.id}, "what the proof alone shows stays"
    page = own_page(scene)
    assert "our staff will decide" in page
    assert "you can see the payments to the Tax ID and NPI you have proved" in page
    console = staff(scene).get(f"{LIST}/{case.id}").text
    assert "No delegate was told" in console
    assert "1 registration waits for a decision" in staff(scene).get("/staff/").text
    scene.clock.advance(days=30)
    tidy(scene.world)
    assert scene.case().state == "staff", "time decides nothing any more"


def test_nobody_takes_over_where_no_delegate_is_left(scene: Scene) -> None:
    follow(scene)
    mails_leave(scene.world)
    with scene.world.session() as session:
        session.get_one(Person, scene.delegate.id).deactivated_at = portal_clock.now()
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    case = scene.case()
    assert (case.state, case.why) == ("staff", "no-delegate")
    page = staff(scene).get(f"{LIST}/{case.id}").text
    assert "No delegate is left" in page
    assert "anew" not in page, "there is nobody to tell"
    assert decide(scene, "dismiss") == 303
    person = scene.newcomer()
    assert (person.organization_id, person.is_delegate) == (scene.harbor.id, True)
    assert scene.grants(case.own_id) == set()


def test_a_no_of_the_staff_ends_what_the_proof_has_shown(scene: Scene) -> None:
    follow(scene)
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    actor = cast(Actor, SimpleNamespace(person_id=scene.world.staff("b.staff").id, is_staff=True))
    with scene.world.app.test_request_context(), scene.world.session() as session:
        decline(session, actor, session.get_one(Registration, scene.case().id), "No.", reason="Called the office")
    case = scene.case()
    assert case.state == "declined"
    assert scene.grants(case.own_id) == set()


def test_staff_end_it(scene: Scene) -> None:
    follow(scene)
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    assert 'value="decline"' not in staff(scene).get(f"{LIST}/{scene.case().id}").text, "access would stay"
    assert decide(scene, "uphold") == 303
    assert scene.newcomer().deactivated_at is not None
    assert scene.grants(scene.case().own_id) == set()


def test_the_days_begin_when_the_message_has_left(scene: Scene) -> None:
    follow(scene)
    assert "has not been sent yet" in own_page(scene)
    scene.clock.advance(days=7)
    mails_leave(scene.world)
    tidy(scene.world)
    page = own_page(scene)
    assert "delegates on Mar 9, 2026" in page
    assert "objects by Mar 19, 2026" in page
    scene.clock.advance(days=9)
    tidy(scene.world)
    assert scene.case().state == "challenged"
    scene.clock.advance(days=1)
    tidy(scene.world)
    assert scene.case().state == "open"
    assert scene.newcomer().organization_id == scene.harbor.id


def test_the_delegates_are_told_anew(scene: Scene) -> None:
    follow(scene)
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    [first] = mails(scene.world, "a.delegate@office.example")
    assert first[0].state == "canceled", "it would offer what is over"
    assert decide(scene, "again") == 303
    mails_leave(scene.world)
    case = scene.case()
    assert (case.state, case.why) == ("challenged", "")
    assert scene.client().post(f"/joins/{case.id}/object").status_code == 303
    assert scene.case().state == "objected"


def test_staff_make_somebody_a_delegate_where_nobody_could_object_from_the_start(scene: Scene) -> None:
    with scene.world.session() as session:
        session.execute(sa.update(Person).values(deactivated_at=NOW))
    follow(scene)
    assert scene.case().state == "staff"
    assert decide(scene, "dismiss") == 303
    assert scene.newcomer().organization_id == scene.harbor.id
    assert scene.case().state == "open"


def test_a_message_that_leaves_is_what_counts(scene: Scene) -> None:
    """A visitor's own messages, and those about others, tell no delegate anything."""
    follow(scene)
    other = Visitor(scene.world, email="other.keeper@office.example")
    other.begin("check")
    with scene.world.session() as session:
        others = sa.update(Message).where(Message.template != "registration_challenge")
        session.execute(others.values(state="sent", ended_at=portal_clock.now()))
    scene.clock.advance(days=10, seconds=1)
    tidy(scene.world)
    assert scene.case().state == "staff"
