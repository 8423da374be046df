"""requests to be contacted by delegates are confirmed by a link

Revision ID: 1795896000
Revises: 1795892100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795896000"
down_revision = "1795892100"

REQUEST = "delegate_request"


def upgrade() -> None:
    op.add_column(REQUEST, sa.Column("confirm_hash", sa.LargeBinary(length=32), nullable=True))
    op.create_index("ix_delegate_request_confirm_hash", REQUEST, ["confirm_hash"])


def downgrade() -> None:
    op.drop_index("ix_delegate_request_confirm_hash", REQUEST)
    op.drop_column(REQUEST, "confirm_hash")
