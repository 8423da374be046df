"""sign-ins know that their person has signed in elsewhere as well

Revision ID: 1795898200
Revises: 1795898100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795898200"
down_revision = "1795898100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("sign_in") as table:
        table.add_column(sa.Column("elsewhere_id", BigId, nullable=True))
        table.add_column(sa.Column("elsewhere_seen_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True))
        table.create_foreign_key(op.f("fk_sign_in_elsewhere_id"), "sign_in", ["elsewhere_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("sign_in") as table:
        table.drop_constraint(op.f("fk_sign_in_elsewhere_id"), type_="foreignkey")
        table.drop_column("elsewhere_seen_at")
        table.drop_column("elsewhere_id")
