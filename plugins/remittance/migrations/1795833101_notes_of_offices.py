"""what offices note about payments and claims

Revision ID: 1795833101
Revises: 1795833001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795833101"
down_revision = "1795833001"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "remittance_note"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("payment_id", BigId, nullable=False),
        sa.Column("claim", sa.Integer(), nullable=True),
        sa.Column("word", sa.String(length=32), nullable=False),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("written_by_id", BigId, nullable=False),
        sa.Column("written_at", moment, nullable=False),
        sa.Column("changed_by_id", BigId, nullable=True),
        sa.Column("changed_at", moment, nullable=True),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["payment_id"], ["remittance_payment.id"], name=op.f("fk_remittance_note_payment_id")),
        sa.ForeignKeyConstraint(["written_by_id"], ["person.id"], name=op.f("fk_remittance_note_written_by_id")),
        sa.ForeignKeyConstraint(["changed_by_id"], ["person.id"], name=op.f("fk_remittance_note_changed_by_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_remittance_note_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_note")),
    )
    op.create_index("ix_remittance_note_of_organization", TABLE, ["organization_id", "payment_id", "claim"])


def downgrade() -> None:
    op.drop_table(TABLE)
