"""code lists that wait to be loaded

Revision ID: 1795604331
Revises: 1795602801
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604331"
down_revision = "1795602801"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "remittance_code_upload"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("list", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("uploaded_at", moment, nullable=False),
        sa.Column("uploaded_by_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.Text(), nullable=True),
        sa.Column("report", sa.String(length=300), nullable=True),
        sa.Column("stored_file_id", BigId, nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["uploaded_by_id"], ["person.id"], name=op.f("fk_remittance_code_upload_uploaded_by_id")
        ),
        sa.ForeignKeyConstraint(
            ["stored_file_id"], ["stored_file.id"], name=op.f("fk_remittance_code_upload_stored_file_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_code_upload")),
    )
    op.create_index("ix_remittance_code_upload_state", TABLE, ["state"])


def downgrade() -> None:
    op.drop_table(TABLE)
