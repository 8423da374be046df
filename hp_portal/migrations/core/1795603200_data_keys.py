"""data keys

Revision ID: 1795603200
Revises: 1795603100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795603200"
down_revision = "1795603100"


def upgrade() -> None:
    op.create_table(
        "data_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("check_value", sa.LargeBinary(length=32), nullable=False),
        sa.Column("first_used_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("complete_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True),
        sa.Column("retired_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_data_key")),
    )


def downgrade() -> None:
    op.drop_table("data_key")
