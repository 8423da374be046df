"""claims that offices have marked as posted

Revision ID: 1795833001
Revises: 1795831900
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795833001"
down_revision = "1795831900"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "remittance_posting"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("payment_id", BigId, nullable=False),
        sa.Column("claims", sa.Text(), nullable=False),
        sa.Column("claim_count", sa.BigInteger(), nullable=False),
        sa.Column("of_claims", sa.BigInteger(), nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["payment_id"], ["remittance_payment.id"], name=op.f("fk_remittance_posting_payment_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remittance_posting_person_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_remittance_posting_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_posting")),
    )
    columns = ["organization_id", "payment_id", "claim_count", "of_claims"]
    op.create_index("ix_remittance_posting_of_organization", TABLE, columns)


def downgrade() -> None:
    op.drop_table(TABLE)
