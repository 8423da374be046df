"""registrations, what is typed on the way to one, and PINs by mail

Revision ID: 1795893000
Revises: 1795891200
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database

revision = "1795893000"
down_revision = "1795891200"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.create_table(
        "registration_draft",
        sa.Column("id", BigId, nullable=False),
        sa.Column("seal", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("other_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("values_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("mail_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("mail_expires_at", moment, nullable=True),
        sa.Column("confirmed_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("touched_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_draft")),
        sa.UniqueConstraint("seal", name=op.f("uq_registration_draft_seal")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_registration_draft_token_hash")),
        sa.UniqueConstraint("other_hash", name=op.f("uq_registration_draft_other_hash")),
        sa.UniqueConstraint("mail_hash", name=op.f("uq_registration_draft_mail_hash")),
    )
    op.create_index("ix_registration_draft_touched_at", "registration_draft", ["touched_at"])
    op.create_table(
        "registration",
        sa.Column("id", BigId, nullable=False),
        sa.Column("path", sa.String(length=10), nullable=False),
        sa.Column("route", sa.String(length=10), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("seal", sa.String(length=32), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("status_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("own_id", BigId, nullable=True),
        sa.Column("payee_id", BigId, nullable=True),
        sa.Column("proved_at", moment, nullable=True),
        sa.Column("email_confirmed_at", moment, nullable=True),
        sa.Column("left_reason", sa.String(length=20), nullable=False),
        sa.Column("objection", sa.String(length=500), nullable=False),
        sa.Column("objected_by_id", BigId, nullable=True),
        sa.Column("answer", sa.String(length=500), nullable=False),
        sa.Column("decided_by_id", BigId, nullable=True),
        sa.Column("address_wrong_at", moment, nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("due_at", moment, nullable=True),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("organization_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_registration_person_id")),
        sa.ForeignKeyConstraint(["own_id"], ["organization.id"], name=op.f("fk_registration_own_id")),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_registration_payee_id")),
        sa.ForeignKeyConstraint(["objected_by_id"], ["person.id"], name=op.f("fk_registration_objected_by_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_registration_decided_by_id")),
        sa.ForeignKeyConstraint(["organization_id"], ["organization.id"], name=op.f("fk_registration_organization_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration")),
        sa.UniqueConstraint("seal", name=op.f("uq_registration_seal")),
        sa.UniqueConstraint("status_hash", name=op.f("uq_registration_status_hash")),
    )
    op.create_index("ix_registration_email", "registration", ["email"])
    op.create_index("ix_registration_person_id", "registration", ["person_id"])
    op.create_index("ix_registration_organization_id", "registration", ["organization_id"])
    op.create_index("ix_registration_state_due_at", "registration", ["state", "due_at"])
    op.create_table(
        "registration_pin",
        sa.Column("id", BigId, nullable=False),
        sa.Column("registration_id", BigId, nullable=False),
        sa.Column("pin_hash", sa.String(length=200), nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("made_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("tries_left", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.ForeignKeyConstraint(
            ["registration_id"], ["registration.id"], name=op.f("fk_registration_pin_registration_id")
        ),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name=op.f("fk_registration_pin_message_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_registration_pin")),
    )
    op.create_index("ix_registration_pin_registration_id", "registration_pin", ["registration_id"])
    with op.batch_alter_table("proof_warning") as batch:
        batch.alter_column("organization_id", existing_type=BigId, nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM proof_warning WHERE organization_id IS NULL")
    with op.batch_alter_table("proof_warning") as batch:
        batch.alter_column("organization_id", existing_type=BigId, nullable=False)
    op.drop_table("registration_pin")
    op.drop_table("registration")
    op.drop_table("registration_draft")
