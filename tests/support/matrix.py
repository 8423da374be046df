"""The access matrix: every route of the app against every kind of person. Nobody types URLs.

A route's values come from `PROVIDERS` by the name of its parameter; what must happen follows from the route's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask
from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

from hp_portal.core.access.rules import Rule, rule_of
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal_plugins.remittance.models import Payment, RemittanceFile

from .client import PortalClient
from .edi import make_835
from .world import APPLICATIONS, World

OPEN, SIGN_IN, TERMS, FORBIDDEN, NOT_FOUND = "opens", "sign in first", "terms first", "403", "404"
PERSONAS = (
    "anonymous",
    "terms not accepted",
    "not validated",
    "wrong organization",
    "no application given",
    "application disabled",
    "allowed",
    "delegate",
    "staff without permission",
    "staff with permission",
)
STAFF = ("staff without permission", "staff with permission")


@dataclass(frozen=True)
class Side:
    """An organization with everything a URL can name, and the words that must not be seen by another."""

    organization: Organization
    person: Person
    payment_id: int
    file_id: int
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """Two organizations that must never see each other; URLs name things of `own`."""

    world: World
    own: Side
    other: Side


def build_scene(world: World) -> Scene:
    return Scene(world, _side(world, "Aspen"), _side(world, "Birch"))


def _side(world: World, word: str) -> Side:
    organization = world.organization(f"{word} Clinic")
    person = world.person(f"{word.lower()}.clerk", organization=organization, name=f"{word} Clerk")
    payee = world.payee(name=f"{word} Payee")
    world.grant(organization, payee)
    with world.session() as session:
        tin = session.vault.open_text(payee.tin_sealed, "tin")
    secrets = (f"{word} Clinic", f"{word} Payee", f"{word.upper()}-TRACE", f"{word.upper()}PATIENT", f"{word}-MEMBER")
    data = make_835(
        tin=tin,
        npi=payee.npi or "",
        trace=secrets[2],
        payee=secrets[1],
        last_name=secrets[3],
        member=secrets[4],
        account=f"{word}-ACCOUNT",
        claim=f"{word}-CLAIM",
    )
    world.import_835(data, f"{word}.835")
    with world.session() as session:
        payment_id = session.scalars(sa.select(Payment.id).where(Payment.trace_number == secrets[2])).one()
        file_id = session.scalars(sa.select(RemittanceFile.id).where(RemittanceFile.name == f"{word}.835")).one()
    return Side(organization, person, payment_id, file_id, (*secrets, f"{word}-ACCOUNT", f"{word}-CLAIM"))


def _another_sign_in(scene: Scene, person_id: int) -> int:
    with scene.world.session() as session:
        username = session.get_one(Person, person_id).username
    scene.world.sign_in(username)
    with scene.world.session() as session:
        newest = sa.select(sa.func.max(SignIn.id)).where(SignIn.person_id == person_id)
        return session.scalars(newest).one()


def _open_grant(scene: Scene) -> Grant:
    with scene.world.session() as session:
        own = sa.select(Grant).where(Grant.organization_id == scene.own.organization.id, Grant.ended_at.is_(None))
        return session.scalars(own).one()


# What stands in a URL for each name of a parameter, given the scene and the person who asks.
PROVIDERS: dict[str, Callable[[Scene, Person | None], Any]] = {
    "payment_id": lambda scene, person: scene.own.payment_id,
    "claim": lambda scene, person: 1,
    "number": lambda scene, person: 1,
    "file_id": lambda scene, person: scene.own.file_id,
    "organization_id": lambda scene, person: scene.own.organization.id,
    "grant_id": lambda scene, person: _open_grant(scene).id,
    "payee_id": lambda scene, person: _open_grant(scene).payee_id,
    "person_id": lambda scene, person: scene.own.person.id,
    "token": lambda scene, person: "no-such-token",
    "topic": lambda scene, person: "signing-in",
    "application": lambda scene, person: "remittance",
    "audience": lambda scene, person: "pharmacy",
    "sign_in_id": lambda scene, person: _another_sign_in(scene, (person or scene.own.person).id),
}
# Names of parameters that only the owning organization may use.
OWNED = {"payment_id"}
# Views that answer 404 by themselves without what the matrix does not give them.
MAY_MISS = {"pages.go"}
# Public views that lead somebody who is signed in to the terms by themselves.
MAY_LEAD_TO_TERMS = {"pages.home"}


def routes(app: Flask) -> Iterator[tuple[Route, str, Rule]]:
    """Every route and method with its rule."""
    for route in sorted(app.url_map.iter_rules(), key=lambda route: (route.rule, route.endpoint)):
        rule = rule_of(app.view_functions[route.endpoint])
        assert rule is not None
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield route, method, rule


def url_of(scene: Scene, route: Route, person: Person | None) -> str:
    """The route's address with values filled in."""
    unknown = route.arguments - PROVIDERS.keys()
    assert not unknown, f"{route.rule}: tell tests/support/matrix.py what {unknown} can be"
    values = {name: PROVIDERS[name](scene, person) for name in route.arguments}
    with scene.world.app.test_request_context():
        adapter = scene.world.app.url_map.bind("localhost")
        return adapter.build(route.endpoint, values)


def cast_person(scene: Scene, persona: str, permission: str = "") -> Person | None:
    """Somebody of that kind. Staff: with exactly `permission`, or with every permission but it."""
    world = scene.world
    name = persona.replace(" ", "-")
    if persona == "anonymous":
        return None
    if persona in STAFF:
        every = set(world.app.extensions["hp_portal.directory"].staff_permissions)
        held = {permission} if persona == "staff with permission" else every - {permission}
        name = f"{name}.{permission.replace(':', '.')}"
        with world.session() as session:
            found = session.scalars(sa.select(Person).where(Person.username == name)).one_or_none()
        return found or world.staff(name, permissions=sorted(held - {""}))
    with world.session() as session:
        found = session.scalars(sa.select(Person).where(Person.username == name)).one_or_none()
    if found:
        return found
    if persona == "wrong organization":
        return world.person(name, organization=scene.other.organization)
    if persona == "not validated":
        return world.person(name, organization=world.organization(validated=False))
    if persona == "application disabled":
        for key in APPLICATIONS:
            world.disable(key, "dental")
        return world.person(name, organization=world.organization(audience="dental"))
    return world.person(
        name,
        organization=scene.own.organization,
        terms=persona != "terms not accepted",
        applications=() if persona == "no application given" else APPLICATIONS,
        delegate=persona == "delegate",
    )


def expected(route: Route, rule: Rule, persona: str) -> str:
    """What the rule means for this kind of person."""
    if persona == "terms not accepted" and route.endpoint in MAY_LEAD_TO_TERMS:
        return TERMS
    if rule.kind == "public":
        return OPEN
    if persona == "anonymous":
        return SIGN_IN
    if persona == "terms not accepted":
        return OPEN if rule.before_terms else TERMS
    if rule.kind == "signed_in":
        return OPEN
    if rule.kind == "staff":
        if persona not in STAFF:
            return NOT_FOUND
        return OPEN if persona == "staff with permission" else FORBIDDEN
    if rule.kind == "delegate":
        return OPEN if persona == "delegate" else FORBIDDEN
    if persona == "application disabled":
        return NOT_FOUND
    if persona in STAFF or persona in ("not validated", "no application given"):
        return FORBIDDEN
    if persona == "wrong organization" and route.arguments & OWNED:
        return NOT_FOUND
    return OPEN


def outcome(response: TestResponse) -> str:
    """What happened, in the words of `expected`."""
    if response.status_code in (301, 302, 303, 307, 308):
        location = urlsplit(response.headers["Location"])
        if location.path == "/sign-in" and "next=" in location.query:
            return SIGN_IN
        return TERMS if location.path == "/terms" else OPEN
    if response.status_code in (403, 404):
        return str(response.status_code)
    return OPEN if response.status_code < 500 else f"error {response.status_code}"


def ask(scene: Scene, route: Route, method: str, person: Person | None, **options: Any) -> TestResponse:
    """Open a route with a sign-in of its own, as some views end it."""
    url = url_of(scene, route, person)
    client = scene.world.sign_in(person.username) if person else PortalClient(scene.world.app)
    if method == "GET":
        return client.get(url, **options)
    if method == "POST":
        return client.post(url, **options)
    raise AssertionError(f"the matrix does not know how to {method}")
