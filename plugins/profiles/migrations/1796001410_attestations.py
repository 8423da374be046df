"""attestations

Revision ID: 1796001410
Revises: 1796001400
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "1796001410"
down_revision = "1796001400"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
DUE, DONE, NOT_RIGHT, HIDDEN = (
    "profiles_attestation_due",
    "profiles_attestation",
    "profiles_not_right",
    "profiles_hidden",
)


def _key(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=op.f(f"fk_{table}_{column}"))


def _common(table: str) -> list[sa.schema.SchemaItem]:
    return [
        sa.Column("id", BigId, nullable=False),
        sa.Column("organization_id", BigId, nullable=False),
        _key(table, "organization_id", "organization"),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
    ]


def upgrade() -> None:
    op.create_table(
        DUE,
        *_common(DUE),
        sa.Column("due_on", sa.Date(), nullable=False),
        sa.Column("responsible_id", BigId, nullable=True),
        sa.Column("reminded", sa.BigInteger(), nullable=True),
        sa.Column("noticed_on", sa.Date(), nullable=True),
        _key(DUE, "responsible_id", "person"),
        sa.UniqueConstraint("organization_id", name=op.f(f"uq_{DUE}_organization_id")),
    )
    op.create_index(op.f(f"ix_{DUE}_due_on"), DUE, ["due_on"])
    op.create_table(
        DONE,
        *_common(DONE),
        sa.Column("person_id", BigId, nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("attested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("signature_id", BigId, nullable=False),
        sa.Column("practitioners", sa.BigInteger(), nullable=False),
        sa.Column("locations", sa.BigInteger(), nullable=False),
        sa.Column("left_out", sa.BigInteger(), nullable=False),
        _key(DONE, "person_id", "person"),
        _key(DONE, "signature_id", "signature"),
        sa.UniqueConstraint("signature_id", name=op.f(f"uq_{DONE}_signature_id")),
    )
    op.create_index(op.f(f"ix_{DONE}_organization_id"), DONE, ["organization_id"])
    op.create_table(
        NOT_RIGHT,
        *_common(NOT_RIGHT),
        sa.Column("affiliation_id", BigId, nullable=False),
        sa.Column("case_id", BigId, nullable=False),
        _key(NOT_RIGHT, "affiliation_id", "profiles_affiliation"),
        _key(NOT_RIGHT, "case_id", "portal_case"),
        sa.UniqueConstraint("case_id", name=op.f(f"uq_{NOT_RIGHT}_case_id")),
    )
    op.create_index(op.f(f"ix_{NOT_RIGHT}_organization_id"), NOT_RIGHT, ["organization_id"])
    op.create_index(op.f(f"ix_{NOT_RIGHT}_affiliation_id"), NOT_RIGHT, ["affiliation_id"])
    op.create_table(
        HIDDEN,
        *_common(HIDDEN),
        sa.Column("since", sa.Date(), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
    )
    op.create_index(op.f(f"ix_{HIDDEN}_organization_id"), HIDDEN, ["organization_id"])


def downgrade() -> None:
    for table in (HIDDEN, NOT_RIGHT, DONE, DUE):
        op.drop_table(table)
