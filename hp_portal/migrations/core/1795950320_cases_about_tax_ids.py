"""cases of offices that want a Tax ID linked and have no payment

Revision ID: 1795950320
Revises: 1795950310
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795950320"
down_revision = "1795950310"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
CASE = "tax_id_case"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        CASE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("tin_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("tin_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("npi", sa.String(length=10), nullable=False),
        sa.Column("about", sa.String(length=500), nullable=False),
        sa.Column("phone", sa.String(length=40), nullable=False),
        sa.Column("asked_by_id", BigId, nullable=True),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.Column("answer", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_tax_id_case_organization_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_tax_id_case_asked_by_id")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["person.id"], name=op.f("fk_tax_id_case_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tax_id_case")),
        sa.UniqueConstraint("token", name=op.f("uq_tax_id_case_token")),
    )
    op.create_index("ix_tax_id_case_organization_id", CASE, ["organization_id"])
    op.create_index("ix_tax_id_case_settled_at", CASE, ["settled_at"])
    op.create_index("ix_tax_id_case_tin_hash", CASE, ["tin_hash"])


def downgrade() -> None:
    op.drop_table(CASE)
