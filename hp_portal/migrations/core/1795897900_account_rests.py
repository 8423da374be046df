"""accounts that nobody uses

Revision ID: 1795897900
Revises: 1795897800
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795897900"
down_revision = "1795897800"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column("person", sa.Column("reactivated_at", moment, nullable=True))
    op.create_table(
        "account_rest",
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("last_use", moment, nullable=False),
        sa.Column("first_told_at", moment, nullable=False),
        sa.Column("second_told_at", moment, nullable=True),
        sa.Column("rests_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_rest_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_rest")),
        sa.UniqueConstraint("person_id", name=op.f("uq_account_rest_person_id")),
    )


def downgrade() -> None:
    op.drop_table("account_rest")
    op.drop_column("person", "reactivated_at")
