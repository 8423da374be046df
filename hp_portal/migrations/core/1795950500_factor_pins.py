"""PINs in letters, by which staff make sure who has lost the second factors

Revision ID: 1795950500
Revises: 1795950410
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795950500"
down_revision = "1795950410"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "factor_pin",
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("payee_id", BigId, nullable=False),
        sa.Column("pin_hash", sa.String(length=200), nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("made_by_id", BigId, nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_factor_pin_person_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_factor_pin_payee_id")),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_factor_pin_message_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["person.id"], name=op.f("fk_factor_pin_made_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_factor_pin")),
    )
    op.create_index("ix_factor_pin_person_id", "factor_pin", ["person_id"])


def downgrade() -> None:
    op.drop_index("ix_factor_pin_person_id", "factor_pin")
    op.drop_table("factor_pin")
