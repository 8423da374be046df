"""invitations by delegates, people who leave, and only delegates who name no second one now

Revision ID: 1795950100
Revises: 1795898200
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795950100"
down_revision = "1795898200"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
INVITATION, LEAVING = "invitation", "leaving"
OPEN = sa.text("ended_at IS NULL")


def _person(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], ["person.id"], name=op.f(f"fk_{table}_{column}"))


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column("person", sa.Column("successor_declined_at", moment, nullable=True))
    op.create_table(
        INVITATION,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("applications", sa.String(length=1000), nullable=False),
        sa.Column("delegate", sa.Boolean(), nullable=False),
        sa.Column("invited_by_id", BigId, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("sent_at", moment, nullable=False),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("ended_by_id", BigId, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        sa.Column("person_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_invitation_organization_id")),
        _person(INVITATION, "invited_by_id"),
        _person(INVITATION, "ended_by_id"),
        _person(INVITATION, "person_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_invitation_token_hash")),
    )
    op.create_index("ix_invitation_organization_id", INVITATION, ["organization_id"])
    op.create_index("ix_invitation_invited_by_id", INVITATION, ["invited_by_id"])
    op.create_index(
        "uq_invitation_open",
        INVITATION,
        ["organization_id", "email"],
        unique=True,
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_table(
        LEAVING,
        sa.Column("id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("leaves_on", sa.Date(), nullable=False),
        sa.Column("successor_id", BigId, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("asked_by_id", BigId, nullable=False),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("told_late_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=True),
        _person(LEAVING, "person_id"),
        _person(LEAVING, "successor_id"),
        _person(LEAVING, "asked_by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leaving")),
    )
    op.create_index("ix_leaving_person_id", LEAVING, ["person_id"])
    op.create_index("uq_leaving_open", LEAVING, ["person_id"], unique=True, sqlite_where=OPEN, postgresql_where=OPEN)


def downgrade() -> None:
    op.drop_table(LEAVING)
    op.drop_table(INVITATION)
    op.drop_column("person", "successor_declined_at")
