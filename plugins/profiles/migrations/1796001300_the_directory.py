"""the published directory

Revision ID: 1796001300
Revises: 1796001100
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796001300"
down_revision = "1796001100"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = hp_portal.database.UTCDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "profiles_directory_build",
        sa.Column("id", BigId, nullable=False),
        sa.Column("edition", BigId, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("started_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT, nullable=True),
        sa.Column("checked_at", MOMENT, nullable=False),
        sa.Column("change_id", BigId, nullable=False),
        sa.Column("specialties", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("rows", "hidden", "added", "changed", "removed")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_directory_build")),
    )
    op.create_index("ix_profiles_directory_build_newest", "profiles_directory_build", ["finished_at", "edition"])
    op.create_table(
        "profiles_directory_row",
        sa.Column("edition", BigId, nullable=False),
        sa.Column("affiliation_id", BigId, nullable=False),
        sa.Column("place", sa.String(length=100), nullable=False),
        sa.Column("contents", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("edition", "affiliation_id", name=op.f("pk_profiles_directory_row")),
        sa.UniqueConstraint("edition", "place", name=op.f("uq_profiles_directory_row_edition_place")),
    )
    op.create_table(
        "profiles_directory_term",
        sa.Column("edition", BigId, nullable=False),
        sa.Column("term", sa.String(length=90), nullable=False),
        sa.Column("place", sa.String(length=100), nullable=False),
        sa.PrimaryKeyConstraint("edition", "term", "place", name=op.f("pk_profiles_directory_term")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_profiles_directory_term_place", "profiles_directory_term", ["edition", "place", "term"])
    op.create_table(
        "profiles_directory_count",
        sa.Column("edition", BigId, nullable=False),
        sa.Column("term", sa.String(length=90), nullable=False),
        sa.Column("kind", sa.String(length=1), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("edition", "term", name=op.f("pk_profiles_directory_count")),
    )
    op.create_index("ix_profiles_directory_count_kind", "profiles_directory_count", ["edition", "kind"])
    op.create_table(
        "profiles_directory_hidden",
        sa.Column("edition", BigId, nullable=False),
        sa.Column("affiliation_id", BigId, nullable=False),
        sa.Column("reasons", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("edition", "affiliation_id", name=op.f("pk_profiles_directory_hidden")),
    )
    op.create_table(
        "profiles_directory_difference",
        sa.Column("id", BigId, nullable=False),
        sa.Column("build_id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("label", sa.String(length=300), nullable=False),
        sa.Column("what", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["build_id"],
            ["profiles_directory_build.id"],
            name=op.f("fk_profiles_directory_difference_build_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_directory_difference")),
    )
    op.create_index(op.f("ix_profiles_directory_difference_build_id"), "profiles_directory_difference", ["build_id"])


def downgrade() -> None:
    for name in ("difference", "hidden", "count", "term", "row", "build"):
        op.drop_table(f"profiles_directory_{name}")
