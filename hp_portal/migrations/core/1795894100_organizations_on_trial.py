"""organizations with access on trial, and organizations that have ended

Revision ID: 1795894100
Revises: 1795894000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795894100"
down_revision = "1795894000"

ORGANIZATION = sa.table(
    "organization", sa.column("id"), sa.column("provisional"), sa.column("ended_at"), sa.column("created_at")
)
REGISTRATION = sa.table("registration", sa.column("own_id"), sa.column("state"), sa.column("ended_at"))
PERSON = sa.table("person", sa.column("organization_id"), sa.column("deactivated_at"))


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column("organization", sa.Column("provisional", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("organization", sa.Column("ended_at", moment, nullable=True))
    of_trials = sa.select(REGISTRATION.c.own_id).where(REGISTRATION.c.own_id.is_not(None))
    op.execute(sa.update(ORGANIZATION).where(ORGANIZATION.c.id.in_(of_trials)).values(provisional=sa.true()))
    # Those that were left behind empty when the trial ended.
    ended = sa.select(REGISTRATION.c.own_id).where(
        REGISTRATION.c.own_id.is_not(None), REGISTRATION.c.state.in_(("open", "declined"))
    )
    people = sa.select(PERSON.c.organization_id).where(
        PERSON.c.organization_id.is_not(None), PERSON.c.deactivated_at.is_(None)
    )
    at = (
        sa.select(sa.func.max(REGISTRATION.c.ended_at))
        .where(REGISTRATION.c.own_id == ORGANIZATION.c.id)
        .scalar_subquery()
    )
    left_behind = ORGANIZATION.c.id.in_(ended) & ORGANIZATION.c.id.not_in(people)
    op.execute(sa.update(ORGANIZATION).where(left_behind).values(ended_at=at))


def downgrade() -> None:
    op.drop_column("organization", "ended_at")
    op.drop_column("organization", "provisional")
