"""print runs are marked as posted once their letters were downloaded

Revision ID: 1795896100
Revises: 1795897100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795896100"
down_revision = "1795897100"


def upgrade() -> None:
    op.add_column("print_run", sa.Column("downloaded_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True))
    # Nobody noted it before: what is under way goes on as it began.
    op.execute("UPDATE print_run SET downloaded_at = made_at")


def downgrade() -> None:
    op.drop_column("print_run", "downloaded_at")
