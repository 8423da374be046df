"""Triggers that refuse to change the audit record, as DDL for both databases. Migrations run it, never the portal."""

from __future__ import annotations

from collections.abc import Sequence

FIRST = ("audit_event", "audit_seal", "audit_sealed_row")
TABLES = (*FIRST, "audit_key")
REFUSAL = "the audit record is never changed"
_KEYS = {"audit_event": "id", "audit_seal": "id", "audit_sealed_row": "event_id", "audit_key": "id"}


def create_triggers(dialect: str, tables: Sequence[str] = TABLES) -> list[str]:
    """The statements that protect the audit tables, in order; `dialect` is sqlite or postgresql."""
    if dialect == "sqlite":
        return [statement for table in tables for statement in _sqlite(table)]
    return [
        "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        *(statement for table in tables for statement in _postgresql(table)),
    ]


def drop_triggers(dialect: str, tables: Sequence[str] = TABLES) -> list[str]:
    """The statements that take the protection away: for a downgrade, and for tests of what verification finds."""
    if dialect == "sqlite":
        drop = [f"DROP TRIGGER {table}_no_{deed}" for table in tables for deed in ("update", "delete", "replace")]
        return drop if "audit_event" not in tables else [*drop, "DROP TRIGGER IF EXISTS audit_event_no_second"]
    drop = [f"DROP TRIGGER {table}_unchanged ON {table}" for table in tables]
    return drop if "audit_event" not in tables else [*drop, "DROP FUNCTION audit_refuse()"]


def same_writer(dialect: str) -> list[str]:
    """INSERT OR REPLACE would also take the event away that has the same writer and number."""
    if dialect != "sqlite":
        return []
    return [
        "CREATE TRIGGER audit_event_no_second BEFORE INSERT ON audit_event WHEN EXISTS "
        "(SELECT 1 FROM audit_event WHERE writer = NEW.writer AND number = NEW.number) "
        f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    ]


def _sqlite(table: str) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    column = _KEYS[table]
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {column} = NEW.{column}) {refuse}",
    ]


def _postgresql(table: str) -> list[str]:
    # For each statement: refused even where no row matches. ALWAYS: also in a session that plays a replica.
    return [
        f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_unchanged",
    ]
