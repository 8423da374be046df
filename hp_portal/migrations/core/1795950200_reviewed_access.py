"""reviews of who has access, and access that ends soon

Revision ID: 1795950200
Revises: 1795950100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795950200"
down_revision = "1795950100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "access_review",
        sa.Column("id", BigId, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("told", sa.String(length=10), nullable=False),
        sa.Column("told_at", moment, nullable=False),
        sa.Column("signed_at", moment, nullable=True),
        sa.Column("signed_by_id", BigId, nullable=True),
        sa.Column("signed_name", sa.String(length=200), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["signed_by_id"], ["person.id"], name=op.f("fk_access_review_signed_by_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_access_review_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review")),
    )
    op.create_index("ix_access_review_due_at", "access_review", ["due_at"])
    op.create_index("ix_access_review_organization_id", "access_review", ["organization_id"])
    op.create_index(
        "uq_access_review_open",
        "access_review",
        ["organization_id"],
        unique=True,
        sqlite_where=sa.text("signed_at IS NULL"),
        postgresql_where=sa.text("signed_at IS NULL"),
    )
    op.create_table(
        "access_review_decision",
        sa.Column("id", BigId, nullable=False),
        sa.Column("review_id", BigId, nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=64), nullable=False),
        sa.Column("decision", sa.String(length=4), nullable=False),
        sa.Column("by_id", BigId, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["access_review.id"], name=op.f("fk_access_review_decision_review_id")),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_access_review_decision_by_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_access_review_decision_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_review_decision")),
        sa.UniqueConstraint("review_id", "subject", name=op.f("uq_access_review_decision_review_id_subject")),
    )
    op.create_index("ix_access_review_decision_organization_id", "access_review_decision", ["organization_id"])
    op.create_table(
        "access_ending",
        sa.Column("id", BigId, nullable=False),
        sa.Column("grant_id", BigId, nullable=False),
        sa.Column("ends_at", moment, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("answered_at", moment, nullable=True),
        sa.Column("answered_by_id", BigId, nullable=True),
        sa.Column("answer", sa.String(length=10), nullable=True),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_access_ending_grant_id")),
        sa.ForeignKeyConstraint(["answered_by_id"], ["person.id"], name=op.f("fk_access_ending_answered_by_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_access_ending_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_ending")),
        sa.UniqueConstraint(
            "organization_id", "grant_id", "ends_at", name=op.f("uq_access_ending_organization_id_grant_id_ends_at")
        ),
    )
    op.create_index("ix_access_ending_grant_id", "access_ending", ["grant_id"])
    op.create_index("ix_access_ending_organization_id", "access_ending", ["organization_id"])


def downgrade() -> None:
    op.drop_table("access_ending")
    op.drop_table("access_review_decision")
    op.drop_table("access_review")
