"""What most tests of Remittance Inquiry begin with."""

from __future__ import annotations

import pytest

from tests.support.client import PortalClient
from tests.support.world import World

from .inquiry import Office


@pytest.fixture
def office(world: World) -> Office:
    """Somebody of an office, with one payee."""
    return Office(world)


@pytest.fixture
def staff(world: World) -> PortalClient:
    """Somebody of the staff who reads imports and decides about payments of one number."""
    permissions = ["staff:console:open", "remittance:import:read", "remittance:payment:decide"]
    world.staff("a.staff", permissions=permissions)
    return world.sign_in("a.staff")
