"""Triggers that keep the history of cases as it was written, as DDL for both databases. Migrations run it, never the portal.

What may change is what it is sealed with, when data keys rotate, and whose case it is, when staff find that out later.
"""

from __future__ import annotations

REFUSAL = "the history of cases is never changed"
# Sealed anew, words are still words.
_APPEARS = "(OLD.words_sealed IS NULL) <> (NEW.words_sealed IS NULL)"
_KEPT = {
    "portal_case_entry": ("id", "case_id", "token", "at", "what", "person_id", "by_staff", "step", "state"),
    "portal_case_note": ("id", "case_id", "token", "at", "what", "person_id", "to_id"),
}


def create_triggers(dialect: str) -> list[str]:
    """The statements that protect the history, in order; `dialect` is sqlite or postgresql."""
    if dialect == "sqlite":
        return [statement for table, columns in _KEPT.items() for statement in _sqlite(table, columns)]
    return [
        "CREATE OR REPLACE FUNCTION case_history_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        *(statement for table, columns in _KEPT.items() for statement in _postgresql(table, columns)),
    ]


def _sqlite(table: str, columns: tuple[str, ...]) -> list[str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    return [
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OF {', '.join(columns)} ON {table} {refuse}",
        f"CREATE TRIGGER {table}_words_stay BEFORE UPDATE OF words_sealed ON {table} WHEN {_APPEARS} {refuse}",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} {refuse}",
        # INSERT OR REPLACE deletes without firing delete triggers.
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id OR token = NEW.token) {refuse}",
    ]


def _postgresql(table: str, columns: tuple[str, ...]) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_unchanged BEFORE UPDATE OF {', '.join(columns)} ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION case_history_refuse()",
        f"CREATE TRIGGER {table}_words_stay BEFORE UPDATE OF words_sealed ON {table} "
        f"FOR EACH ROW WHEN ({_APPEARS}) EXECUTE FUNCTION case_history_refuse()",
        f"CREATE TRIGGER {table}_stays BEFORE DELETE OR TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION case_history_refuse()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_unchanged",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_words_stay",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {table}_stays",
    ]
