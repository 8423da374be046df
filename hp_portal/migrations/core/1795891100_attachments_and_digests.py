"""attachments of messages, and who wants no digests

Revision ID: 1795891100
Revises: 1795892000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795891100"
down_revision = "1795892000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "message_attachment",
        sa.Column("id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_message_attachment_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message_attachment")),
        sa.UniqueConstraint("token", name=op.f("uq_message_attachment_token")),
    )
    op.create_index("ix_message_attachment_message_id", "message_attachment", ["message_id"])
    op.add_column("message", sa.Column("attached", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("message", sa.Column("digest_token", sa.String(length=40), nullable=True))
    op.create_index("ix_message_digest_token", "message", ["digest_token"], unique=True)
    op.create_table(
        "digest_refusal",
        sa.Column("id", BigId, nullable=False),
        sa.Column("address", sa.String(length=320), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_digest_refusal")),
        sa.UniqueConstraint("address", name=op.f("uq_digest_refusal_address")),
    )


def downgrade() -> None:
    op.drop_table("digest_refusal")
    op.drop_index("ix_message_digest_token", "message")
    op.drop_column("message", "digest_token")
    op.drop_column("message", "attached")
    op.drop_index("ix_message_attachment_message_id", "message_attachment")
    op.drop_table("message_attachment")
