"""electronic signatures

Revision ID: 1796000600
Revises: 1796000500
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal.core.signing.triggers import create_triggers

revision = "1796000600"
down_revision = "1796000500"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "signature",
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=True),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("about", sa.String(length=80), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("typed", sa.String(length=200), nullable=False),
        sa.Column("signed_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("agreement", sa.Text(), nullable=False),
        sa.Column("version", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("contents_sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_signature_organization_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_signature_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signature")),
        sa.UniqueConstraint("token", name=op.f("uq_signature_token")),
    )
    for column in ("organization_id", "about", "person_id"):
        op.create_index(f"ix_signature_{column}", "signature", [column])
    for statement in create_triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    op.drop_table("signature")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION signature_refuse()")
