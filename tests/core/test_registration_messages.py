"""What is not sent any more about a registration once its purpose has ended."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.models import Message
from hp_portal.core.registration.models import RegistrationPin
from tests.core.test_registration_joins import NPI, TIN, Scene, follow, payments, scene
from tests.support.people import PERMISSIONS
from tests.support.registering import Visitor, mailed_pin, mails, registrations, tidy

pytestmark = pytest.mark.either_database

__all__ = ["payments", "scene"]
DECIDE = "staff:registrations:decide"


def states(scene: Scene, about: str) -> dict[str, str]:
    """What became of the messages about this, by the template of each."""
    with scene.world.session() as session:
        wanted = sa.select(Message.template, Message.state).where(Message.about.like(about))
        return dict(session.execute(wanted).all())


@pytest.mark.parametrize("verb", ["approve", "decline", "withdraw", "time"])
def test_delegates_are_not_asked_about_what_is_decided(scene: Scene, verb: str) -> None:
    visitor = scene.visitor()
    visitor.go_on("join")
    visitor.finish()
    assert states(scene, "registration:%")["registration_join"] == "waiting"
    if verb == "withdraw":
        visitor.client.post("/register/withdraw")
    elif verb == "time":
        scene.clock.advance(days=5)
        tidy(scene.world)
    else:
        scene.client().post(f"/joins/{scene.case().id}/{verb}", {"answer": "We do not know you."})
    after = states(scene, "registration:%")
    assert after["registration_join"] == "canceled"
    if verb != "time":
        assert after["registration_made"] == "canceled", "it says that the delegates are asked"
    if verb != "withdraw":
        assert after["registration_decided"] == "waiting"


def test_what_was_said_of_a_trial_is_not_sent_after_it(scene: Scene) -> None:
    follow(scene)
    scene.client().post(f"/joins/{scene.case().id}/object")
    assert states(scene, "registration:%")["registration_challenge"] == "canceled"
    told = [one.state for one, values in mails(scene.world, scene.case().email) if values.get("state") == "objected"]
    assert told == ["waiting"]


def test_a_link_that_confirms_nothing_is_not_sent(scene: Scene) -> None:
    """To an address that was corrected, of a registration that was stopped, and of one that nobody goes on with."""
    visitor = Visitor(scene.world)
    visitor.choose("check")
    visitor.say_who()
    visitor.say_who(email="mina.k@office.example")
    assert mails(scene.world, "mina.keeper@office.example")[0][0].state == "canceled"
    assert mails(scene.world, "mina.k@office.example")[0][0].state == "waiting"
    scene.clock.advance(days=1)
    tidy(scene.world)
    assert mails(scene.world, "mina.k@office.example")[0][0].state == "canceled"


def test_a_letter_whose_registration_is_declined_is_not_printed(scene: Scene) -> None:
    scene.world.staff("b.staff", permissions=("staff:console:open", "staff:registrations:read", DECIDE))
    visitor = Visitor(scene.world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.go_on("left", "left")
    visitor.finish()
    assert states(scene, "registration-pin:%") == {"letter": "waiting"}
    words = {"decision": "decline", "reason": "Called the office.", "answer": "We could not reach you."}
    staff = scene.world.sign_in("b.staff")
    assert staff.post(f"/staff/registrations/{scene.case().id}/decide", words).status_code == 303
    assert states(scene, "registration-pin:%") == {"letter": "canceled"}
    assert states(scene, "registration:%")["registration_made"] == "canceled"


def test_a_letter_whose_account_staff_have_closed_is_not_printed(scene: Scene) -> None:
    """Nor does its PIN work; another one is asked for once the account is open again."""
    scene.world.staff("b.staff", permissions=PERMISSIONS)
    staff = scene.world.sign_in("b.staff")
    for email in ("mina.keeper@office.example", "other.keeper@office.example"):
        visitor = Visitor(scene.world, email=email)
        visitor.begin("mail")
        visitor.prove(tin=TIN, npi=NPI)
        visitor.go_on("left", "left")
        visitor.finish()
    closed, other = registrations(scene.world)
    pin = mailed_pin(scene.world)
    staff.post(f"/staff/people/{other.person_id}/deactivate", {"reason": "nobody knows them"})
    assert states(scene, f"registration-pin:{other.id}") == {"letter": "canceled"}
    assert states(scene, f"registration-pin:{closed.id}") == {"letter": "waiting"}
    with scene.world.session() as session:
        ended = sa.select(RegistrationPin.registration_id).where(RegistrationPin.ended_at.is_not(None))
        assert session.scalars(ended).all() == [other.id]
    staff.post(f"/staff/people/{other.person_id}/reactivate")
    back = scene.world.sign_in("other.keeper")
    assert "Send another letter" in back.get("/registration").text
    assert back.post("/registration/pin", {"pin": pin}).status_code == 422
    assert back.post("/registration/letter").status_code == 303
    assert back.post("/registration/pin", {"pin": mailed_pin(scene.world)}).status_code == 303
