"""payments by their contents

Revision ID: 1795831300
Revises: 1795831201
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

import hp_portal.database
from hp_portal.api import SealBroken
from hp_portal_plugins.remittance.intake import kept_text
from hp_portal_plugins.remittance.intake.identity import contents
from hp_portal_plugins.remittance.models import KEPT_TEXT, TEXT_WAS
from hp_portal_plugins.remittance.x12.separators import find_separators

revision = "1795831300"
down_revision = "1795831201"

TABLE = "remittance_payment"
WAS, IS = (f"ix_{TABLE}_payee_id_effective_on_amount", f"ix_{TABLE}_payee_id_effective_on_amount_set_aside")
_AT_A_TIME = 500
BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_payment = sa.table(TABLE, sa.column("id"), sa.column("identity", sa.LargeBinary()))
_text = sa.table("remittance_text", sa.column("payment_id"), sa.column("sealed", sa.LargeBinary()))


def upgrade() -> None:
    moment = hp_portal.database.UTCDateTime(timezone=True)
    op.add_column(TABLE, sa.Column("in_question", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column(TABLE, sa.Column("set_aside", sa.String(length=10), nullable=True))
    op.add_column(TABLE, sa.Column("set_aside_at", moment, nullable=True))
    op.add_column(TABLE, sa.Column("replaced_by_id", BigId, nullable=True))
    op.drop_index(WAS, table_name=TABLE)
    op.create_index(IS, TABLE, ["payee_id", "effective_on", "amount", "set_aside"], unique=False)
    op.create_table(
        "remittance_same_number",
        sa.Column("id", BigId, nullable=False),
        sa.Column("payment_id", BigId, nullable=False),
        sa.Column("earlier_id", BigId, nullable=False),
        sa.Column("differs", sa.String(length=40), nullable=False),
        sa.Column("found_at", moment, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("decided_at", moment, nullable=True),
        sa.Column("decided_by_id", BigId, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["payment_id"], [f"{TABLE}.id"], name=op.f("fk_remittance_same_number_payment_id")),
        sa.ForeignKeyConstraint(["earlier_id"], [f"{TABLE}.id"], name=op.f("fk_remittance_same_number_earlier_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_remittance_same_number_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_remittance_same_number")),
        sa.UniqueConstraint("payment_id", name=op.f("uq_remittance_same_number_payment_id")),
    )
    for column in ("earlier_id", "state"):
        op.create_index(f"ix_remittance_same_number_{column}", "remittance_same_number", [column], unique=False)
    _identify_by_contents()


def _identify_by_contents() -> None:
    """Give every payment the digest of its kept text, some at a time.

    A payment whose text cannot be opened any more keeps the mark it has, which no text's digest is: when it is sent again, it
    is stored beside it and staff are asked.
    """
    connection, last = op.get_bind(), 0
    wanted = sa.select(_text.c.payment_id, _text.c.sealed).order_by(_text.c.payment_id).limit(_AT_A_TIME)
    while rows := connection.execute(wanted.where(_text.c.payment_id > last)).all():
        last = rows[-1].payment_id
        digests = {row.payment_id: digest for row in rows if (digest := _digest(row))}
        taken = set(connection.scalars(sa.select(_payment.c.identity).where(_payment.c.identity.in_(digests.values()))))
        changes = [{"of_payment": key, "digest": digest} for key, digest in digests.items() if digest not in taken]
        if changes:
            connection.execute(
                sa.update(_payment)
                .where(_payment.c.id == sa.bindparam("of_payment"))
                .values(identity=sa.bindparam("digest")),
                changes,
            )


def _digest(row: Any) -> bytes | None:
    vault = op.get_bind().info["hp_portal.vault"]
    try:
        isa, gs, raw = kept_text.unpack(vault.open(row.sealed, KEPT_TEXT(row.payment_id), TEXT_WAS))
    except SealBroken:
        return None
    end = raw.rstrip(b" \t\r\n")[-1:] if raw.strip() else raw[-1:]
    text = b"".join(part + end for part in (isa, gs) if part) + raw
    separators = find_separators(text, text[3:4] if isa else text[2:3])
    return contents(raw, separators) if separators else None


def downgrade() -> None:
    # The digests stay: an earlier version takes a payment that is sent again for a new one.
    op.drop_table("remittance_same_number")
    op.drop_index(IS, table_name=TABLE)
    op.create_index(WAS, TABLE, ["payee_id", "effective_on", "amount"], unique=False)
    for column in ("replaced_by_id", "set_aside_at", "set_aside", "in_question"):
        op.drop_column(TABLE, column)
