"""Connections that wait in the pool while PostgreSQL is started again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal import database
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import Databases, mighty_engine
from tests.support.world import World

pytestmark = pytest.mark.postgresql


@pytest.fixture
def cut_off(make_app: MakeApp, databases: Databases) -> PortalClient:
    """Somebody signed in, whose portal has connections in its pool that the server has ended."""
    app = make_app(databases.new_postgresql())
    world = World(app)
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    with mighty_engine(app) as engine, engine.begin() as connection:
        ended = connection.scalars(
            sa.text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()
    assert ended
    return client


def test_a_connection_that_has_rested_is_asked_first(cut_off: PortalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "REST", 0.0)
    assert cut_off.get("/").status_code == 200


def test_one_request_fails_and_the_next_ones_do_not(cut_off: PortalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "REST", 3600.0)
    assert cut_off.get("/", check=False).status_code == 503
    assert cut_off.get("/").status_code == 200
