"""What the gate leaves behind for the view: whose rows the session may see, and who acts in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from flask import Blueprint, Flask, request, request_finished
from flask_login import login_user

from hp_portal.core.access.enforce import can, current_actor, load_actor, set_scope_for, the_actor
from hp_portal.core.access.gate import Directory
from hp_portal.core.access.rules import Rule
from hp_portal.core.identity.actor import Actor
from hp_portal.hookspecs import Application, Permission
from hp_portal.scopes import OrganizationScope, Scope, WholeScope
from hp_portal.session import Who
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.databases import database_of
from tests.support.world import World

from .test_gate import BASE, NOW, STAFF

Left = dict[str, tuple[Scope | None, Who]]


@contextmanager
def left_behind(app: Flask) -> Iterator[Left]:
    """By path, the scope and the who of the request's session as the view left them."""
    found: Left = {}

    def note(_sender: object, **_arguments: object) -> None:
        context = database_of(app).session.context
        found[request.path] = (context.scope, context.who)

    with request_finished.connected_to(note, app):
        yield found


def test_each_kind_of_page_gets_its_rows(world: World) -> None:
    organization = world.organization()
    world.person("a.clerk", organization=organization)
    world.staff("a.lead", permissions=("staff:people:search",))
    with left_behind(world.app) as left:
        clerk = world.sign_in("a.clerk")
        for url in ("/", "/my-sign-ins", "/apps/tax-id-npi-access/"):
            assert clerk.get(url).status_code == 200
        assert world.sign_in("a.lead").get("/staff/organizations").status_code == 200
        assert world.client().get("/contact").status_code == 200
    scopes = {path: scope for path, (scope, _) in left.items()}
    own = OrganizationScope(organization.id)
    assert scopes == {
        "/": None,
        "/my-sign-ins": own,
        "/apps/tax-id-npi-access/": own,
        "/staff/organizations": WholeScope("staff with staff:people:search"),
        "/contact": None,
    }


def test_who_acts_is_known_where_somebody_is_signed_in(world: World) -> None:
    organization = world.organization()
    person = world.person("a.clerk", organization=organization)
    with left_behind(world.app) as left:
        world.sign_in("a.clerk").get("/my-sign-ins")
        known = left["/my-sign-ins"][1]
        world.client().get("/contact")
        unknown = left["/contact"][1]
        assert world.sign_in("a.clerk").get("/healthz").status_code == 200
        asked_by_a_machine = left["/healthz"][1]
    assert (known.person_id, known.organization_id, known.address) == (person.id, organization.id, "127.0.0.1")
    assert known.sign_in_id is not None
    assert (unknown.person_id, unknown.organization_id, unknown.sign_in_id) == (None, None, None)
    assert unknown.address == "127.0.0.1"
    assert len(known.request_id) == len(unknown.request_id) == 32
    assert known.request_id != unknown.request_id
    assert asked_by_a_machine == Who(), "whoever looks after the process is nobody, and asks no database"


def test_whoever_is_refused_is_given_no_rows(world: World) -> None:
    """Neither by the gate nor by an application that somebody else has."""
    world.person("a.clerk", applications=())
    world.staff("a.lead", permissions=())
    with left_behind(world.app) as left:
        assert world.sign_in("a.clerk").get("/apps/tax-id-npi-access/").status_code == 403
        assert world.sign_in("a.lead").get("/staff/organizations").status_code == 403
    assert [scope for scope, _ in left.values()] == [None, None]


@pytest.mark.parametrize(
    ("rule", "actor", "scope"),
    [
        (Rule("public"), None, None),
        (Rule("public"), BASE, None),
        (Rule("public"), STAFF, None),
        (Rule("signed_in"), None, None),
        (Rule("signed_in"), BASE, OrganizationScope(1)),
        (Rule("signed_in"), STAFF, None),
        (Rule("requires", "x:thing:read"), replace(BASE, organization_id=7), OrganizationScope(7)),
        (Rule("delegate"), replace(BASE, is_delegate=True), OrganizationScope(1)),
        (Rule("staff", "x:thing:manage"), STAFF, WholeScope("staff with x:thing:manage")),
    ],
)
def test_the_scope_of_a_rule(sqlite_app: Flask, rule: Rule, actor: object, scope: Scope | None) -> None:
    with database_of(sqlite_app).new_session() as session:
        set_scope_for(session, rule, actor)  # type: ignore[arg-type]
        assert session.context.scope == scope


def test_a_public_view_that_takes_somebody_for_granted_fails(sqlite_app: Flask) -> None:
    with sqlite_app.test_request_context("/contact"):
        assert current_actor() is None
        with pytest.raises(RuntimeError, match="rule is public"):
            the_actor()


MANAGE = "staff:people:search"


@pytest.mark.parametrize(
    ("actor", "permission", "answer"),
    [
        (None, "remittance:payment:read", False),
        (None, MANAGE, False),
        (
            replace(BASE, given=frozenset({"remittance"}), enabled=frozenset({"remittance"})),
            "remittance:payment:read",
            True,
        ),
        (replace(BASE, given=frozenset(), enabled=frozenset({"remittance"})), "remittance:payment:read", False),
        (replace(BASE, permissions=frozenset({MANAGE})), MANAGE, False),
        (STAFF, MANAGE, False),
        (replace(STAFF, permissions=frozenset({MANAGE})), MANAGE, True),
        (replace(STAFF, permissions=frozenset({MANAGE})), "staff:plugins:read", False),
        (replace(STAFF, permissions=frozenset({"remittance:payment:read"})), "remittance:payment:read", False),
    ],
)
def test_templates_are_told_what_the_gate_would_say(
    sqlite_app: Flask, actor: Actor | None, permission: str, answer: bool
) -> None:
    with sqlite_app.test_request_context("/contact"):
        if actor is not None:
            login_user(actor)
        assert can(permission) is answer
        assert sqlite_app.jinja_env.globals["can"] is can


def found(world: World, client: PortalClient) -> Actor:
    """Whom the gate sees behind the client's cookie."""
    with client.flask.session_transaction() as kept, world.app.test_request_context("/contact"):
        actor = load_actor(kept["_user_id"])
    assert actor is not None
    return actor


def test_whom_the_gate_sees(world: World, clock: Clock) -> None:
    """Somebody of an organization with what is given and enabled, and staff with what their role permits."""
    clock.set(NOW)
    organization = world.organization("Harborview", validated=False)
    keys = ("tax-id-npi-access", "remittance")
    person = world.person("a.clerk", organization=organization, applications=keys, delegate=True, terms=False)
    clerk = found(world, world.sign_in("a.clerk"))
    assert replace(clerk, token="", sign_in_id=0, enabled=frozenset()) == replace(
        BASE,
        token="",
        sign_in_id=0,
        signed_in_at=NOW,
        last_seen_at=NOW,
        person_id=person.id,
        display_name="Person A Clerk",
        username="a.clerk",
        is_delegate=True,
        organization_id=organization.id,
        organization_name="Harborview",
        validated=False,
        terms_accepted=False,
        given=frozenset(keys),
        enabled=frozenset(),
    )
    assert clerk.enabled >= set(keys)
    staff = world.staff("a.lead", permissions=(MANAGE, "staff:plugins:read"))
    lead = found(world, world.sign_in("a.lead"))
    assert (lead.person_id, lead.is_staff, lead.terms_accepted, lead.validated) == (staff.id, True, True, False)
    assert (lead.organization_id, lead.organization_name, lead.audience) == (None, "", "")
    assert (lead.given, lead.enabled) == (frozenset(), frozenset())
    assert lead.permissions == {MANAGE, "staff:plugins:read"}


def test_activity_is_noted_once_in_a_fifteenth_of_what_ends_a_session(world: World, clock: Clock) -> None:
    """Reading many pages does not mean writing each time; nobody else's session is kept alive by it."""
    clock.set(NOW)
    world.person("a.clerk")
    client, other = world.sign_in("a.clerk"), world.sign_in("a.clerk")
    assert world.settings.idle_minutes == 15
    for seconds, noted in ((59, 0), (1, 60), (59, 60), (1, 120)):
        clock.advance(seconds=seconds)
        assert client.get("/my-sign-ins").status_code == 200
        assert found(world, client).last_seen_at == NOW + dt.timedelta(seconds=noted)
    assert found(world, other).last_seen_at == NOW
    clock.advance(seconds=1)
    assert client.post("/sign-in/keep-alive").status_code == 204
    assert found(world, client).last_seen_at == NOW + dt.timedelta(seconds=121)


def test_a_directory_knows_what_an_application_brings() -> None:
    own, staff, public = (Blueprint(name, name) for name in ("x", "x_staff", "x_public"))
    read, manage = Permission("x:thing:read", "Read things"), Permission("x:thing:manage", "Manage things")
    application = Application(
        "x", "X", "", 1, own, "x.index", staff, public, permissions=(read,), staff_permissions=(manage,)
    )
    known = Directory()
    known.add(application)
    known.add(Application("y", "Y", "", 1, Blueprint("y", "y"), "y.index"))
    assert known.application_of_permission == {"x:thing:read": application}
    assert known.staff_permissions == {"x:thing:manage": "Manage things"}
    assert [known.application_of_blueprint[name] for name in ("x", "x_staff", "x_public")] == [application] * 3
    assert set(known.application_of_blueprint) == {"x", "x_staff", "x_public", "y"}
