"""a payment may repeat claims of several others of its number

Revision ID: 1795880301
Revises: 1795880201
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795880301"
down_revision = "1795880201"

TABLE, COLUMN = "remittance_same_number", "payment_id"


def upgrade() -> None:
    with op.batch_alter_table(TABLE) as table:
        table.drop_constraint(op.f(f"uq_{TABLE}_{COLUMN}"), type_="unique")
        table.create_index(op.f(f"ix_{TABLE}_{COLUMN}"), [COLUMN], unique=False)


def downgrade() -> None:
    pair = sa.table(TABLE, sa.column("id"), sa.column(COLUMN))
    first = sa.select(sa.func.min(pair.c.id)).group_by(pair.c[COLUMN]).scalar_subquery()
    op.execute(sa.delete(pair).where(pair.c.id.not_in(first)))
    with op.batch_alter_table(TABLE) as table:
        table.drop_index(op.f(f"ix_{TABLE}_{COLUMN}"))
        table.create_unique_constraint(op.f(f"uq_{TABLE}_{COLUMN}"), [COLUMN])
