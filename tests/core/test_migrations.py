"""The migrations make what the models say, on both databases, and can be taken back."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal import migrations
from tests.conftest import MakeApp
from tests.support.databases import database_of

SAMPLE = "sample_"  # the sample plugin's tables are in the models when its tests run in this process


def test_migrations_match_the_models(empty_database_url: str, make_app: MakeApp) -> None:
    app = make_app(empty_database_url)
    with app.app_context():
        assert not migrations.is_current(app)
    migrations.upgrade(app)
    with app.app_context():
        assert migrations.is_current(app)
    assert [found for found in migrations.differences(app) if SAMPLE not in str(found)] == []


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
    with app.app_context():
        app.extensions["alembic"].downgrade("base")
    assert set(sa.inspect(database_of(app).engine).get_table_names()) <= {"alembic_version"}
    migrations.upgrade(app)
    with app.app_context():
        assert migrations.is_current(app)
