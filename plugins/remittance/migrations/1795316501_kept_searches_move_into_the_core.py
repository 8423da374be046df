"""kept searches move into the core

Revision ID: 1795316501
Revises: 1795316401
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795316501"
down_revision = "1795316401"


def upgrade() -> None:
    # What it held is of no use after twelve hours.
    op.drop_table("remittance_search")


def downgrade() -> None:
    op.create_table(
        "remittance_search",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.Column("person_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("criteria_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("organization_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_remittance_search_organization_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remittance_search_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_search")),
        sa.UniqueConstraint("token", name=op.f("uq_remittance_search_token")),
    )
    with op.batch_alter_table("remittance_search", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_remittance_search_created_at"), ["created_at"], unique=False)
