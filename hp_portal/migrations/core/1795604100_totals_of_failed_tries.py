"""totals of failed tries

Revision ID: 1795604100
Revises: 1795603250
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604100"
down_revision = "1795603250"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("attempt", sa.Column("of", sa.LargeBinary(length=32), nullable=True))
    op.create_index("ix_attempt_kind_of_at", "attempt", ["kind", "of", "at"])
    op.create_table(
        "failure_total",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("subject", sa.LargeBinary(length=32), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("last_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_failure_total")),
        sa.UniqueConstraint("kind", "subject", name=op.f("uq_failure_total_kind_subject")),
    )
    op.create_index("ix_failure_total_last_at", "failure_total", ["last_at"])


def downgrade() -> None:
    op.drop_table("failure_total")
    op.drop_index("ix_attempt_kind_of_at", "attempt")
    op.drop_column("attempt", "of")
