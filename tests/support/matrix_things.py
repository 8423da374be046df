"""What the addresses of the access matrix name: two organizations that must never see each other, and things of the first."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import sqlalchemy as sa
from werkzeug.routing import Rule as Route

from hp_portal import clock
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

from .access_requests import access_request
from .cases import case_view, tax_id_case
from .client import PortalClient
from .drafts import draft_row
from .invitations import open_invitation
from .reviews import signed_review
from .scenes import Part, PluginScene, scene_of, scenes_of
from .signing import signature
from .world import World


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
    """Two organizations that must never see each other; URLs name things of `own`.

    `cast` are the people who have asked so far, and `clients` who of them is signed in.
    """

    world: World
    own: Side
    other: Side
    cast: dict[tuple[str, str], Person] = field(default_factory=dict)
    clients: dict[int, PortalClient] = field(default_factory=dict)

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


def another_sign_in(scene: Scene, person_id: int) -> int:
    with scene.world.session() as session:
        username = session.get_one(Person, person_id).username
    scene.world.sign_in(username)
    with scene.world.session() as session:
        newest = sa.select(sa.func.max(SignIn.id)).where(SignIn.person_id == person_id)
        return session.scalars(newest).one()


def open_grant(scene: Scene) -> Grant:
    """The first of the own organization's grants that have not ended."""
    with scene.world.session() as session:
        own = sa.select(Grant).where(Grant.organization_id == scene.own.organization.id, Grant.ended_at.is_(None))
        return session.scalars(own.order_by(Grant.id).limit(1)).one()


def spare_role(scene: Scene) -> int:
    """A role of staff that no persona holds."""
    with scene.world.session() as session:
        role = ensure_role(session, "Spare role of the matrix", ())
        session.commit()
        return role.id


def notice(scene: Scene, *, objected: bool) -> int:
    """The own organization is told of a third one's link; it has objected, or not yet."""
    grant, now, third = open_grant(scene), clock.now(), scene.world.organization("Cedar Clinic")
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


def warning(scene: Scene) -> int:
    """A Tax ID at which the own organization failed too often."""
    with scene.world.session() as session:
        warn(session, scene.own.organization.id, "000009999", FailedProof(alarming=True, in_all=3))
        return session.scalars(sa.select(sa.func.max(ProofWarning.id))).one()


def contact_request(scene: Scene, *, reported: bool) -> int:
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


def invitation(scene: Scene) -> int:
    """Somebody is invited to the own organization."""
    with scene.world.session() as session:
        row = open_invitation(scene.own.organization, scene.own.person)
        session.add(row)
        session.flush()
        return row.id


def published(scene: Scene) -> int:
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


def document(scene: Scene, person: Person | None) -> int:
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


def review(scene: Scene, person: Person | None) -> int:
    """A signed access review of the own organization."""
    with scene.world.session() as session:
        wanted = sa.select(AccessReview.id).where(AccessReview.organization_id == scene.own.organization.id)
        if found := session.scalars(wanted).first():
            return found
        row = signed_review(scene.own.organization, person or scene.own.person)
        session.add(row)
        session.flush()
        return row.id


def cluster(scene: Scene) -> int:
    """Wrong proofs from one place that nobody has looked into."""
    with scene.world.session() as session:
        now = clock.now()
        row = ProofCluster(kind="address", source="192.0.2.7", aims=5, failed=6, first_at=now, last_at=now, note="")
        session.add(row)
        session.flush()
        return row.id


def request_for_access(scene: Scene, *, held: bool) -> int:
    """A billing organization asks for the Tax ID of the own organization's first grant; staff look first, or it was sent."""
    ledger = scene.world.organization(audience="billing")
    with scene.world.session() as session:
        payee = session.get_one(Payee, open_grant(scene).payee_id)
        state = STAFF_LOOK if held else WAITING
        due_at = clock.now() + dt.timedelta(days=30)
        tin = payee.whole_tin(session)
        return access_request(session, ledger, tin=tin, state=state, sent_at=clock.now(), due_at=due_at).id


def case(scene: Scene) -> int:
    """The own organization asks for a Tax ID of which it has no payment."""
    with scene.world.session() as session:
        return tax_id_case(session, scene.own.organization).case_id


def draft(scene: Scene) -> int:
    """A draft of a kind that no installed application has."""
    with scene.world.session() as session:
        return draft_row(session, scene.own.organization, scene.own.person.id).id


def signature_of(scene: Scene) -> int:
    """Somebody of the own organization has signed something."""
    with scene.world.session() as session:
        return signature(session, scene.own.organization).id


def saved_view(scene: Scene, person: Person) -> int:
    """A filter of the queue of cases that the person has saved."""
    with scene.world.session() as session:
        return case_view(session, person).id
