"""Tries to prove a Tax ID: how they add up, and how long one waits."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.organizations.models import Organization
from hp_portal.core.tax_ids.models import ProofWarning
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.proving import NPI, OTHER_TIN, SECOND, START, TIN, Payments, Portal, refusals
from tests.support.world import World


@pytest.fixture
def portal(database_url: str, make_app: MakeApp) -> Portal:
    payments = Payments()
    app = make_app(database_url, extra_plugins={"payments": payments}, proof_attempts=3, attempts_window_minutes=20)
    return Portal(World(app), payments)


def wait_of(portal: Portal, organization: Organization, **what: Any) -> dt.timedelta:
    with pytest.raises(TooManyAttempts) as refused:
        portal.add(organization, **what)
    return refused.value.wait


def test_a_success_starts_the_organization_s_counts_anew(portal: Portal) -> None:
    aspen = portal.world.organization()
    portal.fail(aspen, 2)
    portal.add(aspen)
    portal.fail(aspen, 2, tin=OTHER_TIN)  # four failed in all, two since the success
    portal.fail(aspen, 1)
    assert refusals(portal.world) == [
        {"tin": f"•••••{tin[-4:]}", "npi": NPI} for tin in (TIN, TIN, OTHER_TIN, OTHER_TIN, TIN)
    ]
    wait_of(portal, aspen)


def test_an_organization_s_tries_count_for_as_long_as_the_window(portal: Portal, clock: Clock) -> None:
    clock.set(START)
    aspen, birch = portal.world.organization(), portal.world.organization()
    portal.fail(aspen, 3)
    for tin in (TIN, OTHER_TIN):
        assert wait_of(portal, aspen, tin=tin) == dt.timedelta(minutes=20)
    assert portal.add(birch).name == "Harbor Payee", "nobody locks another organization out of its own Tax ID"
    clock.advance(minutes=20)
    portal.fail(aspen, 1, tin=OTHER_TIN)


def test_waits_for_one_tax_id_grow_whatever_time_has_passed(portal: Portal, clock: Clock) -> None:
    """Four tries a day instead of hundreds, for ever: in all, not within a window."""
    clock.set(START)
    aspen = portal.world.organization()
    portal.fail(aspen, 3)
    for minutes in (20, 40, 80, 160):
        assert wait_of(portal, aspen) == dt.timedelta(minutes=minutes)
        clock.advance(minutes=minutes)
        portal.fail(aspen, 1)
    for _ in range(4):
        clock.advance(days=1)
        portal.fail(aspen, 1)
    assert wait_of(portal, aspen) == dt.timedelta(days=1), "the slowest"
    portal.fail(aspen, 1, tin=OTHER_TIN)
    clock.advance(days=1)
    assert portal.add(aspen).name == "Harbor Payee"
    portal.fail(aspen, 2)


def test_many_organizations_are_no_way_round(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    """What all together have failed at a Tax ID counts, whoever succeeds; whoever is linked to it is spared."""
    clock.set(START)
    app = make_app(database_url, extra_plugins={"payments": (payments := Payments())}, proof_attempts_per_tin=4)
    portal = Portal(World(app), payments)
    owner, other = portal.world.organization(), portal.world.organization()
    portal.world.grant(owner, portal.world.payee(TIN))
    for _ in range(4):
        portal.fail(portal.world.organization(), 1)
    fresh = portal.world.organization()
    assert wait_of(portal, fresh) == dt.timedelta(minutes=15)
    assert portal.add(owner).name == "Harbor Payee", "its own Tax ID"
    portal.fail(fresh, 1, tin=OTHER_TIN)
    clock.advance(minutes=15)
    portal.add(other, number=SECOND)
    portal.fail(fresh, 1)
    assert wait_of(portal, portal.world.organization()) == dt.timedelta(minutes=30), "it grows for everybody"
    portal.fail(owner, 1)
    assert wait_of(portal, portal.world.organization()) == dt.timedelta(minutes=30), "the owner's slips add nothing"


def test_whoever_is_linked_to_something_else_is_not_spared(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    """Neither to another Tax ID, nor to this one no longer."""
    clock.set(START)
    app = make_app(database_url, extra_plugins={"payments": (payments := Payments())}, proof_attempts_per_tin=2)
    portal = Portal(World(app), payments)
    elsewhere, former = portal.world.organization(), portal.world.organization()
    portal.world.grant(elsewhere, portal.world.payee(OTHER_TIN))
    portal.world.end_grant(portal.world.grant(former, portal.world.payee(TIN)))
    for warned in (0, 1):
        portal.fail(portal.world.organization(), 1)
        with portal.world.session() as session:
            assert len(session.scalars(sa.select(ProofWarning)).all()) == warned, "the try that makes others wait"
    assert [wait_of(portal, organization) for organization in (elsewhere, former)] == [dt.timedelta(minutes=15)] * 2
