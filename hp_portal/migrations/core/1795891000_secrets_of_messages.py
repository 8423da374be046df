"""which values of a message are removed once it has left

Revision ID: 1795891000
Revises: 1795890000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795891000"
down_revision = "1795890000"


def upgrade() -> None:
    op.add_column("message", sa.Column("secrets", sa.String(length=100), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("message", "secrets")
