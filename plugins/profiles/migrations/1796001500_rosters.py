"""rosters

Revision ID: 1796001500
Revises: 1796001410
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796001500"
down_revision = "1796001410"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
ROSTER, ROW = "profiles_roster", "profiles_roster_row"


def upgrade() -> None:
    op.create_table(
        ROSTER,
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("stored_file_id", BigId, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("complete_on", sa.Date(), nullable=True),
        sa.Column("sent_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("head", sa.Integer(), server_default="0", nullable=False),
        sa.Column("table", sa.String(length=40), server_default="", nullable=False),
        sa.Column("notes", sa.Text(), server_default="", nullable=False),
        sa.Column("error", sa.String(length=500), server_default="", nullable=False),
        sa.Column("case_id", BigId, nullable=True),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("leased_until", hp_portal.database.UTCDateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_roster_case_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_roster_organization_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profiles_roster_person_id")),
        sa.ForeignKeyConstraint(["stored_file_id"], ["stored_file.id"], name=op.f("fk_profiles_roster_stored_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_roster")),
    )
    for column in ("organization_id", "sent_at", "state"):
        op.create_index(op.f(f"ix_profiles_roster_{column}"), ROSTER, [column])
    op.create_table(
        ROW,
        sa.Column("id", BigId, nullable=False),
        sa.Column("roster_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=15), nullable=False),
        sa.Column("chosen", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.Column("npi", sa.String(length=10), nullable=False),
        sa.Column("place", sa.String(length=500), nullable=False),
        sa.Column("practitioner_id", sa.BigInteger(), nullable=True),
        sa.Column("location_id", sa.BigInteger(), nullable=True),
        sa.Column("affiliation_id", sa.BigInteger(), nullable=True),
        sa.Column("differences", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("doubt", sa.Text(), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_roster_row_organization_id")
        ),
        sa.ForeignKeyConstraint(
            ["roster_id"], ["profiles_roster.id"], name=op.f("fk_profiles_roster_row_roster_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_roster_row")),
    )
    op.create_index("ix_profiles_roster_row_outcome", ROW, ["roster_id", "outcome", "number"])


def downgrade() -> None:
    op.drop_table(ROW)
    op.drop_table(ROSTER)
