"""The home page of people of organizations: the number box, what is new, and the menu."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.database import PortalSession
from hp_portal.hookspecs import News, hookimpl
from tests import sample_plugin
from tests.conftest import MakeApp
from tests.plugins.remittance.inquiry import Office, url_of
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database


def news(client: PortalClient) -> list[str] | None:
    """What is new, as links; None for a first visit."""
    for part in tree_of(client.get("/")).iter("section"):
        if part.get("aria-label") == "New since your last visit" or "New since your last visit" in text_of(part):
            return [text_of(link) for link in part.iter("a")]
    return None


def test_a_number_leads_to_its_payment(world: World) -> None:
    office = Office(world)
    payment = office.paid("9400000001")
    home = office.client.get("/")
    (form,) = [form for form in tree_of(home).iter("form") if form.get("action") == "/apps/remittance/find"]
    (box,) = [field for field in form.iter("input") if field.get("name") == "number"]
    assert form.get("method") == "post", "it may be a member's number, which may not stand in an address"
    assert box.get("id") in {label.get("for") for label in form.iter("label")}
    assert office.client.post("/apps/remittance/find", {"number": "9400000001"}).location == url_of(payment)


def test_pages_of_an_application_stand_below_its_box(world: World) -> None:
    world.person("a.clerk", applications=["remittance"])
    links = {text_of(link): link.get("href") for link in tree_of(world.sign_in("a.clerk").get("/")).iter("a")}
    assert links["Denials"] == "/apps/remittance/denials"
    assert links["Recoveries"] == "/apps/remittance/recoveries"


def test_the_box_is_for_those_who_can_use_it(world: World) -> None:
    world.person("a.clerk", applications=["tax-id-npi-access"])
    home = world.sign_in("a.clerk").get("/").text
    assert 'name="number"' not in home
    assert "/apps/remittance/" not in home


def test_the_menu_starts_with_remittance_inquiry_and_is_there_once(world: World) -> None:
    world.person("a.clerk")
    home = tree_of(world.sign_in("a.clerk").get("/"))
    options = [text_of(option) for option in home.iter("option")]
    assert options[0] == "Remittance Inquiry"
    main = next(home.iter("main"))
    assert sum(link.get("href") == "/apps/remittance/" for link in main.iter("a")) == 0


def test_what_is_new_since_the_last_visit(world: World, clock: Clock) -> None:
    office, other = Office(world, username="a.clerk"), Office(world, "Aspen Sample Clinic")
    assert news(office.client) is None, "a first visit has nothing to compare with"
    clock.advance(hours=1)
    office.paid("9400000001")
    for number in ("9400000002", "9400000003"):
        other.paid(number)
    clock.advance(hours=1)
    client = world.sign_in("a.clerk")
    assert news(client) == ["1 new payment"], "of one's own, not of others"
    clock.advance(hours=1)
    assert news(world.sign_in("a.clerk")) == []


def test_old_payments_are_not_new_to_somebody_who_was_away(world: World, clock: Clock) -> None:
    office = Office(world, username="a.clerk")
    office.paid("9400000001")
    clock.advance(days=100)
    assert news(world.sign_in("a.clerk")) == []


def test_news_that_fail_leave_the_home_page(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    def broken(session: PortalSession, _since: dt.datetime) -> list[News]:
        session.execute(sa.select(sa.literal_column("no_such_column")))
        return []

    class Plugin:
        def __init__(self) -> None:
            @hookimpl
            def portal_application() -> object:
                return dataclasses.replace(sample_plugin.portal_application(), news=broken)

            self.portal_application = portal_application

    world = World(make_app(database_url, extra_plugins={"sample": Plugin()}))
    office = Office(world, username="a.clerk")
    clock.advance(hours=1)
    office.paid("9400000001")
    clock.advance(hours=1)
    assert news(world.sign_in("a.clerk")) == ["1 new payment"]
    world.staff("a.staff", permissions=["staff:console:open", "staff:plugins:read"])
    assert "news" in world.sign_in("a.staff").get("/staff/plugins").text
