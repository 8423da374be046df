"""What staff do with accounts of people: create, unlock and deactivate."""

from __future__ import annotations

import pytest

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people import accounts
from tests.support.client import PortalClient, heading_of, tree_of, words_of
from tests.support.people import (
    NEW_PASSWORD,
    PERMISSIONS,
    create,
    enter,
    find,
    follow,
    make_link,
    recorded,
    set_password,
)
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=PERMISSIONS)
    return world.sign_in("a.staff")


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Harbor Sample Clinic")


# ---- creating


def test_a_person_is_created_and_sets_a_password(world: World, staff: PortalClient, clinic: Organization) -> None:
    answer = create(staff, clinic, delegate="y")
    person = find(world, "mina.keeper")
    assert person is not None
    assert (person.email, person.organization_id, person.is_delegate) == ("mina@office.example", clinic.id, True)
    assert answer.location == f"/staff/people/{person.id}"
    assert "user name mina.keeper" in staff.get(answer.location).text
    assert recorded(world, "people.person.created") == [
        {"person": person.id, "organization": clinic.id, "delegate": True}
    ]
    somebody = world.client()
    page = follow(somebody, make_link(staff, person))
    assert heading_of(page) == "Set your password"
    assert "Mina Lee Keeper" in page.text
    done = set_password(somebody)
    assert done.location == "/sign-in"
    assert "your user name is mina.keeper" in somebody.get(done.location).text
    assert enter(world, "mina.keeper", NEW_PASSWORD) == 303
    assert recorded(world, "identity.password.set") == [{"other_sign_ins_ended": 0}]


@pytest.mark.parametrize(
    ("name", "taken", "suggested"),
    [
        ("Zoë  O'Brien-Lund", [], "zoe.obrienlund"),
        ("Mina Keeper", ["mina.keeper"], "mina.keeper2"),
        ("Mina Keeper", ["mina.keeper", "mina.keeper2"], "mina.keeper3"),
        ("Mina Keeper", ["mina.keeper", "mina.keeperson"], "mina.keeper2"),
        ("Al", [], "user.al"),
        ("李 明", [], "user"),
    ],
)
def test_user_names_are_made_of_names(world: World, name: str, taken: list[str], suggested: str) -> None:
    for username in taken:
        world.person(username)
    with world.session() as session:
        assert accounts.suggest_username(session, name) == suggested


@pytest.mark.parametrize(("taken", "digits"), [(0, 3), (899, 3), (900, 4)])
def test_user_names_that_are_drawn_are_free(world: World, taken: int, digits: int) -> None:
    clinic = world.organization()
    with world.session() as session:
        session.add_all(
            Person(
                organization_id=clinic.id,
                username=f"mina.keeper{100 + number}",
                email=f"{number}@office.example",
                name="Mina Keeper",
                password_hash="",
                password_changed_at=clinic.created_at,
                is_staff=False,
                is_delegate=False,
                created_at=clinic.created_at,
            )
            for number in range(taken)
        )
        drawn = accounts.draw_username(session, "Mina Keeper")
    assert len(drawn) == len("mina.keeper") + digits
    assert find(world, drawn) is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"name": " "}, "first and last name"),
        ({"email": "mina"}, "such as name@office.example"),
        ({"email": "a b@office.example"}, "such as name@office.example"),
        ({"username": "Mina Keeper"}, "3 to 80 letters"),
        ({"username": "m@office.example"}, "3 to 80 letters"),
        ({"username": "T.Taken"}, "this user name already"),
        ({"email": "t.taken@OFFICE.example"}, "this e-mail address exists already"),
    ],
)
def test_what_cannot_be_an_account(
    world: World, staff: PortalClient, clinic: Organization, values: dict[str, str], says: str
) -> None:
    world.person("t.taken")
    answer = create(staff, clinic, **{"username": "m.new", **values})
    assert answer.status_code == 422
    assert says in words_of(answer)
    typed = {"name": "Mina Lee Keeper", "email": "Mina@Office.Example", "username": "m.new", **values}
    kept = {field.get("name"): field.get("value") for field in tree_of(answer).iter("input")}
    assert {name: value.strip() for name, value in typed.items()} == {name: kept[name] for name in typed}
    assert find(world, "m.new") is None
    assert recorded(world, "people.person.created") == []


def test_an_address_in_use_as_a_user_name_is_taken(world: World, staff: PortalClient, clinic: Organization) -> None:
    """Either is accepted at the sign-in: one name must not lead to two accounts."""
    world.person("mina@office.example")
    assert create(staff, clinic, username="m.new").status_code == 422


def test_an_account_without_a_password_lets_nobody_in(world: World, staff: PortalClient, clinic: Organization) -> None:
    create(staff, clinic)
    for password in ("", "nobody has this password", PASSWORD):
        assert enter(world, "mina.keeper", password) == 422


def test_nobody_is_created_in_an_organization_that_is_not_there(staff: PortalClient) -> None:
    assert staff.get("/staff/organizations/999999/people/new").status_code == 404
    assert staff.post("/staff/organizations/999999/people/new").status_code == 404


# ---- unlocking


def test_unlocking_gives_the_tries_back(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    for _ in range(world.settings.attempts_per_account):
        enter(world, "m.keeper", "wrong")
    assert enter(world, "m.keeper", PASSWORD) == 429
    url = f"/staff/people/{person.id}"
    assert heading_of(staff.get(url)).endswith("Active Locked")
    assert staff.post(f"{url}/unlock").location == url
    assert heading_of(staff.get(url)).endswith("Active")
    assert enter(world, "m.keeper", PASSWORD) == 303
    assert recorded(world, "people.person.unlocked") == [{"person": person.id}]


def test_one_try_left_is_not_locked(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    for _ in range(world.settings.attempts_per_account - 1):
        enter(world, "m.keeper", "wrong")
    assert "Locked" not in staff.get(f"/staff/people/{person.id}").text


# ---- deactivating


def test_deactivating_ends_everything_at_once(world: World, staff: PortalClient, clinic: Organization) -> None:
    world.person("d.delegate", organization=clinic, delegate=True)
    person = world.person("m.keeper", organization=clinic)
    client, link = world.sign_in("m.keeper"), make_link(staff, person)
    url = f"/staff/people/{person.id}"
    assert staff.post(f"{url}/deactivate", {"reason": "left the office"}).location == url
    assert "no delegate" not in staff.get(url).text
    assert client.get("/my-activity").status_code == 303
    assert enter(world, "m.keeper", PASSWORD) == 422
    assert follow(world.client(), link).status_code == 410
    assert staff.post(f"{url}/password-link").location == url
    assert recorded(world, "people.person.deactivated") == [
        {"person": person.id, "sign_ins_ended": 1, "reason": "left the office"}
    ]
    assert staff.post(f"{url}/reactivate").location == url
    assert enter(world, "m.keeper", PASSWORD) == 303
    assert client.get("/my-activity").status_code == 303
    assert follow(world.client(), link).status_code == 410
    assert recorded(world, "people.person.reactivated") == [{"person": person.id}]


def test_deactivating_twice_is_recorded_once(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    for _ in range(2):
        staff.post(f"/staff/people/{person.id}/deactivate", {"reason": "left"})
    assert len(recorded(world, "people.person.deactivated")) == 1
    for _ in range(2):
        staff.post(f"/staff/people/{person.id}/reactivate")
    assert len(recorded(world, "people.person.reactivated")) == 1


def test_deactivating_needs_a_reason(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    answer = staff.post(f"/staff/people/{person.id}/deactivate", {"reason": " "})
    assert answer.status_code == 422
    assert "Say why" in answer.text
    assert enter(world, "m.keeper", PASSWORD) == 303


def test_staff_are_told_when_no_delegate_is_left(world: World, staff: PortalClient, clinic: Organization) -> None:
    delegate = world.person("d.delegate", organization=clinic, delegate=True)
    answer = staff.post(f"/staff/people/{delegate.id}/deactivate", {"reason": "left"})
    assert "no delegate who can sign in" in staff.get(answer.location).text


# ---- the page


def test_the_page_of_a_person(world: World, staff: PortalClient, clinic: Organization) -> None:
    person = world.person("m.keeper", organization=clinic, name="Mina Keeper", delegate=True)
    page = staff.get(f"/staff/people/{person.id}")
    assert heading_of(page) == "Mina Keeper Active Delegate"
    assert "m.keeper@<wbr>office.example" in page.text
    assert recorded(world, "staff.person.viewed") == [{"person": person.id}]
    assert f'href="/staff/people/{person.id}"' in staff.get(f"/staff/organizations/{clinic.id}").text
    assert f'href="/staff/people/{person.id}"' in staff.get("/staff/organizations?q=mina").text


def test_the_payer_s_own_staff_are_not_managed_here(world: World, staff: PortalClient) -> None:
    """Whoever makes links would otherwise become any other member of staff."""
    other = world.staff("b.staff", permissions=["staff:console:open"])
    url = f"/staff/people/{other.id}"
    assert staff.get(url).status_code == 404
    for deed in ("unlock", "password-link", "deactivate", "reactivate"):
        assert staff.post(f"{url}/{deed}", {"reason": "a test"}).status_code == 404


def test_the_page_offers_what_one_may_do(world: World) -> None:
    person = world.person("m.keeper")
    world.staff("c.support", permissions=["staff:console:open", "staff:people:search"])
    page = world.sign_in("c.support").get(f"/staff/people/{person.id}").text
    for deed in ("unlock", "password-link", "deactivate", "reactivate"):
        assert f"/staff/people/{person.id}/{deed}" not in page
