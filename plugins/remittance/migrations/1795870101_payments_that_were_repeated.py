"""which payments a later one of their number repeats, while it is not decided which of them counts

Revision ID: 1795870101
Revises: 1795848301
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795870101"
down_revision = "1795848301"

INDEX, PAYMENT, PAIR = "ix_remittance_payment_for_sums", "remittance_payment", "remittance_same_number"
WAS = ["payee_id", "effective_on", "amount", "set_aside", "currency"]


def upgrade() -> None:
    op.add_column(PAYMENT, sa.Column("repeated", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(PAIR, sa.Column("overlaps", sa.Boolean(), server_default=sa.false(), nullable=False))
    pair = sa.table(PAIR, *map(sa.column, ("payment_id", "earlier_id", "state", "overlaps")))
    keys = ("payment_id", "payer_control_key", "patient_control_key", "member_token", "status")
    one, other = (sa.table("remittance_claim", *map(sa.column, keys)).alias(name) for name in ("one", "other"))
    same = sa.or_(
        one.c.payer_control_key == other.c.payer_control_key,
        sa.and_(one.c.patient_control_key == other.c.patient_control_key, one.c.member_token == other.c.member_token),
    )
    in_both = sa.exists().where(
        one.c.payment_id == pair.c.payment_id,
        other.c.payment_id == pair.c.earlier_id,
        one.c.status.is_not_distinct_from(other.c.status),
        same,
    )
    op.execute(sa.update(pair).where(in_both).values(overlaps=sa.true()))
    payment = sa.table(PAYMENT, sa.column("id"), sa.column("repeated"))
    waits = sa.select(pair.c.earlier_id).where(pair.c.state == "waits", pair.c.overlaps)
    op.execute(sa.update(payment).where(payment.c.id.in_(waits)).values(repeated=sa.true()))
    op.drop_index(INDEX, PAYMENT)
    op.create_index(INDEX, PAYMENT, [*WAS, "repeated"])


def downgrade() -> None:
    op.drop_index(INDEX, PAYMENT)
    op.create_index(INDEX, PAYMENT, WAS)
    op.drop_column(PAIR, "overlaps")
    op.drop_column(PAYMENT, "repeated")
