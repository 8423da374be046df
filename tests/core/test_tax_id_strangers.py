"""What strangers try at a Tax ID, and what organizations do: who makes whom wait."""

from __future__ import annotations

import pytest

from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.proofs import FRESH, StrangersTry, check_stranger, count_stranger
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.proving import NUMBER, SECOND, START, TIN, Payments, Portal
from tests.support.world import World


@pytest.fixture
def portal(database_url: str, make_app: MakeApp) -> Portal:
    payments = Payments()
    return Portal(World(make_app(database_url, extra_plugins={"payments": payments})), payments)


def test_strangers_keep_no_organization_waiting(portal: Portal, clock: Clock) -> None:
    """However long they go on, and from wherever."""
    clock.set(START)
    chosen, aspen = portal.world.settings, portal.world.organization()
    for day in range(2):
        with portal.world.session() as session:
            for number in range(25):
                count_stranger(session, chosen, StrangersTry(f"10.{number}.{day}.1", f"g{number}@x.example", tin=TIN))
        portal.fail(aspen, 1)
        assert portal.add(portal.world.organization(), number=(NUMBER, SECOND)[day]).name == "Harbor Payee"
        clock.advance(hours=12)


def test_organizations_make_strangers_wait(portal: Portal) -> None:
    chosen = portal.world.settings
    for _ in range(chosen.proof_attempts_per_tin):
        portal.fail(portal.world.organization(), 1)
    stranger = StrangersTry("198.51.100.1", "somebody@office.example", tin=TIN)
    with portal.world.session() as session:
        check_stranger(session, chosen, stranger)
        for _ in range(FRESH):
            count_stranger(session, chosen, stranger)
        with pytest.raises(TooManyAttempts):
            check_stranger(session, chosen, StrangersTry("198.51.100.2", "another@office.example", tin=TIN))
