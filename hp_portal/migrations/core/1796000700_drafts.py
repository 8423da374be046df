"""drafts

Revision ID: 1796000700
Revises: 1796000600
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000700"
down_revision = "1796000600"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "portal_draft",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("contents_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("saved_at", moment, nullable=True),
        sa.Column("saved_by_id", BigId, nullable=True),
        sa.Column("warned_at", moment, nullable=True),
        sa.Column("sent_at", moment, nullable=True),
        sa.Column("sent_to", sa.String(length=500), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_portal_draft_organization_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_draft_person_id")),
        sa.ForeignKeyConstraint(["saved_by_id"], ["person.id"], name=op.f("fk_portal_draft_saved_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_draft")),
        sa.UniqueConstraint("token", name=op.f("uq_portal_draft_token")),
    )
    for column in ("organization_id", "person_id", "started_at"):
        op.create_index(f"ix_portal_draft_{column}", "portal_draft", [column])
    op.create_table(
        "portal_draft_visit",
        sa.Column("id", BigId, nullable=False),
        sa.Column("draft_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["draft_id"], ["portal_draft.id"], name=op.f("fk_portal_draft_visit_draft_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_portal_draft_visit_organization_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_portal_draft_visit_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_draft_visit")),
        sa.UniqueConstraint("draft_id", "person_id", name=op.f("uq_portal_draft_visit_draft_id_person_id")),
    )
    op.create_index("ix_portal_draft_visit_organization_id", "portal_draft_visit", ["organization_id"])


def downgrade() -> None:
    op.drop_table("portal_draft_visit")
    op.drop_table("portal_draft")
