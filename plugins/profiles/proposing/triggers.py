"""Triggers that keep proposals, and what became of them, as they were written, as DDL for both databases. Migrations run it.

What may change is what a proposal is sealed with, when data keys rotate.
"""

from __future__ import annotations

REFUSAL = "what was proposed and decided is never changed"
_KEPT = {
    "profiles_proposal": ("id", "organization_id", "case_id", "token", "kind", "effective_on"),
    "profiles_line_outcome": (
        "id", "organization_id", "case_id", "line", "became", "why", "at", "person_id", "change_id",
    ),
    "profiles_made_subject": ("id", "organization_id", "case_id", "wanted", "subject_id"),
}  # fmt: skip
_ONCE = {
    "profiles_proposal": "id = NEW.id OR token = NEW.token OR case_id = NEW.case_id",
    "profiles_made_subject": "id = NEW.id OR (case_id = NEW.case_id AND wanted = NEW.wanted)",
}


def create_triggers(dialect: str) -> list[str]:
    """The statements that protect the rows, in order; `dialect` is sqlite or postgresql."""
    if dialect == "sqlite":
        return [statement for table, columns in _KEPT.items() for statement in _sqlite(table, columns)]
    return [
        "CREATE OR REPLACE FUNCTION profiles_proposals_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        *(statement for table, columns in _KEPT.items() for statement in _postgresql(table, columns)),
    ]


def drop_triggers(dialect: str) -> list[str]:
    """What is left when the tables are gone."""
    return [] if dialect == "sqlite" else ["DROP FUNCTION profiles_proposals_refuse()"]


def _sqlite(table: str, columns: tuple[str, ...]) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {', '.join(columns)} ON {table} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {_ONCE.get(table, 'id = NEW.id')}) {refuse}",
    ]


def _postgresql(table: str, columns: tuple[str, ...]) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION profiles_proposals_refuse()",
        f"CREATE TRIGGER {table}_stays BEFORE DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION profiles_proposals_refuse()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_unchanged",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_stays",
    ]
