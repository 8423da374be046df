"""document requests

Revision ID: 1795604330
Revises: 1795604310
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604330"
down_revision = "1795604310"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "document_request"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("wanted", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("of", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(length=300), nullable=False),
        sa.Column("content_type", sa.String(length=100), nullable=False),
        sa.Column("stored_file_id", BigId, nullable=True),
        sa.Column("requested_at", moment, nullable=False),
        sa.Column("made_at", moment, nullable=True),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_document_request_person_id")),
        sa.ForeignKeyConstraint(
            ["stored_file_id"], ["stored_file.id"], name=op.f("fk_document_request_stored_file_id")
        ),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_document_request_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document_request")),
    )
    for column in ("person_id", "state", "expires_at", "organization_id"):
        op.create_index(f"ix_document_request_{column}", TABLE, [column])


def downgrade() -> None:
    op.drop_table(TABLE)
