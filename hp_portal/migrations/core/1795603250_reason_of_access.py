"""reason of access

Revision ID: 1795603250
Revises: 1795603200
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795603250"
down_revision = "1795603200"


def upgrade() -> None:
    op.add_column("sign_in", sa.Column("access_reason", sa.String(length=200), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("sign_in", "access_reason")
