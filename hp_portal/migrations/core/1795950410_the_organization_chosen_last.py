"""sign-ins know for which organization somebody opened the home page last

Revision ID: 1795950410
Revises: 1795950400
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795950410"
down_revision = "1795950400"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("sign_in") as table:
        table.add_column(sa.Column("chosen_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_sign_in_chosen_id"), "person", ["chosen_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("sign_in") as table:
        table.drop_constraint(op.f("fk_sign_in_chosen_id"), type_="foreignkey")
        table.drop_column("chosen_id")
