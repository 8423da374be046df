"""what changes propose, and what became of it

Revision ID: 1796001100
Revises: 1796001070
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal_plugins.profiles.proposing.triggers import create_triggers, drop_triggers

revision = "1796001100"
down_revision = "1796001070"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
PROPOSAL, OUTCOME, MADE = "profiles_proposal", "profiles_line_outcome", "profiles_made_subject"


def _of_case(table: str) -> list[sa.schema.SchemaItem]:
    """What every one of these tables has."""
    return [
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f(f"fk_{table}_case_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f(f"fk_{table}_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    op.create_table(
        PROPOSAL,
        *_of_case(PROPOSAL),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("effective_on", sa.Date(), nullable=False),
        sa.Column("contents_sealed", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("case_id", name=op.f(f"uq_{PROPOSAL}_case_id")),
        sa.UniqueConstraint("token", name=op.f(f"uq_{PROPOSAL}_token")),
    )
    op.create_table(
        OUTCOME,
        *_of_case(OUTCOME),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("became", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.Column("at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("change_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f(f"fk_{OUTCOME}_person_id")),
        sa.ForeignKeyConstraint(["change_id"], ["profiles_change.id"], name=op.f(f"fk_{OUTCOME}_change_id")),
    )
    op.create_table(
        MADE,
        *_of_case(MADE),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("case_id", "wanted", name=op.f(f"uq_{MADE}_case_id_wanted")),
    )
    for table in (PROPOSAL, OUTCOME, MADE):
        op.create_index(op.f(f"ix_{table}_organization_id"), table, ["organization_id"])
    op.create_index(op.f(f"ix_{OUTCOME}_case_id"), OUTCOME, ["case_id"])
    op.create_index(op.f(f"ix_{OUTCOME}_change_id"), OUTCOME, ["change_id"])
    op.create_index(f"ix_{OUTCOME}_became", OUTCOME, ["became"])
    for statement in create_triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for table in (MADE, OUTCOME, PROPOSAL):
        op.drop_table(table)
    for statement in drop_triggers(op.get_bind().dialect.name):
        op.execute(statement)
