"""somebody with one account works for several organizations

Revision ID: 1795950400
Revises: 1795950320
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1795950400"
down_revision = "1795950320"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
IS_ACCOUNT = sa.text("account_id IS NULL")


def upgrade() -> None:
    with op.batch_alter_table("person") as table:
        table.add_column(sa.Column("account_id", BigId, nullable=True))
        table.create_foreign_key(op.f("fk_person_account_id"), "person", ["account_id"], ["id"])
        table.create_unique_constraint(op.f("uq_person_account_id_organization_id"), ["account_id", "organization_id"])
        table.drop_constraint(op.f("uq_person_username"), type_="unique")
        table.drop_constraint(op.f("uq_person_email"), type_="unique")
    for column in ("username", "email"):
        op.create_index(
            op.f(f"uq_person_{column}"),
            "person",
            [column],
            unique=True,
            sqlite_where=IS_ACCOUNT,
            postgresql_where=IS_ACCOUNT,
        )


def downgrade() -> None:
    # An account of an older version is in one organization alone; what somebody did for another one stays recorded.
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM person WHERE account_id IS NOT NULL")):
        raise RuntimeError("Somebody works for several organizations: an older version cannot tell them apart.")
    op.drop_index(op.f("uq_person_username"), table_name="person")
    op.drop_index(op.f("uq_person_email"), table_name="person")
    with op.batch_alter_table("person") as table:
        table.drop_constraint(op.f("uq_person_account_id_organization_id"), type_="unique")
        table.drop_constraint(op.f("fk_person_account_id"), type_="foreignkey")
        table.drop_column("account_id")
        table.create_unique_constraint(op.f("uq_person_username"), ["username"])
        table.create_unique_constraint(op.f("uq_person_email"), ["email"])
