"""the sheet of a roster, and the locations that it names and that are not on record

Revision ID: 1796001600
Revises: 1796001500
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001600"
down_revision = "1796001500"


def upgrade() -> None:
    op.add_column("profiles_roster", sa.Column("sheet", sa.Text(), server_default="", nullable=False))
    op.add_column("profiles_roster_row", sa.Column("unknown_place", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    op.drop_column("profiles_roster_row", "unknown_place")
    op.drop_column("profiles_roster", "sheet")
