"""mail that came back without a token keeps which message it may be about

Revision ID: 1795897700
Revises: 1795897600
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795897700"
down_revision = "1795897600"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("returned_mail") as table:
        table.add_column(sa.Column("likely_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_returned_mail_likely_id"), "message", ["likely_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("returned_mail") as table:
        table.drop_constraint(op.f("fk_returned_mail_likely_id"), type_="foreignkey")
        table.drop_column("likely_id")
