"""when a payment was imported

Revision ID: 1795605201
Revises: 1795604500
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795605201"
down_revision = "1795604500"

TABLE = "remittance_payment"


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column(TABLE, sa.Column("imported_at", moment, nullable=True))
    payment = sa.table(TABLE, sa.column("imported_at"), sa.column("file_id"))
    file = sa.table("remittance_file", sa.column("id"), sa.column("imported_at"))
    moment_of_file = sa.select(file.c.imported_at).where(file.c.id == payment.c.file_id).scalar_subquery()
    op.execute(sa.update(payment).values(imported_at=moment_of_file))


def downgrade() -> None:
    op.drop_column(TABLE, "imported_at")
