"""What changes how somebody signs in: asked for again, told by e-mail, and disowned by one button."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from hp_portal import cli
from hp_portal.core.identity.factors import AuthenticatorApp, RecoveryCode
from hp_portal.core.identity.models import Person
from hp_portal.core.people.accounts import reactivate
from hp_portal.core.people.models import EmailChange
from hp_portal.worker import core_jobs
from tests.conftest import MakeApp
from tests.support.authenticator import Device
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.factors import add_app, add_codes, code, first_step, second_step
from tests.support.messages import mails as every_mail
from tests.support.people import follow, make_link, recorded, set_password
from tests.support.world import PASSWORD, World

from .test_passkeys import add, asked

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)
NEW = "purple-anchor-window-2031"
CONFIRM = "/confirm-it-is-you"


@pytest.fixture
def noon(clock: Clock) -> Clock:
    clock.set(NOON)
    return clock


def mails(world: World, template: str = "account_changed") -> list[tuple[str, dict[str, str]]]:
    return every_mail(world, template)


def is_in(client: PortalClient) -> bool:
    return client.get("/my-sign-ins").status_code == 200


def change(client: PortalClient) -> str | None:
    return client.post("/change-password", {"current": PASSWORD, "new": NEW, "again": NEW}).location


def late(world: World, noon: Clock, username: str = "a.clerk") -> PortalClient:
    """Somebody who has signed in more than ten minutes ago."""
    client = world.sign_in(username)
    noon.advance(minutes=10)
    return client


@pytest.mark.parametrize(
    "url",
    [
        "/sign-in-security/apps",
        "/sign-in-security/recovery-codes",
        "/sign-in-security/apps/1/name",
        "/sign-in-security/apps/1/remove",
        "/sign-in-security/passkeys/1/name",
        "/sign-in-security/passkeys/1/remove",
        "/change-email",
    ],
)
def test_nothing_changes_before_it_was_shown_again_who_it_is(world: World, noon: Clock, url: str) -> None:
    app_id = add_app(world, world.person("a.clerk"))
    url = url.replace("/1", f"/{app_id}")
    client = late(world, noon)
    assert str(client.post(url).location).startswith(CONFIRM)
    assert str(client.get("/sign-in-security/passkeys/new").location).startswith(CONFIRM)
    assert client.get("/sign-in-security").status_code == 200, "looking is free"
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AuthenticatorApp.id))) == 1
    assert mails(world) == []


def test_the_factor_is_asked_for_again_and_one_goes_on(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    client = late(world, noon)
    asked_for = client.get("/change-password").location
    assert asked_for == f"{CONFIRM}?next=/change-password"
    assert change(client) == asked_for
    page = client.get(asked_for)
    assert heading_of(page) == "Is it still you?"
    assert "Your password" not in page.text, "the password is no second factor"
    assert client.post(CONFIRM, {"code": "000000", "next": "/change-password"}).status_code == 422
    assert client.post(f"{CONFIRM}?way=password", {"code": PASSWORD}).status_code == 422
    assert client.post(CONFIRM, {"code": code(), "next": "/change-password"}).location == "/change-password"
    assert client.get("/change-password").status_code == 200
    noon.advance(minutes=9)
    assert change(client) == "/"
    noon.advance(minutes=2)
    assert str(client.get("/change-email").location).startswith(CONFIRM)
    assert recorded(world, "identity.confirmed") == [{"kind": "app"}]
    (first, *_) = add_codes(world, person)
    assert client.post(f"{CONFIRM}?way=recovery", {"code": first, "next": "/change-email"}).location == "/change-email"


def test_the_password_is_asked_for_where_there_is_no_factor(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    client = late(world, noon)
    assert change(client) == "/", "the current password stands in the form"
    assert str(client.post("/sign-in-security/apps").location).startswith(CONFIRM)
    wrong = client.post(CONFIRM, {"code": "wrong", "next": "/sign-in-security"})
    assert (wrong.status_code, "This is not your password" in wrong.text) == (422, True)
    assert client.post(CONFIRM, {"code": NEW, "next": "//evil.example"}).location == "/"
    assert str(client.post("/sign-in-security/apps").location).startswith("/sign-in-security/apps/new/")


def test_a_passkey_shows_again_who_it_is(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    device = Device(counts=0)
    client = world.sign_in("a.clerk")
    add(client, device)
    noon.advance(minutes=10)
    told = client.post("/sign-in-security/passkeys/options")
    assert told.status_code == 409
    assert str((told.json or {})["confirm"]).startswith(CONFIRM)
    token, options = asked(client, f"{CONFIRM}/passkey")
    sent = {"token": token, "credential": device.use(options), "next": "/change-email"}
    assert client.post(f"{CONFIRM}?way=passkey", sent).location == "/change-email"
    assert client.get("/change-email").status_code == 200
    other = world.sign_in("a.clerk")
    noon.advance(minutes=10)
    assert str(other.get("/change-email").location).startswith(CONFIRM), "each session for itself"


def test_guessing_is_limited(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_account=2))
    world.person("a.clerk")
    client = late(world, noon)
    assert [client.post(CONFIRM, {"code": "wrong"}).status_code for _ in range(3)] == [422, 422, 429]


def test_every_change_is_told_with_a_link(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    app_id = add_app(world, person)
    client = world.sign_in("a.clerk")
    client.post("/sign-in-security/recovery-codes")
    change(client)
    add(client, Device(), "Laptop")
    client.post(f"/sign-in-security/apps/{app_id}/remove")
    told = mails(world)
    assert {to for to, _ in told} == {"a.clerk@office.example"}
    assert [values["what"] for _, values in told] == [
        "New recovery codes were made.",
        "The password was changed.",
        "A second factor was added: Laptop.",
        "A second factor was removed: Sample telephone.",
    ]
    assert all("/not-me/" in values["link"] for _, values in told)


def test_a_password_by_a_link_and_a_recovery_code_are_told_as_well(world: World, noon: Clock) -> None:
    person = world.person("a.clerk")
    add_app(world, person)
    (first, *_) = add_codes(world, person)
    assert second_step(first_step(world, "a.clerk"), first, way="recovery").status_code == 303
    world.staff("staff.one", permissions=["staff:console:open", "staff:people:search", "staff:password-links:make"])
    guest = world.client()
    follow(guest, make_link(world.sign_in("staff.one"), person))
    assert set_password(guest).status_code == 303
    assert [values["what"] for _, values in mails(world)] == [
        "Somebody signed in with a recovery code.",
        "A password was set by a link.",
    ]


def opened(world: World, link: str) -> PortalClient:
    client = world.client()
    path = urlsplit(link).path
    assert client.get(path).location == "/not-me"
    return client


def test_this_was_not_me(world: World, noon: Clock) -> None:
    organization = world.organization("Aspen Clinic")
    world.person("a.clerk", organization=organization)
    world.person("a.delegate", organization=organization, delegate=True)
    thief = world.sign_in("a.clerk")
    change(thief)
    with world.session() as session:
        person = session.scalars(sa.select(Person).where(Person.username == "a.clerk")).one()
    add_app(world, person, "The thief’s telephone")
    ((_, told),) = mails(world)
    owner = opened(world, told["link"])
    page = owner.get("/not-me")
    assert heading_of(page) == "Was it not you?"
    assert is_in(thief), "looking changes nothing"
    done = owner.post("/not-me")
    assert heading_of(done) == "The account is locked"
    assert not is_in(thief)
    assert world.client().post("/sign-in", {"username": "a.clerk", "password": NEW}).status_code == 422
    assert owner.post("/not-me").status_code == 410, "once"
    assert opened(world, told["link"]).get("/not-me").status_code == 410
    assert [to for to, _ in mails(world, "account_locked")] == ["a.delegate@office.example"]
    assert recorded(world, "identity.change.disowned") == [{"what": "password"}]
    with world.session() as session:
        person = session.scalars(sa.select(Person).where(Person.username == "a.clerk")).one()
        assert session.scalar(sa.select(sa.func.count(AuthenticatorApp.id))) == 0
        reactivate(session, person)
    assert world.client().post("/sign-in", {"username": "a.clerk", "password": NEW}).status_code == 422
    permissions = ["staff:console:open", "staff:people:unlock", "staff:people:search", "staff:people:deactivate"]
    world.staff("staff.one", permissions=permissions)
    staff = world.sign_in("staff.one")
    assert "account was locked by its owner" in staff.get("/staff/").text
    listed = staff.get("/staff/people/locked")
    assert "has locked their account" in listed.text
    assert staff.post("/staff/people/locked/1", {"reason": ""}).status_code == 422
    assert staff.post("/staff/people/locked/1", {"reason": "Talked to them."}).location == "/staff/people/locked"
    assert "has locked their account" not in staff.get("/staff/people/locked").text
    assert recorded(world, "staff.change.settled")[0]["reason"] == "Talked to them."


def test_what_a_thief_has_begun_ends_with_it(world: World, noon: Clock) -> None:
    """Another address that is not confirmed yet, and the links that only the thief's addresses got."""
    clerk = world.person("a.clerk")
    thief = world.sign_in("a.clerk")
    assert ask(thief, "b@thief.example") == 303
    confirming(world, mails(world, "email_confirm")[-1][1]["link"]).post("/confirm-email")
    assert ask(thief, "c@thief.example") == 303
    confirming(world, mails(world, "email_confirm")[-1][1]["link"]).post("/confirm-email")
    assert ask(thief, "d@thief.example") == 303
    waiting = mails(world, "email_confirm")[-1][1]["link"]
    told = mails(world)
    mine = next(values for to, values in told if to == clerk.email)
    theirs = next(values for to, values in reversed(told) if to == "c@thief.example")
    assert opened(world, mine["link"]).post("/not-me").status_code == 200
    with world.session() as session:
        person = session.get_one(Person, clerk.id)
        assert person.email == clerk.email
        reactivate(session, person)
    assert opened(world, theirs["link"]).post("/not-me").status_code == 410
    assert confirming(world, waiting).post("/confirm-email").status_code == 410
    with world.session() as session:
        assert session.get_one(Person, clerk.id).email == clerk.email


def test_an_older_notice_takes_back_what_came_after_it(world: World, noon: Clock) -> None:
    clerk = world.person("a.clerk")
    thief = world.sign_in("a.clerk")
    change(thief)
    assert ask(world.sign_in("a.clerk"), "b@thief.example") == 303
    confirming(world, mails(world, "email_confirm")[-1][1]["link"]).post("/confirm-email")
    first = mails(world)[0][1]
    assert opened(world, first["link"]).post("/not-me").status_code == 200
    with world.session() as session:
        assert session.get_one(Person, clerk.id).email == clerk.email


def test_staff_remove_what_somebody_has_lost(world: World, noon: Clock) -> None:
    organization = world.organization("Aspen Clinic")
    clerk = world.person("a.clerk", organization=organization)
    world.person("a.delegate", organization=organization, delegate=True)
    add_app(world, clerk)
    add_codes(world, clerk)
    signed_in = first_step(world, "a.clerk")
    assert second_step(signed_in, code()).status_code == 303
    permissions = ["staff:console:open", "staff:people:search", "staff:factors:remove"]
    world.staff("staff.one", permissions=permissions)
    staff, where = world.sign_in("staff.one"), f"/staff/people/{clerk.id}"
    lost = f"{where}/lost-factors/remove"
    assert "Lost second factor" in staff.get(where).text
    assert staff.post(lost, {"reason": ""}).status_code == 422
    assert is_in(signed_in)
    why = {"reason": "Called back at the number on record."}
    assert "signs in with the password alone" in staff.post(lost, why, follow_redirects=True).text
    assert "has no second factor" in staff.post(lost, why, follow_redirects=True).text
    assert "Lost second factor" not in staff.get(where).text
    assert not is_in(signed_in)
    assert is_in(world.sign_in("a.clerk"))
    with world.session() as session:
        for model in (AuthenticatorApp, RecoveryCode):
            assert session.scalar(sa.select(sa.func.count(model.id))) == 0
    assert [event["reason"] for event in recorded(world, "people.factors.removed")] == [why["reason"]]
    assert [to for to, _ in mails(world, "account_reset")] == ["a.delegate@office.example"]
    assert "staff removed your second factors" in mails(world)[-1][1]["what"]


def test_the_link_ends_and_guessing_is_limited(database_url: str, make_app: MakeApp, noon: Clock) -> None:
    world = World(make_app(database_url, attempts_per_address=2))
    world.person("a.clerk")
    change(world.sign_in("a.clerk"))
    ((_, told),) = mails(world)
    noon.advance(days=30)
    assert [opened(world, told["link"]).get("/not-me").status_code for _ in range(3)] == [410, 410, 429]


def test_two_buttons_at_once_lock_once(world: World, noon: Clock) -> None:
    organization = world.organization("Aspen Clinic")
    world.person("a.clerk", organization=organization)
    world.person("a.delegate", organization=organization, delegate=True)
    change(world.sign_in("a.clerk"))
    ((_, told),) = mails(world)
    owners = [opened(world, told["link"]) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        statuses = sorted(pool.map(lambda owner: owner.post("/not-me").status_code, owners))
    assert statuses == [200, 410, 410]
    assert len(mails(world, "account_locked")) == 1


def ask(client: PortalClient, email: str) -> int:
    return client.post("/change-email", {"email": email}).status_code


def confirming(world: World, link: str) -> PortalClient:
    client = world.client()
    assert client.get(urlsplit(link).path).location == "/confirm-email"
    return client


def test_another_address_counts_once_it_is_confirmed(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert ask(client, "nowhere") == 422
    assert ask(client, "a.clerk@office.example") == 422
    assert ask(client, "New.Clerk@Office.example") == 303
    ((to, told),) = mails(world, "email_confirm")
    assert to == "new.clerk@office.example"
    guest = confirming(world, told["link"])
    assert "new.clerk@" in guest.get("/confirm-email").text
    assert world.client().post("/sign-in", {"username": to, "password": PASSWORD}).status_code == 422
    assert guest.post("/confirm-email").status_code == 303
    assert world.client().post("/sign-in", {"username": to, "password": PASSWORD}).status_code == 303
    assert confirming(world, told["link"]).post("/confirm-email").status_code == 410, "once"
    both = mails(world)
    assert [one for one, _ in both] == ["new.clerk@office.example", "a.clerk@office.example"]
    assert len({values["link"] for _, values in both}) == 1
    before = opened(world, both[1][1]["link"])
    assert heading_of(before.post("/not-me")) == "The account is locked"
    assert not is_in(client)
    assert recorded(world, "identity.email.changed") == [{}]
    with world.session() as session:
        assert session.scalars(sa.select(Person.email)).one() == "a.clerk@office.example", "the address is back"


def test_the_answer_does_not_tell_who_has_an_account(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    world.person("b.clerk")
    client = world.sign_in("a.clerk")
    assert ask(client, "b.clerk@office.example") == 303
    assert "We have sent a link to b.clerk@office.example" in client.get("/sign-in-security").text
    ((to, told),) = mails(world, "email_taken")
    assert to == "b.clerk@office.example"
    assert "/confirm-email/" not in told["link"]
    assert mails(world, "email_confirm") == []


def test_an_address_that_was_taken_meanwhile_is_not_given_twice(world: World, noon: Clock) -> None:
    for name in ("a.clerk", "b.clerk"):
        world.person(name)
        assert ask(world.sign_in(name), "shared@office.example") == 303
    guests = [confirming(world, told["link"]) for _, told in mails(world, "email_confirm")]
    with ThreadPoolExecutor(2) as pool:
        statuses = sorted(pool.map(lambda guest: guest.post("/confirm-email").status_code, guests))
    assert statuses == [303, 410]


def test_links_for_addresses_end(world: World, noon: Clock) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert [ask(client, f"new{number}@office.example") for number in range(6)] == [303] * 5 + [429]
    told = mails(world, "email_confirm")
    last = confirming(world, told[-1][1]["link"])
    noon.advance(hours=24)
    assert last.get("/confirm-email").status_code == 410
    with world.session() as session:
        next(job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts").run(session)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(EmailChange.id))) == 0


def test_staff_who_locked_themselves_out_are_let_in_by_command(
    world: World, noon: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    person = world.staff("staff.one", permissions=["staff:console:open"])
    add_app(world, person)
    change(world.sign_in("staff.one"))
    ((_, told),) = mails(world)
    opened(world, told["link"]).post("/not-me")
    monkeypatch.setattr(cli, "_app", [world.app])
    command = ["staff", "restore", "staff.one", "--reason", "Called back.", "--password", PASSWORD]
    done = CliRunner().invoke(cli.cli, command)
    assert done.exit_code == 0, done.output
    assert world.client().post("/sign-in", {"username": "staff.one", "password": PASSWORD}).location == "/"
    assert CliRunner().invoke(cli.cli, ["staff", "restore", "nobody", *command[3:]]).exit_code == 1
    world.person("a.clerk")
    assert CliRunner().invoke(cli.cli, ["staff", "restore", "a.clerk", *command[3:]]).exit_code == 1
    assert recorded(world, "staff.person.restored") == [{"person": person.id, "reason": "Called back."}]
    with world.session() as session:
        assert session.scalars(sa.select(Person.deactivated_at).where(Person.id == person.id)).one() is None
