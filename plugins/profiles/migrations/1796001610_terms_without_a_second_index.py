"""terms of the directory without a second index

Revision ID: 1796001610
Revises: 1796001600
"""

from __future__ import annotations

from alembic import op

revision = "1796001610"
down_revision = "1796001600"


def upgrade() -> None:
    op.drop_index("ix_profiles_directory_term_place", "profiles_directory_term")


def downgrade() -> None:
    op.create_index("ix_profiles_directory_term_place", "profiles_directory_term", ["edition", "place", "term"])
