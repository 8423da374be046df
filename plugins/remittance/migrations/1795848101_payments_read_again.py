"""payments that an earlier version imported are read again

Revision ID: 1795848101
Revises: 1795848001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal.api import now

revision = "1795848101"
down_revision = "1795848001"

TABLE = "remittance_reading_again"
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    table = op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("last_id", sa.BigInteger(), nullable=False),
        sa.Column("until_id", sa.BigInteger(), nullable=False),
        sa.Column("of", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
    )
    payment = sa.table("remittance_payment", sa.column("id"))
    count, last = (
        op.get_bind().execute(sa.select(sa.func.count(), sa.func.max(payment.c.id)).select_from(payment)).one()
    )
    if count:
        row = {"asked_at": now(), "state": "waiting", "until_id": last, "of": count}
        op.bulk_insert(table, [row | dict.fromkeys(("last_id", "done", "changed", "unreadable", "attempts"), 0)])


def downgrade() -> None:
    op.drop_table(TABLE)
