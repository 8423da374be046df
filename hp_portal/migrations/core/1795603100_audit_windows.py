"""windows in which refusals are counted

Revision ID: 1795603100
Revises: 1795602800
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795603100"
down_revision = "1795602800"


def upgrade() -> None:
    op.create_table(
        "audit_window",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("event", sa.String(length=80), nullable=False),
        sa.Column("wide", sa.String(length=10), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=True),
        sa.Column("organization_id", sa.BigInteger(), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("opened_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("until", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("times", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_audit_window")),
    )
    op.create_index("ix_audit_window_event_until", "audit_window", ["event", "until"])


def downgrade() -> None:
    op.drop_table("audit_window")
