"""decisions about many payments of one number

Revision ID: 1795848001
Revises: 1795840001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795848001"
down_revision = "1795840001"

BATCH, PAIR = "remittance_same_number_batch", "remittance_same_number"
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        BATCH,
        sa.Column("id", BigId, nullable=False),
        sa.Column("decision", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("asked_by_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("pairs", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("undone", sa.BigInteger(), nullable=False),
        sa.Column("undo_reason", sa.Text(), nullable=True),
        sa.Column("undone_at", moment, nullable=True),
        sa.Column("undone_by_id", BigId, nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f(f"fk_{BATCH}_asked_by_id")),
        sa.ForeignKeyConstraint(["undone_by_id"], ["person.id"], name=op.f(f"fk_{BATCH}_undone_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{BATCH}")),
    )
    op.create_index(f"ix_{BATCH}_state", BATCH, ["state"], unique=False)
    with op.batch_alter_table(PAIR) as table:
        table.add_column(sa.Column("batch_id", BigId, nullable=True))
        table.create_foreign_key(op.f(f"fk_{PAIR}_batch_id"), BATCH, ["batch_id"], ["id"])
    op.create_index(f"ix_{PAIR}_batch_id", PAIR, ["batch_id"], unique=False)


def downgrade() -> None:
    op.drop_index(f"ix_{PAIR}_batch_id", table_name=PAIR)
    with op.batch_alter_table(PAIR) as table:
        table.drop_constraint(f"fk_{PAIR}_batch_id", type_="foreignkey")
        table.drop_column("batch_id")
    op.drop_table(BATCH)
