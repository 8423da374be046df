"""Links to set a password: staff make one, it works once and for a while, and only its hash is kept."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.people import accounts, password_links
from hp_portal.core.people.models import PasswordLink
from hp_portal.worker import all_jobs
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.people import (
    NEW_PASSWORD,
    PERMISSIONS,
    enter,
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


def test_a_link_works_once(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    link = make_link(staff, person)
    first, second = world.client(), world.client()
    for client in (first, second):
        assert follow(client, link).status_code == 200
    assert set_password(first).status_code == 303
    dead = set_password(second, "nineteen-red-kettles-27")
    assert dead.status_code == 410
    assert "does not work anymore" in heading_of(dead)
    assert follow(world.client(), link).status_code == 410
    assert enter(world, "m.keeper", NEW_PASSWORD) == 303
    assert enter(world, "m.keeper", PASSWORD) == 422


def test_only_the_hash_of_a_link_is_kept(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    token = make_link(staff, person).rpartition("/")[2]
    with world.session() as session:
        row = session.scalars(sa.select(PasswordLink)).one()
        assert len(token) == 43, "256 bits in base64"
        assert token.encode() not in row.token_hash
        assert len(row.token_hash) == 32
        fields = session.scalars(sa.select(AuditEvent.fields)).all()
    assert not any(token in text for text in fields)
    assert recorded(world, "people.password-link.made") == [{"person": person.id}]
    assert token not in staff.get(f"/staff/people/{person.id}").text


def test_a_link_expires(world: World, staff: PortalClient, clock: Clock) -> None:
    link = make_link(staff, world.person("m.keeper"))
    somebody, made = world.client(), clock.now()
    hours = world.settings.password_link_hours
    clock.set(made + dt.timedelta(hours=hours, seconds=-5))
    assert follow(somebody, link).status_code == 200
    clock.set(made + dt.timedelta(hours=hours, seconds=5))
    assert set_password(somebody).status_code == 410


def test_dead_links_are_removed(world: World, staff: PortalClient, clock: Clock) -> None:
    """Those that were used, replaced or have expired; one that still works stays."""
    (job,) = [job for job in all_jobs(world.app) if job.key == "people.forget-links"]

    def left() -> list[int]:
        with world.session() as session:
            job.run(session)
            session.commit()
            return list(session.scalars(sa.select(PasswordLink.person_id)))

    used, keeper = world.person("u.sed"), world.person("m.keeper")
    somebody = world.client()
    follow(somebody, make_link(staff, used))
    assert set_password(somebody).status_code == 303
    make_link(staff, keeper)
    link = make_link(staff, keeper)
    assert left() == [keeper.id]
    assert follow(world.client(), link).status_code == 200
    clock.advance(hours=world.settings.password_link_hours)
    assert left() == []


def test_a_link_that_ends_while_it_is_used_is_dead(
    world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.person("m.keeper")
    somebody = world.client()
    follow(somebody, make_link(staff, person))
    look = password_links.look_at_link

    def ends_after(*given: Any) -> Any:
        found = look(*given)
        with scopes.whole(given[0], "in another window, as it were"):
            accounts.end_links(given[0], person.id)
        return found

    monkeypatch.setattr(password_links, "look_at_link", ends_after)
    assert set_password(somebody).status_code == 410
    assert not recorded(world, "identity.password.set")


def test_a_newer_link_replaces_the_one_before(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    older, newer = make_link(staff, person), make_link(staff, person)
    assert follow(world.client(), older).status_code == 410
    assert follow(world.client(), newer).status_code == 200


def test_setting_a_password_ends_other_sign_ins_and_the_pause(world: World, staff: PortalClient) -> None:
    person = world.person("m.keeper")
    elsewhere = world.sign_in("m.keeper")
    for _ in range(world.settings.attempts_per_account):
        enter(world, "m.keeper", "wrong")
    somebody = world.client()
    follow(somebody, make_link(staff, person))
    assert elsewhere.get("/my-activity").status_code == 200
    set_password(somebody)
    assert elsewhere.get("/my-activity").status_code == 303
    assert enter(world, "m.keeper", NEW_PASSWORD) == 303
    assert recorded(world, "identity.password.set") == [{"other_sign_ins_ended": 1}]
    with world.session() as session:
        row = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "identity.password.set")).one()
    assert (row.person_id, row.organization_id) == (person.id, person.organization_id)


@pytest.mark.parametrize(
    ("new", "again", "says"),
    [
        ("short", "short", "at least 12"),
        ("password1234", "password1234", "stolen elsewhere"),
        ("m.keeper1234", "m.keeper1234", "easy to guess"),
        (NEW_PASSWORD, "something else", "differ"),
        ("", "", "Enter a password"),
    ],
)
def test_a_password_that_will_not_do_leaves_the_link(
    world: World, staff: PortalClient, new: str, again: str, says: str
) -> None:
    somebody = world.client()
    follow(somebody, make_link(staff, world.person("m.keeper")))
    answer = set_password(somebody, new, again)
    assert answer.status_code == 422
    assert says in answer.text
    assert set_password(somebody).status_code == 303


def test_guessing_links_is_limited(world: World, staff: PortalClient) -> None:
    link = make_link(staff, world.person("m.keeper"))
    guesser = world.client()
    for number in range(world.settings.attempts_per_address):
        assert follow(guesser, f"/set-password/guess-{number}").status_code == 410
    answer = follow(guesser, link)
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert set_password(guesser).status_code == 429


def test_without_a_link_there_is_no_page(world: World) -> None:
    assert world.client().get("/set-password").status_code == 410
