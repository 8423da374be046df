"""Where one account of two organizations meets what was made for one: second factors, links, notices, and what waits."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.memberships import add_membership
from hp_portal.core.people.models import EmailChange, FactorReset
from tests.conftest import MakeApp
from tests.core.test_several_organizations import Two, below
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.registering import mailed_link
from tests.support.world import World

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)


def signed_in_with_app(world: World, person: Person) -> PortalClient:
    add_app(world, person)
    client = first_step(world, person.username)
    second_step(client, code())
    return client


def test_the_factor_of_the_account_counts_in_every_organization(
    database_url: str, make_app: MakeApp, clock: Clock
) -> None:
    clock.set(NOON)
    world = World(make_app(database_url, second_factor_for="everybody", second_factor_days=0))
    practice, hospital = world.organization("Birch Practice"), world.organization("Lake Hospital")
    person = world.person("mina.keeper", organization=practice)
    world.membership(person, hospital, delegate=True)
    client = signed_in_with_app(world, person)
    for organization in (practice, hospital):
        answer = client.get(below(organization, "/my-activity"))
        assert answer.status_code == 200, answer.location


@pytest.fixture
def two(world: World) -> Two:
    return Two(world)


def test_what_a_delegate_has_begun_ends_when_the_account_is_shared(world: World, clock: Clock) -> None:
    clock.set(NOON)
    clinic, other = world.organization("Sample Clinic"), world.organization("Other Clinic")
    person = world.person("x.enia", organization=clinic)
    world.person("d.elegate", organization=clinic, delegate=True)
    add_app(world, person)
    delegate = world.sign_in("d.elegate")
    delegate.post(f"/accounts/{person.id}/lost-factors", {"lost-reason": "Called her"})
    with world.session() as session:
        session.add(EmailChange(person_id=person.id, email="bad@attacker.example", token_hash=b"t" * 32, asked_at=NOON))
    with world.app.test_request_context(), world.session() as session:
        add_membership(session, None, [], account=session.get_one(Person, person.id), organization_id=other.id)
    with world.session() as session:
        for model in (EmailChange, FactorReset):
            assert session.scalars(sa.select(model.ended_at)).one() is not None, model


def test_one_signs_out_in_the_tab_of_an_organization_one_has_left(two: Two) -> None:
    client = two.client()
    client.get(below(two.hospital, "/"))
    two.end(two.there)
    assert client.get(below(two.hospital, "/my-activity")).status_code == 403
    assert client.post(below(two.hospital, "/sign-out")).status_code == 303
    with two.world.session() as session:
        assert session.scalars(sa.select(SignIn.ended_at)).one() is not None


def test_the_advice_to_name_a_second_is_put_away_where_it_was_given(two: Two) -> None:
    client, advice = two.client(), "You are the only delegate"
    assert advice in client.get(below(two.hospital, "/")).text
    client.post(below(two.hospital, "/accounts/second-delegate/not-now"))
    assert advice not in client.get(below(two.hospital, "/")).text
    assert advice in client.get(below(two.practice, "/")).text


def test_links_of_messages_stay_out_of_addresses(two: Two) -> None:
    client = two.client()
    for chosen in (False, True):
        if chosen:
            client.get(below(two.practice, "/"))
        for link in ("/invitation/a-token", "/not-me/a-token", "/approve/a-token"):
            assert "a-token" not in (client.get(link, check=False).location or "")


def test_whoever_says_it_was_not_them_is_signed_out_below_an_organization(two: Two) -> None:
    with two.world.app.test_request_context(), two.world.session() as session:
        tell_change(session, session.get_one(Person, two.person.id), "password")
    client = two.client()
    client.get(below(two.hospital, "/"))
    client.get(mailed_link(two.world, two.person.email, "/not-me/"))
    done = client.post(below(two.hospital, "/not-me"))
    assert (done.status_code, "/sign-out" in done.text) == (200, False)
    assert two.person.name not in client.get("/sign-in").text


def test_a_new_organization_opens_and_says_so(two: Two) -> None:
    world = two.world
    third: Organization = two.other
    world.person("t.delegate", organization=third, delegate=True)
    delegate = world.sign_in("t.delegate")
    delegate.post(
        "/accounts/invitations/new", {"name": "Mina Keeper", "email": two.person.email, "applications": "remittance"}
    )
    client = two.client()
    client.get(below(two.practice, "/"))
    client.get(mailed_link(world, two.person.email, "/invitation/"))
    there = client.post(below(two.practice, "/invitation/accept"))
    assert there.location == f"/o/{third.id}/"
    assert "You are at Third Clinic now" in client.get(there.location).text


def test_no_link_followed_is_no_wrong_one(world: World) -> None:
    guest = world.client()
    statuses = {guest.get("/invitation").status_code for _ in range(world.settings.attempts_per_address + 2)}
    assert statuses == {410}
