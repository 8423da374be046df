"""Whose account the directory opens, and that nothing else opens it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from hp_portal import cli
from hp_portal.core.delivery.models import Message
from hp_portal.core.identity.directory import UsedState
from hp_portal.core.identity.models import Person
from hp_portal.core.people.password_links import make_own_link
from hp_portal.core.recovery import asking
from hp_portal.settings import ConfigurationError, load_settings
from hp_portal.worker import core_jobs
from tests.conftest import MakeApp
from tests.core.test_passkeys import add, use
from tests.support.authenticator import Device
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.directory_browser import Browser, count, is_in, roles_of, whys
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.people import recorded
from tests.support.staff_directory import StaffDirectory, parameters
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

MakeWorld = Callable[..., World]


@pytest.fixture
def world(directory_world: World) -> World:
    """A portal whose staff sign in with the directory, and in no other way."""
    return directory_world


def test_nobody_of_a_providers_office_becomes_staff(world: World, directory: StaffDirectory) -> None:
    person = world.person("m.keeper")
    directory.add("mina", "portal-admins", email=person.email.upper())
    answer = Browser(world).enter("mina")
    assert answer.status_code == 403
    assert "belongs to an account of a provider’s office" in answer.text
    assert whys(world) == ["organization"]
    # The same user name alone is nobody's: another is made.
    directory.add("m.keeper", "portal-claims")
    assert Browser(world).enter("m.keeper").status_code == 303
    with world.session() as session:
        made = session.scalars(sa.select(Person).where(Person.is_staff)).one()
        assert (made.username, made.email) == ("staff.keeper", "m.keeper@plan.example")
        assert not session.get_one(Person, person.id).is_staff


@pytest.mark.parametrize("claims", [{"email": ""}, {"email": "no address"}, {"email_verified": False}])
def test_an_account_needs_a_confirmed_address(world: World, directory: StaffDirectory, claims: dict[str, Any]) -> None:
    directory.add("a.staff", "portal-admins", **claims)
    answer = Browser(world).enter("a.staff")
    assert answer.status_code == 403
    assert "no confirmed e-mail address" in words_of(answer)
    assert count(world, Person) == 0


def test_a_deactivated_account_stays_so(world: World, directory: StaffDirectory) -> None:
    directory.add("a.staff", "portal-admins")
    Browser(world).enter("a.staff")
    with world.session() as session:
        session.execute(sa.update(Person).values(deactivated_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)))
    answer = Browser(world).enter("a.staff")
    assert answer.status_code == 403
    assert "deactivated" in answer.text
    assert whys(world) == ["deactivated"]


@pytest.mark.parametrize(
    "claims",
    [
        {"preferred_username": "Old.Hand"},
        {"preferred_username": "old.hand@plan.example"},
        {"email": "old.hand@plan.example"},
    ],
)
def test_an_account_that_was_there_is_linked_by_command_alone(
    world: World, directory: StaffDirectory, claims: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    person = world.staff("old.hand", permissions=["staff:console:open"])
    directory.add("somebody", "portal-claims", **{"email": "new@plan.example", **claims})
    answer = Browser(world).enter("somebody")
    assert answer.status_code == 403
    assert "is not linked with Plan ID yet" in answer.text
    assert "subject-of-somebody" in answer.text
    assert whys(world) == ["unlinked"]
    assert run(world, monkeypatch, "link", "nobody", "--subject", "x").exit_code == 1
    linked = run(world, monkeypatch, "link", "Old.Hand", "--subject", "subject-of-somebody")
    assert (linked.exit_code, "signs in with Plan ID" in linked.output) == (0, True)
    assert "linked already" in run(world, monkeypatch, "link", "old.hand", "--subject", "another").output
    world.staff("other.hand")
    again = run(world, monkeypatch, "link", "other.hand", "--subject", "subject-of-somebody")
    assert (again.exit_code, "with another account already" in again.output) == (1, True)
    assert Browser(world).enter("somebody").status_code == 303
    assert roles_of(world, "old.hand") == ["Claims"], "the groups say, not what was given before"
    restored = run(world, monkeypatch, "restore", "old.hand", "--reason", "Called.", "--password", PASSWORD)
    assert "can sign in with Plan ID" in restored.output
    assert run(world, monkeypatch, "unlink", "old.hand").exit_code == 0
    assert Browser(world).enter("somebody").status_code == 403
    told = [{"person": person.id, "subject": "subject-of-somebody"}]
    assert recorded(world, "staff.person.linked") == recorded(world, "staff.person.unlinked") == told


def run(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    """A command about the staff, with the world's app."""
    monkeypatch.setattr(cli, "_app", [world.app])
    return CliRunner().invoke(cli.cli, ["staff", *arguments])


def test_the_command_says_whether_the_directory_fits(
    make_directory_world: MakeWorld, directory: StaffDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_directory_world(public_url="https://portal.plan.example", hosts="localhost,portal.plan.example")
    fits = run(world, monkeypatch, "directory")
    assert (fits.exit_code, f"{directory.issuer} answers, with 1 keys" in fits.output) == (0, True)
    assert "https://portal.plan.example/sign-in/directory/answer" in fits.output
    world = make_directory_world(oidc_roles="a=Claims,b=Auditors")
    missing = run(world, monkeypatch, "directory")
    assert (missing.exit_code, "no roles Auditors" in missing.output) == (1, True)
    directory.spoiled.status = 500
    silent = run(make_directory_world(), monkeypatch, "directory")
    assert (silent.exit_code, "Plan ID does not answer" in silent.output) == (1, True)
    local = make_directory_world(staff_sign_in="local")
    for command in (["directory"], ["link", "a", "--subject", "b"]):
        refused = run(local, monkeypatch, *command)
        assert (refused.exit_code, "is local" in refused.output) == (1, True)


def test_nothing_else_opens_an_account_of_the_staff(
    database_url: str, make_app: MakeApp, make_directory_world: MakeWorld, clock: Clock
) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    before, device = World(make_app(database_url)), Device(counts=0)
    staff = before.staff("old.hand", permissions=["staff:console:open"])
    clerk = before.person("a.clerk")
    for person in (staff, clerk):
        add_app(before, person)
    session = before.sign_in("old.hand")
    assert add(session, device).status_code == 303
    half = first_step(before, "old.hand")
    world = make_directory_world()
    half.app, half.flask = world.app, _moved(half, world)
    assert not is_in(_client(world, session)), "sessions from before have ended"
    late = second_step(half, code())
    assert (late.status_code, late.location) == (303, "/sign-in")
    answer = world.client().post("/sign-in", {"username": "old.hand", "password": PASSWORD})
    assert answer.status_code == 403
    assert "You are of our staff: sign in with Plan ID" in answer.text
    assert "Sign in with Plan ID (staff)" in answer.text
    guest = world.client()
    refused = use(guest, device)
    assert (refused.status_code, "sign in with Plan ID" in refused.text) == (403, True)
    assert not is_in(guest)
    assert recorded(world, "identity.sign-in.only-by-directory")[0] == {"account": "old.hand"}
    assert world.client().post("/sign-in", {"username": "old.hand", "password": "wrong-word-12345"}).status_code == 422
    # Offices notice nothing.
    office = first_step(world, "a.clerk")
    assert second_step(office, code()).status_code == 303
    assert is_in(office)


def _client(world: World, client: Any) -> Any:
    client.app, client.flask = world.app, _moved(client, world)
    return client


def _moved(client: Any, world: World) -> Any:
    """The cookies of a browser, before another app on the same database."""
    with client.flask.session_transaction() as kept:
        values = dict(kept)
    moved = world.app.test_client()
    with moved.session_transaction() as kept:
        kept.update(values)
    return moved


def test_a_forgotten_password_of_staff_leads_to_the_directory(
    database_url: str, make_app: MakeApp, make_directory_world: MakeWorld
) -> None:
    before = World(make_app(database_url))
    add_app(before, before.staff("old.hand"))

    def write(world: World) -> list[str]:
        world.client().post("/forgot-password", {"typed": "old.hand"})
        with world.session() as session:
            asking.answer_all(session, world.settings)
        with world.session() as session:
            rows = session.scalars(sa.select(Message).order_by(Message.id)).all()
            return [row.template for row in rows]

    with before.app.app_context():
        assert write(before) == ["recovery_link"]
    world = make_directory_world()
    with world.app.app_context():
        assert write(world) == ["recovery_link", "recovery_directory"]
    assert [one["how"] for one in recorded(world, "identity.recovery.answered")] == ["link", "directory"]


def test_a_link_from_before_sets_no_password(
    database_url: str, make_app: MakeApp, make_directory_world: MakeWorld
) -> None:
    before = World(make_app(database_url))
    with before.app.test_request_context(), before.session() as session:
        person = before.staff("old.hand")
        token = make_own_link(session, before.settings, session.get_one(Person, person.id)).token
    world = make_directory_world()
    for where, status in ((before, 200), (world, 410)):
        client = where.client()
        client.get(f"/set-password/{token}")
        assert client.get("/set-password").status_code == status


def test_either_way_opens_an_account_that_the_directory_does_not_know(
    make_directory_world: MakeWorld, directory: StaffDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_directory_world(staff_sign_in="both")
    world.staff("old.hand", permissions=["staff:console:open"])
    page = world.client().get("/sign-in").text
    assert "Sign in with Plan ID (staff)" in page
    assert "alone" not in page
    client = world.client()
    assert client.post("/sign-in", {"username": "old.hand", "password": PASSWORD}).status_code == 303
    assert is_in(client)
    run(world, monkeypatch, "link", "old.hand", "--subject", "subject-of-somebody")
    assert not is_in(client)
    assert world.client().post("/sign-in", {"username": "old.hand", "password": PASSWORD}).status_code == 403
    directory.add("somebody", "portal-claims")
    assert Browser(world).enter("somebody").status_code == 303


def test_local_accounts_alone_know_no_directory(
    database_url: str, make_app: MakeApp, make_directory_world: MakeWorld, directory: StaffDirectory
) -> None:
    directory.add("a.staff", "portal-claims")
    browser = Browser(make_directory_world())
    browser.enter("a.staff")
    local = World(make_app(database_url))
    assert "/sign-in/directory" not in local.client().get("/sign-in").text
    for path in ("/sign-in/directory", "/sign-in/directory/answer", "/confirm-it-is-you/directory"):
        assert local.sign_in("a.staff").get(path).status_code == 404
    assert not is_in(_client(local, browser.portal)), "the directory's sessions have ended"


def test_the_directorys_second_factor_is_enough(make_directory_world: MakeWorld, directory: StaffDirectory) -> None:
    world = make_directory_world(second_factor_for="staff", second_factor_days=0)
    directory.add("a.staff", "portal-claims")
    browser = Browser(world)
    browser.enter("a.staff")
    with world.session() as session:
        world.accept_terms(session, session.scalars(sa.select(Person)).one())
    assert browser.portal.get("/staff/").status_code == 200
    page = browser.portal.get("/sign-in-security").text
    assert "You sign in with Plan ID" in page
    assert "authenticator" not in page
    assert "Change password" not in page
    assert "second factor" not in browser.portal.get("/").text
    assert browser.portal.get("/change-password").location == "/sign-in-security"
    assert browser.portal.post("/change-password", {"current": "x"}).location == "/sign-in-security"


def test_how_strongly_is_checked_when_the_payer_says_so(
    make_directory_world: MakeWorld, directory: StaffDirectory
) -> None:
    world = make_directory_world(oidc_acr="mfa,phr")
    directory.add("a.staff", "portal-claims")
    browser = Browser(world)
    assert parameters(browser.go())["acr_values"] == "mfa phr"
    for acr, status in ((None, 403), ("pwd", 403), ("phr", 303)):
        directory.spoiled.claims = {"acr": acr}
        assert browser.enter("a.staff").status_code == status
    assert whys(world) == ["acr"]
    assert recorded(world, "identity.directory.refused")[0]["account"] == "a.staff"


CHANGE, CONFIRM = "/change-email", "/confirm-it-is-you/directory"


@pytest.fixture
def later(world: World, directory: StaffDirectory, clock: Clock) -> Browser:
    """Somebody who has been signed in by the directory more than ten minutes ago."""
    clock.set(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11))
    directory.add("a.staff", "portal-claims")
    directory.add("b.staff", "portal-claims")
    now = int(clock.now().timestamp())
    directory.spoiled.claims = {"iat": now, "exp": now + 300}
    browser = Browser(world)
    assert browser.enter("a.staff").status_code == 303
    directory.spoiled.claims = {}
    clock.set(dt.datetime.now(dt.UTC))
    return browser


def test_the_directory_asks_again_who_it_is(world: World, directory: StaffDirectory, later: Browser) -> None:
    asks = later.portal.get(CHANGE)
    assert (asks.status_code, asks.location) == (303, f"/confirm-it-is-you?next={CHANGE}")
    page = later.portal.get(asks.location).text
    assert f"{CONFIRM}?next={CHANGE}" in page
    assert "password" not in page.lower().split("<main")[1].split("</main")[0]
    sent = parameters(later.go(f"{CONFIRM}?next={CHANGE}"))
    assert (sent["prompt"], sent["max_age"]) == ("login", "0")
    answer = later.portal.get(later.choose("a.staff"))
    assert (answer.status_code, answer.location) == (303, CHANGE)
    assert later.portal.get(CHANGE).status_code == 200
    assert recorded(world, "identity.confirmed") == [{"kind": "directory"}]
    assert later.portal.post("/confirm-it-is-you", {"code": PASSWORD}).location.startswith("/confirm-it-is-you")


def test_somebody_else_confirms_nothing(world: World, directory: StaffDirectory, later: Browser) -> None:
    Browser(world).enter("b.staff")
    answer = later.enter("b.staff", f"{CONFIRM}?next={CHANGE}")
    assert answer.status_code == 403
    assert "has signed in somebody else" in answer.text
    assert "Is it still you?" in answer.text
    assert later.portal.get(CHANGE).status_code == 303
    assert whys(world) == ["somebody-else"]
    assert "A Staff" in later.portal.get("/my-sign-ins").text, "and nobody has become another"


@pytest.mark.parametrize("at", [None, 0, "now", 1_700_000_000])
def test_a_directory_that_does_not_ask_again_confirms_nothing(
    world: World, directory: StaffDirectory, later: Browser, at: object
) -> None:
    directory.spoiled.claims = {"auth_time": at}
    answer = later.enter("a.staff", f"{CONFIRM}?next={CHANGE}")
    assert answer.status_code in (403, 502)
    assert later.portal.get(CHANGE).status_code == 303
    assert recorded(world, "identity.confirmed") == []


def test_confirming_is_of_the_session_that_asked(world: World, directory: StaffDirectory, later: Browser) -> None:
    other = Browser(world)
    other.enter("a.staff")
    later.go(f"{CONFIRM}?next={CHANGE}")
    back = later.choose("a.staff")
    with later.portal.flask.session_transaction() as kept, other.portal.flask.session_transaction() as others:
        others["directory_sign_in"] = kept["directory_sign_in"]
    assert other.portal.get(back).status_code == 400
    later.go(f"{CONFIRM}?next={CHANGE}")
    back = later.choose("a.staff")
    later.portal.post("/sign-out")
    answer = later.portal.get(back)
    assert answer.status_code == 400
    assert not is_in(later.portal), "it is no way to sign in"
    assert world.sign_in("a.staff").get(CONFIRM).status_code in (303, 404)


def test_what_was_used_is_forgotten_later(world: World, directory: StaffDirectory, clock: Clock) -> None:
    directory.add("a.staff", "portal-claims")
    Browser(world).enter("a.staff")
    assert count(world, UsedState) == 1
    clock.advance(minutes=20, seconds=5)
    with world.session() as session:
        next(job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts").run(session)
    assert count(world, UsedState) == 0


COMPLETE = {
    "STAFF_SIGN_IN": "both",
    "OIDC_ISSUER": "https://login.plan.example/staff",
    "OIDC_CLIENT_ID": "portal",
    "OIDC_CLIENT_SECRET": "xyzzy-9",
    "OIDC_ROLES": "CN=Portal=Administrator, b = Claims ,",
}


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("OIDC_ISSUER", "", "STAFF_SIGN_IN is both, which needs HP_PORTAL_OIDC_ISSUER as well"),
        ("OIDC_CLIENT_ID", "", "needs HP_PORTAL_OIDC_CLIENT_ID"),
        ("OIDC_CLIENT_SECRET", "", "needs HP_PORTAL_OIDC_CLIENT_SECRET"),
        ("OIDC_ROLES", "", "needs HP_PORTAL_OIDC_ROLES"),
        ("OIDC_NAME", " ", "needs HP_PORTAL_OIDC_NAME"),
        ("OIDC_ISSUER", "http://login.plan.example", "HP_PORTAL_OIDC_ISSUER: .*use https"),
        ("OIDC_ISSUER", "login.plan.example", "HP_PORTAL_OIDC_ISSUER: .*use https"),
        ("OIDC_ROLES", "admins", "HP_PORTAL_OIDC_ROLES: .*is not group=Role"),
        ("OIDC_ROLES", "a=A,a=B", "stands there twice"),
        ("OIDC_SCOPES", "profile", "openid must be among them"),
        ("STAFF_SIGN_IN", "saml", "HP_PORTAL_STAFF_SIGN_IN"),
    ],
)
def test_settings_that_are_not_complete_stop_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str
) -> None:
    keys = {"SECRET_KEY": SECRET_KEY, "DATA_KEY": DATA_KEY}
    for one, set_to in {**keys, **COMPLETE}.items():
        monkeypatch.setenv(f"HP_PORTAL_{one}", set_to)
    settings = load_settings()
    assert settings.oidc_roles == {"CN=Portal": "Administrator", "b": "Claims"}
    assert "xyzzy-9" not in repr(settings)
    monkeypatch.setenv(f"HP_PORTAL_{name}", value)
    with pytest.raises(ConfigurationError, match=text):
        load_settings()


def test_the_roles_of_groups_may_be_a_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "payer.toml"
    file.write_text('[oidc_roles]\n"CN=Portal,OU=Staff" = "Administrator"\n')
    for one, set_to in {"SECRET_KEY": SECRET_KEY, "DATA_KEY": DATA_KEY, "CONFIG": str(file)}.items():
        monkeypatch.setenv(f"HP_PORTAL_{one}", set_to)
    assert load_settings().oidc_roles == {"CN=Portal,OU=Staff": "Administrator"}
