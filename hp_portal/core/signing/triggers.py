"""Triggers that keep signatures as they were made, as DDL for both databases. Migrations run it, never the portal.

What may change is what the contents are sealed with, when data keys rotate (the hash of them may not), and whose the signature
is, when staff find out later which organization a form came from.
"""

from __future__ import annotations

REFUSAL = "signatures are never changed"
_KEPT = (
    "id",
    "token",
    "about",
    "person_id",
    "name",
    "email",
    "typed",
    "signed_at",
    "address",
    "agreement",
    "version",
    "digest",
)


def create_triggers(dialect: str) -> list[str]:
    """The statements that protect signatures, in order; `dialect` is sqlite or postgresql."""
    columns = ", ".join(_KEPT)
    if dialect == "sqlite":
        refuse = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
        return [
            f"CREATE TRIGGER signature_no_update BEFORE UPDATE OF {columns} ON signature {refuse}",
            f"CREATE TRIGGER signature_no_delete BEFORE DELETE ON signature {refuse}",
            # INSERT OR REPLACE deletes without firing delete triggers.
            "CREATE TRIGGER signature_no_replace BEFORE INSERT ON signature "
            f"WHEN EXISTS (SELECT 1 FROM signature WHERE id = NEW.id OR token = NEW.token) {refuse}",
        ]
    return [
        "CREATE OR REPLACE FUNCTION signature_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$",
        f"CREATE TRIGGER signature_unchanged BEFORE UPDATE OF {columns} ON signature "
        "FOR EACH STATEMENT EXECUTE FUNCTION signature_refuse()",
        "CREATE TRIGGER signature_stays BEFORE DELETE OR TRUNCATE ON signature "
        "FOR EACH STATEMENT EXECUTE FUNCTION signature_refuse()",
        "ALTER TABLE signature ENABLE ALWAYS TRIGGER signature_unchanged",
        "ALTER TABLE signature ENABLE ALWAYS TRIGGER signature_stays",
    ]
