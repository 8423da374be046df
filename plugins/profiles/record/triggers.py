"""Triggers that keep the facts as they were recorded, as DDL for both databases. Migrations run it, never the portal.

What may change is what a value is sealed with, when data keys rotate.
"""

from __future__ import annotations

REFUSAL = "facts of the record are never changed"
_COMMON = ("id", "field", "item", "holds_from", "value", "withdrawn", "recorded_at", "change_id")
_KEPT = {
    "profiles_practitioner_fact": (*_COMMON, "practitioner_id", "token"),
    "profiles_location_fact": (*_COMMON, "location_id"),
    "profiles_affiliation_fact": (*_COMMON, "affiliation_id"),
}
_SEALED = "profiles_practitioner_fact"
_APPEARS = "(OLD.value_sealed IS NULL) <> (NEW.value_sealed IS NULL)"


def create_triggers(dialect: str) -> list[str]:
    """The statements that protect the facts, in order; `dialect` is sqlite or postgresql."""
    if dialect == "sqlite":
        return [statement for table, columns in _KEPT.items() for statement in _sqlite(table, columns)]
    return [
        "CREATE OR REPLACE FUNCTION profiles_facts_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        *(statement for table, columns in _KEPT.items() for statement in _postgresql(table, columns)),
    ]


def drop_triggers(dialect: str) -> list[str]:
    """What is left when the tables are gone."""
    return [] if dialect == "sqlite" else ["DROP FUNCTION profiles_facts_refuse()"]


def _sqlite(table: str, columns: tuple[str, ...]) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    same = "id = NEW.id OR token = NEW.token" if table == _SEALED else "id = NEW.id"
    made = [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {', '.join(columns)} ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {same}) {refuse}",
    ]
    if table == _SEALED:
        made.append(f"CREATE TRIGGER {table}_stays BEFORE UPDATE OF value_sealed ON {table} WHEN {_APPEARS} {refuse}")
    return made


def _postgresql(table: str, columns: tuple[str, ...]) -> list[str]:
    made = [
        f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION profiles_facts_refuse()",
        f"CREATE TRIGGER {table}_stays BEFORE DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION profiles_facts_refuse()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_unchanged",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_stays",
    ]
    if table == _SEALED:
        made += [
            f"CREATE TRIGGER {table}_sealed_stays BEFORE UPDATE OF value_sealed ON {table} "
            f"FOR EACH ROW WHEN ({_APPEARS}) EXECUTE FUNCTION profiles_facts_refuse()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_sealed_stays",
        ]
    return made
