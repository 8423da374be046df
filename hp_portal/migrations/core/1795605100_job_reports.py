"""what jobs say of their last run

Revision ID: 1795605100
Revises: 1795604900
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795605100"
down_revision = "1795604900"


def upgrade() -> None:
    op.create_table(
        "job_report",
        sa.Column("job", sa.String(length=80), nullable=False),
        sa.Column("at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("problems", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("job", name=op.f("pk_job_report")),
    )


def downgrade() -> None:
    op.drop_table("job_report")
