"""One person in several organizations: each tab stays with its own, and nothing is done for one that nobody has named."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from hp_portal.core.agreements.kinds import first_version
from hp_portal.core.identity.actor import DELEGATE_AGREEMENT, TERMS_OF_USE
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people import accounts
from tests.support.client import PortalClient, heading_of, tree_of
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

MY_PAGES = "/accounts"


class Two:
    """Somebody who is a delegate of a practice and works for a hospital, each with somebody else in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.practice, self.hospital = world.organization("Birch Practice"), world.organization("Lake Hospital")
        self.other = world.organization("Third Clinic")
        self.person = world.person("mina.keeper", organization=self.practice, delegate=True, name="Mina Keeper")
        self.there = world.membership(self.person, self.hospital, delegate=True)
        world.person("p.colleague", organization=self.practice, name="Paula Practice")
        world.person("h.colleague", organization=self.hospital, name="Hanna Hospital")

    def client(self) -> PortalClient:
        return self.world.sign_in("mina.keeper")

    def end(self, row: Person) -> None:
        with self.world.session() as session:
            accounts.deactivate(session, session.get_one(Person, row.id), "Left")


@pytest.fixture
def two(world: World) -> Two:
    return Two(world)


def below(organization: Organization, path: str) -> str:
    return f"/o/{organization.id}{path}"


def test_each_tab_stays_with_the_organization_it_was_opened_for(two: Two) -> None:
    client, practice, hospital = two.client(), two.practice, two.hospital
    chooser = client.get("/accounts")
    assert chooser.location == "/organizations?next=/accounts"
    page = client.get(chooser.location)
    assert heading_of(page) == "Which organization are you working for?"
    assert below(practice, "/accounts") in page.text
    assert below(hospital, "/accounts") in page.text
    for organization, own, others in ((practice, "Paula", "Hanna"), (hospital, "Hanna", "Paula")):
        page = client.get(below(organization, "/accounts"))
        assert own in page.text
        assert others not in page.text
        assert f"Working for <strong>{organization.name}" in page.text
        assert below(organization, "/my-sign-ins") in page.text
        assert f'action="{below(organization, "/sign-out")}"' in page.text
        addresses = re.findall(r'(?:href|action|data-[a-z-]+-url)="(/[^"]*)"', page.text)
        away = [one for one in addresses if not one.startswith((below(organization, "/"), "/static/"))]
        assert away == [below(one, "/") for one in (practice, hospital) if one is not organization]
    # The home page that was opened last is where an address without an organization leads.
    client.get(below(hospital, "/"))
    assert client.get("/accounts?name=x").location == below(hospital, "/accounts?name=x")
    client.get(below(practice, "/"))
    assert client.get("/accounts").location == below(practice, "/accounts")
    assert client.get("/help/").location == below(practice, "/help/")
    asked = client.get("/accounts", fragment=True, headers={"HX-Current-URL": "http://localhost/accounts?page=2"})
    assert (asked.status_code, asked.headers["HX-Redirect"]) == (200, below(practice, "/accounts?page=2"))


def test_a_form_is_taken_for_the_organization_of_its_address_alone(two: Two) -> None:
    client = two.client()
    with two.world.session() as session:
        of_practice = session.scalars(sa.select(Person.id).where(Person.username == "p.colleague")).one()
    form = f"/accounts/{of_practice}/deactivate"
    refused = client.post(form, {"reason": "Left the office"}, headers={"Referer": "http://localhost/accounts/7"})
    assert refused.status_code == 409
    assert "Nothing was changed" in refused.text
    assert below(two.practice, "/accounts/7") in refused.text
    # What was typed is kept on the page and sent for the organization that is chosen, but no secret, and nothing of another site.
    controls = [one for kind in ("input", "button") for one in tree_of(refused).iter(kind)]
    kept = {one.get("name"): one.get("value") for one in controls if one.get("type") == "hidden"}
    assert kept.pop("csrf_token")
    assert kept == {"reason": "Left the office"}
    to = [one.get("formaction") or "" for one in controls if one.get("formaction")]
    assert sorted(to) == sorted(below(one, form) for one in (two.practice, two.hospital))
    for odd in ({"reason": "Left", "password": "x"}, {"reason": "Left", "csrf_token": "of another"}):
        plain = client.post(form, odd, headers={"Referer": "http://localhost/accounts/7"})
        assert (plain.status_code, "formaction" in plain.text, "Go back to see" in plain.text) == (409, False, True)
    # Of another one the row is not there, and of a foreign one nothing is.
    assert client.post(below(two.hospital, form), {"reason": "Left the office"}).status_code == 404
    foreign = client.post(below(two.other, form), {"reason": "Left the office"})
    assert foreign.status_code == 403
    assert "Nothing that you sent was saved" in foreign.text
    assert two.other.name not in foreign.text
    unknown = client.get("/o/999999/accounts")
    assert "an organization that you do not work for" in unknown.text
    noted = recorded(two.world, "access.page.refused")[-1]
    assert noted == {"page": "accounts.index", "why": "of an organization that the person does not work for"}
    assert recorded(two.world, "people.person.deactivated") == []
    # Notices are read where they belong.
    done = client.post(below(two.practice, form), {"reason": "Left the office"})
    assert done.location == below(two.practice, f"/accounts/{of_practice}")
    assert "Paula" not in client.get(below(two.hospital, "/accounts")).text
    assert "Paula Practice’s account is deactivated" in client.get(below(two.practice, "/contact")).text


def test_nothing_changes_for_people_of_one_organization(two: Two) -> None:
    client = two.world.sign_in("p.colleague")
    page = client.get("/")
    assert "Working for" not in page.text
    assert "/o/" not in page.text
    assert client.get("/organizations").location == "/"
    assert client.get(below(two.practice, "/my-activity")).status_code == 200
    foreign = client.get(below(two.hospital, "/my-activity"))
    assert foreign.status_code == 403
    assert two.hospital.name not in foreign.text
    assert "/o/" not in foreign.text
    assert client.get(below(two.hospital, "/help/")).location == "/help/"
    assert client.post("/sign-in/keep-alive").status_code == 204
    # Nobody signed in: an address says nothing of whether there is such an organization.
    nobody = two.world.client()
    for number in (two.practice.id, 999999):
        assert nobody.get(f"/o/{number}/").location == "/"
        asked = nobody.get(f"/o/{number}/my-activity")
        assert asked.location == f"/o/{number}/sign-in?next=/o/{number}/my-activity"
        assert nobody.get(asked.location).location == f"/sign-in?next=/o/{number}/my-activity"


def sign_in(two: Two, following: str = "") -> tuple[PortalClient, str]:
    client = two.world.client()
    data = {"username": "mina.keeper", "password": PASSWORD, "next": following}
    answer = client.post("/sign-in", data)
    assert answer.status_code == 303, answer.text
    return client, answer.location or ""


def test_signing_in_leads_where_one_was_before_and_never_to_a_foreign_organization(two: Two) -> None:
    client, to = sign_in(two)
    assert to == "/"
    assert client.get("/").location == "/organizations?next=/"
    client.get(below(two.hospital, "/"))
    client, to = sign_in(two)
    assert client.get(to).location == below(two.hospital, "/")
    assert sign_in(two, below(two.practice, "/accounts"))[1] == below(two.practice, "/accounts")
    assert sign_in(two, below(two.other, "/accounts"))[1] == "/"
    # A tab's own forms lead back into it, whatever they say.
    to = below(two.hospital, "/accounts")
    assert client.get(below(two.practice, f"/sign-in?next={to}")).location == below(two.practice, "/")
    assert client.get(below(two.practice, "/sign-in?next=/accounts")).location == below(two.practice, "/accounts")
    assert client.post(below(two.practice, "/sign-out")).location == below(two.practice, "/sign-in?ended=signed-out")


def test_who_is_ended_in_one_organization_goes_on_in_the_other(two: Two) -> None:
    client = two.client()
    two.end(two.person)
    left = client.get(below(two.practice, "/accounts"))
    assert left.status_code == 403
    assert "You do not work for Birch Practice in this portal anymore" in left.text
    assert client.post(below(two.practice, "/my-sign-ins/elsewhere-seen")).status_code == 403
    # With one left, addresses are what they are for everybody.
    assert "Hanna" in client.get("/accounts").text
    assert client.get(below(two.hospital, "/accounts")).status_code == 200
    client, to = sign_in(two)
    assert to == "/"
    assert "Hanna" in client.get("/accounts").text
    changed = {"current": PASSWORD, "new": "eleven-blue-lanterns-83", "again": "eleven-blue-lanterns-83"}
    assert client.post("/change-password", changed).location == "/"
    two.end(two.there)
    assert client.get("/accounts").location == "/sign-in?next=/accounts"
    answer = two.world.client().post("/sign-in", {"username": "mina.keeper", "password": changed["new"]})
    assert answer.status_code == 422
    with two.world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).where(SignIn.ended_at.is_(None))) == 0


def test_what_was_typed_waits_for_its_own_organization(two: Two) -> None:
    client, practice, hospital = two.client(), two.practice, two.hospital
    pages = [client.get(below(one, "/accounts")).text for one in (practice, hospital)]
    whose = [re.findall(r'data-person="([0-9a-f]+)"', page) for page in pages]
    assert whose[0] != whose[1]
    with two.world.session() as session:
        session.execute(sa.update(SignIn).values(ended_at=SignIn.created_at))
    sent = client.post(below(practice, "/reason"), {"why-choice": "Answering a patient", "note": "kept words"})
    assert sent.location is not None
    unsent = sent.location.partition("next=")[2]
    assert unsent.startswith(below(practice, "/sign-in/unsent/"))
    # Whichever organization was not said is kept for nobody.
    assert client.post("/reason", {"note": "lost"}).location == "/sign-in?next=/"
    page = client.get(client.get(sent.location).location or "")
    assert "kept words" not in page.text
    entered = client.post("/sign-in", {"username": "mina.keeper", "password": PASSWORD, "next": unsent})
    assert entered.location == unsent
    assert "kept words" in client.get(unsent).text
    elsewhere = client.get(below(hospital, unsent.partition(str(practice.id))[2]))
    assert elsewhere.location == below(hospital, "/")
    done = client.post(unsent)
    assert (done.status_code, done.location) == (307, below(practice, "/reason"))


def test_each_organization_has_its_own_reason_of_access(two: Two) -> None:
    client, practice, hospital = two.client(), two.practice, two.hospital
    for organization, other in ((practice, "Audit"), (hospital, "Answering the family"), (hospital, "Appeal")):
        client.post(below(organization, "/reason"), {"why-other": other})
    now = "Your reason now: <strong>{}</strong>"
    for organization, own in ((practice, "Audit"), (hospital, "Appeal")):
        assert now.format(own) in client.get(below(organization, "/reason")).text
    client.post(below(practice, "/reason"), {"why-other": "Posting a check"})
    assert now.format("Posting a check") in client.get(below(practice, "/reason")).text
    assert now.format("Appeal") in client.get(below(hospital, "/reason")).text


def test_a_link_in_a_message_is_found_in_the_other_organization(two: Two) -> None:
    client = two.client()
    client.get(below(two.practice, "/"))
    link = f"/accounts/{two.there.id}"
    missing = client.get(client.get(link).location or "")
    assert missing.status_code == 404
    assert f'href="{below(two.hospital, link)}">Look in Lake Hospital<' in missing.text
    assert "Look in" not in two.world.sign_in("p.colleague").get("/accounts/999999").text


def test_terms_are_accepted_once_and_the_delegates_agreement_for_each(world: World) -> None:
    practice, hospital = world.organization("Birch Practice"), world.organization("Lake Hospital")
    person = world.person("mina.keeper", organization=practice)
    there = world.membership(person, hospital, delegate=True, terms=False)
    client = world.sign_in("mina.keeper")
    assert client.get(below(practice, "/")).status_code == 200
    terms = client.get(below(hospital, "/"))
    assert terms.location == below(hospital, "/terms")
    page = client.get(terms.location)
    assert heading_of(page) == "Terms of use and agreements"
    assert len(re.findall(r'type="checkbox"', page.text)) == 1
    version = first_version(world.settings, DELEGATE_AGREEMENT)
    ticked = {"site_delegate_agreement": version, "next": below(hospital, "/accounts")}
    done = client.post(terms.location or "", ticked)
    assert done.location == below(hospital, "/accounts")
    assert client.get(below(hospital, "/accounts")).status_code == 200
    with world.session() as session:
        rows = session.execute(sa.select(Acceptance.person_id, Acceptance.agreement)).all()
    assert [tuple(row) for row in rows] == [(person.id, TERMS_OF_USE), (there.id, DELEGATE_AGREEMENT)]
