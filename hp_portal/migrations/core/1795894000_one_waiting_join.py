"""one request to join an organization waits for each e-mail address

Revision ID: 1795894000
Revises: 1795897200
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795894000"
down_revision = "1795897200"

INDEX, WAITS = "uq_registration_waiting_join", "route = 'join' AND state IN ('asked', 'staff')"


def upgrade() -> None:
    op.add_column("registration", sa.Column("again_hash", sa.LargeBinary(length=32), nullable=True))
    op.create_index("ix_registration_again_hash", "registration", ["again_hash"], unique=True)
    # Of several that wait the first goes on.
    op.execute(
        f"UPDATE registration SET state = 'withdrawn', due_at = NULL, ended_at = created_at WHERE {WAITS} AND EXISTS "
        "(SELECT 1 FROM registration AS earlier WHERE earlier.id < registration.id AND earlier.route = 'join' AND earlier.state "
        "IN ('asked', 'staff') AND earlier.organization_id = registration.organization_id AND earlier.email = registration.email)"
    )
    where = sa.text(WAITS)
    op.create_index(
        INDEX, "registration", ["organization_id", "email"], unique=True, sqlite_where=where, postgresql_where=where
    )


def downgrade() -> None:
    op.drop_index(INDEX, "registration")
    op.drop_index("ix_registration_again_hash", "registration")
    op.drop_column("registration", "again_hash")
