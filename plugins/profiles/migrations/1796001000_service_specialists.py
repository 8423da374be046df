"""service specialists

Revision ID: 1796001000
Revises:
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001000"
down_revision = None

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "profiles_specialist"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=60), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_specialist_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_specialist")),
        sa.UniqueConstraint("organization_id", name=op.f("uq_profiles_specialist_organization_id")),
    )


def downgrade() -> None:
    op.drop_table(TABLE)
