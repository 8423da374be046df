"""files that people attach

Revision ID: 1796000300
Revises: 1796000100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000300"
down_revision = "1796000100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "attached_file",
        sa.Column("id", BigId, nullable=False),
        sa.Column("about", sa.String(length=120), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("given_as", sa.String(length=10), server_default="", nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=500), server_default="", nullable=False),
        sa.Column("found", sa.String(length=500), server_default="", nullable=False),
        sa.Column("sent_at", moment, nullable=False),
        sa.Column("kept_at", moment, nullable=True),
        sa.Column("checked_at", moment, nullable=True),
        sa.Column("retry_at", moment, nullable=True),
        sa.Column("pauses", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("quarantined_at", moment, nullable=True),
        sa.Column("original_id", BigId, nullable=False),
        sa.Column("cleaned_id", BigId, nullable=True),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["cleaned_id"], ["stored_file.id"], name=op.f("fk_attached_file_cleaned_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_attached_file_organization_id")
        ),
        sa.ForeignKeyConstraint(["original_id"], ["stored_file.id"], name=op.f("fk_attached_file_original_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_attached_file_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attached_file")),
    )
    for column in ("about", "cleaned_id", "organization_id", "original_id", "state"):
        op.create_index(f"ix_attached_file_{column}", "attached_file", [column])


def downgrade() -> None:
    op.drop_table("attached_file")
