"""A proof before the e-mail address is confirmed (`at-once`): whose address is taken is told to its owner alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from tests.conftest import MakeApp
from tests.core.test_registration import NPI, NUMBER, payments, portal
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.factors import add_app
from tests.support.registering import PASSWORD, Payments, Visitor, mailed_link, mails, registrations
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal"]
STATUS = "/register/status/"


@pytest.fixture
def at_once(database_url: str, make_app: MakeApp, payments: Payments, portal: World) -> World:
    world = World(
        make_app(database_url, extra_plugins={"payments-of-the-test": payments}, registration_proof_opens="at-once")
    )
    world.person("an.owner", organization=world.organization("Elsewhere"))
    return world


def comes(world: World, email: str) -> Visitor:
    """Somebody with a payment and an address that nobody has confirmed, up to the account."""
    visitor = Visitor(world, email=email)
    visitor.choose("check")
    visitor.say_who()
    assert visitor.prove(number=NUMBER, npi=NPI, amount="100.00").location == "/register/finish"
    return visitor


def email_of(world: World, username: str) -> str:
    with world.session() as session:
        return session.scalars(sa.select(Person.email).where(Person.username == username)).one()


def follow(client: PortalClient, link: str) -> str:
    client.get(link)
    return words_of(client.post("/register/confirm-later", follow_redirects=True))


@pytest.mark.parametrize("email", ["an.owner@office.example", "nobody@office.example"])
def test_an_address_that_is_taken_is_answered_like_any_other(at_once: World, email: str) -> None:
    visitor = comes(at_once, email)
    done = visitor.finish(username="mina.keeper")
    assert (done.status_code, "sign-in" in (done.location or "")) == (303, False)
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text
    for page in ("/", "/registration"):
        assert "confirm your e-mail address" in words_of(visitor.client.get(page))
    assert email_of(at_once, "mina.keeper").endswith("@unconfirmed.invalid")
    message, values = mails(at_once, email)[0]
    told = message.template, STATUS in values["link"]
    assert told == (("register_known", False) if email.startswith("an.owner") else ("registration_made", True))
    assert len(mails(at_once, email)) == 1


def test_the_link_makes_the_address_the_account_s(at_once: World) -> None:
    comes(at_once, "mina.keeper@office.example").finish(username="mina.keeper")
    link = mailed_link(at_once, "mina.keeper@office.example", STATUS)
    at_once.client().get(link, follow_redirects=True)
    assert email_of(at_once, "mina.keeper") != "mina.keeper@office.example", "a scanner presses no button"
    assert "is confirmed" in follow(at_once.client(), link)
    assert email_of(at_once, "mina.keeper") == "mina.keeper@office.example"


def test_the_address_can_be_corrected(at_once: World) -> None:
    """To one's own; a link to the one before confirms nothing of the new one."""
    visitor = comes(at_once, "mina.kepper@office.example")
    visitor.finish(username="mina.keeper")
    first = mailed_link(at_once, "mina.kepper@office.example", STATUS)
    assert visitor.client.post("/registration/email", {"email": "no address"}).status_code == 422
    assert visitor.client.post("/registration/email", {"email": "mina.keeper@office.example"}).status_code == 303
    assert at_once.client().get(first, follow_redirects=True).status_code == 410
    assert mails(at_once, "mina.kepper@office.example")[0][0].state == "canceled"
    follow(at_once.client(), mailed_link(at_once, "mina.keeper@office.example", STATUS))
    assert email_of(at_once, "mina.keeper") == "mina.keeper@office.example"
    assert visitor.client.get("/registration/email").location == "/registration"


def test_nothing_goes_to_an_address_that_only_stands_in_the_place_of_one(at_once: World) -> None:
    visitor = comes(at_once, "mina.keeper@office.example")
    visitor.finish(username="mina.keeper")
    new = "four-slow-ferries-28"
    changed = visitor.client.post("/change-password", {"current": PASSWORD, "new": new, "again": new})
    assert changed.status_code == 303
    assert mails(at_once, email_of(at_once, "mina.keeper")) == []


def test_no_change_is_told_to_a_delegate_who_has_only_such_a_one(at_once: World) -> None:
    organization = at_once.organization("Aspen Clinic")
    clerk = at_once.person("a.clerk", organization=organization)
    at_once.person("a.delegate", organization=organization, delegate=True)
    other = at_once.person("b.delegate", organization=organization, delegate=True)
    add_app(at_once, clerk)
    with at_once.session() as session:
        session.get_one(Person, other.id).email = unconfirmed_address()
    at_once.staff("staff.one", permissions=["staff:console:open", "staff:people:search", "staff:factors:remove"])
    lost = {"reason": "Called the office."}
    at_once.sign_in("staff.one").post(f"/staff/people/{clerk.id}/lost-factors/remove", lost)
    owner = at_once.client()
    owner.get(mailed_link(at_once, clerk.email, "/not-me/"))
    assert owner.post("/not-me").status_code == 200
    with at_once.session() as session:
        told = sa.select(Message.template, Message.recipient).where(Message.about == f"person:{clerk.id}")
        assert sorted(session.execute(told).all()) == [
            ("account_locked", "a.delegate@office.example"),
            ("account_reset", "a.delegate@office.example"),
        ]


def test_messages_are_limited_whoever_has_the_address(at_once: World) -> None:
    visitor = comes(at_once, "mina.keeper@office.example")
    visitor.finish(username="mina.keeper")
    statuses = [visitor.client.post("/registration/email", {"email": email}).status_code for email in GUESSED]
    assert statuses == [303] * 5 + [429]


GUESSED = ["an.owner@office.example", *(f"guess{number}@office.example" for number in range(5))]


def test_an_address_that_was_taken_meanwhile_is_told_to_whoever_reads_it(at_once: World) -> None:
    visitor = comes(at_once, "mina.keeper@office.example")
    visitor.finish(username="mina.keeper")
    with at_once.session() as session:
        owner = session.scalars(sa.select(Person).where(Person.username == "an.owner")).one()
        owner.email = "mina.keeper@office.example"
    page = follow(at_once.client(), mailed_link(at_once, "mina.keeper@office.example", STATUS))
    assert "An account with this e-mail address already exists" in page
    assert registrations(at_once)[0].email_confirmed_at is None
    assert "correct the address" in visitor.client.get("/").text


@pytest.fixture
def registered(at_once: World, clock: Clock) -> PortalClient:
    """Somebody whose account has no confirmed address yet, and who registered more than ten minutes ago."""
    visitor = comes(at_once, "mina.kepper@office.example")
    visitor.finish(username="mina.keeper")
    clock.advance(minutes=11)
    return visitor.client


def test_the_address_is_corrected_after_showing_again_who_one_is(at_once: World, registered: PortalClient) -> None:
    """Whoever finds the browser open does not make the account theirs by an address of their own."""
    asked = "/confirm-it-is-you?next=/registration/email"
    assert registered.get("/registration/email").location == asked
    assert registered.post("/registration/email", {"email": "thief@elsewhere.example"}).location == asked
    assert mails(at_once, "thief@elsewhere.example") == []
    shown = registered.post(asked, {"code": PASSWORD, "next": "/registration/email"})
    assert shown.location == "/registration/email"
    assert registered.post("/registration/email", {"email": "mina.keeper@office.example"}).status_code == 303
    assert mailed_link(at_once, "mina.keeper@office.example", STATUS)


def test_changing_the_address_leads_to_the_one_that_waits(at_once: World, registered: PortalClient) -> None:
    """No page shows what only stands in the place of an address."""
    registered.post("/confirm-it-is-you", {"code": PASSWORD, "next": "/"})
    assert registered.get("/change-email").location == "/registration/email"
    answer = registered.post("/change-email", {"email": "mina.keeper@office.example"})
    assert answer.location == "/registration/email"
    assert mails(at_once, "mina.keeper@office.example") == []
    for page in ("/registration/email", "/sign-in-security", "/registration"):
        assert "unconfirmed.invalid" not in registered.get(page).text
    follow(at_once.client(), mailed_link(at_once, "mina.kepper@office.example", STATUS))
    assert "mina.kepper@" in registered.get("/change-email").text


def test_a_confirmed_address_is_told_of(at_once: World, registered: PortalClient) -> None:
    """So whoever reads the mailbox can say that it was not them."""
    link = mailed_link(at_once, "mina.kepper@office.example", STATUS)
    for _ in range(2):
        follow(at_once.client(), link)
    [(_, told)] = [one for one in mails(at_once, "mina.kepper@office.example") if one[0].template == "account_changed"]
    assert told["what"] == "The e-mail address was confirmed: mina.kepper@office.example."
    stranger = at_once.client()
    stranger.get(mailed_link(at_once, "mina.kepper@office.example", "/not-me/"))
    assert stranger.post("/not-me").status_code == 200
    assert registered.get("/registration").status_code == 303, "the account is locked"
    assert email_of(at_once, "mina.keeper") == "mina.kepper@office.example", "there is none from before"
