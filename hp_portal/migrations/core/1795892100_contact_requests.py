"""look-ups of delegates, and requests to be contacted by them

Revision ID: 1795892100
Revises: 1795893000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795892100"
down_revision = "1795893000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
LOOKUP, REQUEST = "delegate_lookup", "delegate_request"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        LOOKUP,
        sa.Column("id", BigId, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("organizations", sa.String(length=200), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegate_lookup")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_delegate_lookup_token_hash")),
    )
    op.create_index("ix_delegate_lookup_at", LOOKUP, ["at"])
    op.create_table(
        REQUEST,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("asked_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("answer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by_id", BigId, nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.Column("settlement", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_delegate_request_organization_id")
        ),
        sa.ForeignKeyConstraint(["ended_by_id"], ["person.id"], name=op.f("fk_delegate_request_ended_by_id")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["person.id"], name=op.f("fk_delegate_request_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegate_request")),
        sa.UniqueConstraint("token", name=op.f("uq_delegate_request_token")),
    )
    op.create_index("ix_delegate_request_organization_id", REQUEST, ["organization_id"])
    op.create_index("ix_delegate_request_state", REQUEST, ["state"])


def downgrade() -> None:
    op.drop_table(REQUEST)
    op.drop_table(LOOKUP)
