"""The access matrix: every route of the app against every kind of person. Nobody types URLs.

A route's values come from its plugin's scene, or for the core from `PROVIDERS`, by the name of the parameter; what must happen
follows from the route's rule.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Flask
from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

from hp_portal import clock
from hp_portal.core.access.rules import Rule, rule_of
from hp_portal.core.agreements.models import AgreementVersion
from hp_portal.core.delegates.models import REPORTED, AccessReview, DelegateRequest
from hp_portal.core.delegates.requests import Asker, add_request
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.identity.actor import TERMS_OF_USE
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.limits.proofs import FailedProof
from hp_portal.core.organizations.access_requests import STAFF as STAFF_LOOK
from hp_portal.core.organizations.access_requests import WAITING
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.models import ProofCluster
from hp_portal.core.staff.accounts import ensure_role
from hp_portal.core.tax_ids.models import LINKED, LinkNotice, ProofWarning
from hp_portal.core.tax_ids.notices import warn

from .access_requests import access_request, asked_without_payment
from .attaching import held_file
from .client import PortalClient
from .factors import add_app, add_passkey, disowned_change
from .invitations import open_invitation
from .messages import digest_token, posted_letter, print_run, returned_mail, waiting_fax
from .registering import asked_to_join
from .reviews import signed_review
from .scenes import Part, PluginScene, scene_of, scenes_of
from .world import World

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
    """An organization with everything a URL can name, by application, and the words that must not be seen by another."""

    organization: Organization
    person: Person
    parts: dict[str, Part]

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self.organization.name, *(word for part in self.parts.values() for word in part.secrets))


@dataclass(frozen=True)
class Scene:
    """Two organizations that must never see each other; URLs name things of `own`."""

    world: World
    own: Side
    other: Side

    def plugin_of(self, route: Route) -> tuple[str, PluginScene] | None:
        """Whose route it is, with that plugin's scene; None for the core's."""
        directory = self.world.app.extensions["hp_portal.directory"]
        application = directory.application_of_blueprint.get(route.endpoint.rpartition(".")[0])
        found = scene_of(application.key) if application else None
        return (application.key, found) if application and found else None


def build_scene(world: World) -> Scene:
    return Scene(world, _side(world, "Aspen"), _side(world, "Birch"))


def _side(world: World, word: str) -> Side:
    organization = world.organization(f"{word} Clinic")
    person = world.person(f"{word.lower()}.clerk", organization=organization, name=f"{word} Clerk")
    parts = {key: scene.build(world, organization) for key, scene in scenes_of(world.app).items()}
    return Side(organization, person, parts)


def _another_sign_in(scene: Scene, person_id: int) -> int:
    with scene.world.session() as session:
        username = session.get_one(Person, person_id).username
    scene.world.sign_in(username)
    with scene.world.session() as session:
        newest = sa.select(sa.func.max(SignIn.id)).where(SignIn.person_id == person_id)
        return session.scalars(newest).one()


def _open_grant(scene: Scene) -> Grant:
    """The first of the own organization's grants that have not ended."""
    with scene.world.session() as session:
        own = sa.select(Grant).where(Grant.organization_id == scene.own.organization.id, Grant.ended_at.is_(None))
        return session.scalars(own.order_by(Grant.id).limit(1)).one()


def _spare_role(scene: Scene) -> int:
    """A role of staff that no persona holds."""
    with scene.world.session() as session:
        role = ensure_role(session, "Spare role of the matrix", ())
        session.commit()
        return role.id


def _notice(scene: Scene, *, objected: bool) -> int:
    """The own organization is told of a third one's link; it has objected, or not yet."""
    grant, now, third = _open_grant(scene), clock.now(), scene.world.organization("Cedar Clinic")
    notice = LinkNotice(
        organization_id=scene.own.organization.id,
        kind=LINKED,
        payee_id=grant.payee_id,
        other_id=third.id,
        grant_id=grant.id,
        at=now,
        objected_at=now if objected else None,
    )
    with scene.world.session() as session:
        session.add(notice)
        session.flush()
        return notice.id


def _warning(scene: Scene) -> int:
    """A Tax ID at which the own organization failed too often."""
    with scene.world.session() as session:
        warn(session, scene.own.organization.id, "000009999", FailedProof(alarming=True, in_all=3))
        return session.scalars(sa.select(sa.func.max(ProofWarning.id))).one()


def _contact_request(scene: Scene, *, reported: bool) -> int:
    """Somebody asks the own organization's delegates to contact them, and they have reported it, or not yet."""
    with scene.world.app.app_context(), scene.world.session() as session:
        asker = Asker("Alex Sample", "alex@office.example", "555-010-0100", "An account, please.")
        number = add_request(session, scene.own.organization.id, asker, "192.0.2.1")
        if reported:
            session.execute(
                sa.update(DelegateRequest)
                .where(DelegateRequest.id == number)
                .values(state=REPORTED, reason="Unknown.", ended_at=clock.now())
            )
        return number


def _invitation(scene: Scene) -> int:
    """Somebody is invited to the own organization."""
    with scene.world.session() as session:
        row = open_invitation(scene.own.organization, scene.own.person)
        session.add(row)
        session.flush()
        return row.id


def _published(scene: Scene) -> int:
    """A version of the terms of use that applies in some years."""
    day = dt.date(2999, 1, 1)
    with scene.world.session() as session:
        wanted = sa.select(AgreementVersion.id).where(AgreementVersion.applies_on == day)
        if found := session.scalars(wanted).one_or_none():
            return found
        row = AgreementVersion(
            agreement=TERMS_OF_USE, version="2999-01-01", text="Later.", applies_on=day, published_at=clock.now()
        )
        session.add(row)
        session.flush()
        return row.id


def _document(scene: Scene, person: Person | None) -> int:
    """A document that this person waits for."""
    who = person or scene.own.person
    with scene.world.session() as session:
        row = DocumentRequest(
            organization_id=who.organization_id,
            person_id=who.id,
            kind="remittance.payment-csv",
            title="Sample document",
            wanted="no-such-word",
            state="failed",
            error="Sample",
            requested_at=clock.now(),
            expires_at=clock.now() + dt.timedelta(hours=1),
        )
        session.add(row)
        session.flush()
        return row.id


def _review(scene: Scene, person: Person | None) -> int:
    """A signed access review of the own organization."""
    with scene.world.session() as session:
        wanted = sa.select(AccessReview.id).where(AccessReview.organization_id == scene.own.organization.id)
        if found := session.scalars(wanted).first():
            return found
        row = signed_review(scene.own.organization, person or scene.own.person)
        session.add(row)
        session.flush()
        return row.id


def _cluster(scene: Scene) -> int:
    """Wrong proofs from one place that nobody has looked into."""
    with scene.world.session() as session:
        now = clock.now()
        row = ProofCluster(kind="address", source="192.0.2.7", aims=5, failed=6, first_at=now, last_at=now, note="")
        session.add(row)
        session.flush()
        return row.id


def _access_request(scene: Scene, *, held: bool) -> int:
    """A billing organization asks for the Tax ID of the own organization's first grant; staff look first, or it was sent."""
    ledger = scene.world.organization(audience="billing")
    with scene.world.session() as session:
        payee = session.get_one(Payee, _open_grant(scene).payee_id)
        state = STAFF_LOOK if held else WAITING
        due_at = clock.now() + dt.timedelta(days=30)
        tin = payee.whole_tin(session)
        return access_request(session, ledger, tin=tin, state=state, sent_at=clock.now(), due_at=due_at).id


# What stands in the core's URLs for each name of a parameter, given the scene and the person who asks. A plugin's are in
# its own scene.py.
PROVIDERS: dict[str, Callable[[Scene, Person | None], Any]] = {
    "organization_id": lambda scene, person: scene.own.organization.id,
    "grant_id": lambda scene, person: _open_grant(scene).id,
    "payee_id": lambda scene, person: _open_grant(scene).payee_id,
    "person_id": lambda scene, person: scene.own.person.id,
    "document_id": _document,
    "attached_id": lambda scene, person: held_file(scene.world, scene.own.organization),
    "token": lambda scene, person: "no-such-token",
    "topic": lambda scene, person: "signing-in",
    "application": lambda scene, person: "remittance",
    "audience": lambda scene, person: "pharmacy",
    "notice_id": lambda scene, person: _notice(scene, objected=person is not None and person.is_staff),
    "warning_id": lambda scene, person: _warning(scene),
    "cluster_id": lambda scene, person: _cluster(scene),
    "role_id": lambda scene, person: _spare_role(scene),
    "permission": lambda scene, person: "staff:console:open",
    "message_id": lambda scene, person: posted_letter(scene.world),
    "fax_id": lambda scene, person: waiting_fax(scene.world),
    "digest_token": lambda scene, person: digest_token(scene.world),
    "registration_id": lambda scene, person: asked_to_join(scene.world, scene.own.organization),
    "mail_id": lambda scene, person: returned_mail(scene.world),
    "run_id": lambda scene, person: print_run(scene.world),
    "request_id": lambda scene, person: _contact_request(scene, reported=person is not None and person.is_staff),
    "invitation_id": lambda scene, person: _invitation(scene),
    "access_request_id": lambda scene, person: _access_request(scene, held=person is not None and person.is_staff),
    "case_id": lambda scene, person: asked_without_payment(scene.world, scene.own.organization),
    "agreement": lambda scene, person: TERMS_OF_USE,
    "version_id": lambda scene, person: _published(scene),
    "change_id": lambda scene, person: disowned_change(scene.world, scene.own.person),
    "passkey_id": lambda scene, person: add_passkey(scene.world, person or scene.own.person),
    "app_id": lambda scene, person: add_app(scene.world, person or scene.own.person),
    "review_id": _review,
    "sign_in_id": lambda scene, person: _another_sign_in(scene, (person or scene.own.person).id),
}
# Of these, what only the organization may see whose it is.
OWNED = {"notice_id", "registration_id", "grant_id"}
# Views that answer 404 by themselves without what the matrix does not give them.
MAY_MISS = {"pages.go", "documents.file", "approvals.office_record"}
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
        if name in plugin.providers:
            return plugin.providers[name](scene.own.parts[key], person)
    assert name in PROVIDERS, f"{route.rule}: say in the plugin's scene.py what {name!r} can be (see scenes.py)"
    return PROVIDERS[name](scene, person)


def names_owned(scene: Scene, route: Route) -> bool:
    """Does the route's address name something that only the owning organization may see?"""
    if not route.arguments.isdisjoint(OWNED):
        return True
    found = scene.plugin_of(route)
    return found is not None and not route.arguments.isdisjoint(found[1].owned)


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
    """Open a route with a sign-in of its own, as some views end it. `values` stand in the URL in place of usual ones."""
    url = url_of(scene, route, person, **(values or {}))
    client = scene.world.sign_in(person.username) if person else PortalClient(scene.world.app)
    if method == "GET":
        return client.get(url, **options)
    if method == "POST":
        return client.post(url, **options)
    raise AssertionError(f"the matrix does not know how to {method}")
