"""imports in steps

Revision ID: 1795831900
Revises: 1795831801
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795831900"
down_revision = "1795831801"

TABLE = "remittance_file"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column(TABLE, sa.Column("bytes_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column(TABLE, sa.Column("payments_read", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column(TABLE, sa.Column("leased_until", moment, nullable=True))
    op.add_column(TABLE, sa.Column("lease_token", sa.String(length=32), nullable=True))
    op.add_column(TABLE, sa.Column("attempts", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_index("ix_remittance_file_outcome", TABLE, ["outcome"], unique=False)
    big = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "remittance_hidden",
        sa.Column("id", big, nullable=False),
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_hidden")),
    )


def downgrade() -> None:
    op.drop_table("remittance_hidden")
    op.drop_index("ix_remittance_file_outcome", table_name=TABLE)
    for column in ("attempts", "lease_token", "leased_until", "payments_read", "bytes_read"):
        op.drop_column(TABLE, column)
