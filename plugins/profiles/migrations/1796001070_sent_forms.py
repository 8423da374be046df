"""forms that offices have sent

Revision ID: 1796001070
Revises: 1796001050
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001070"
down_revision = "1796001050"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "profiles_sent_form"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("contents_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_sent_form_case_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_sent_form_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_sent_form")),
        sa.UniqueConstraint("case_id", name=op.f("uq_profiles_sent_form_case_id")),
        sa.UniqueConstraint("token", name=op.f("uq_profiles_sent_form_token")),
    )
    op.create_index(op.f("ix_profiles_sent_form_organization_id"), TABLE, ["organization_id"])


def downgrade() -> None:
    op.drop_table(TABLE)
