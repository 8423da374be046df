"""stored files

Revision ID: 1795602800
Revises: 1795602700
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795602800"
down_revision = "1795602700"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "stored_file",
        sa.Column("id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pieces", sa.Integer(), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("stored_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_stored_file_organization_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_stored_file_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stored_file")),
    )
    op.create_index("ix_stored_file_kind", "stored_file", ["kind"])
    op.create_index("ix_stored_file_organization_id", "stored_file", ["organization_id"])
    op.create_table(
        "stored_piece",
        sa.Column("file_id", BigId, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["file_id"], ["stored_file.id"], name=op.f("fk_stored_piece_file_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_stored_piece_organization_id")),
        sa.PrimaryKeyConstraint("file_id", "position", name=op.f("pk_stored_piece")),
    )
    op.create_index("ix_stored_piece_organization_id", "stored_piece", ["organization_id"])


def downgrade() -> None:
    op.drop_table("stored_piece")
    op.drop_table("stored_file")
