"""signed amounts, currencies, and what is odd about a payment

Revision ID: 1795831201
Revises: 1795605201
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "1795831201"
down_revision = "1795605201"

TABLE = "remittance_payment"
_payment = sa.table(
    TABLE, sa.column("id"), sa.column("amount"), sa.column("credit_debit"), sa.column("currency"), sa.column("more")
)


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("currency", sa.String(3), nullable=True))
    op.add_column(TABLE, sa.Column("marks", sa.Text(), nullable=True))
    op.execute(_debits().values(amount=-sa.func.abs(_payment.c.amount)))
    connection = op.get_bind()
    with_currency = sa.select(_payment.c.id, _payment.c.more).where(_payment.c.more.contains('["CUR",'))
    for payment_id, more in connection.execute(with_currency).all():
        currency = next((segment[2] for segment in json.loads(more) if segment[0] == "CUR" and len(segment) > 2), "")
        if len(currency) == 3 and currency.isascii() and currency.isalpha():
            this_one = sa.update(_payment).where(_payment.c.id == payment_id)
            connection.execute(this_one.values(currency=currency.upper()))


def downgrade() -> None:
    op.execute(_debits().values(amount=sa.func.abs(_payment.c.amount)))
    op.drop_column(TABLE, "marks")
    op.drop_column(TABLE, "currency")


def _debits() -> sa.Update:
    return sa.update(_payment).where(_payment.c.credit_debit == "D")
