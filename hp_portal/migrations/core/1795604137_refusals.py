"""refusals

Revision ID: 1795604137
Revises: 1795604100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604137"
down_revision = "1795604100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "refusal",
        sa.Column("id", BigId, nullable=False),
        sa.Column("at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("sign_in_id", BigId, nullable=True),
        sa.Column("request_id", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("page", sa.String(length=120), nullable=False),
        sa.Column("table_name", sa.String(length=80), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=True),
        sa.Column("whose", sa.String(length=10), nullable=False),
        sa.Column("told_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_refusal_organization_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_refusal_person_id")),
        sa.ForeignKeyConstraint(["sign_in_id"], ["sign_in.id"], name=op.f("fk_refusal_sign_in_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refusal")),
    )
    op.create_index("ix_refusal_at", "refusal", ["at"])
    op.create_index("ix_refusal_person_id_at", "refusal", ["person_id", "at"])
    op.create_index("ix_refusal_told_at", "refusal", ["told_at"])


def downgrade() -> None:
    op.drop_table("refusal")
