"""Schema migrations: one Alembic branch for the core and one for every installed plugin, enabled or not."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from flask import Flask
from flask_alembic import Alembic

from hp_portal.database import Base, Database
from hp_portal.plugins import Plugins

HERE = Path(__file__).parent


def install(app: Flask, database: Database, plugins: Plugins) -> None:
    """Put every installed plugin's `migrations/` on the path, as a branch named like its folder."""
    locations = [
        (name, str(state.folder / "migrations"))
        for name, state in plugins.states.items()
        if state.folder and (state.folder / "migrations").is_dir()
    ]
    app.config["ALEMBIC"] = {
        "script_location": str(HERE),
        "version_locations": [("core", str(HERE / "core")), *locations],
    }
    app.config["ALEMBIC_CONTEXT"] = {
        "render_as_batch": True,
        "compare_type": True,
        # Server defaults are never used, and databases spell them differently.
        "compare_server_default": False,
    }
    alembic = Alembic(run_mkdir=False, command_name="", metadatas=Base.metadata, engines=database.engine)
    alembic.init_app(app)
    # Flask-Alembic raises the level when it is made.
    logging.getLogger("alembic").setLevel(logging.WARNING)


def upgrade(app: Flask) -> None:
    """Bring the database to the newest schema."""
    with app.app_context():
        app.extensions["alembic"].upgrade()


def is_current(app: Flask) -> bool:
    """Is the database at the newest revision of every branch? Needs an app context."""
    alembic = app.extensions["alembic"]
    scripts = alembic.script_directory
    # A branch that another depends on has no row of its own, so what is applied includes what it depends on.
    applied = {script.revision for script in scripts.get_all_current(alembic.migration_context.get_current_heads())}
    return applied.issuperset(scripts.get_heads())


def differences(app: Flask) -> list[Any]:
    """What the models have and the migrated database has not, or the reverse; empty when they match."""
    with app.app_context():
        found: list[Any] = app.extensions["alembic"].compare_metadata()
        return found


def make_revision(app: Flask, branch: str, message: str) -> str:
    """Write a revision with what differs in the tables of a branch; returns its file."""
    prefixes = tuple(f"{name}_" for name, _ in app.config["ALEMBIC"]["version_locations"] if name != "core")

    def belongs(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        if kind != "table" or name is None:
            return True
        return not name.startswith(prefixes) if branch == "core" else name.startswith(f"{branch}_")

    app.config["ALEMBIC_CONTEXT"]["include_object"] = belongs
    first = {"depend": "core@head"} if branch != "core" and not _has_revisions(app, branch) else {}
    with app.app_context():
        made = app.extensions["alembic"].revision(message, branch=branch, **first)
        return ", ".join(str(script.path) for script in made)


def _has_revisions(app: Flask, branch: str) -> bool:
    folder = dict(app.config["ALEMBIC"]["version_locations"])[branch]
    return any(Path(folder).glob("*.py"))
