"""A proof before the e-mail address is confirmed (`at-once`): whose address is taken is told to its owner alone."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from tests.conftest import MakeApp
from tests.core.test_registration import NPI, NUMBER, payments, portal
from tests.support.client import PortalClient
from tests.support.registering import PASSWORD, Payments, Visitor, mailed_link, mails, registrations
from tests.support.world import World

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
    return client.post("/register/confirm-later", follow_redirects=True).text


@pytest.mark.parametrize("email", ["an.owner@office.example", "nobody@office.example"])
def test_an_address_that_is_taken_is_answered_like_any_other(at_once: World, email: str) -> None:
    visitor = comes(at_once, email)
    done = visitor.finish(username="mina.keeper")
    assert (done.status_code, "sign-in" in (done.location or "")) == (303, False)
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text
    for page in ("/", "/registration"):
        assert "confirm your e-mail address" in visitor.client.get(page).text
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
