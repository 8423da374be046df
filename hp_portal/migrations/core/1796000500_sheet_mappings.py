"""which columns an organization's tables have

Revision ID: 1796000500
Revises: 1796000400
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000500"
down_revision = "1796000400"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "sheet_mapping",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("layout", sa.String(length=80), nullable=False),
        sa.Column("headings", sa.LargeBinary(length=32), nullable=False),
        sa.Column("keys", sa.Text(), nullable=False),
        sa.Column("used_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_sheet_mapping_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sheet_mapping")),
        sa.UniqueConstraint(
            "organization_id", "layout", "headings", name=op.f("uq_sheet_mapping_organization_id_layout_headings")
        ),
    )


def downgrade() -> None:
    op.drop_table("sheet_mapping")
