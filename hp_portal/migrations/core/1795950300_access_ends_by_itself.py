"""access that ends by itself, and requests of billing organizations

Revision ID: 1795950300
Revises: 1795950200
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795950300"
down_revision = "1795950200"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REQUEST, LINK, PAYEE = "access_request", "access_request_link", "access_request_payee"
OPEN = sa.text("ended_at IS NULL")


def _people(*columns: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], ["person.id"], name=op.f(f"fk_access_request_{column}")) for column in columns
    ]


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        REQUEST,
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("tin_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("tin_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("npis", sa.String(length=1000), nullable=False),
        sa.Column("to_delegates", sa.Boolean(), nullable=False),
        sa.Column("approver_name", sa.String(length=200), nullable=False),
        sa.Column("approver_title", sa.String(length=100), nullable=False),
        sa.Column("approver_email", sa.String(length=254), nullable=False),
        sa.Column("approver_phone", sa.String(length=40), nullable=False),
        sa.Column("asked_by_id", BigId, nullable=True),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("sent_at", moment, nullable=True),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("opened_at", moment, nullable=True),
        sa.Column("reminded", sa.BigInteger(), nullable=False),
        sa.Column("passed_on", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("decided_by_id", BigId, nullable=True),
        sa.Column("signed_name", sa.String(length=200), nullable=False),
        sa.Column("signed_title", sa.String(length=100), nullable=False),
        sa.Column("signed_address", sa.String(length=45), nullable=False),
        sa.Column("access_until", moment, nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("settled_at", moment, nullable=True),
        sa.Column("settled_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_access_request_organization_id")
        ),
        *_people("asked_by_id", "decided_by_id", "settled_by_id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request")),
        sa.UniqueConstraint("token", name=op.f("uq_access_request_token")),
    )
    op.create_index("ix_access_request_organization_id_asked_at", REQUEST, ["organization_id", "asked_at"])
    op.create_index("ix_access_request_tin_hash", REQUEST, ["tin_hash"])
    op.create_index("ix_access_request_open", REQUEST, ["due_at"], sqlite_where=OPEN, postgresql_where=OPEN)
    op.create_table(
        LINK,
        sa.Column("id", BigId, nullable=False),
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(["request_id"], ["access_request.id"], name=op.f("fk_access_request_link_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_access_request_link_token_hash")),
    )
    op.create_index("ix_access_request_link_request_id", LINK, ["request_id"])
    op.create_table(
        PAYEE,
        sa.Column("id", BigId, nullable=False),
        sa.Column("request_id", BigId, nullable=False),
        sa.Column("payee_id", BigId, nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_access_request_payee_payee_id")),
        sa.ForeignKeyConstraint(["request_id"], ["access_request.id"], name=op.f("fk_access_request_payee_request_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_request_payee")),
        sa.UniqueConstraint("request_id", "payee_id", name=op.f("uq_access_request_payee_request_id_payee_id")),
    )
    with op.batch_alter_table("access_grant") as table:
        table.add_column(sa.Column("ended_how", sa.String(length=20), nullable=True))
        table.add_column(sa.Column("ends_at", moment, nullable=True))
        table.add_column(sa.Column("request_id", BigId, nullable=True))
        table.create_index(op.f("ix_access_grant_request_id"), ["request_id"])
        table.create_foreign_key(op.f("fk_access_grant_request_id"), "access_request", ["request_id"], ["id"])


def downgrade() -> None:
    with op.batch_alter_table("access_grant") as table:
        table.drop_constraint(op.f("fk_access_grant_request_id"), type_="foreignkey")
        table.drop_index(op.f("ix_access_grant_request_id"))
        table.drop_column("request_id")
        table.drop_column("ends_at")
        table.drop_column("ended_how")
    op.drop_table(PAYEE)
    op.drop_table(LINK)
    op.drop_table(REQUEST)
