"""what people who cannot sign in have asked for

Revision ID: 1795897800
Revises: 1795897700
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795897800"
down_revision = "1795897700"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "recovery_ask",
        sa.Column("id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("typed_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("asked_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recovery_ask")),
        sa.UniqueConstraint("token", name=op.f("uq_recovery_ask_token")),
    )


def downgrade() -> None:
    op.drop_table("recovery_ask")
