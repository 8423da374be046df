"""delegates who ask that lost second factors are removed, and since when somebody is a delegate

Revision ID: 1795898000
Revises: 1795897900
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795898000"
down_revision = "1795897900"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column("person", sa.Column("delegate_since", moment, nullable=True))
    op.create_table(
        "factor_reset",
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("asked_by_id", BigId, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("agreed_by_id", BigId, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_factor_reset_person_id")),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_factor_reset_asked_by_id")),
        sa.ForeignKeyConstraint(["agreed_by_id"], ["person.id"], name=op.f("fk_factor_reset_agreed_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_reset")),
    )
    op.create_index("ix_factor_reset_person_id", "factor_reset", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_factor_reset_person_id", "factor_reset")
    op.drop_table("factor_reset")
    op.drop_column("person", "delegate_since")
