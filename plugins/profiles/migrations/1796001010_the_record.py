"""practitioners, locations and the dated facts about them

Revision ID: 1796001010
Revises: 1796001000
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal_plugins.profiles.record.triggers import create_triggers, drop_triggers

revision = "1796001010"
down_revision = "1796001000"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "profiles_practitioner",
        sa.Column("id", BigId, nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_practitioner")),
        sa.UniqueConstraint("reference", name=op.f("uq_profiles_practitioner_reference")),
    )
    op.create_table(
        "profiles_specialty",
        sa.Column("code", sa.String(length=10), nullable=False),
        sa.Column("classification", sa.String(length=200), nullable=False),
        sa.Column("specialization", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("code", name=op.f("pk_profiles_specialty")),
    )
    op.create_table(
        "profiles_location",
        sa.Column("id", BigId, nullable=False),
        sa.Column("reference", sa.String(length=40), nullable=False),
        sa.Column("payee_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["payee_id"], ["payee.id"], name=op.f("fk_profiles_location_payee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_location")),
        sa.UniqueConstraint("reference", name=op.f("uq_profiles_location_reference")),
    )
    with op.batch_alter_table("profiles_location") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_location_payee_id"), ["payee_id"], unique=False)

    op.create_table(
        "profiles_affiliation",
        sa.Column("id", BigId, nullable=False),
        sa.Column("practitioner_id", BigId, nullable=False),
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("since", sa.Date(), nullable=True),
        sa.Column("until", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(
            ["location_id"], ["profiles_location.id"], name=op.f("fk_profiles_affiliation_location_id")
        ),
        sa.ForeignKeyConstraint(
            ["practitioner_id"], ["profiles_practitioner.id"], name=op.f("fk_profiles_affiliation_practitioner_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_affiliation")),
        sa.UniqueConstraint(
            "practitioner_id", "location_id", name=op.f("uq_profiles_affiliation_practitioner_id_location_id")
        ),
    )
    with op.batch_alter_table("profiles_affiliation") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_affiliation_location_id"), ["location_id"], unique=False)

    op.create_table(
        "profiles_change",
        sa.Column("id", BigId, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recorded_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("person_id", BigId, nullable=True),
        sa.Column("why", sa.String(length=400), nullable=False),
        sa.Column("case_id", BigId, nullable=True),
        sa.Column("undoes_id", BigId, nullable=True),
        sa.Column("organization_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["portal_case.id"], name=op.f("fk_profiles_change_case_id")),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["organization.id"], name=op.f("fk_profiles_change_organization_id")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_profiles_change_person_id")),
        sa.ForeignKeyConstraint(["undoes_id"], ["profiles_change.id"], name=op.f("fk_profiles_change_undoes_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_change")),
        sa.UniqueConstraint("undoes_id", name=op.f("uq_profiles_change_undoes_id")),
    )
    with op.batch_alter_table("profiles_change") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_change_case_id"), ["case_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_profiles_change_organization_id"), ["organization_id"], unique=False)

    op.create_table(
        "profiles_affiliation_fact",
        sa.Column("affiliation_id", BigId, nullable=False),
        sa.Column("id", BigId, nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("holds_from", sa.Date(), nullable=False),
        sa.Column("value", sa.String(length=400), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("change_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["affiliation_id"], ["profiles_affiliation.id"], name=op.f("fk_profiles_affiliation_fact_affiliation_id")
        ),
        sa.ForeignKeyConstraint(
            ["change_id"], ["profiles_change.id"], name=op.f("fk_profiles_affiliation_fact_change_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_affiliation_fact")),
    )
    with op.batch_alter_table("profiles_affiliation_fact") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_affiliation_fact_change_id"), ["change_id"], unique=False)
        batch_op.create_index(
            "ix_profiles_affiliation_fact_subject", ["affiliation_id", "field", "item", "holds_from"], unique=False
        )

    op.create_table(
        "profiles_location_fact",
        sa.Column("location_id", BigId, nullable=False),
        sa.Column("id", BigId, nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("holds_from", sa.Date(), nullable=False),
        sa.Column("value", sa.String(length=400), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("change_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["profiles_change.id"], name=op.f("fk_profiles_location_fact_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["location_id"], ["profiles_location.id"], name=op.f("fk_profiles_location_fact_location_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_location_fact")),
    )
    with op.batch_alter_table("profiles_location_fact") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_location_fact_change_id"), ["change_id"], unique=False)
        batch_op.create_index(
            "ix_profiles_location_fact_subject", ["location_id", "field", "item", "holds_from"], unique=False
        )
        batch_op.create_index("ix_profiles_location_fact_value", ["field", "value"], unique=False)

    op.create_table(
        "profiles_practitioner_fact",
        sa.Column("practitioner_id", BigId, nullable=False),
        sa.Column("token", sa.String(length=32), nullable=False),
        sa.Column("value_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("id", BigId, nullable=False),
        sa.Column("field", sa.String(length=40), nullable=False),
        sa.Column("item", sa.String(length=80), nullable=False),
        sa.Column("holds_from", sa.Date(), nullable=False),
        sa.Column("value", sa.String(length=400), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.Column("change_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["change_id"], ["profiles_change.id"], name=op.f("fk_profiles_practitioner_fact_change_id")
        ),
        sa.ForeignKeyConstraint(
            ["practitioner_id"],
            ["profiles_practitioner.id"],
            name=op.f("fk_profiles_practitioner_fact_practitioner_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_profiles_practitioner_fact")),
        sa.UniqueConstraint("token", name=op.f("uq_profiles_practitioner_fact_token")),
    )
    with op.batch_alter_table("profiles_practitioner_fact") as batch_op:
        batch_op.create_index(batch_op.f("ix_profiles_practitioner_fact_change_id"), ["change_id"], unique=False)
        batch_op.create_index(
            "ix_profiles_practitioner_fact_subject", ["practitioner_id", "field", "item", "holds_from"], unique=False
        )
        batch_op.create_index("ix_profiles_practitioner_fact_value", ["field", "value"], unique=False)

    for statement in create_triggers(op.get_bind().dialect.name):
        op.execute(statement)


def downgrade() -> None:
    for name in ("practitioner_fact", "location_fact", "affiliation_fact", "change", "affiliation"):
        op.drop_table(f"profiles_{name}")
    for name in ("location", "specialty", "practitioner"):
        op.drop_table(f"profiles_{name}")
    for statement in drop_triggers(op.get_bind().dialect.name):
        op.execute(statement)
