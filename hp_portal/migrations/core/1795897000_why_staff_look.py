"""why a registration waits for the staff

Revision ID: 1795897000
Revises: 1795896000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795897000"
down_revision = "1795896000"


def upgrade() -> None:
    op.add_column("registration", sa.Column("why", sa.String(length=20), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("registration", "why")
