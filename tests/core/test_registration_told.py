"""What became of our messages stands where the thing they are about is shown."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal import clock as portal_clock
from hp_portal.core.delivery.models import Message
from tests.conftest import MakeApp
from tests.core.test_registration import payments, portal
from tests.core.test_registration_joins import Scene, scene
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.registering import ADDRESS, PERSON, Payments, Visitor
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal", "scene"]
SENT = {"sent": "The e-mail was sent on Mar 2, 2026.", "returned": "did not arrive", "failed": "did not arrive"}


@pytest.fixture
def with_mail(database_url: str, make_app: MakeApp, payments: Payments, portal: World) -> World:
    """A portal with a mail server; nobody sends by it here."""
    return World(make_app(database_url, smtp_url="smtp://mail.example:25", mail_from="portal@plan.example"))


def become(world: World, state: str, recipient: str) -> None:
    """The messages to somebody have left, or not."""
    with world.session() as session:
        for message in session.scalars(sa.select(Message).where(Message.recipient == recipient)):
            message.state, message.ended_at = state, None if state == "waiting" else portal_clock.now()


def read(client: PortalClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    main = next(tree_of(answer).iter("main"))
    return " ".join(text_of(main).split())


@pytest.mark.parametrize("state", ["waiting", *SENT])
def test_the_mailbox_page_says_it_alike_whether_the_address_is_known(with_mail: World, state: str) -> None:
    with_mail.person("someone", organization=with_mail.organization())
    pages = []
    for email in ("someone@office.example", "another@office.example"):
        visitor = Visitor(with_mail, email=email)
        visitor.choose("check")
        visitor.say_who()
        become(with_mail, state, email)
        pages.append(read(visitor.client, "/register/mail").replace(email, "ADDRESS"))
    assert pages[0] == pages[1]
    assert SENT.get(state, "will leave within a few minutes") in pages[0]
    assert ("Correct the address, or contact us" in pages[0]) == (state in ("returned", "failed"))


def test_a_message_that_does_not_leave_is_told(with_mail: World, portal: World, clock: Clock) -> None:
    """After a while, or at once where nothing can be sent at all."""
    visitor = Visitor(with_mail)
    visitor.choose("check")
    visitor.say_who()
    clock.advance(minutes=16)
    assert "has not been sent yet" in read(visitor.client, "/register/mail")
    without = Visitor(portal, email="other@office.example")
    without.choose("check")
    without.say_who()
    page = read(without.client, "/register/mail")
    assert "We cannot send e-mail at the moment" in page
    assert "contact us" in page


def test_one_s_own_registration(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("unlisted")
    visitor.prove(organization="New Shore Clinic", audience="dental", tin=make_tin(8), address=ADDRESS)
    visitor.finish()
    become(portal, "returned", PERSON["email"])
    assert f"Our message to {PERSON['email']} did not arrive" in read(visitor.client, "/register/status")


def test_delegates_and_who_asks_them(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.go_on("join")
    visitor.finish()
    become(scene.world, "sent", "a.delegate@office.example")
    become(scene.world, "returned", PERSON["email"])
    assert f"To the delegates: {SENT['sent']}" in read(visitor.client, "/register/status")
    delegate = scene.client()
    assert "Our message did not arrive" in read(delegate, "/joins")
    assert "did not arrive" in read(delegate, f"/joins/{scene.case().id}")
    become(scene.world, "returned", "a.delegate@office.example")
    assert "To the delegates: The e-mail came back" in read(visitor.client, "/register/status")


def test_the_account_s_own_page(scene: Scene) -> None:
    visitor = scene.visitor()
    visitor.go_on("left", "left")
    visitor.finish()
    become(scene.world, "failed", PERSON["email"])
    assert "could not be sent" in read(visitor.client, "/registration")
    become(scene.world, "sent", PERSON["email"])
    assert f"Our latest message to {PERSON['email']}: {SENT['sent']}" in read(visitor.client, "/registration")
