"""The access matrix: every route of the app against every kind of person. Nobody types URLs.

A route's values come from its plugin's scene, or for the core from `PROVIDERS`, by the name of the parameter; what must happen
follows from the route's rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask
from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

from hp_portal.core.access.rules import Rule, rule_of
from hp_portal.core.identity.actor import TERMS_OF_USE
from hp_portal.core.identity.models import Person
from hp_portal.core.tax_ids.cases import KIND

from . import matrix_things as things
from .attaching import held_file
from .client import PortalClient
from .factors import add_app, add_passkey, disowned_change
from .matrix_things import Scene as Scene
from .matrix_things import Side as Side
from .matrix_things import build_scene as build_scene
from .messages import digest_token, posted_letter, print_run, returned_mail, waiting_fax
from .registering import asked_to_join

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


# What stands in the core's URLs for each name of a parameter, given the scene and the person who asks. A plugin's are in
# its own scene.py.
PROVIDERS: dict[str, Callable[[Scene, Person | None], Any]] = {
    "organization_id": lambda scene, person: scene.own.organization.id,
    "grant_id": lambda scene, person: things.open_grant(scene).id,
    "payee_id": lambda scene, person: things.open_grant(scene).payee_id,
    "person_id": lambda scene, person: scene.own.person.id,
    "document_id": things.document,
    "token": lambda scene, person: "no-such-token",
    "topic": lambda scene, person: "signing-in",
    "application": lambda scene, person: "remittance",
    "audience": lambda scene, person: "pharmacy",
    "notice_id": lambda scene, person: things.notice(scene, objected=person is not None and person.is_staff),
    "warning_id": lambda scene, person: things.warning(scene),
    "cluster_id": lambda scene, person: things.cluster(scene),
    "role_id": lambda scene, person: things.spare_role(scene),
    "permission": lambda scene, person: "staff:console:open",
    "message_id": lambda scene, person: posted_letter(scene.world),
    "fax_id": lambda scene, person: waiting_fax(scene.world),
    "digest_token": lambda scene, person: digest_token(scene.world),
    "registration_id": lambda scene, person: asked_to_join(scene.world, scene.own.organization),
    "mail_id": lambda scene, person: returned_mail(scene.world),
    "run_id": lambda scene, person: print_run(scene.world),
    "request_id": lambda scene, person: things.contact_request(scene, reported=person is not None and person.is_staff),
    "invitation_id": lambda scene, person: things.invitation(scene),
    "access_request_id": lambda scene, person: things.request_for_access(
        scene, held=person is not None and person.is_staff
    ),
    "attached_id": lambda scene, person: held_file(scene.world, scene.own.organization),
    "case_id": lambda scene, person: things.case(scene),
    "draft_id": lambda scene, person: things.draft(scene),
    "case_kind": lambda scene, person: KIND,
    "signature_id": lambda scene, person: things.signature_of(scene),
    "case_view_id": lambda scene, person: things.saved_view(scene, person or scene.own.person),
    "agreement": lambda scene, person: TERMS_OF_USE,
    "version_id": lambda scene, person: things.published(scene),
    "change_id": lambda scene, person: disowned_change(scene.world, scene.own.person),
    "passkey_id": lambda scene, person: add_passkey(scene.world, person or scene.own.person),
    "app_id": lambda scene, person: add_app(scene.world, person or scene.own.person),
    "review_id": things.review,
    "sign_in_id": lambda scene, person: things.another_sign_in(scene, (person or scene.own.person).id),
}
# Of these, what only the organization may see whose it is.
OWNED = {"notice_id", "registration_id", "grant_id"}
# Views that answer 404 by themselves without what the matrix does not give them.
# Of cases, where one has not the application they belong to; of their files, where the file is another thing’s; and what is for
# cases of people without an account alone.
_OF_CASES = "one comment step attach files download remove_file hand print_out signed blank"
CASES = {f"cases.{name}" for name in _OF_CASES.split()} | {
    "staff.cases_download",
    "staff.cases_remove_file",
    "staff.cases_signed",
    "staff.cases_payee",
    "staff.cases_organization",
}
# Files of a draft, where the file is another thing’s.
_OF_DRAFTS = ("sample.report_download", "sample.report_remove_file")
# Of a roster that was given up by then.
_OF_ROSTERS = ("profiles.roster_problems", "profiles.roster_propose", "profiles.roster_state")
MAY_MISS = {
    "pages.go",
    "documents.file",
    "approvals.office_record",
    "drafts.ask",
    "drafts.remove",
    *_OF_DRAFTS,
    *_OF_ROSTERS,
    *CASES,
}
# Permissions that let nobody see anything alone.
BESIDE = {"staff:cases:work": ("staff:tax-ids:manage",)}
# Public views that lead somebody who is signed in to the terms by themselves.
MAY_LEAD_TO_TERMS = {"pages.home"}


def routes(app: Flask) -> Iterator[tuple[Route, str, Rule]]:
    """Every route and method with its rule."""
    for route in sorted(app.url_map.iter_rules(), key=lambda route: (route.rule, route.endpoint)):
        rule = rule_of(app.view_functions[route.endpoint])
        assert rule is not None
        for method in sorted((route.methods or set()) - {"HEAD", "OPTIONS"}):
            yield route, method, rule


def url_of(scene: Scene, route: Route, person: Person | None, **given: Any) -> str:
    """The route's address with values filled in; `given` ones win."""
    values = values_of(scene, route, person, given)
    with scene.world.app.test_request_context():
        adapter = scene.world.app.url_map.bind("localhost")
        return adapter.build(route.endpoint, values | given)


def values_of(scene: Scene, route: Route, person: Person | None, given: Iterable[str] = ()) -> dict[str, Any]:
    """The values of the route's address, without those that are `given`."""
    return {name: _value(scene, route, name, person) for name in sorted(route.arguments.difference(given))}


def _value(scene: Scene, route: Route, name: str, person: Person | None) -> Any:
    if found := scene.plugin_of(route):
        key, plugin = found
        if provider := plugin.providers.get(f"{route.endpoint}:{name}") or plugin.providers.get(name):
            return provider(scene.own.parts[key], person)
    assert name in PROVIDERS, f"{route.rule}: say in the plugin's scene.py what {name!r} can be (see scenes.py)"
    return PROVIDERS[name](scene, person)


def names_owned(scene: Scene, route: Route) -> bool:
    """Does the route's address name something that only the owning organization may see?"""
    if not route.arguments.isdisjoint(OWNED):
        return True
    found = scene.plugin_of(route)
    return found is not None and not route.arguments.isdisjoint(found[1].owned)


def cast_person(scene: Scene, persona: str, permission: str = "") -> Person | None:
    """Somebody of that kind. Staff: with `permission` and what it needs beside it, or with every permission but it."""
    if persona == "anonymous":
        return None
    if (persona, permission) not in scene.cast:
        scene.cast[persona, permission] = _cast(scene, persona, permission)
    return scene.cast[persona, permission]


def _cast(scene: Scene, persona: str, permission: str) -> Person:
    world = scene.world
    name = persona.replace(" ", "-")
    if persona in STAFF:
        every = set(world.app.extensions["hp_portal.directory"].staff_permissions)
        held = {permission, *BESIDE.get(permission, ())} if persona == "staff with permission" else every - {permission}
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
        for key in world.applications:
            world.disable(key, "dental")
        return world.person(name, organization=world.organization(audience="dental"))
    return world.person(
        name,
        organization=scene.own.organization,
        terms=persona != "terms not accepted",
        applications=() if persona == "no application given" else None,
        delegate=persona == "delegate",
    )


def expected(scene: Scene, route: Route, rule: Rule, persona: str) -> str:
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
    if persona == "wrong organization" and names_owned(scene, route):
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


def ask(
    scene: Scene,
    route: Route,
    method: str,
    person: Person | None,
    values: Mapping[str, Any] | None = None,
    **options: Any,
) -> TestResponse:
    """Open a route. `values` stand in the URL in place of usual ones.

    A form is sent with a sign-in of its own, as some end it; whoever reads goes on with theirs for as long as it holds.
    """
    url = url_of(scene, route, person, **(values or {}))
    if method == "POST":
        return _client(scene, person).post(url, **options)
    if method != "GET":
        raise AssertionError(f"the matrix does not know how to {method}")
    if person is None:
        return PortalClient(scene.world.app).get(url, **options)
    if kept := scene.clients.get(person.id):
        response = kept.get(url, **options)
        if response.status_code != 401 and outcome(response) != SIGN_IN:
            return response
        response.close()
    scene.clients[person.id] = _client(scene, person)
    return scene.clients[person.id].get(url, **options)


def _client(scene: Scene, person: Person | None) -> PortalClient:
    return scene.world.sign_in(person.username) if person else PortalClient(scene.world.app)
