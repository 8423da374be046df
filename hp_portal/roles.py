"""Roles of PostgreSQL: the owner of the tables, as whom `db upgrade` runs, and the runtime role of the web server and the worker.

The runtime role reads and writes rows and cannot change the schema, empty tables or rewrite the audit record. Whoever has the
owner's default privilege to insert into tables is a runtime role: `db roles` grants it, and every `db upgrade` grants what the
tables of that version need. On SQLite there are no roles, and nothing here does anything.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from hp_portal.passes import SCHEMA
from hp_portal.settings import ConfigurationError

OWNER, RUNTIME = "hp_portal_owner", "hp_portal_runtime"
READ, APPEND, KEEP, WRITE = (
    frozenset({"SELECT"}),
    frozenset({"SELECT", "INSERT"}),
    frozenset({"SELECT", "INSERT", "UPDATE"}),
    frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"}),
)
_VERSIONS = "alembic_version"
_RECORD = "audit_"
# Counts and reports beside the record, which are not sealed.
_BESIDE_THE_RECORD = frozenset({"audit_window", "audit_report"})
# Published once and never changed.
_APPENDED = frozenset({"agreement_version"})
# Ended, deactivated or changed, but never deleted by the portal.
_KEPT = frozenset(
    {
        "acceptance",
        "access_grant",
        "access_request",
        "access_request_payee",
        "application_default",
        "application_setting",
        "data_key",
        "link_notice",
        "organization",
        "payee",
        "person",
        "proof_warning",
        "sign_in",
        "signature",
        "staff_role",
        "portal_case",
        "portal_case_entry",
        "portal_case_note",
        "tax_id_case",
        "used_proof",
    }
)


def rights_of(table: str) -> frozenset[str]:
    """What the runtime role may do with a table, by its name: a plugin's tables can be read and written."""
    if table.endswith(_VERSIONS):
        return READ
    if table in _APPENDED or (table.startswith(_RECORD) and table not in _BESIDE_THE_RECORD):
        return APPEND
    return KEEP if table in _KEPT else WRITE


def setup_statements(owner: str, runtime: str, database: str, *, schema: str = "public") -> list[str]:
    """What an administrator runs in the portal's database, as often as he likes: both roles, who may connect and make tables,
    and what tables made later give to the runtime role. Tables that are there become the owner's.
    """
    name_of = _preparer.quote
    own, run, base, space = name_of(owner), name_of(runtime), name_of(database), name_of(schema)
    return [
        *(_role(role) for role in (owner, runtime)),
        # An administrator who is no superuser, as of a managed server, acts for the owner as its member.
        _block(f"IF NOT pg_has_role({_text(owner)}, 'USAGE') THEN EXECUTE 'GRANT {own} TO CURRENT_USER'; END IF;"),
        f"REVOKE ALL ON DATABASE {base} FROM PUBLIC",
        f"GRANT CONNECT, CREATE, TEMPORARY ON DATABASE {base} TO {own}",
        f"GRANT CONNECT ON DATABASE {base} TO {run}",
        f"REVOKE ALL ON SCHEMA {space} FROM PUBLIC",
        f"GRANT USAGE, CREATE ON SCHEMA {space} TO {own}",
        f"GRANT USAGE ON SCHEMA {space} TO {run}",
        _own_everything(owner, schema),
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {own} IN SCHEMA {space} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {run}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {own} IN SCHEMA {space} GRANT USAGE ON SEQUENCES TO {run}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {own} REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    ]


_preparer = postgresql.dialect().identifier_preparer  # type: ignore[no-untyped-call]


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _block(body: str) -> str:
    return f"DO $roles$ BEGIN {body} END $roles$"


def _role(name: str) -> str:
    rights = "LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
    return _block(
        f"IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {_text(name)}) THEN "
        f"CREATE ROLE {_preparer.quote(name)} {rights}; END IF;"
    )


def _own_everything(owner: str, schema: str) -> str:
    """Tables and functions of whoever migrated before. A column's own sequence goes with its table."""
    to, spaces = _text(owner), f"({_text(schema)}, {_text(SCHEMA)})"
    return (
        "DO $roles$ DECLARE one record; BEGIN\n"
        f"  FOR one IN SELECT nspname AS name FROM pg_namespace WHERE nspname = {_text(SCHEMA)}\n"
        f"  LOOP EXECUTE format('ALTER SCHEMA %I OWNER TO %I', one.name, {to}); END LOOP;\n"
        "  FOR one IN SELECT c.oid::regclass AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace\n"
        f"    WHERE n.nspname IN {spaces} AND c.relkind IN ('r', 'p', 'v') AND pg_get_userbyid(c.relowner) <> {to}\n"
        f"  LOOP EXECUTE format('ALTER TABLE %s OWNER TO %I', one.name, {to}); END LOOP;\n"
        "  FOR one IN SELECT p.oid::regprocedure AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace\n"
        f"    WHERE n.nspname IN {spaces} AND pg_get_userbyid(p.proowner) <> {to}\n"
        "    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')\n"
        f"  LOOP EXECUTE format('ALTER FUNCTION %s OWNER TO %I', one.name, {to}); END LOOP;\n"
        "END $roles$"
    )


_runtime_roles = sa.text(
    "SELECT DISTINCT grantee.rolname FROM pg_default_acl given CROSS JOIN LATERAL aclexplode(given.defaclacl) one "
    "JOIN pg_roles grantee ON grantee.oid = one.grantee "
    "WHERE given.defaclnamespace = current_schema()::regnamespace AND given.defaclobjtype = 'r' "
    "AND one.privilege_type = 'INSERT' AND one.grantee <> given.defaclrole ORDER BY 1"
)
# Tables with their owners, and what a role other than the owner holds of each.
_held = sa.text(
    "SELECT t.relname, one.privilege_type FROM pg_class t LEFT JOIN LATERAL aclexplode(t.relacl) one "
    "ON one.grantee = (SELECT oid FROM pg_roles WHERE rolname = :role) "
    "WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') ORDER BY 1, 2"
)
_sequences = sa.text(
    "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace "
    "AND CASE relkind WHEN 'S' THEN NOT has_sequence_privilege(:role, oid, 'USAGE') END ORDER BY 1"
)


def runtime_roles(connection: sa.Connection) -> list[str]:
    """The roles that web server and worker connect as; none on SQLite, and before `db roles`."""
    if connection.dialect.name != "postgresql":
        return []
    return list(connection.scalars(_runtime_roles))


def grant(connection: sa.Connection) -> None:
    """Give the runtime roles what every table needs, and take away what it does not. For the owner, after migrations."""
    if connection.dialect.name != "postgresql":
        return
    for role in runtime_roles(connection):
        name = _preparer.quote(role)
        for table, held in _rights(connection, role).items():
            on, wanted = f"ON TABLE {_preparer.quote(table)}", rights_of(table)
            if more := held - wanted:
                connection.exec_driver_sql(f"REVOKE {', '.join(sorted(more))} {on} FROM {name}")
            if missing := wanted - held:
                connection.exec_driver_sql(f"GRANT {', '.join(sorted(missing))} {on} TO {name}")
        for sequence in connection.scalars(_sequences, {"role": role}).all():
            connection.exec_driver_sql(f"GRANT USAGE ON SEQUENCE {_preparer.quote(sequence)} TO {name}")


def _rights(connection: sa.Connection, role: str) -> dict[str, frozenset[str]]:
    held: dict[str, set[str]] = {}
    for table, right in connection.execute(_held, {"role": role}):
        held.setdefault(table, set()).update({right} if right else set())
    return {table: frozenset(rights) for table, rights in held.items()}


def wrong_rights(connection: sa.Connection) -> Iterator[str]:
    """What runtime roles may do too much or too little, in words."""
    for role in runtime_roles(connection):
        for table, held in _rights(connection, role).items():
            wanted = rights_of(table)
            if more := held - wanted:
                yield f"The role {role} has more rights than it needs to the table {table}: {', '.join(sorted(more))}."
            if missing := wanted - held:
                yield f"The role {role} lacks rights to the table {table}: {', '.join(sorted(missing))}."


_standing = sa.text(
    "SELECT current_user, role.rolsuper, role.rolbypassrls, EXISTS (SELECT FROM pg_class t "
    "WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind IN ('r', 'p') "
    "AND pg_has_role(t.relowner, 'MEMBER')) FROM pg_roles role WHERE role.rolname = current_user"
)


_OWNS = "owns the tables"
AS_OWNER = (
    "Connected as the owner of the tables, as `db` commands should be. The web server and the worker should connect as a role "
    "of their own: see `hp-portal db roles`."
)


def _too_much(connection: sa.Connection) -> tuple[str, str]:
    """The role of this connection, and what makes it mightier than the portal's should be; empty when nothing does."""
    if connection.dialect.name != "postgresql":
        return "", ""
    name, superuser, bypasses, owns = connection.execute(_standing).one()
    if superuser:
        return name, "is a superuser"
    if bypasses:
        return name, "may bypass row-level security"
    return name, _OWNS if owns else ""


def is_just_owner(connection: sa.Connection) -> bool:
    """Does this connection own the tables, and is no mightier than that? As commands that change the schema should."""
    return _too_much(connection)[1] == _OWNS


def too_mighty(connection: sa.Connection) -> str:
    """Why the role of this connection should not be the portal's, in words; empty when it may be, and on SQLite."""
    name, why = _too_much(connection)
    if not why:
        return ""
    return (
        f"The portal connects to PostgreSQL as {name}, which {why}: whoever takes over the portal could change the audit "
        "record and read every row. Let it connect as a role of its own: see `hp-portal db roles`."
    )


_not_owned = sa.text(
    "SELECT current_user, pg_get_userbyid(t.relowner) FROM pg_class t "
    "WHERE t.relnamespace = current_schema()::regnamespace AND t.relname = :name AND NOT pg_has_role(t.relowner, 'MEMBER')"
)


def refuse_runtime(engine: sa.Engine) -> None:
    """Raise ConfigurationError, in words, where the schema is somebody else's to change."""
    if engine.dialect.name != "postgresql":
        return
    with engine.connect() as connection:
        found = connection.execute(_not_owned, {"name": _VERSIONS}).one_or_none()
    if found is not None:
        raise ConfigurationError(
            f"The tables belong to the role {found[1]}, and HP_PORTAL_DATABASE_URL names {found[0]}, who cannot change them. Run "
            f"this command with {found[1]} in HP_PORTAL_DATABASE_URL; the web server and the worker keep {found[0]}."
        )
