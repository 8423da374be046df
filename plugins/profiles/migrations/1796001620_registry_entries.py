"""entries of the national registry of NPIs

Revision ID: 1796001620
Revises: 1796001610
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001620"
down_revision = "1796001610"

ENTRY = "profiles_registry_entry"
_TEXTS = {"name": 200, "last_name": 200, "first_name": 200, "middle_name": 200, "other_last_name": 200}


def upgrade() -> None:
    op.create_table(
        ENTRY,
        sa.Column("npi", sa.String(length=10), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        *(sa.Column(name, sa.String(length=length), nullable=False) for name, length in _TEXTS.items()),
        sa.Column("taxonomies", sa.String(length=200), nullable=False),
        sa.Column("licenses", sa.String(length=800), nullable=False),
        sa.Column("deactivated_on", sa.Date(), nullable=True),
        sa.Column("reactivated_on", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("npi", name=op.f("pk_profiles_registry_entry")),
    )


def downgrade() -> None:
    op.drop_table(ENTRY)
