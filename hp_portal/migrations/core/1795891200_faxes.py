"""what stands on a fax's cover sheet to find its message by; attempts by day

Revision ID: 1795891200
Revises: 1795891100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795891200"
down_revision = "1795891100"


def upgrade() -> None:
    op.add_column("message", sa.Column("reference", sa.String(length=20), nullable=True))
    op.create_index("ix_message_reference", "message", ["reference"], unique=True)
    op.create_index("ix_message_attempt_at", "message_attempt", ["at"])


def downgrade() -> None:
    op.drop_index("ix_message_attempt_at", "message_attempt")
    op.drop_index("ix_message_reference", "message")
    op.drop_column("message", "reference")
