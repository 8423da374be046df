"""The migrations make what the models say, on both databases, and can be taken back."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command

from hp_portal import migrations, row_security
from hp_portal.database import changing_schema
from hp_portal.migrations import comparing
from tests.conftest import MakeApp
from tests.support.databases import database_of, owner_url


@pytest.fixture
def database_url(database_url: str) -> str:
    """Who changes the schema owns the tables."""
    return owner_url(database_url)


def test_migrations_match_the_models(empty_database_url: str, make_app: MakeApp) -> None:
    app = make_app(empty_database_url)
    assert not migrations.is_current(app)
    migrations.upgrade(app)
    assert migrations.is_current(app)
    assert comparing.differences(app) == []


def test_an_upgrade_of_a_current_database_changes_nothing(database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url)
    engine = database_of(app).engine
    before = sorted(sa.inspect(engine).get_table_names())
    migrations.upgrade(app)
    assert sorted(sa.inspect(engine).get_table_names()) == before


def test_readyz_says_that_an_upgrade_is_needed(empty_database_url: str, make_app: MakeApp) -> None:
    app = make_app(empty_database_url)
    assert app.test_client().get("/readyz").status_code == 503
    migrations.upgrade(app)
    assert app.test_client().get("/readyz").status_code == 200


def test_down_to_nothing_and_up_again(database_url: str, make_app: MakeApp) -> None:
    app = make_app(database_url)
    engine = database_of(app).engine
    for chain in reversed(list(migrations.chains_of(app).values())):
        with changing_schema(engine) as connection:
            row_security.lift(connection)
            command.downgrade(chain.config(connection=connection), "base")
    versions = {"alembic_version", "profiles_alembic_version", "remittance_alembic_version"}
    assert set(sa.inspect(engine).get_table_names()) <= versions
    migrations.upgrade(app)
    assert migrations.is_current(app)
