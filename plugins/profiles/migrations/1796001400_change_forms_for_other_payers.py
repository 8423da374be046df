"""change forms for other payers

Revision ID: 1796001400
Revises: 1796001300
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001400"
down_revision = "1796001300"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FORM, SENDING = "profiles_paper_form", "profiles_paper_sending"


def upgrade() -> None:
    op.create_table(
        FORM,
        sa.Column("id", BigId, nullable=False),
        sa.Column("practitioner_id", BigId, nullable=True),
        sa.Column("case_id", BigId, nullable=True),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("contents_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["profiles_practitioner.id"], name=op.f("fk_profiles_paper_form_practitioner_id")
        ),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_paper_form_case_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profiles_paper_form_person_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_paper_form_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_paper_form")),
        sa.UniqueConstraint("token", name=op.f("uq_profiles_paper_form_token")),
    )
    op.create_index(op.f("ix_profiles_paper_form_organization_id"), FORM, ["organization_id"])
    op.create_index(op.f("ix_profiles_paper_form_practitioner_id"), FORM, ["practitioner_id"])
    op.create_table(
        SENDING,
        sa.Column("id", BigId, nullable=False),
        sa.Column("form_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("addressee", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("leased_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_token", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["form_id"], ["profiles_paper_form.id"], name=op.f("fk_profiles_paper_sending_form_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profiles_paper_sending_person_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_paper_sending_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_paper_sending")),
    )
    op.create_index(op.f("ix_profiles_paper_sending_organization_id"), SENDING, ["organization_id"])
    op.create_index(op.f("ix_profiles_paper_sending_form_id"), SENDING, ["form_id"])
    op.create_index(op.f("ix_profiles_paper_sending_state"), SENDING, ["state"])


def downgrade() -> None:
    op.drop_table(SENDING)
    op.drop_table(FORM)
