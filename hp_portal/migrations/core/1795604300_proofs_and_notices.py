"""proofs are used once; warnings and notices about Tax IDs

Revision ID: 1795604300
Revises: 1795604137
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795604300"
down_revision = "1795604137"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Moment = hp_portal.database.UTCDateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "used_proof",
        sa.Column("id", BigId, nullable=False),
        sa.Column("payee_id", BigId, nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("grant_id", BigId, nullable=False),
        sa.Column("used_at", Moment, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_used_proof_grant_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_used_proof_payee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_used_proof")),
        sa.UniqueConstraint("payee_id", "number", name=op.f("uq_used_proof_payee_id_number")),
    )
    op.create_table(
        "proof_warning",
        sa.Column("id", BigId, nullable=False),
        sa.Column("tin_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("tin", sa.String(length=20), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.Column("first_at", Moment, nullable=False),
        sa.Column("last_at", Moment, nullable=False),
        sa.Column("settled_at", Moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_proof_warning_organization_id")
        ),
        sa.ForeignKeyConstraint(["settled_by_id"], ["person.id"], name=op.f("fk_proof_warning_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proof_warning")),
    )
    op.create_index("ix_proof_warning_tin_digest", "proof_warning", ["tin_digest"])
    op.create_index("ix_proof_warning_settled_at", "proof_warning", ["settled_at"])
    _notices()


def _notices() -> None:
    op.create_table(
        "link_notice",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("payee_id", BigId, nullable=False),
        sa.Column("other_id", BigId, nullable=True),
        sa.Column("grant_id", BigId, nullable=True),
        sa.Column("at", Moment, nullable=False),
        sa.Column("read_at", Moment, nullable=True),
        sa.Column("read_by_id", BigId, nullable=True),
        sa.Column("objected_at", Moment, nullable=True),
        sa.Column("objected_by_id", BigId, nullable=True),
        sa.Column("objection", sa.String(length=500), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("settled_at", Moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["grant_id"], ["access_grant.id"], name=op.f("fk_link_notice_grant_id")),
        sa.ForeignKeyConstraint(["objected_by_id"], ["person.id"], name=op.f("fk_link_notice_objected_by_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_link_notice_organization_id")),
        sa.ForeignKeyConstraint(["other_id"], ["organization.id"], name=op.f("fk_link_notice_other_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_link_notice_payee_id")),
        sa.ForeignKeyConstraint(["read_by_id"], ["person.id"], name=op.f("fk_link_notice_read_by_id")),
        sa.ForeignKeyConstraint(["settled_by_id"], ["person.id"], name=op.f("fk_link_notice_settled_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_notice")),
    )
    for column in ("grant_id", "objected_at", "organization_id"):
        op.create_index(f"ix_link_notice_{column}", "link_notice", [column])


def downgrade() -> None:
    for table in ("link_notice", "proof_warning", "used_proof"):
        op.drop_table(table)
