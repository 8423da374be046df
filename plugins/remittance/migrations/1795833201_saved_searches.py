"""searches that people of offices saved

Revision ID: 1795833201
Revises: 1795833101
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795833201"
down_revision = "1795833101"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "remittance_saved_search"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("word", sa.String(length=32), nullable=False),
        sa.Column("search_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("saved_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_remittance_saved_search_person_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_remittance_saved_search_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_saved_search")),
    )
    op.create_index("ix_remittance_saved_search_organization_id", TABLE, ["organization_id"])


def downgrade() -> None:
    op.drop_table(TABLE)
