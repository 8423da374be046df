"""In which order named locks are taken: two who take the same ones in another order wait for each other for ever."""

from __future__ import annotations

import pytest

from hp_portal.core.delegates import holding, leaving
from hp_portal.core.identity import accounts as held_accounts
from hp_portal.core.people import accounts
from hp_portal.core.registration import facts
from hp_portal.database import PortalSession, lock


def locks_taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Those of delegates, registrations and accounts from now on, the first time of each."""
    taken: list[str] = []

    def take(session: PortalSession, name: str) -> None:
        if name not in taken and name.startswith(("delegates of", "registration:", "account:")):
            taken.append(name)
        lock(session, name)

    for module in (holding, leaving, held_accounts, accounts, facts):
        monkeypatch.setattr(module, "lock", take)
    return taken
