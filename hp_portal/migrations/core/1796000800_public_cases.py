"""cases of people who have no account; files that went wrong are told by e-mail

Revision ID: 1796000800
Revises: 1796000700
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1796000800"
down_revision = "1796000700"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MOMENT = hp_portal.database.UTCDateTime(timezone=True)
FORM, SUBMITTER, PASS = "portal_case_form", "portal_case_submitter", "portal_case_pass"


def upgrade() -> None:
    op.create_table(
        FORM,
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("values_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("mail_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("ended_at", MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("case_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_portal_case_form_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_form")),
        sa.UniqueConstraint("token", name=op.f("uq_portal_case_form_token")),
        sa.UniqueConstraint("mail_hash", name=op.f("uq_portal_case_form_mail_hash")),
    )
    op.create_index("ix_portal_case_form_sent_at", FORM, ["sent_at"])
    op.create_table(
        SUBMITTER,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("telephone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("confirmed_at", MOMENT, nullable=False),
        sa.Column("payee_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_portal_case_submitter_case_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_portal_case_submitter_payee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_submitter")),
        sa.UniqueConstraint("case_id", name=op.f("uq_portal_case_submitter_case_id")),
        sa.UniqueConstraint("token", name=op.f("uq_portal_case_submitter_token")),
    )
    op.create_index("ix_portal_case_submitter_email_hash", SUBMITTER, ["email_hash"])
    op.create_table(
        PASS,
        sa.Column("id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("ends_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_portal_case_pass_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_portal_case_pass")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_portal_case_pass_token_hash")),
    )
    op.create_index("ix_portal_case_pass_case_id", PASS, ["case_id"])
    op.create_index("ix_portal_case_pass_expires_at", PASS, ["expires_at"])
    op.add_column("attached_file", sa.Column("told_at", MOMENT, nullable=True))
    # What went wrong before is old news.
    files = sa.table("attached_file", *map(sa.column, ("state", "told_at", "sent_at")))
    wrong = files.c.state.in_(("quarantined", "refused", "failed"))
    op.get_bind().execute(sa.update(files).where(wrong).values(told_at=files.c.sent_at))


def downgrade() -> None:
    op.drop_column("attached_file", "told_at")
    op.drop_table(PASS)
    op.drop_table(SUBMITTER)
    op.drop_table(FORM)
