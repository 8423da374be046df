"""Schema migrations: the core's, and those of every installed plugin whether its application is enabled or not.

Each has a chain of revisions and a version table of its own (chains.py). A plugin's upgrade is one transaction: when it fails, or
touches tables that are not its own, it is undone, and the others go on.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from alembic import command
from flask import Flask

from hp_portal import roles, row_security
from hp_portal.database import Database, changing_schema
from hp_portal.migrations.adopting import adopt_shared_table
from hp_portal.migrations.chains import (
    CORE,
    HERE,
    SUFFIX,
    BadMigrations,
    Chain,
    chain_of,
    core_tables,
    owner_of,
    prefix_of,
    read,
    tables_declared_in,
)
from hp_portal.plugins import Plugins, confined, describe
from hp_portal.settings import ConfigurationError, Settings
from hp_portal.vault import Vault


@dataclass
class Upgraded:
    """What an upgrade did: `failed` says by plugin what went wrong, `notes` what was left as it is and why."""

    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class LeftBehind:
    """What a plugin that is not installed left in the database."""

    key: str
    revision: str
    tables: tuple[str, ...]


def install(app: Flask, database: Database, plugins: Plugins) -> None:
    """Read every chain. A plugin whose migrations cannot be used is left out as a whole, with the reason in its state."""
    core = Chain(CORE, HERE / CORE)
    read(core)
    chains = {CORE: core}
    for state in plugins.states.values():
        chain = chain_of(state)
        if chain is None:
            continue
        chains[chain.key] = chain
        if not chain.problem and state.loaded and (wrong := _misnamed(chain, state.package)):
            chain.problem = wrong
        if chain.problem:
            plugins.leave_out(state.name, f"migrations: {chain.problem}")
    app.extensions["hp_portal.chains"] = chains
    app.extensions["hp_portal.database"] = database
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _misnamed(chain: Chain, package: str) -> str:
    """Why the names of a plugin's tables will not do, or nothing."""
    if taken := [table for table in core_tables() if table.startswith(chain.prefix)]:
        return f"the portal's own table {min(taken)!r} starts with {chain.prefix!r}; choose another key"
    foreign = {table for table in tables_declared_in(package) if not table.startswith(chain.prefix)}
    return f"table {min(foreign)!r} must be called {chain.prefix}…" if foreign else ""


def chains_of(app: Flask) -> dict[str, Chain]:
    found: dict[str, Chain] = app.extensions["hp_portal.chains"]
    return found


def engine_of(app: Flask) -> sa.Engine:
    database: Database = app.extensions["hp_portal.database"]
    return database.engine


def _vault_of(app: Flask) -> Vault:
    database: Database = app.extensions["hp_portal.database"]
    return database.vault


def upgrade(app: Flask) -> Upgraded:
    """Bring the database to the newest schema: the core's first, then each plugin's.

    A failure of the core's raises; a plugin's is told in what is returned, and the others go on. Raises ConfigurationError
    when the database is newer than the portal, and when its role does not own the tables.
    """
    done, chains = Upgraded(), chains_of(app)
    prefixes = {chain.prefix for chain in chains.values()}
    database: Database = app.extensions["hp_portal.database"]
    roles.refuse_runtime(engine_of(app))
    with changing_schema(engine_of(app)) as connection:
        done.notes += adopt_shared_table(connection, chains)
        applied = chains[CORE].applied(connection)
        if applied and applied not in chains[CORE].revisions:
            raise ConfigurationError(_newer_database(applied))
        if applied != chains[CORE].head:
            row_security.lift(connection)
        # The vault is for what a revision must seal anew.
        command.upgrade(chains[CORE].config(connection=connection, vault=_vault_of(app)), "head")
        _guard(app, connection, core_tables())
    for chain in chains.values():
        if chain.key == CORE or chain.left_out:
            continue
        if chain.problem:
            done.failed[chain.key] = chain.problem
            continue
        try:
            with confined(), changing_schema(engine_of(app)) as connection:
                # For a revision that seals what was there before: op.get_bind().info["hp_portal.vault"].
                connection.info["hp_portal.vault"] = database.vault
                done.notes += _upgrade_plugin(chain, connection)
                # Of its own tables alone: another plugin's may not be there yet as its models say.
                own = {
                    table for table in tables_in_use(app) - core_tables() if owner_of(table, prefixes) == chain.prefix
                }
                _guard(app, connection, own)
        except Exception as error:
            done.failed[chain.key] = str(error) if isinstance(error, BadMigrations) else describe(error)
    done.notes += [left_behind_note(left) for left in left_behind(app)]
    return done


def _guard(app: Flask, connection: sa.Connection, tables: set[str]) -> None:
    """Rights and row-level security of what was migrated, in the same transaction."""
    database: Database = app.extensions["hp_portal.database"]
    row_security.keep(connection, tables, database.vault.wall_keys)
    roles.grant(connection)


def _newer_database(revision: str) -> str:
    return (
        f"The database is at revision {revision}, which this version of the portal does not know. "
        "Install the version that made it, or restore the backup from before the upgrade."
    )


def left_behind_note(left: LeftBehind) -> str:
    return (
        f"{left.key} is not installed; its revision {left.revision or 'none'} and {len(left.tables)} tables stay. "
        f"`hp-portal plugins forget {left.key}` removes them."
    )


def _upgrade_plugin(chain: Chain, connection: sa.Connection) -> list[str]:
    applied = chain.applied(connection)
    if applied == chain.head:
        return []
    if applied and applied not in chain.revisions:
        return [rolled_back_note(chain, applied)]
    before = _shape(chain, connection)
    row_security.lift(connection, chain.prefix)
    command.upgrade(chain.config(connection=connection), "head")
    after = _shape(chain, connection)
    if changed := sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name)):
        raise BadMigrations(
            f"they change {changed[0]!r}; a plugin's migrations touch tables called {chain.prefix}… alone"
        )
    return []


def rolled_back_note(chain: Chain, applied: str) -> str:
    return (
        f"{chain.key}: the database is at revision {applied}, which the installed version does not know. "
        "It was rolled back; its tables stay as the newer version made them."
    )


def _shape(chain: Chain, connection: sa.Connection) -> dict[str, Any]:
    """The tables that are not the chain's own, with their columns and indexes."""
    inspector = sa.inspect(connection)
    indexes = inspector.get_multi_indexes()
    return {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in columns],
            sorted(str(index["name"]) for index in indexes.get((schema, table), ())),
        )
        for (schema, table), columns in inspector.get_multi_columns().items()
        if not table.startswith(chain.prefix)
    }


def is_current(app: Flask) -> bool:
    """Has the database the newest schema of the core and of every plugin in use?"""
    return not unready(app)


def unready(app: Flask) -> list[str]:
    """Why the database cannot serve this portal, in words; nothing when it can. Raises when it does not answer.

    A plugin that was removed or rolled back is no reason.
    """
    reasons = []
    with engine_of(app).connect() as connection:
        for chain in chains_of(app).values():
            if chain.left_out:
                continue
            if chain.problem:
                reasons.append(f"the migrations of the plugin {chain.key} cannot be used: {chain.problem}")
                continue
            applied = chain.applied(connection)
            if applied == chain.head:
                continue
            if applied and applied not in chain.revisions:
                if chain.key == CORE:
                    reasons.append(_newer_database(applied))
                continue
            reasons.append(f"the database needs `hp-portal db upgrade` ({chain.key})")
    return reasons


def upgrade_first(app: Flask, *plugins: str) -> str:
    """What to do before a command that needs the tables of the core and of these plugins can work; empty when they are there.

    A database that does not answer is not told here.
    """
    chains = chains_of(app)
    wanted = [chains[key] for key in (CORE, *plugins) if key in chains and chains[key].usable]
    try:
        with engine_of(app).connect() as connection:
            applied = [(chain, chain.applied(connection)) for chain in wanted]
    except sa.exc.SQLAlchemyError:
        return ""
    behind = [chain for chain, at in applied if at != chain.head and (not at or at in chain.revisions)]
    if not behind:
        return ""
    return f"The database has not all tables yet ({', '.join(chain.key for chain in behind)}). Run `hp-portal db upgrade` first."


def owner_notes(app: Flask) -> list[str]:
    """What to tell whoever runs a command that is meant to run as the owner of the tables, and does; nothing on SQLite."""
    with engine_of(app).connect() as connection:
        return [roles.AS_OWNER] if roles.is_just_owner(connection) else []


def weaknesses(app: Flask, *, owner_may: bool = False) -> list[str]:
    """What makes the database less safe than it could be, in words, as the role that the portal connects as; none in a demo.

    `owner_may`: asked by a command that is meant to run as the owner of the tables.
    """
    settings: Settings = app.extensions["hp_portal.settings"]
    if settings.demo:
        return []
    with engine_of(app).connect() as connection:
        mighty = "" if owner_may and roles.is_just_owner(connection) else roles.too_mighty(connection)
        return [
            *([mighty] if mighty else []),
            *roles.wrong_rights(connection),
            *row_security.wrong_policies(connection, tables_in_use(app)),
        ]


def wrong_policies(app: Flask) -> list[str]:
    """What is missing of row-level security, in words."""
    with engine_of(app).connect() as connection:
        return list(row_security.wrong_policies(connection, tables_in_use(app)))


def rolled_back(app: Flask) -> dict[str, str]:
    """What to say of plugins whose installed version is older than their tables, by key."""
    found = {}
    with engine_of(app).connect() as connection:
        for chain in chains_of(app).values():
            if chain.key != CORE and chain.usable:
                applied = chain.applied(connection)
                if applied and applied not in chain.revisions:
                    found[chain.key] = rolled_back_note(chain, applied)
    return found


def left_behind(app: Flask) -> list[LeftBehind]:
    """What plugins that are no longer installed left, found by their version tables."""
    with engine_of(app).connect() as connection:
        names = sa.inspect(connection).get_table_names()
        prefixes = {name.removesuffix(SUFFIX) for name in names if name.endswith(f"_{SUFFIX}")}
        installed = {chain.prefix for chain in chains_of(app).values()}
        found = []
        for prefix in sorted(prefixes - installed):
            key = prefix.rstrip("_").replace("_", "-")
            tables = tuple(sorted(_tables_of(prefix, names, prefixes | installed)))
            found.append(LeftBehind(key, Chain(key, HERE).applied(connection), tables))
        return found


def _tables_of(prefix: str, names: list[str], prefixes: set[str]) -> set[str]:
    return {name for name in names if owner_of(name, prefixes) == prefix} - core_tables()


def tables_of(app: Flask, key: str) -> list[str]:
    """The tables in the database that belong to a plugin, installed or not, its version table among them."""
    with engine_of(app).connect() as connection:
        names = sa.inspect(connection).get_table_names()
    prefixes = {name.removesuffix(SUFFIX) for name in names if name.endswith(f"_{SUFFIX}")}
    prefixes |= {chain.prefix for chain in chains_of(app).values()} | {prefix_of(key)}
    return sorted(_tables_of(prefix_of(key), names, prefixes))


def drop_tables(connection: sa.Connection, names: Collection[str]) -> None:
    """Drop tables in the connection's transaction, those that refer to others first."""
    reflected = sa.MetaData()
    reflected.reflect(connection, only=sorted(names))
    reflected.drop_all(connection, tables=[reflected.tables[name] for name in names])


def tables_in_use(app: Flask) -> set[str]:
    """The names of the tables of the core and of loaded plugins."""
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    loaded = [tables_declared_in(state.package) for state in plugins.states.values() if state.loaded]
    return core_tables().union(*loaded)
