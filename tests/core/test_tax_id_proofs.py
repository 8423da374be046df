"""Proving a Tax ID and NPI: how tries add up, what plugins are asked and told, one link however many ask at once."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.grants import AlreadyLinked, NotForBilling, ProofRefused, add_by_payment, linked_payees
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PayeeRef, PaymentProof, PortalEvent, hookimpl
from hp_portal.scopes import OrganizationScope, Scope, WholeScope
from hp_portal.seals import seat
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

from .test_gate import BASE

START = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TIN, OTHER_TIN, NPI, NUMBER = make_tin(4711), make_tin(4712), make_npi(4711), "PROOF-0042"


class Payments:
    """A plugin that knows one payment, and keeps what it is asked and told."""

    def __init__(self) -> None:
        self.known: dict[str, PayeeRef] = {}
        self.asked: list[tuple[PaymentProof, Scope | None]] = []
        self.told: list[PortalEvent] = []

    @hookimpl
    def portal_verify_payment(self, session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
        self.asked.append((proof, session.context.scope))
        return self.known.get(f"{proof.tin} {proof.npi} {proof.number}")

    @hookimpl
    def portal_event(self, event: PortalEvent) -> None:
        self.told.append(event)


class Portal:
    """A portal with that plugin and one payee on record."""

    def __init__(self, world: World, payments: Payments) -> None:
        self.world, self.payments = world, payments
        self.somebody = world.person("some.body").id
        self.payee = world.payee(TIN, NPI, "Harbor Payee", vendor_number="V77")
        payments.known[f"{TIN} {NPI} {NUMBER}"] = PayeeRef(self.payee.id, is_non_payment=False)

    def add(self, organization: Organization, *, tin: str = TIN, number: str = NUMBER, **actor: Any) -> Any:
        """As the page does: commit what is refused, undo what is limited."""
        who = replace(BASE, **{"organization_id": organization.id, "person_id": self.somebody, **actor})
        plugins = self.world.app.extensions["hp_portal.plugins"]
        with self.world.session_of(organization) as session:
            try:
                found = add_by_payment(session, self.world.settings, plugins, who, tin=tin, npi=NPI, number=number)
            except ProofRefused:
                session.commit()
                raise
            session.commit()
            return found

    def fail(self, organization: Organization, times: int, *, tin: str = TIN) -> None:
        for _ in range(times):
            with pytest.raises(ProofRefused):
                self.add(organization, tin=tin, number="GUESS")


@pytest.fixture
def portal(database_url: str, make_app: MakeApp) -> Portal:
    payments = Payments()
    app = make_app(database_url, extra_plugins={"payments": payments}, proof_attempts=3, attempts_window_minutes=20)
    return Portal(World(app), payments)


def test_what_is_linked_is_shown_and_told(portal: Portal, clock: Clock) -> None:
    clock.set(START)
    organization = portal.world.organization()
    person = portal.world.person("a.clerk", organization=organization, name="Anna Clerk")
    linked = portal.add(organization, person_id=person.id)
    assert (linked.name, linked.tin, linked.npi, linked.vendor_number) == ("Harbor Payee", "•••••4711", NPI, "V77")
    assert (linked.proof, linked.granted_at, linked.granted_by) == ("check", START, "Anna Clerk")
    ids = {"organization": organization.id, "payee": portal.payee.id}
    assert portal.payments.told == [PortalEvent("grant.added", ids)]
    proof, scope = portal.payments.asked[0]
    assert (proof.number, proof.tin, proof.npi) == (NUMBER, TIN, NPI)
    assert isinstance(scope, WholeScope)
    with portal.world.session() as session:
        grant = session.get_one(Grant, linked.grant_id)
        assert (grant.organization_id, grant.payee_id, grant.granted_by_id) == (
            organization.id,
            portal.payee.id,
            person.id,
        )
        assert grant.ended_at is None
        kept = session.execute(sa.select(AuditEvent.event, AuditEvent.fields)).all()
    assert [tuple(row) for row in kept] == [
        ("tax-id-npi-access.grant.added", f'{{"payee":{portal.payee.id},"proof":"check"}}')
    ]


def test_links_are_listed_by_name_and_npi(portal: Portal) -> None:
    organization = portal.world.organization()
    payees = [
        portal.world.payee(name=name, npi=npi) for name, npi in (("B", None), ("A", make_npi(9)), ("A", make_npi(8)))
    ]
    for payee in payees:
        portal.world.grant(organization, payee)
    portal.world.end_grant(portal.world.grant(organization, portal.world.payee(name="Ended")))
    portal.world.grant(portal.world.organization(), portal.world.payee(name="Another's"))
    with portal.world.session_of(organization) as session:
        rows = [(row.name, row.npi, row.granted_by) for row in linked_payees(session)]
    assert rows == [("A", make_npi(8), ""), ("A", make_npi(9), ""), ("B", "", "")]


def test_a_success_starts_the_organization_s_count_anew_and_leaves_the_payee_s(portal: Portal) -> None:
    aspen, birch, cedar = (portal.world.organization() for _ in range(3))
    portal.fail(aspen, 2)
    portal.add(aspen)
    portal.fail(aspen, 2, tin=OTHER_TIN)  # four failed in all, two since the success
    portal.fail(birch, 1)
    with portal.world.session() as session:
        refused = AuditEvent.event == "tax-id-npi-access.grant.refused"
        kept = session.scalars(sa.select(AuditEvent.fields).where(refused).order_by(AuditEvent.id)).all()
    assert [json.loads(fields) for fields in kept] == [
        {"tin": f"•••••{tin[-4:]}", "npi": NPI} for tin in (TIN, TIN, OTHER_TIN, OTHER_TIN, TIN)
    ]
    with pytest.raises(TooManyAttempts):
        portal.add(cedar)  # the payee's third has failed, whoever made it


def test_tries_count_for_as_long_as_the_window(portal: Portal, clock: Clock) -> None:
    clock.set(START)
    aspen, birch = portal.world.organization(), portal.world.organization()
    portal.fail(aspen, 3)
    for organization, tin in ((aspen, OTHER_TIN), (birch, TIN)):
        with pytest.raises(TooManyAttempts) as refused:
            portal.add(organization, tin=tin)
        assert refused.value.wait == dt.timedelta(minutes=20)
    portal.fail(birch, 1, tin=OTHER_TIN)
    clock.advance(minutes=20)
    assert portal.add(birch).name == "Harbor Payee"


@pytest.mark.parametrize("actor", [{"audience": "billing"}, {"organization_id": None}])
def test_only_a_provider_s_own_people_prove_by_payment(portal: Portal, actor: dict[str, Any]) -> None:
    organization = portal.world.organization()
    who = replace(BASE, **{"organization_id": organization.id, **actor})
    plugins = portal.world.app.extensions["hp_portal.plugins"]
    with portal.world.session_of(organization) as session, pytest.raises(NotForBilling):
        add_by_payment(session, portal.world.settings, plugins, who, tin=TIN, npi=NPI, number=NUMBER)
    assert portal.payments.asked == []


def test_what_is_linked_already_is_refused_under_a_lock(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = portal.world.organization()
    portal.world.grant(organization, portal.world.payee())
    taken: list[str] = []

    def remember(session: PortalSession, name: str) -> None:
        lock(session, name)
        taken.append(name)

    monkeypatch.setattr("hp_portal.core.tax_ids.grants.lock", remember)
    portal.add(organization)
    assert taken == [f"grant:{organization.id}:{portal.payee.id}"]
    monkeypatch.undo()
    with pytest.raises(AlreadyLinked):
        portal.add(organization)
    assert portal.add(portal.world.organization()).name == "Harbor Payee", "another organization's link is none of ours"
    with portal.world.session_of(organization) as session:
        assert len(session.scalars(sa.select(Grant.id)).all()) == 2


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_somebody_else_s_lock_makes_one_wait(portal: Portal) -> None:
    """On PostgreSQL, where the lock is one of its own; SQLite has one writer anyway."""
    organization = portal.world.organization()
    name = f"grant:{organization.id}:{portal.payee.id}"
    with portal.world.database.new_session(OrganizationScope(organization.id)) as first:
        lock(first, name)
        with portal.world.database.new_session(OrganizationScope(organization.id)) as second:
            second.connection().execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
            who = replace(BASE, organization_id=organization.id)
            plugins = portal.world.app.extensions["hp_portal.plugins"]
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                add_by_payment(second, portal.world.settings, plugins, who, tin=TIN, npi=NPI, number=NUMBER)


@pytest.mark.parametrize("database_kind", [pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_whoever_waited_finds_the_link_of_whoever_was_first(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    organization = portal.world.organization()

    def wait(session: PortalSession, name: str) -> None:
        portal.world.grant(organization, portal.payee)
        lock(session, name)

    monkeypatch.setattr("hp_portal.core.tax_ids.grants.lock", wait)
    with pytest.raises(AlreadyLinked):
        portal.add(organization)


def test_a_payee_s_tin_is_needed_whole(portal: Portal) -> None:
    """The sealed TIN of the record, not what was typed, is what the page masks."""
    organization = portal.world.organization()
    portal.add(organization)
    with portal.world.session() as session:
        payee = session.get_one(Payee, portal.payee.id)
        payee.tin_sealed = session.vault.seal_text(OTHER_TIN, seat(Payee.tin_sealed)(payee.tin_hash, payee.npi))
    with portal.world.session_of(organization) as session:
        assert [row.tin for row in linked_payees(session)] == ["•••••4712"]
