"""notes

Revision ID: 1700000001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1700000001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "sample_note",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("organization_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name="fk_sample_note_organization_id"),
        sa.PrimaryKeyConstraint("id", name="pk_sample_note"),
    )
    op.create_index("ix_sample_note_organization_id", "sample_note", ["organization_id"])


def downgrade() -> None:
    op.drop_table("sample_note")
