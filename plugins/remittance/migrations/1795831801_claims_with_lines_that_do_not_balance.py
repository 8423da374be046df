"""a claim does not balance when one of its lines does not; what its adjustments say the patient owes

Revision ID: 1795831801
Revises: 1795831201
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795831801"
down_revision = "1795831201"

_claim = sa.table("remittance_claim", sa.column("payment_id"), sa.column("claim"), sa.column("balanced"))
_line = sa.table("remittance_line", sa.column("payment_id"), sa.column("claim"), sa.column("balanced"))


def upgrade() -> None:
    op.add_column("remittance_claim", sa.Column("patient_adjusted", sa.BigInteger(), nullable=True))
    off = sa.select(_line.c.payment_id, _line.c.claim).where(_line.c.balanced == sa.false())
    with_such_a_line = sa.tuple_(_claim.c.payment_id, _claim.c.claim).in_(off)
    op.execute(sa.update(_claim).where(with_such_a_line).values(balanced=sa.false()))


def downgrade() -> None:
    op.drop_column("remittance_claim", "patient_adjusted")
