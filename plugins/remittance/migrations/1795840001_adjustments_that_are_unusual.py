"""adjustments that are unusual, and claims that reverse others, found by indexes of these alone

Revision ID: 1795840001
Revises: 1795833201
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795840001"
down_revision = "1795833201"

UNUSUAL, REVERSALS = "ix_remittance_adjustment_unusual", "ix_remittance_claim_reversals"
# As the model says it: a statement uses the index only when it says the same.
_IS_UNUSUAL = """((coalesce("group", '') || '-' || coalesce(reason, '')) NOT IN ('CO-45', 'PR-1', 'PR-2', 'PR-3'))"""
_IS_REVERSAL = "status = '22'"


def upgrade() -> None:
    columns = ["payment_id", "claim", "line", "group", "reason", "amount"]
    for name, table, of, where in (
        (UNUSUAL, "remittance_adjustment", columns, sa.text(_IS_UNUSUAL)),
        (REVERSALS, "remittance_claim", ["payee_id"], sa.text(_IS_REVERSAL)),
    ):
        op.create_index(name, table, of, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    op.drop_index(REVERSALS, table_name="remittance_claim")
    op.drop_index(UNUSUAL, table_name="remittance_adjustment")
