"""a claim does not balance when one of its lines does not; what its adjustments say the patient owes

Revision ID: 1795831801
Revises: 1795831300
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795831801"
down_revision = "1795831300"

WAS, IS = "ix_remittance_payment_payee_id_effective_on_amount_set_aside", "ix_remittance_payment_for_sums"
_COLUMNS = ["payee_id", "effective_on", "amount", "set_aside"]
_claim = sa.table("remittance_claim", sa.column("payment_id"), sa.column("claim"), sa.column("balanced"))
_line = sa.table("remittance_line", sa.column("payment_id"), sa.column("claim"), sa.column("balanced"))


def upgrade() -> None:
    op.add_column("remittance_claim", sa.Column("patient_adjusted", sa.BigInteger(), nullable=True))
    off = sa.select(_line.c.payment_id, _line.c.claim).where(_line.c.balanced == sa.false())
    with_such_a_line = sa.tuple_(_claim.c.payment_id, _claim.c.claim).in_(off)
    op.execute(sa.update(_claim).where(with_such_a_line).values(balanced=sa.false()))
    op.drop_index(WAS, "remittance_payment")
    op.create_index(IS, "remittance_payment", [*_COLUMNS, "currency"])


def downgrade() -> None:
    op.drop_index(IS, "remittance_payment")
    op.create_index(WAS, "remittance_payment", _COLUMNS)
    op.drop_column("remittance_claim", "patient_adjusted")
