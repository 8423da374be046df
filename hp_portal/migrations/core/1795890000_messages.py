"""messages that leave the portal, and attempts to send them

Revision ID: 1795890000
Revises: 1795880000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795890000"
down_revision = "1795880000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "print_run",
        sa.Column("id", BigId, nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("letters", sa.BigInteger(), nullable=False),
        sa.Column("posted_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_print_run")),
    )
    op.create_table(
        "message",
        sa.Column("id", BigId, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("template", sa.String(length=80), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("values_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("problem", sa.String(length=300), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("print_run_id", BigId, nullable=True),
        sa.Column("leased_until", moment, nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["print_run_id"], ["print_run.id"], name=op.f("fk_message_print_run_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
        sa.UniqueConstraint("token", name=op.f("uq_message_token")),
    )
    op.create_index("ix_message_recipient", "message", ["recipient"])
    op.create_index("ix_message_about", "message", ["about"])
    op.create_index("ix_message_print_run_id", "message", ["print_run_id"])
    op.create_index("ix_message_waiting", "message", ["state", "due_at"])
    op.create_table(
        "message_attempt",
        sa.Column("id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("said", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_attempt_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attempt")),
    )
    op.create_index("ix_message_attempt_message_id", "message_attempt", ["message_id"])
    op.add_column("person", sa.Column("email_returned_at", moment, nullable=True))
    op.create_table(
        "returned_mail",
        sa.Column("id", BigId, nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("sender", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("raw_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_returned_mail")),
        sa.UniqueConstraint("token", name=op.f("uq_returned_mail_token")),
    )


def downgrade() -> None:
    op.drop_column("person", "email_returned_at")
    op.drop_table("returned_mail")
    op.drop_table("message_attempt")
    op.drop_table("message")
    op.drop_table("print_run")
