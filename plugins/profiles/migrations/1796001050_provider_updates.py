"""provider updates

Revision ID: 1796001050
Revises: 1796001010
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001050"
down_revision = "1796001010"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "profiles_update"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("provider", sa.String(length=120), nullable=False),
        sa.Column("npi", sa.String(length=10), nullable=False),
        sa.Column("role", sa.String(length=100), nullable=False),
        sa.Column("change", sa.String(length=20), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("words_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("tin_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("tin_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_update_case_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_update_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_update")),
        sa.UniqueConstraint("case_id", name=op.f("uq_profiles_update_case_id")),
        sa.UniqueConstraint("token", name=op.f("uq_profiles_update_token")),
    )
    op.create_index("ix_profiles_update_organization_id", TABLE, ["organization_id"])


def downgrade() -> None:
    op.drop_table(TABLE)
