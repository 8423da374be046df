"""staff sign in with the payer's own directory

Revision ID: 1795898100
Revises: 1795898000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795898100"
down_revision = "1795898000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "directory_account",
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("linked_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_directory_account_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_account")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_directory_account_issuer_subject")),
        sa.UniqueConstraint("person_id", name=op.f("uq_directory_account_person_id")),
    )
    op.create_table(
        "used_state",
        sa.Column("id", BigId, nullable=False),
        sa.Column("state_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("used_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_state")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_used_state_state_hash")),
    )
    op.create_index(op.f("ix_used_state_used_at"), "used_state", ["used_at"])
    op.add_column("sign_in", sa.Column("by_directory", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("sign_in") as batch:
        batch.drop_column("by_directory")
    op.drop_table("used_state")
    op.drop_table("directory_account")
