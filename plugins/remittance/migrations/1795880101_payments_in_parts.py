"""payments that came in several parts

Revision ID: 1795880101
Revises: 1795870101
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795880101"
down_revision = "1795870101"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INDEX, PAYMENT = "ix_remittance_payment_for_sums", "remittance_payment"
WAS = ["payee_id", "effective_on", "amount", "set_aside", "currency", "repeated"]


def upgrade() -> None:
    op.add_column(PAYMENT, sa.Column("part_of_id", BigId, nullable=True))
    op.add_column(PAYMENT, sa.Column("later_part", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.drop_index(INDEX, PAYMENT)
    op.create_index(INDEX, PAYMENT, [*WAS, "later_part"])


def downgrade() -> None:
    op.drop_index(INDEX, PAYMENT)
    op.create_index(INDEX, PAYMENT, WAS)
    op.drop_column(PAYMENT, "later_part")
    op.drop_column(PAYMENT, "part_of_id")
