"""applying all lines of a case

Revision ID: 1796001640
Revises: 1796001630
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796001640"
down_revision = "1796001630"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "profiles_apply_all"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("asked_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("words", sa.String(length=400), server_default="", nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("leased_until", hp_portal.database.UTCDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_apply_all_case_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_apply_all_organization_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profiles_apply_all_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_apply_all")),
        sa.UniqueConstraint("case_id", name=op.f("uq_profiles_apply_all_case_id")),
    )
    for column in ("organization_id", "state"):
        op.create_index(op.f(f"ix_{TABLE}_{column}"), TABLE, [column])


def downgrade() -> None:
    op.drop_table(TABLE)
