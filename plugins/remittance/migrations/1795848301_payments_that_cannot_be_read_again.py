"""which payments could not be read again, and when all had been tried

Revision ID: 1795848301
Revises: 1795848201
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795848301"
down_revision = "1795848201"

TABLE = "remittance_reading_again"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("unread", sa.Text(), nullable=True))
    op.add_column(TABLE, sa.Column("ended_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column(TABLE, "ended_at")
    op.drop_column(TABLE, "unread")
