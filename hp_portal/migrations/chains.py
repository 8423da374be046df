"""Chains of revisions: the core's and one for every installed plugin, each with a version table of its own.

Nothing in one chain refers to another, so a plugin that is broken, removed or rolled back concerns its own tables alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory

from hp_portal.database import Base
from hp_portal.plugins import PluginState, confined, describe

HERE = Path(__file__).parent
CORE = "core"
SUFFIX = "alembic_version"


class BadMigrations(Exception):
    """What is wrong with a plugin's migrations, for the person who wrote them."""


@dataclass
class Chain:
    """The revisions of the core or of one plugin.

    `problem` says why they cannot be used. `left_out` marks a plugin that does not take part; its tables stay as they are.
    """

    key: str
    folder: Path
    problem: str = ""
    left_out: bool = False
    revisions: frozenset[str] = field(default_factory=frozenset)
    head: str = ""

    @property
    def prefix(self) -> str:
        """What its tables' names start with: `claim-status` has `claim_status_…`; empty for the core."""
        return prefix_of(self.key)

    @property
    def version_table(self) -> str:
        return self.prefix + SUFFIX

    @property
    def usable(self) -> bool:
        return not (self.problem or self.left_out)

    def config(self, **attributes: Any) -> Config:
        """Alembic's configuration for this chain alone."""
        made = Config()
        made.set_main_option("script_location", str(HERE).replace("%", "%%"))
        made.set_main_option("path_separator", "newline")
        made.set_main_option("version_locations", str(self.folder).replace("%", "%%"))
        made.attributes.update(attributes, version_table=self.version_table)
        return made

    def applied(self, connection: sa.Connection) -> str:
        """The revision the database has of this chain, empty for none."""
        context = MigrationContext.configure(connection, opts={"version_table": self.version_table})
        return ",".join(sorted(context.get_current_heads()))


def prefix_of(key: str) -> str:
    return "" if key == CORE else f"{key.replace('-', '_')}_"


def read(chain: Chain) -> None:
    """Load a chain's revisions and check them; raises BadMigrations."""
    # The files one by one, instead of the map that Alembic makes of them: two of one id are seen here.
    scripts = list(ScriptDirectory.from_config(chain.config())._load_revisions())
    if not scripts:
        raise BadMigrations("migrations/ has no revision; remove the folder, or add one")
    twice = [revision for revision, count in Counter(script.revision for script in scripts).items() if count > 1]
    if twice:
        raise BadMigrations(f"two files are revision {twice[0]!r}")
    known = {script.revision: script for script in scripts}
    # Known also when the chain cannot be used: the database's revision may be one of them.
    chain.revisions = frozenset(known)
    for script in scripts:
        _check(chain, script, known)
    ends = {script.revision for script in scripts} - {str(script.down_revision) for script in scripts}
    starts = [script.revision for script in scripts if script.down_revision is None]
    if len(starts) != 1 or len(ends) != 1:
        raise BadMigrations(
            f"the revisions are not one chain: it starts at {', '.join(sorted(starts)) or 'none'}"
            f" and ends at {', '.join(sorted(ends)) or 'none'}"
        )
    chain.head = ends.pop()


def _check(chain: Chain, script: Script, known: dict[str, Script]) -> None:
    if script.down_revision is not None and str(script.down_revision) not in known:
        raise BadMigrations(
            f"revision {script.revision!r} follows {script.down_revision!r}, which is not among the plugin's own"
        )
    if script.dependencies:
        raise BadMigrations(
            f"revision {script.revision!r} has depends_on; leave it out, the core's tables are always made first"
        )
    foreign = set(script.branch_labels) - {chain.key, chain.prefix.rstrip("_")}
    if foreign:
        raise BadMigrations(
            f"revision {script.revision!r} has the label {foreign.pop()!r}; leave branch_labels out, or use {chain.key!r}"
        )


def chain_of(state: PluginState) -> Chain | None:
    """The checked chain of a plugin, or None when it brings no migrations."""
    if state.folder is None or not (state.folder / "migrations").is_dir():
        return None
    chain = Chain(state.key, state.folder / "migrations", left_out=state.left_out)
    try:
        with confined():
            read(chain)
    except Exception as error:
        chain.problem = str(error) if isinstance(error, BadMigrations) else describe(error)
    return chain


def core_tables() -> set[str]:
    """The names of the core's own tables."""
    return tables_declared_in("hp_portal")


def tables_declared_in(package: str) -> set[str]:
    """The names of the tables whose models stand in a package."""
    return {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if f"{mapper.class_.__module__}.".startswith(f"{package}.") and isinstance(mapper.local_table, sa.Table)
    }


def owner_of(table: str, prefixes: Iterable[str]) -> str:
    """The longest prefix a table's name has, as `claim_` is also how those of `claim_status_` begin; empty: none."""
    return max((prefix for prefix in prefixes if prefix and table.startswith(prefix)), key=len, default="")
