"""The e-mail's link opened in another browser: whoever reads the mailbox goes on, not whoever typed its address."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from tests.core.test_registration import payments, portal
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.registering import ADDRESS, Visitor
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal"]
BILLING = {"organization": "Ledger Billing", "address": ADDRESS, "answers": "Owen Ledger", "tin": make_tin(9)}


@pytest.fixture
def begun(portal: World) -> Visitor:
    """Somebody who has typed an address, theirs or another's."""
    visitor = Visitor(portal)
    visitor.choose("billing")
    visitor.say_who()
    return visitor


def press(visitor: Visitor, browser: PortalClient, **fields: str) -> str | None:
    visitor.open_link(browser)
    return browser.post("/register/confirm", fields).location


def code_in(browser: PortalClient) -> str:
    found = re.search(r"\b([34679A-Y]{4}) ([34679A-Y]{4})\b", browser.get("/register/code").text)
    assert found
    return found.group()


def test_whoever_typed_another_s_address_gets_no_account_on_it(portal: World, begun: Visitor) -> None:
    victim = portal.client()
    assert press(begun, victim) == "/register/proof"
    assert begun.prove(**BILLING).location == "/register/elsewhere"
    assert begun.finish().location == "/register/elsewhere"
    assert "another browser" in (heading_of(begun.client.get("/register/mail", follow_redirects=True)) or "")
    with portal.session() as session:
        assert session.scalars(sa.select(Person)).all() == []
    assert victim.post("/register/proof", BILLING).location == "/register/finish"


def test_the_button_s_page_says_who_began_what_and_that_it_may_be_somebody_else(portal: World, begun: Visitor) -> None:
    reader = portal.client()
    begun.open_link(reader)
    page = text_of(tree_of(reader.get("/register/confirm")))
    for said in (
        begun.person["name"],
        begun.person["email"],
        "As a billing organization",
        "Mar 2, 2026",
        "Somebody else",
    ):
        assert said in page
    begun.open_link(begun.client)
    assert "Somebody else" not in begun.client.get("/register/confirm").text
    assert press(begun, begun.client) == "/register/proof", "the browser that began keeps it"


def test_the_first_browser_goes_on_by_the_code_of_the_other(portal: World, begun: Visitor) -> None:
    telephone = portal.client()
    assert press(begun, telephone, there="1") == "/register/code"
    code = code_in(telephone)
    assert begun.client.get("/register/mail").location == "/register/elsewhere"
    assert begun.client.post("/register/elsewhere", {"code": "WRONG"}).status_code == 422
    assert begun.client.post("/register/elsewhere", {"code": code.lower()}).location == "/register/proof"
    assert begun.prove(**BILLING).location == "/register/finish"
    assert telephone.get("/register/proof").location == "/register/elsewhere", "it is where one goes on, nowhere else"
    assert begun.finish().status_code == 303


def test_a_code_cannot_be_guessed_and_ends_in_an_hour(portal: World, begun: Visitor, clock: Clock) -> None:
    telephone = portal.client()
    press(begun, telephone, there="1")
    code = code_in(telephone)
    clock.advance(hours=1)
    assert begun.client.post("/register/elsewhere", {"code": code}).status_code == 422
    press(begun, telephone, there="1")
    code = code_in(telephone)
    for _ in range(5):
        assert begun.client.post("/register/elsewhere", {"code": "AAAA AAAA"}).status_code == 422
    assert begun.client.post("/register/elsewhere", {"code": code}).status_code == 422
    assert begun.client.post("/register/elsewhere", {"code": ""}).status_code == 422
    assert portal.client().get("/register/elsewhere").location == "/register", "who has begun nothing"


def test_the_user_name_proposed_tells_nothing_of_others(portal: World) -> None:
    """Neither before nor after somebody of that name has an account, nor in the account that is made."""
    visitor = Visitor(portal, email="mina@keeper.example")
    visitor.begin("billing")
    visitor.prove(**BILLING)
    before = proposed(visitor)
    portal.person("mina.keeper", organization=portal.organization())
    assert proposed(visitor) == before
    assert re.fullmatch(r"mina\.keeper\d{3}", before)
    visitor.finish(username="")
    with portal.session() as session:
        assert before in session.scalars(sa.select(Person.username)).all()


def proposed(visitor: Visitor) -> str:
    found = re.search(r'<input[^>]*name="username"[^>]*>', visitor.client.get("/register/finish").text)
    assert found
    return found.group().partition('value="')[2].partition('"')[0]


def test_names_are_tried_for_one_mailbox_from_no_more_addresses(portal: World) -> None:
    portal.person("a.keeper", organization=portal.organization())
    visitor = Visitor(portal)
    visitor.begin("billing")
    visitor.prove(**BILLING)
    for number in range(10):
        visitor.client.flask.environ_base["REMOTE_ADDR"] = f"198.51.100.{number}"
        assert visitor.finish(username="a.keeper").status_code == 422
    visitor.client.flask.environ_base["REMOTE_ADDR"] = "198.51.100.99"
    assert visitor.finish(username="a.keeper").status_code == 429
