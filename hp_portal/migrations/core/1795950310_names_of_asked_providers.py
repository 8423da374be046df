"""requests for access have the name that the billing organization gives the provider, and the form they came from

Revision ID: 1795950310
Revises: 1795950300
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795950310"
down_revision = "1795950300"


def upgrade() -> None:
    with op.batch_alter_table("access_request") as table:
        table.add_column(sa.Column("provider", sa.String(length=200), nullable=False, server_default=""))
        table.add_column(sa.Column("form", sa.String(length=32), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("access_request") as table:
        table.drop_column("form")
        table.drop_column("provider")
