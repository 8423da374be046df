"""The Applications menu: what it lists, why it is blank, and that the gate agrees with it."""

from __future__ import annotations

import pytest

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database


def offered(client: PortalClient) -> list[str]:
    """The choices of the select on the home page, the one it starts with first in order."""
    return [text_of(option) for option in tree_of(client.get("/")).iter("option")]


def nav(client: PortalClient) -> list[str]:
    """The Applications of the navigation, as on any page."""
    for element in tree_of(client.get("/contact")).iter("nav"):
        if element.get("aria-label") == "Applications":
            return [text_of(link) for link in element.iter("a")]
    return []


def test_the_menu_starts_with_remittance_inquiry(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert offered(client)[0] == "Remittance Inquiry"
    everything = ["Remittance Inquiry", "Tax ID & NPI access", "Provider Data Profiles"]
    assert offered(client) == nav(client) == everything
    assert client.get("/go?application=remittance").location == "/apps/remittance/"
    assert client.get("/go?application=tax-id-npi-access").location == "/apps/tax-id-npi-access/"


def test_the_menu_lists_what_is_given_to_this_person(world: World) -> None:
    world.person("a.clerk", applications=["tax-id-npi-access"])
    client = world.sign_in("a.clerk")
    assert offered(client) == nav(client) == ["Tax ID & NPI access"]
    assert client.get("/go?application=remittance").status_code == 404
    assert client.get("/go?application=no-such").status_code == 404
    assert client.get("/go").status_code == 404


@pytest.mark.parametrize("audience", list(Audience))
def test_the_menu_lists_what_is_enabled_for_the_provider_type(world: World, audience: Audience) -> None:
    organization = world.organization(audience=audience)
    world.person("a.clerk", organization=organization)
    world.disable("remittance", audience)
    client = world.sign_in("a.clerk")
    profiles = [] if audience in (Audience.DENTAL, Audience.BILLING) else ["Provider Data Profiles"]
    assert offered(client) == nav(client) == ["Tax ID & NPI access", *profiles]
    assert client.get("/apps/remittance/").status_code == 404


def test_blank_before_the_account_is_validated(world: World) -> None:
    organization = world.organization("Unproved Hospital", validated=False)
    world.person("a.clerk", organization=organization)
    client = world.sign_in("a.clerk")
    home = client.get("/").text
    assert offered(client) == nav(client) == []
    assert "not validated yet" in home
    assert "letter with a PIN" in home
    assert 'href="/contact"' in home
    refused = client.get("/apps/tax-id-npi-access/")
    assert refused.status_code == 403
    assert "not validated yet" in refused.text
    with world.session() as session:
        session.get_one(Organization, organization.id).validated_at = clock.now()
    assert nav(client) == ["Remittance Inquiry", "Tax ID & NPI access", "Provider Data Profiles"]


def test_blank_when_nothing_is_enabled_for_the_provider_type(world: World) -> None:
    world.person("a.clerk", organization=world.organization(audience="pharmacy"))
    for application in world.applications:
        world.disable(application, "pharmacy")
    client = world.sign_in("a.clerk")
    assert offered(client) == nav(client) == []
    assert "For pharmacy accounts none is switched on" in client.get("/").text


def test_blank_when_nothing_is_given_names_the_delegates(world: World) -> None:
    organization = world.organization()
    world.person("a.clerk", organization=organization, applications=[])
    client = world.sign_in("a.clerk")
    assert "your organization has no delegate" in client.get("/").text
    world.person("b.lead", organization=organization, delegate=True, name="Beatrice Sample")
    gone = world.person("c.gone", organization=organization, delegate=True, name="Caspar Sample")
    world.person("d.lead", delegate=True, name="Dora Elsewhere")
    with world.session() as session:
        session.get_one(Person, gone.id).deactivated_at = clock.now()
    for text in (client.get("/").text, client.get("/apps/tax-id-npi-access/").text):
        assert "Beatrice Sample" in text
        assert "Caspar" not in text
        assert "Dora" not in text
    assert client.get("/apps/tax-id-npi-access/").status_code == 403


def test_an_application_taken_away_is_gone_with_the_next_request_of_every_worker(
    database_url: str, make_app: MakeApp
) -> None:
    workers = [make_app(database_url) for _ in range(2)]
    world = World(workers[0])
    person = world.person("a.clerk", applications=["tax-id-npi-access"])
    clients = [world.sign_in("a.clerk", worker) for worker in workers]
    assert [client.get("/apps/tax-id-npi-access/").status_code for client in clients] == [200, 200]
    with world.session() as session:
        session.query(PersonApplication).filter_by(person_id=person.id).delete()
    assert [client.get("/apps/tax-id-npi-access/").status_code for client in clients] == [403, 403]


def test_staff_have_the_console_and_no_applications(world: World) -> None:
    world.staff("a.staff", permissions=["staff:console:open", "staff:plugins:read"])
    client = world.sign_in("a.staff")
    assert client.get("/").location == "/staff/"
    home = client.get("/staff/")
    assert offered(client) == nav(client) == []
    assert 'href="/staff/plugins"' in home.text
    assert 'href="/staff/activity"' not in home.text
    world.staff("b.staff")
    assert "No part of the staff console is open to you" in world.sign_in("b.staff").get("/").text


def test_the_console_s_menu_stands_in_groups(world: World) -> None:
    world.staff(
        "a.keeper",
        permissions=(
            "staff:console:open",
            "staff:people:search",
            "staff:plugins:read",
            "staff:applications:manage",
            "remittance:import:read",
            "remittance:codes:manage",
        ),
    )
    client = world.sign_in("a.keeper")

    def menu(path: str) -> list[list[str]]:
        tree = tree_of(client.get(path))
        (nav,) = (nav for nav in tree.iter("nav") if nav.get("aria-label") == "Staff console")
        return [[text_of(link) for link in row.iter("a")] for row in nav.iter("ul")]

    top = ["Organizations and people", "Remittance Inquiry", "Setup"]
    assert menu("/staff/") == [top]
    assert menu("/staff/plugins") == [top, ["Applications", "Plugins"]]
    inner = menu("/staff/remittance/codes")[1]
    assert inner[0] == "Remittance imports"
    assert "Code lists" in inner
    tree = tree_of(client.get("/staff/"))
    headings = [text_of(element) for element in tree.iter() if (element.get("id") or "").startswith("group-")]
    assert headings == ["Providers", "Remittance Inquiry", "Setup"]
