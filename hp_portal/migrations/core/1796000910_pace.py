"""how often something was done in a window

Revision ID: 1796000910
Revises: 1796000800
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000910"
down_revision = "1796000800"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "pace",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("since", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pace")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_pace_kind_subject")),
    )
    op.create_index("ix_pace_since", "pace", ["since"])


def downgrade() -> None:
    op.drop_table("pace")
