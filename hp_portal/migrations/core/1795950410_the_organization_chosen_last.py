"""sign-ins know for which organization somebody opened the home page last, and why they look at member data for each

Revision ID: 1795950410
Revises: 1795950400
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795950410"
down_revision = "1795950400"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    with op.batch_alter_table("sign_in") as table:
        table.add_column(sa.Column("chosen_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_sign_in_chosen_id"), "person", ["chosen_id"], ["id"])
    op.create_table(
        "access_reason",
        sa.Column("id", BigId, nullable=False),
        sa.Column("sign_in_id", BigId, nullable=False),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["sign_in_id"], ["sign_in.id"], name=op.f("fk_access_reason_sign_in_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_access_reason_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_reason")),
        sa.UniqueConstraint("sign_in_id", "person_id", name=op.f("uq_access_reason_sign_in_id_person_id")),
    )


def downgrade() -> None:
    op.drop_table("access_reason")
    with op.batch_alter_table("sign_in") as table:
        table.drop_constraint(op.f("fk_sign_in_chosen_id"), type_="foreignkey")
        table.drop_column("chosen_id")
