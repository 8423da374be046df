"""payments that are there are read again: whose lines do not charge what the claim does

Revision ID: 1795880201
Revises: 1795880101
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal.api import now

revision = "1795880201"
down_revision = "1795880101"

_COUNTS = ("last_id", "done", "changed", "unreadable", "attempts")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    table = sa.table(
        "remittance_reading_again",
        sa.column("asked_at", moment),
        *map(sa.column, ("state", "until_id", "of", *_COUNTS)),
    )
    payment = sa.table("remittance_payment", sa.column("id"))
    count, last = (
        op.get_bind().execute(sa.select(sa.func.count(), sa.func.max(payment.c.id)).select_from(payment)).one()
    )
    if count:
        # What waits already would begin where it is.
        op.execute(sa.delete(table).where(table.c.state == "waiting"))
        row = {"asked_at": now(), "state": "waiting", "until_id": last, "of": count}
        op.bulk_insert(table, [row | dict.fromkeys(_COUNTS, 0)])


def downgrade() -> None:
    """Nothing: payments that were read again are as they would have been."""
