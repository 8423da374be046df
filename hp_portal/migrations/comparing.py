"""Models beside the migrated database: what differs, and a revision that is written from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import sqlalchemy as sa
from alembic import autogenerate, command
from alembic.runtime.migration import MigrationContext
from flask import Flask

from hp_portal import clock
from hp_portal.database import Base
from hp_portal.migrations import chains_of, engine_of, left_behind, rolled_back, tables_in_use
from hp_portal.migrations.chains import (
    CORE,
    SUFFIX,
    Chain,
    core_tables,
    owner_of,
    prefix_of,
)
from hp_portal.plugins import Plugins
from hp_portal.settings import ConfigurationError


def differences(app: Flask) -> list[Any]:
    """What the models have and the migrated database has not, or the reverse; empty when they match.

    Looks at the tables of the core and of the plugins in use, at the revision the database should have.
    """
    with engine_of(app).connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"compare_type": True, "compare_server_default": False, "include_name": _compared(app)},
        )
        found: list[Any] = autogenerate.compare_metadata(context, _models_in_use(app))
        return found


def _models_in_use(app: Flask) -> sa.MetaData:
    """The tables of the core and of loaded plugins: another's models may have been imported before it failed."""
    wanted = tables_in_use(app)
    away = rolled_back(app)
    prefixes = [chain.prefix for key, chain in chains_of(app).items() if key in away]
    made = sa.MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        if table.name in wanted and not owner_of(table.name, prefixes):
            table.to_metadata(made)
    return made


def _compared(app: Flask) -> Callable[..., bool]:
    """Alembic's filter of what it looks at in the database: not what others left, nor plugins not in use."""
    away = rolled_back(app)
    aside = {
        *(chain.prefix for key, chain in chains_of(app).items() if key != CORE and (not chain.usable or key in away)),
        *(prefix_of(left.key) for left in left_behind(app)),
        *_not_loaded(app),
    }
    prefixes = aside | {chain.prefix for chain in chains_of(app).values()}

    def look(name: str | None, kind: str, _parents: object) -> bool:
        if kind != "table" or name is None:
            return True
        return not name.endswith(SUFFIX) and (name in core_tables() or owner_of(name, prefixes) not in aside)

    return look


def _not_loaded(app: Flask) -> set[str]:
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    return {prefix_of(state.key) for state in plugins.states.values() if not state.loaded}


def _chain_to_write(app: Flask, branch: str) -> Chain:
    """The chain that a new revision goes into: one that is there, or the beginning of a plugin's own."""
    chains, plugins = chains_of(app), cast(Plugins, app.extensions["hp_portal.plugins"])
    state = next((state for state in plugins.states.values() if state.key == branch), None)
    if state is not None and not state.loaded:
        raise ConfigurationError(
            f"The plugin {branch!r} is not loaded: {state.error or 'it is left out'}. Mend that first."
        )
    if branch in chains:
        return chains[branch]
    if state is None or state.folder is None or state.application is None:
        known = ", ".join([CORE, *(state.key for state in plugins.states.values() if state.folder)])
        raise ConfigurationError(f"There is no plugin {branch!r} that could have migrations. Known: {known}.")
    folder = state.folder / "migrations"
    folder.mkdir()
    return Chain(branch, folder)


def make_revision(app: Flask, branch: str, message: str) -> str:
    """Write a revision with what differs in the tables of the core (`core`) or of a plugin; returns its file.

    A plugin's first revision makes its folder `migrations/`. Raises ConfigurationError for a plugin that is not installed, or
    not loaded: without its models the revision would drop its tables.
    """
    chain = _chain_to_write(app, branch)
    chains = {**chains_of(app), branch: chain}
    prefixes = {one.prefix for one in chains.values()}

    def belongs(_object: object, name: str | None, kind: str, _reflected: bool, _compared: object) -> bool:
        if kind != "table" or name is None:
            return True
        if name.endswith(SUFFIX):
            return False
        return name in core_tables() if branch == CORE else owner_of(name, prefixes) == chain.prefix

    with engine_of(app).connect() as connection:
        config = chain.config(connection=connection, include_object=belongs)
        moment = str(int(clock.now().timestamp()))
        made = command.revision(config, message, autogenerate=True, version_path=str(chain.folder), rev_id=moment)
    scripts = made if isinstance(made, list) else [made]
    return ", ".join(str(script.path) for script in scripts if script)
