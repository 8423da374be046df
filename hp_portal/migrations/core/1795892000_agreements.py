"""agreements in versions

Revision ID: 1795892000
Revises: 1795891000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795892000"
down_revision = "1795891000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "agreement_version",
        sa.Column("id", BigId, nullable=False),
        sa.Column("agreement", sa.String(length=30), nullable=False),
        sa.Column("version", sa.String(length=30), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("applies_on", sa.Date(), nullable=False),
        sa.Column("published_at", moment, nullable=False),
        sa.Column("published_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["published_by_id"], ["person.id"], name=op.f("fk_agreement_version_published_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agreement_version")),
        sa.UniqueConstraint("agreement", "version", name=op.f("uq_agreement_version_agreement_version")),
    )
    op.create_table(
        "agreement_draft",
        sa.Column("agreement", sa.String(length=30), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", moment, nullable=False),
        sa.Column("saved_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["saved_by_id"], ["person.id"], name=op.f("fk_agreement_draft_saved_by_id")),
        sa.PrimaryKeyConstraint("agreement", name=op.f("pk_agreement_draft")),
    )


def downgrade() -> None:
    op.drop_table("agreement_draft")
    op.drop_table("agreement_version")
