"""contradictions

Revision ID: 1796001630
Revises: 1796001620
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001630"
down_revision = "1796001620"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLE = "profiles_contradiction"


def _key(column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{TABLE}_{column}"))


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("payee_id", BigId, nullable=True),
        sa.Column("practitioner_id", BigId, nullable=True),
        sa.Column("location_id", BigId, nullable=True),
        sa.Column("npi", sa.String(10), nullable=False),
        sa.Column("kind", sa.String(10), nullable=False),
        sa.Column("words", sa.String(400), nullable=False),
        sa.Column("place", sa.String(200), nullable=False),
        sa.Column("source", sa.String(100), nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        _key("payee_id", "payee"),
        _key("practitioner_id", "profiles_practitioner"),
        _key("location_id", "profiles_location"),
        _key("person_id", "person"),
        _key("settled_by_id", "person"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{TABLE}")),
        sa.UniqueConstraint("token", name=op.f(f"uq_{TABLE}_token")),
    )
    op.create_index(op.f(f"ix_{TABLE}_payee_id"), TABLE, ["payee_id"])
    op.create_index(op.f(f"ix_{TABLE}_told_at"), TABLE, ["told_at"])


def downgrade() -> None:
    op.drop_table(TABLE)
