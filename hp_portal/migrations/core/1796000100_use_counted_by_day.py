"""What organizations have opened of payees, counted by day

Revision ID: 1796000100
Revises: 1795950500
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000100"
down_revision = "1795950500"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "payee_use",
        sa.Column("id", BigId, nullable=False),
        sa.Column("payee_id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("whose", sa.String(length=32), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_payee_use_payee_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_payee_use_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_payee_use")),
        sa.UniqueConstraint(
            "payee_id",
            "organization_id",
            "day",
            "whose",
            name=op.f("uq_payee_use_payee_id_organization_id_day_whose"),
        ),
    )
    op.create_index("ix_payee_use_day", "payee_use", ["day"])
    op.create_table(
        "use_counted",
        sa.Column("id", BigId, nullable=False),
        sa.Column("seal_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_use_counted")),
    )


def downgrade() -> None:
    op.drop_table("use_counted")
    op.drop_index("ix_payee_use_day", "payee_use")
    op.drop_table("payee_use")
