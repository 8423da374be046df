"""A lost second factor: removed after a day, or as soon as a second delegate agrees, and never by one delegate unnoticed."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import CANCELED
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.models import FactorReset
from hp_portal.worker import all_jobs, run_job
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.messages import mails
from tests.support.people import recorded
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
REASON = {"lost-reason": "Called her at her desk"}


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


@pytest.fixture
def clinic(world: World, noon: Clock) -> Organization:
    return world.organization("Sample Clinic")


@pytest.fixture
def person(world: World, clinic: Organization) -> Person:
    """Somebody who signs in with an app."""
    person = world.person("l.ost", organization=clinic)
    add_app(world, person)
    return person


@pytest.fixture
def delegate(world: World, clinic: Organization) -> PortalClient:
    world.person("d.elegate", organization=clinic, delegate=True)
    return world.sign_in("d.elegate")


@pytest.fixture
def second(world: World, clinic: Organization) -> PortalClient:
    world.person("s.econd", organization=clinic, delegate=True)
    return world.sign_in("s.econd")


def press(client: PortalClient, person: Person, what: str = "") -> TestResponse:
    address = f"/accounts/{person.id}/lost-factors{what}"
    return client.post(address, {} if what else REASON, follow_redirects=True)


def outcomes(world: World) -> list[str | None]:
    with world.session() as session:
        return list(session.scalars(sa.select(FactorReset.outcome).order_by(FactorReset.id)))


def signs_in_with_the_password_alone(world: World, person: Person) -> bool:
    answer = world.client().post("/sign-in", {"username": person.username, "password": PASSWORD})
    return bool(answer.location != "/sign-in/second-step")


def work(world: World) -> None:
    (job,) = [one for one in all_jobs(world.app) if one.key == "people.reset-factors"]
    with world.app.app_context():
        assert run_job(world.app, job)


def test_after_a_day_and_not_before(
    world: World, noon: Clock, person: Person, delegate: PortalClient, second: PortalClient
) -> None:
    shown = press(delegate, person)
    assert "are told" in shown.text
    assert "Called her at her desk" in shown.text
    ((to, values),) = mails(world, "factor_reset")
    assert to == "s.econd@" + to.partition("@")[2]
    assert values["due"] == "Jun 2, 2026, 7:00 AM CDT"
    ((to, values),) = mails(world, "account_changed")
    assert to == person.email
    assert "asks to remove your second factors" in values["what"]
    noon.advance(hours=23, minutes=59)
    work(world)
    assert not signs_in_with_the_password_alone(world, person)
    noon.advance(minutes=1)
    work(world)
    assert signs_in_with_the_password_alone(world, person)
    assert outcomes(world) == ["done"]
    assert "Delegates of your organization removed" in mails(world, "account_changed")[-1][1]["what"]
    assert {values["by"] for _, values in mails(world, "account_reset")} == {"Delegates of the organization"}
    removed = recorded(world, "people.factors.removed")
    assert removed == [{"person": person.id, "reason": "Called her at her desk"}]


def test_at_once_when_a_second_delegate_agrees(
    world: World, person: Person, delegate: PortalClient, second: PortalClient
) -> None:
    press(delegate, person)
    assert "asks to remove the second factors" in second.get("/accounts").text
    assert "Another delegate has to agree" in press(delegate, person, "/agree").text, "not the one who asked"
    assert not signs_in_with_the_password_alone(world, person)
    assert "are removed" in press(second, person, "/agree").text
    assert signs_in_with_the_password_alone(world, person)
    assert outcomes(world) == ["done"]
    assert "in the meantime" in press(second, person, "/agree").text
    with world.session() as session:
        state = session.scalar(sa.select(Message.state).where(Message.template == "factor_reset"))
    assert state == CANCELED, "nobody is asked any more"


def test_nobody_agrees_to_their_own(world: World, clinic: Organization, noon: Clock, delegate: PortalClient) -> None:
    own = world.person("o.wn", organization=clinic, delegate=True)
    client = world.sign_in("o.wn")
    add_app(world, own)
    assert "your own account" in press(client, own).text
    press(delegate, own)
    assert "Another delegate has to agree" in press(client, own, "/agree").text
    assert not signs_in_with_the_password_alone(world, own)


@pytest.mark.parametrize("who", ["asked", "other"])
def test_a_delegate_takes_it_back(
    world: World, noon: Clock, person: Person, delegate: PortalClient, second: PortalClient, who: str
) -> None:
    press(delegate, person)
    assert "stay as they are" in press({"asked": delegate, "other": second}[who], person, "/cancel").text
    noon.advance(days=2)
    work(world)
    assert outcomes(world) == ["canceled"]
    assert not signs_in_with_the_password_alone(world, person)


def test_signing_in_with_the_factor_ends_it(world: World, noon: Clock, person: Person, delegate: PortalClient) -> None:
    press(delegate, person)
    client = first_step(world, "l.ost")
    assert second_step(client, code()).status_code == 303
    assert outcomes(world) == ["used"]
    noon.advance(days=2)
    work(world)
    assert not signs_in_with_the_password_alone(world, person)


def test_whoever_did_not_ask_locks_the_account(
    world: World, noon: Clock, person: Person, delegate: PortalClient
) -> None:
    """*This was not me* in the message ends it, and the day after nothing is removed."""
    press(delegate, person)
    client = world.client()
    client.get(urlsplit(mails(world, "account_changed")[0][1]["link"]).path)
    assert client.post("/not-me").status_code in (200, 303)
    assert outcomes(world) == ["canceled"]
    assert "Lost second factor" not in delegate.get(f"/accounts/{person.id}").text
    with world.session() as session:
        assert session.get_one(Person, person.id).deactivated_at is not None
    noon.advance(days=2)
    work(world)
    assert outcomes(world) == ["canceled"]
    assert recorded(world, "people.factors.removed") == []


def test_asked_once(world: World, person: Person, delegate: PortalClient, second: PortalClient) -> None:
    press(delegate, person)
    assert "in the meantime" in press(second, person).text
    assert outcomes(world) == [None]
    nobody = world.person("n.one", organization=None)
    assert press(delegate, nobody).status_code == 404


def test_without_a_factor_or_a_reason_nothing_is_asked(
    world: World, clinic: Organization, person: Person, delegate: PortalClient
) -> None:
    plain = world.person("p.lain", organization=clinic)
    assert "Lost second factor" not in delegate.get(f"/accounts/{plain.id}").text
    assert "in the meantime" in press(delegate, plain).text
    refused = delegate.post(f"/accounts/{person.id}/lost-factors", {"lost-reason": "x"})
    assert refused.status_code == 422
    assert 'value="x"' in refused.text
    assert outcomes(world) == []


def test_two_delegates_at_once_ask_once(
    world: World, person: Person, delegate: PortalClient, second: PortalClient
) -> None:
    for client in (delegate, second):
        client.get(f"/accounts/{person.id}")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda client: client.post(f"/accounts/{person.id}/lost-factors", REASON), (delegate, second)))
    assert outcomes(world) == [None]
    assert len(mails(world, "account_changed")) == 1


def test_showing_the_factor_again_in_an_open_session_ends_it(
    world: World, noon: Clock, person: Person, delegate: PortalClient
) -> None:
    client = first_step(world, "l.ost")
    second_step(client, code())
    press(delegate, person)
    assert outcomes(world) == [None]
    noon.advance(minutes=11)
    assert client.post("/confirm-it-is-you?way=app", {"code": code(), "next": "/"}).status_code == 303
    assert outcomes(world) == ["used"]


def test_nothing_is_asked_of_which_the_person_cannot_be_told(
    world: World, person: Person, delegate: PortalClient
) -> None:
    with world.session() as session:
        session.get_one(Person, person.id).email = unconfirmed_address()
    assert "has not confirmed" in press(delegate, person).text
    assert outcomes(world) == []
