"""Proving a Tax ID and NPI: what plugins are asked and told, what proves, one link however many ask at once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.grants import AlreadyLinked, NotForBilling, ProofRefused, add_by_payment, linked_payees
from hp_portal.core.tax_ids.proving import MoreAsked, Proof
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PayeeRef, PortalEvent
from hp_portal.scopes import OrganizationScope, WholeScope
from hp_portal.seals import seat
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.proving import NPI, NUMBER, OTHER_TIN, SECOND, START, TIN, Payments, Portal, refusals
from tests.support.world import World

from .test_gate import BASE


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
    assert (proof.number, proof.tin, proof.npi, proof.without_npi) == (NUMBER, TIN, NPI, False)
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


# ---- what proves something


def test_a_payment_of_another_payee_with_the_same_number_proves_as_well(portal: Portal) -> None:
    annex = portal.world.payee(OTHER_TIN, NPI, "Annex Payee")
    portal.payments.known[f"{OTHER_TIN} {NPI} {NUMBER}"] = PayeeRef(annex.id, False, NUMBER, 12_345, START.date())
    organization = portal.world.organization()
    assert portal.add(organization).name == "Harbor Payee"
    assert portal.add(organization, tin=OTHER_TIN).name == "Annex Payee"


def test_a_payment_proves_something_once(portal: Portal) -> None:
    """Not again after the link has ended, and not to another organization."""
    aspen, birch = portal.world.organization(), portal.world.organization()
    linked = portal.add(aspen)
    with portal.world.session() as session:
        session.get_one(Grant, linked.grant_id).ended_at = START
    for organization in (aspen, birch):
        with pytest.raises(ProofRefused):
            portal.add(organization)
    assert portal.add(aspen, number=SECOND).name == "Harbor Payee"
    assert len(refusals(portal.world)) == 2


def test_a_number_is_the_plugin_s_however_it_was_typed(portal: Portal) -> None:
    portal.payments.known[f"{TIN} {NPI} 0-{NUMBER}"] = portal.payments.known[f"{TIN} {NPI} {NUMBER}"]
    portal.add(portal.world.organization())
    with pytest.raises(ProofRefused):
        portal.add(portal.world.organization(), number=f"0-{NUMBER}")


def test_a_plugin_that_names_no_number_is_taken_at_its_word(portal: Portal) -> None:
    ref = PayeeRef(portal.payee.id, False, paid_on=START.date())
    portal.payments.known |= {f"{TIN} {NPI} {number}": ref for number in ("x7", " X7 ", "x8")}
    portal.add(portal.world.organization(), number="x7")
    with pytest.raises(ProofRefused):
        portal.add(portal.world.organization(), number=" X7 ")
    portal.add(portal.world.organization(), number="x8")


def test_a_payment_is_locked_while_it_is_looked_at(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    monkeypatch.setattr("hp_portal.core.tax_ids.proving.lock", lambda _session, name: taken.append(name))
    portal.add(portal.world.organization())
    assert taken == [f"proof:{portal.payee.id}:{NUMBER}"]


@pytest.mark.parametrize(("days", "proves"), [(30, True), (31, False)])
def test_old_payments_prove_nothing(
    database_url: str, make_app: MakeApp, clock: Clock, days: int, proves: bool
) -> None:
    """In the payer's days: at 2 a.m. UTC it is the day before in Minnesota."""
    clock.set(START.replace(hour=2) + dt.timedelta(days=days + 1))
    app = make_app(database_url, extra_plugins={"payments": (payments := Payments())}, proof_days=30)
    portal = Portal(World(app), payments)
    if proves:
        portal.add(portal.world.organization())
    else:
        with pytest.raises(ProofRefused):
            portal.add(portal.world.organization())
    assert payments.asked[0][0].not_before == START.date() + dt.timedelta(days=days - 30)


@pytest.mark.parametrize(
    "ref",
    [
        {"paid_on": None},
        {"amount": 12_346},
        {"paid_on": START.date() + dt.timedelta(days=1)},
        {"paid_on": START.date() - dt.timedelta(days=1)},
        {"amount": None},
    ],
)
def test_what_a_plugin_answers_is_compared_with_what_was_typed(portal: Portal, ref: dict[str, Any]) -> None:
    """A plugin that looks at the number alone opens nothing."""
    name = f"{TIN} {NPI} {NUMBER}"
    portal.payments.known[name] = replace(portal.payments.known[name], **ref)
    with pytest.raises(ProofRefused):
        portal.add(portal.world.organization(), amount=12_345, paid_on=START.date())


@pytest.mark.parametrize(
    ("asks", "given", "enough"),
    [
        ("never", {}, True),
        ("without-vendor-number", {}, False),
        ("without-vendor-number", {"vendor_number": "V77"}, True),
        ("without-vendor-number", {"amount": 12_345}, True),
        ("without-vendor-number", {"paid_on": START.date()}, True),
        ("always", {"vendor_number": "V77"}, False),
        ("always", {"amount": 12_345}, True),
        ("always", {"paid_on": START.date()}, True),
        ("always", {"amount": 0}, False),
        ("without-vendor-number", {"amount": 0}, False),
        ("never", {"amount": 12_345, "paid_on": START.date(), "vendor_number": "V77"}, True),
    ],
)
def test_the_number_alone_is_not_enough(
    database_url: str, make_app: MakeApp, asks: str, given: dict[str, Any], enough: bool
) -> None:
    app = make_app(database_url, extra_plugins={"payments": (payments := Payments())}, proof_asks_more=asks)
    portal = Portal(World(app), payments)
    organization = portal.world.organization()
    if enough:
        assert portal.add(organization, **given).name == "Harbor Payee"
        proof = payments.asked[0][0]
        assert (proof.vendor_number, proof.amount, proof.paid_on) == (
            given.get("vendor_number"),
            given.get("amount"),
            given.get("paid_on"),
        )
    else:
        with pytest.raises(MoreAsked, match="date") as asked:
            portal.add(organization, **given)
        assert ("$0.00" in str(asked.value), "vendor" in str(asked.value)) == (
            "amount" in given,
            asks != "always" and "amount" not in given,
        )
        assert payments.asked == [], "nothing is looked up, and nothing counted"


@pytest.mark.parametrize("actor", [{"audience": "billing"}, {"organization_id": None}])
def test_only_a_provider_s_own_people_prove_by_payment(portal: Portal, actor: dict[str, Any]) -> None:
    organization = portal.world.organization()
    who = replace(BASE, **{"organization_id": organization.id, **actor})
    plugins = portal.world.app.extensions["hp_portal.plugins"]
    with portal.world.session_of(organization) as session, pytest.raises(NotForBilling):
        add_by_payment(session, portal.world.settings, plugins, who, Proof(TIN, NPI, NUMBER))
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
    elsewhere = portal.world.organization()
    assert portal.add(elsewhere, number=SECOND).name == "Harbor Payee", "another organization's link is none of ours"
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
            with scopes.whole(second, "the test does not wait for long"):
                second.connection().execute(sa.text("SET LOCAL lock_timeout = '200ms'"))
            who = replace(BASE, organization_id=organization.id)
            plugins = portal.world.app.extensions["hp_portal.plugins"]
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                add_by_payment(second, portal.world.settings, plugins, who, Proof(TIN, NPI, NUMBER))


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
