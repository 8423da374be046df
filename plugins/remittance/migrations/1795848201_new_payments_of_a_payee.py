"""payments of a payee by when they came

Revision ID: 1795848201
Revises: 1795848101
"""

from __future__ import annotations

from alembic import op

revision = "1795848201"
down_revision = "1795848101"

NAME, TABLE = "ix_remittance_payment_new", "remittance_payment"


def upgrade() -> None:
    op.create_index(NAME, TABLE, ["payee_id", "imported_at"], unique=False)


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
