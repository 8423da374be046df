"""from where wrong proofs come for many Tax IDs

Revision ID: 1795897300
Revises: 1795894100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795897300"
down_revision = "1795894100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "proof_cluster",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=254), nullable=False),
        sa.Column("aims", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["settled_by_id"], ["person.id"], name=op.f("fk_proof_cluster_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof_cluster")),
    )
    op.create_index("ix_proof_cluster_kind_source", "proof_cluster", ["kind", "source"])
    op.create_index("ix_proof_cluster_settled_at", "proof_cluster", ["settled_at"])


def downgrade() -> None:
    op.drop_table("proof_cluster")
