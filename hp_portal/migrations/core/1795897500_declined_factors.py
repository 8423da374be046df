"""who wants no second factor is not asked again

Revision ID: 1795897500
Revises: 1795897300
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795897500"
down_revision = "1795897300"


def upgrade() -> None:
    op.add_column("person", sa.Column("factor_declined_at", hp_portal.database.UTCDateTime(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("person") as batch:
        batch.drop_column("factor_declined_at")
