"""cases and their history; questions about Tax IDs become cases

Revision ID: 1796000400
Revises: 1796000300
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op
from stdnum import damm

import hp_portal.database
from hp_portal.core.cases.triggers import create_triggers

revision = "1796000400"
down_revision = "1796000300"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CASE, ENTRY, NOTE, VIEW, ASKED = (
    "portal_case",
    "portal_case_entry",
    "portal_case_note",
    "portal_case_view",
    "tax_id_case",
)
MOMENT = hp_portal.database.UTCDateTime(timezone=True)


def upgrade() -> None:
    open_only = sa.text("ended_at IS NULL")
    op.create_table(
        CASE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("number", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("opened_by_id", BigId, nullable=True),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("assigned_to_id", BigId, nullable=True),
        sa.Column("counts", sa.String(length=10), nullable=False),
        sa.Column("due_on", sa.Date(), nullable=True),
        sa.Column("days_left", sa.Integer(), nullable=True),
        sa.Column("asked_at", MOMENT, nullable=True),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("ended_by_id", BigId, nullable=True),
        sa.Column("in_time", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_portal_case_organization_id")),
        sa.ForeignKeyConstraint(["opened_by_id"], ["person.id"], name=op.f("fk_portal_case_opened_by_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_case_person_id")),
        sa.ForeignKeyConstraint(["assigned_to_id"], ["person.id"], name=op.f("fk_portal_case_assigned_to_id")),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_portal_case_ended_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case")),
        sa.UniqueConstraint("number", name=op.f("uq_portal_case_number")),
    )
    op.create_index("ix_portal_case_organization_id_opened_at", CASE, ["organization_id", "opened_at"])
    op.create_index("ix_portal_case_person_id", CASE, ["person_id"])
    op.create_index("ix_portal_case_assigned_to_id", CASE, ["assigned_to_id"])
    op.create_index("ix_portal_case_open", CASE, ["due_on"], sqlite_where=open_only, postgresql_where=open_only)
    op.create_index("ix_portal_case_kind_opened_at", CASE, ["kind", "opened_at"])
    op.create_index("ix_portal_case_ended_at", CASE, ["ended_at"])
    op.create_table(
        ENTRY,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("by_staff", sa.Boolean(), nullable=False),
        sa.Column("step", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_portal_case_entry_organization_id")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_portal_case_entry_case_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_case_entry_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_entry")),
        sa.UniqueConstraint("token", name=op.f("uq_portal_case_entry_token")),
    )
    op.create_index("ix_portal_case_entry_organization_id", ENTRY, ["organization_id"])
    op.create_index("ix_portal_case_entry_case_id", ENTRY, ["case_id"])
    op.create_table(
        NOTE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("what", sa.String(length=10), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("to_id", BigId, nullable=True),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_portal_case_note_case_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_case_note_person_id")),
        sa.ForeignKeyConstraint(["to_id"], ["person.id"], name=op.f("fk_portal_case_note_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_note")),
        sa.UniqueConstraint("token", name=op.f("uq_portal_case_note_token")),
    )
    op.create_index("ix_portal_case_note_case_id", NOTE, ["case_id"])
    op.create_table(
        VIEW,
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.String(length=2000), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_case_view_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_view")),
        sa.UniqueConstraint("person_id", "name", name=op.f("uq_portal_case_view_person_id_name")),
    )
    _make_cases()
    for statement in create_triggers(op.get_bind().dialect.name):
        op.execute(statement)


def _make_cases() -> None:
    """Every question about a Tax ID becomes a case with what is known of its history; who may answer them may work on cases."""
    connection = op.get_bind()
    with op.batch_alter_table(ASKED) as table:
        table.add_column(sa.Column("case_id", BigId, nullable=True))
    moments: list[sa.ColumnClause[Any]] = [sa.column(name, MOMENT) for name in ("asked_at", "settled_at")]
    names = ("id", "case_id", "organization_id", "asked_by_id", "settled_by_id")
    asked = sa.table(ASKED, *(sa.column(name) for name in names), *moments)
    case, entry = (
        sa.Table(CASE, sa.MetaData(), autoload_with=connection),
        sa.Table(ENTRY, sa.MetaData(), autoload_with=connection),
    )
    rows = connection.execute(sa.select(asked).order_by(asked.c.id)).all()
    taken: set[str] = set()
    for row in rows:
        while (digits := str(10**6 + secrets.randbelow(9 * 10**6))) in taken:
            pass
        taken.add(digits)
        state = "answered" if row.settled_at else "received"
        values = {
            "organization_id": row.organization_id,
            "number": digits + damm.calc_check_digit(digits),
            "kind": "tax-id-npi-access.without-payment",
            "state": state,
            "title": "Tax ID without a payment",
            "opened_at": row.asked_at,
            "opened_by_id": row.asked_by_id,
            "person_id": row.asked_by_id,
            "counts": "",
            "changed_at": row.settled_at or row.asked_at,
            "ended_at": row.settled_at,
            "ended_by_id": row.settled_by_id,
        }
        key = connection.execute(sa.insert(case).values(values).returning(case.c.id)).scalar_one()
        written = {"organization_id": row.organization_id, "case_id": key, "step": ""}
        first = {"at": row.asked_at, "what": "opened", "person_id": row.asked_by_id, "by_staff": False}
        connection.execute(
            sa.insert(entry).values(written | first | {"token": secrets.token_hex(16), "state": "received"})
        )
        if row.settled_at:
            last = {"at": row.settled_at, "what": "step", "person_id": row.settled_by_id, "by_staff": True}
            answer = {"token": secrets.token_hex(16), "state": "answered", "step": "answer"}
            connection.execute(sa.insert(entry).values(written | last | answer))
        connection.execute(sa.update(asked).where(asked.c.id == row.id).values(case_id=key))
    op.drop_index("ix_tax_id_case_settled_at", ASKED)
    with op.batch_alter_table(ASKED) as table:
        table.alter_column("case_id", existing_type=BigId, nullable=False)
        table.create_foreign_key(op.f("fk_tax_id_case_case_id"), CASE, ["case_id"], ["id"])
        table.create_unique_constraint(op.f("uq_tax_id_case_case_id"), ["case_id"])
        for name in ("asked_by_id", "settled_by_id"):
            table.drop_constraint(op.f(f"fk_tax_id_case_{name}"), type_="foreignkey")
        for name in ("asked_by_id", "asked_at", "settled_at", "settled_by_id"):
            table.drop_column(name)
    given = sa.table("staff_role_permission", sa.column("role_id"), sa.column("permission"))
    roles = connection.scalars(sa.select(given.c.role_id).where(given.c.permission == "staff:tax-ids:manage")).all()
    for role in roles:
        connection.execute(sa.insert(given).values(role_id=role, permission="staff:cases:work"))


def downgrade() -> None:
    # What an older version can keep of a case: who asked when, and when it was answered by whom.
    connection = op.get_bind()
    with op.batch_alter_table(ASKED) as table:
        table.add_column(sa.Column("asked_by_id", BigId, nullable=True))
        table.add_column(sa.Column("asked_at", MOMENT, nullable=True))
        table.add_column(sa.Column("settled_at", MOMENT, nullable=True))
        table.add_column(sa.Column("settled_by_id", BigId, nullable=True))
    asked = sa.table(ASKED, *map(sa.column, ("case_id", "asked_by_id", "asked_at", "settled_at", "settled_by_id")))
    case = sa.table(CASE, *map(sa.column, ("id", "opened_by_id", "opened_at", "ended_at", "ended_by_id")))
    kept = {
        asked.c.asked_by_id: case.c.opened_by_id,
        asked.c.asked_at: case.c.opened_at,
        asked.c.settled_at: case.c.ended_at,
        asked.c.settled_by_id: case.c.ended_by_id,
    }
    connection.execute(
        sa.update(asked).values(
            {to: sa.select(source).where(case.c.id == asked.c.case_id).scalar_subquery() for to, source in kept.items()}
        )
    )
    with op.batch_alter_table(ASKED) as table:
        table.drop_constraint(op.f("uq_tax_id_case_case_id"), type_="unique")
        table.drop_constraint(op.f("fk_tax_id_case_case_id"), type_="foreignkey")
        table.drop_column("case_id")
        table.alter_column("asked_at", existing_type=MOMENT, nullable=False)
        for name in ("asked_by_id", "settled_by_id"):
            table.create_foreign_key(op.f(f"fk_tax_id_case_{name}"), "person", [name], ["id"])
    op.create_index("ix_tax_id_case_settled_at", ASKED, ["settled_at"])
    op.drop_table(VIEW)
    op.drop_table(NOTE)
    op.drop_table(ENTRY)
    if connection.dialect.name == "postgresql":
        op.execute("DROP FUNCTION case_history_refuse()")
    op.drop_table(CASE)
    given = sa.table("staff_role_permission", sa.column("permission"))
    connection.execute(sa.delete(given).where(given.c.permission == "staff:cases:work"))
