"""Databases from before every plugin had a version table of its own: one table held the revisions of all."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from hp_portal.migrations.chains import CORE, Chain


def adopt_shared_table(connection: sa.Connection, chains: dict[str, Chain]) -> list[str]:
    """Give plugins' revisions in the core's version table to their own; returns what was found that nobody knows.

    A plugin's revision used to stand for the core's revision it depended on, which was the core's first.
    """
    core = chains[CORE]
    rows = set(MigrationContext.configure(connection, opts={"version_table": core.version_table}).get_current_heads())
    moved = set()
    for chain in chains.values():
        for revision in (rows & chain.revisions) if chain.key != CORE else ():
            _note(connection, chain, revision)
            moved.add(revision)
    unknown = rows - moved - core.revisions
    known = rows & core.revisions
    if not moved and not (known and unknown):
        return []
    first = ScriptDirectory.from_config(core.config()).get_base() or "base"
    command.stamp(core.config(connection=connection), known.pop() if known else first, purge=True)
    return [f"Revision {revision} belongs to no installed plugin; its tables stay as they are." for revision in unknown]


def _note(connection: sa.Connection, chain: Chain, revision: str) -> None:
    """Write the revision into the chain's own table. Alembic's `stamp` would refuse a chain that cannot be used at present."""
    table = MigrationContext.configure(connection).impl.version_table_impl(
        version_table=chain.version_table, version_table_schema=None, version_table_pk=True
    )
    table.create(connection, checkfirst=True)
    connection.execute(table.delete())
    connection.execute(table.insert().values(version_num=revision))
