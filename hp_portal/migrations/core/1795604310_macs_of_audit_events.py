"""MACs of audit events, keys of seals; what has no MAC is taken over

Revision ID: 1795604310
Revises: 1795604300
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import context, op

import hp_portal.database
from hp_portal.core.audit import chain, triggers

revision = "1795604310"
down_revision = "1795604300"

BigId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OF_EVENTS: dict[str, Any] = {
    "writer": sa.BigInteger(),
    "number": sa.BigInteger(),
    "before": sa.LargeBinary(16),
    "anchor": sa.BigInteger(),
    "key_id": sa.LargeBinary(8),
    "mac": sa.LargeBinary(16),
}
OF_SEALS: dict[str, Any] = {"key_id": sa.LargeBinary(8), "covers": sa.LargeBinary(32), "taken_over": sa.Boolean()}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    for name, kind in OF_EVENTS.items():
        op.add_column("audit_event", sa.Column(name, kind, nullable=True))
    op.create_index("ix_audit_event_writer_number", "audit_event", ["writer", "number"], unique=True)
    for name, kind in OF_SEALS.items():
        op.add_column("audit_seal", sa.Column(name, kind, nullable=True))
    op.create_table(
        "audit_key",
        sa.Column("id", BigId, nullable=False),
        sa.Column("key_id", sa.LargeBinary(length=8), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", hp_portal.database.UTCDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_key")),
    )
    for statement in (*triggers.create_triggers(dialect, ["audit_key"]), *triggers.same_writer(dialect)):
        op.execute(statement)
    chain.take_over(op.get_bind(), context.config.attributes["vault"])


def downgrade() -> None:
    dialect = op.get_bind().dialect.name
    if dialect == "sqlite":
        op.execute("DROP TRIGGER audit_event_no_second")
    for statement in triggers.drop_triggers(dialect, ["audit_key"]):
        op.execute(statement)
    op.drop_table("audit_key")
    op.drop_index("ix_audit_event_writer_number", "audit_event")
    for table, columns in (("audit_seal", OF_SEALS), ("audit_event", OF_EVENTS)):
        for name in columns:
            op.drop_column(table, name)
