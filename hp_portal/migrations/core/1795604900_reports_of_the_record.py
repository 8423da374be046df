"""what the worker last saw of the audit record

Revision ID: 1795604900
Revises: 1795604330
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604900"
down_revision = "1795604330"


def upgrade() -> None:
    op.create_table(
        "audit_report",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("seal", sa.BigInteger(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_audit_report")),
    )


def downgrade() -> None:
    op.drop_table("audit_report")
