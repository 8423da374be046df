"""Row-level security of PostgreSQL, made from the same marks as the scopes of hp_portal/scopes.py: a second wall behind them.

`db upgrade` keeps one policy a deed for every table. What they let through goes by the pass that the transaction shows
(hp_portal/passes.py): with none, nothing; an organization's, its own rows and those of the payees it holds grants to; a whole
scope's, everything. The owner of the tables is not held by them, so that migrations and backups see every row.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql import visitors

from hp_portal import roles, scopes
from hp_portal.database import Base
from hp_portal.moments import at_present
from hp_portal.passes import SCHEMA, SETTING, WHOLE

_SCOPE = f"(SELECT {SCHEMA}.scope())"
# What ends by itself is over for the statements at once, by the portal's clock. For the policies it is when the worker has noted
# it, so that the clocks of two machines never disagree about a row.
_IN_WHOLE = f"{_SCOPE} = {WHOLE}"
# Whoever adds to the record names the newest seal.
_READ_IN_ANY_SCOPE = frozenset({"audit_seal"})
_dialect: Any = postgresql.dialect
_quote = _dialect().identifier_preparer.quote

# The functions run as the owner of the tables, who alone can read the keys.
_AS_OWNER = "SECURITY DEFINER SET search_path = "
_SETUP = (
    f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}",
    f"CREATE TABLE IF NOT EXISTS {SCHEMA}.key (id text PRIMARY KEY, key bytea NOT NULL)",
    f"CREATE OR REPLACE VIEW {SCHEMA}.key_ids AS SELECT id FROM {SCHEMA}.key",
    # Whose rows this transaction may see: an organization's id, 0 for every row, null for none.
    f"""CREATE OR REPLACE FUNCTION {SCHEMA}.scope() RETURNS bigint LANGUAGE plpgsql STABLE PARALLEL RESTRICTED
{_AS_OWNER} pg_catalog, pg_temp AS $wall$
DECLARE shown text[] := string_to_array(current_setting('{SETTING}', true), ':'); found bytea;
BEGIN
  SELECT key INTO found FROM {SCHEMA}.key WHERE id = shown[1];
  IF encode(sha256(found || sha256(found || convert_to(shown[2] || ':' || pg_backend_pid(), 'UTF8'))), 'hex') = shown[3] THEN
    RETURN shown[2]::bigint;
  END IF;
  RETURN NULL;
END $wall$""",
    # From a whole scope into an organization's, in the statement that found out whose request it is; never the other way.
    f"""CREATE OR REPLACE FUNCTION {SCHEMA}.enter(organization bigint) RETURNS bigint LANGUAGE plpgsql PARALLEL UNSAFE
{_AS_OWNER} pg_catalog, pg_temp AS $wall$
DECLARE key_id text := split_part(current_setting('{SETTING}', true), ':', 1); found bytea;
BEGIN
  IF organization IS NULL OR {SCHEMA}.scope() IS DISTINCT FROM {WHOLE} THEN
    RETURN NULL;
  END IF;
  SELECT key INTO found FROM {SCHEMA}.key WHERE id = key_id;
  PERFORM set_config('{SETTING}', key_id || ':' || organization || ':' || encode(sha256(found || sha256(
    found || convert_to(organization || ':' || pg_backend_pid(), 'UTF8'))), 'hex'), true);
  RETURN organization;
END $wall$""",
    # COPY refuses tables with row-level security: an import copies into a table of its transaction, and inserts from there.
    f"""CREATE OR REPLACE FUNCTION {SCHEMA}.stage(wanted text) RETURNS text LANGUAGE plpgsql
{_AS_OWNER} {{schema}}, pg_temp AS $wall$
DECLARE made text := format('pg_temp.%I', 'stage_' || wanted);
BEGIN
  IF {SCHEMA}.scope() IS DISTINCT FROM {WHOLE} THEN
    RAISE insufficient_privilege USING MESSAGE = 'only a whole scope loads rows';
  END IF;
  IF to_regclass(made) IS NULL THEN
    EXECUTE format('CREATE TEMPORARY TABLE %I (LIKE {{schema}}.%I) ON COMMIT DROP', 'stage_' || wanted, wanted);
    EXECUTE format('GRANT SELECT, INSERT, TRUNCATE ON %s TO %I', made, session_user);
  END IF;
  RETURN made;
END $wall$""",
    # Statistics are renewed by whoever owns a table: here in its name.
    f"""CREATE OR REPLACE FUNCTION {SCHEMA}.analyze(wanted text) RETURNS void LANGUAGE plpgsql
{_AS_OWNER} {{schema}}, pg_temp AS $wall$
BEGIN EXECUTE format('ANALYZE {{schema}}.%I', wanted); END $wall$""",
    f"REVOKE ALL ON SCHEMA {SCHEMA} FROM PUBLIC",
    f"REVOKE ALL ON ALL FUNCTIONS IN SCHEMA {SCHEMA} FROM PUBLIC",
)
_GRANTS = (
    f"REVOKE ALL ON ALL TABLES IN SCHEMA {SCHEMA} FROM {{role}}",
    f"GRANT USAGE ON SCHEMA {SCHEMA} TO {{role}}",
    f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {SCHEMA} TO {{role}}",
    f"GRANT SELECT ON {SCHEMA}.key_ids TO {{role}}",
)


@dataclass(frozen=True)
class Policy:
    """What one deed (SELECT, INSERT, UPDATE or DELETE) may reach: existing rows by `using`, written ones by `check`."""

    deed: str
    using: str = ""
    check: str = ""

    @property
    def name(self) -> str:
        return f"portal_{self.deed.lower()}"

    def statement(self, table: str) -> str:
        using = f" USING ({self.using})" if self.using else ""
        check = f" WITH CHECK ({self.check})" if self.check else ""
        return f"CREATE POLICY {self.name} ON {_quote(table)} FOR {self.deed}{using}{check}"

    @property
    def mark(self) -> str:
        """What tells one wording from another."""
        return hashlib.sha256(f"{self.using}|{self.check}".encode()).hexdigest()[:16]


def _criterion(model: type[Any], criterion: sa.ColumnElement[bool]) -> str:
    """A scope's criterion as PostgreSQL reads it in a policy of the model's table."""

    def whose(element: visitors.ExternallyTraversible, **_: object) -> sa.ColumnElement[Any] | None:
        if isinstance(element, sa.BindParameter) and element.callable is scopes.scope_organization.callable:
            return sa.literal_column(_SCOPE, sa.BigInteger())
        if isinstance(element, sa.BinaryExpression) and element.right is at_present:
            return sa.true()  # what is compared with it costs time on every row
        return None

    # Within a select of the table, so that what the criterion asks of other tables is correlated with it.
    asked: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(model.__table__).where(criterion)
    replaced = cast(sa.Select[Any], visitors.replacement_traverse(asked, {}, whose))
    text = str(replaced.compile(dialect=_dialect(), compile_kwargs={"literal_binds": True}))
    return " ".join(text.partition("WHERE ")[2].split())


def _let(model: type[Any]) -> str:
    """What a policy lets through to be read: everything in a whole scope, else what the model's criterion shows. The scope is
    asked for once where the criterion compares no more than a column with it: each time costs some microseconds."""
    if issubclass(model, scopes.PayersOwn):
        return _IN_WHOLE
    shown = _criterion(model, model.seen_criterion())
    if issubclass(model, scopes.OwnedByOrganizationAlone):
        return shown
    column, _, compared = shown.partition(" = ")
    if compared == _SCOPE and re.fullmatch(r"[\w.\"]+", column):
        return f"CASE {_SCOPE} WHEN {WHOLE} THEN true WHEN {column} THEN true ELSE false END"
    return f"CASE WHEN {_IN_WHOLE} THEN true ELSE {shown} END"


def policies_of(model: type[Any]) -> list[Policy]:
    """The policies of a model: read what the scope shows; write what the model lets organizations write (`May`).

    A `Shared` one is read by everybody and written in a whole scope.
    """

    if issubclass(model, scopes.Shared):
        written = Policy("INSERT", check=_IN_WHOLE), Policy("UPDATE", _IN_WHOLE, _IN_WHOLE), Policy("DELETE", _IN_WHOLE)
        return [Policy("SELECT", "true"), *written]

    seen = _let(model)
    may: scopes.May = model.__organization_may__
    added = seen if may.add and issubclass(model, scopes.OWNED) else _IN_WHOLE
    changed, removed = (seen if allowed else _IN_WHOLE for allowed in (may.change, may.remove))
    if model.__tablename__ == "audit_event":
        # Added in any scope, and before anybody is known; by an organization not in the name of another or of the payer.
        added = (
            f"CASE coalesce({_SCOPE}, {WHOLE}) WHEN {WHOLE} THEN true WHEN organization_id THEN true "
            "ELSE organization_id IS NULL AND person_id IS NULL END"
        )
    return [
        Policy("SELECT", "true" if model.__tablename__ in _READ_IN_ANY_SCOPE else seen),
        Policy("INSERT", check=added),
        Policy("UPDATE", changed, changed),
        Policy("DELETE", removed),
    ]


def wanted_policies(tables: Collection[str]) -> dict[str, list[Policy]]:
    """The policies of every model whose table is among those named."""
    found = {}
    for mapper in Base.registry.mappers:
        model: Any = mapper.class_
        if issubclass(model, scopes.Scoped | scopes.Shared) and model.__tablename__ in tables:
            found[model.__tablename__] = policies_of(model)
    return dict(sorted(found.items()))


# Policies as they stand: with what `keep` noted of them, and what the database makes of their text, which changes with them.
_standing = sa.text(
    "SELECT t.relname, t.relrowsecurity, p.polname, obj_description(p.oid, 'pg_policy'), "
    "md5(concat_ws('|', p.polcmd, p.polpermissive, p.polroles, pg_get_expr(p.polqual, p.polrelid), "
    "pg_get_expr(p.polwithcheck, p.polrelid))) "
    "FROM pg_class t LEFT JOIN pg_policy p ON p.polrelid = t.oid "
    "WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p')"
)


@dataclass
class _Table:
    on: bool
    policies: dict[str, tuple[str, str]]


def _read(connection: sa.Connection) -> dict[str, _Table]:
    tables: dict[str, _Table] = {}
    for table, on, policy, noted, digest in connection.execute(_standing):
        entry = tables.setdefault(table, _Table(on, {}))
        if policy:
            entry.policies[policy] = (noted or "", digest)
    return tables


def _fits(entry: _Table, wanted: list[Policy]) -> bool:
    return entry.on and entry.policies == {
        policy.name: (f"{policy.mark} {digest}", digest)
        for policy in wanted
        for _, digest in [entry.policies.get(policy.name, ("", ""))]
    }


def keep(connection: sa.Connection, tables: Collection[str], keys: Mapping[str, bytes]) -> None:
    """Bring functions, keys and policies to what the models say. For the owner, in the transaction of an upgrade."""
    if connection.dialect.name != "postgresql":
        return
    schema = _quote(connection.scalar(sa.text("SELECT current_schema()")) or "public")
    for statement in _SETUP:
        _run(connection, statement.replace("{schema}", schema))
    for role in roles.runtime_roles(connection):
        for statement in _GRANTS:
            _run(connection, statement.format(role=_quote(role)))
    connection.exec_driver_sql(f"DELETE FROM {SCHEMA}.key")
    for key_id, key in keys.items():
        connection.exec_driver_sql(f"INSERT INTO {SCHEMA}.key VALUES (%s, %s)", (key_id, key))
    standing = _read(connection)
    for table, wanted in wanted_policies(standing.keys() & tables).items():
        if not _fits(standing[table], wanted):
            _replace(connection, table, standing[table].policies, wanted)


def lift(connection: sa.Connection, prefix: str = "") -> None:
    """Drop the policies of the tables whose names begin so, before migrations that may change what they speak of.

    Row-level security stays on: without a policy nobody but the owner sees a row, until `keep` has made them anew.
    """
    if connection.dialect.name != "postgresql":
        return
    for table, entry in _read(connection).items():
        if table.startswith(prefix):
            for name in entry.policies:
                _run(connection, f"DROP POLICY {_quote(name)} ON {_quote(table)}")


def _run(connection: sa.Connection, statement: str) -> None:
    connection.exec_driver_sql(statement.replace("%", "%%"))


def _replace(connection: sa.Connection, table: str, old: Collection[str], wanted: list[Policy]) -> None:
    for name in old:
        _run(connection, f"DROP POLICY {_quote(name)} ON {_quote(table)}")
    for policy in wanted:
        _run(connection, policy.statement(table))
    _run(connection, f"ALTER TABLE {_quote(table)} ENABLE ROW LEVEL SECURITY")
    made = _read_one(connection, table)
    for policy in wanted:
        note = f"{policy.mark} {made.policies[policy.name][1]}"
        _run(connection, f"COMMENT ON POLICY {policy.name} ON {_quote(table)} IS '{note}'")


def _read_one(connection: sa.Connection, table: str) -> _Table:
    return _read(connection)[table]


def wrong_policies(connection: sa.Connection, tables: Collection[str]) -> Iterator[str]:
    """What is missing of the wall, in words."""
    if connection.dialect.name != "postgresql":
        return
    standing = _read(connection)
    for table, wanted in wanted_policies(standing.keys() & tables).items():
        if not standing[table].on:
            yield f"The table {table} has no row-level security: run `hp-portal db upgrade`."
        elif not _fits(standing[table], wanted):
            yield f"The row-level security of the table {table} is not what it should be: run `hp-portal db upgrade`."
