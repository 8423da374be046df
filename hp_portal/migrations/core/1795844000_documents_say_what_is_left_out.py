"""documents say what is left out, how large they are and whether they were seen

Revision ID: 1795844000
Revises: 1795605100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795844000"
down_revision = "1795605100"

TABLE = "document_request"


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("left_out", sa.Text(), nullable=False, server_default=""))
    op.add_column(TABLE, sa.Column("size", sa.BigInteger(), nullable=True))
    op.add_column(TABLE, sa.Column("seen_at", hp_portal.database.UTCDateTime(timezone=True), nullable=True))
    table, files = (
        sa.table(TABLE, sa.column("size"), sa.column("stored_file_id"), sa.column("seen_at"), sa.column("made_at")),
        sa.table("stored_file", sa.column("id"), sa.column("size")),
    )
    size = sa.select(files.c.size).where(files.c.id == table.c.stored_file_id).scalar_subquery()
    op.execute(sa.update(table).values(size=size, seen_at=table.c.made_at))


def downgrade() -> None:
    for name in ("seen_at", "size", "left_out"):
        op.drop_column(TABLE, name)
