"""sign-ins are found without reading those that have ended

Revision ID: 1795880000
Revises: 1795844000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795880000"
down_revision = "1795844000"

TABLE = "sign_in"
OPEN = "ended_at IS NULL"


def upgrade() -> None:
    op.create_index("ix_sign_in_person_id_created_at", TABLE, ["person_id", "created_at"])
    op.create_index("ix_sign_in_open", TABLE, ["person_id"], sqlite_where=sa.text(OPEN), postgresql_where=sa.text(OPEN))
    op.drop_index("ix_sign_in_person_id", table_name=TABLE)


def downgrade() -> None:
    op.create_index("ix_sign_in_person_id", TABLE, ["person_id"])
    op.drop_index("ix_sign_in_open", table_name=TABLE)
    op.drop_index("ix_sign_in_person_id_created_at", table_name=TABLE)
