"""whose claims are sealed

Revision ID: 1795604500
Revises: 1795604331
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from hp_portal_plugins.remittance.persons import PERSON, Person, open_person, pack, tokens_of

revision = "1795604500"
down_revision = "1795604331"

_AT_A_TIME = 1_000
_FIELDS = Person._fields
_claim = sa.table(
    "remittance_claim",
    *(sa.column(name) for name in ("payment_id", "claim", "person_sealed", "member_token", "patient_token")),
    *(sa.column(name, sa.Text()) for name in (*_FIELDS, "member_key", "patient_key")),
)


def _in_batches(change: Any, *columns: str) -> None:
    """Change every claim, some at a time, in the order of the table's key."""
    connection, last = op.get_bind(), (0, 0)
    wanted = sa.select(_claim.c.payment_id, _claim.c.claim, *(_claim.c[name] for name in columns))
    place = (_claim.c.payment_id, _claim.c.claim)
    while rows := connection.execute(
        wanted.where(sa.tuple_(*place) > sa.tuple_(*map(sa.literal, last))).order_by(*place).limit(_AT_A_TIME)
    ).all():
        changes = [{"of_payment": row.payment_id, "of_claim": row.claim, **change(row)} for row in rows]
        names = [name for name in changes[0] if not name.startswith("of_")]
        connection.execute(
            sa.update(_claim)
            .where(_claim.c.payment_id == sa.bindparam("of_payment"), _claim.c.claim == sa.bindparam("of_claim"))
            .values({name.removeprefix("new_"): sa.bindparam(name) for name in names}),
            changes,
        )
        last = (rows[-1].payment_id, rows[-1].claim)


def _overwrite() -> None:
    """What is deleted from an SQLite file is overwritten: it must not stay readable in free pages."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(sa.text("PRAGMA secure_delete=ON"))


def upgrade() -> None:
    _overwrite()
    for name in ("member_token", "patient_token", "person_sealed"):
        op.add_column("remittance_claim", sa.Column(name, sa.LargeBinary(), nullable=True))

    def seal(row: Any) -> dict[str, Any]:
        vault = op.get_bind().info["hp_portal.vault"]
        person = Person(*(getattr(row, name) for name in _FIELDS))
        member, patient = tokens_of(vault).of(person)
        sealed = vault.seal(pack(person), PERSON(row.payment_id, row.claim))
        return {"new_person_sealed": sealed, "new_member_token": member, "new_patient_token": patient}

    _in_batches(seal, *_FIELDS)
    with op.batch_alter_table("remittance_claim", schema=None) as batch_op:
        batch_op.drop_index("ix_remittance_claim_member_key")
        batch_op.drop_index("ix_remittance_claim_patient_key")
        for name in (*_FIELDS, "member_key", "patient_key"):
            batch_op.drop_column(name)
        batch_op.create_index("ix_remittance_claim_member_token", ["member_token"], unique=False)
        batch_op.create_index("ix_remittance_claim_patient_token", ["patient_token"], unique=False)


def downgrade() -> None:
    from hp_portal_plugins.remittance.keys import name_key, number_key

    for name in (*_FIELDS, "member_key", "patient_key"):
        op.add_column("remittance_claim", sa.Column(name, sa.Text(), nullable=True))

    def unseal(row: Any) -> dict[str, Any]:
        vault = op.get_bind().info["hp_portal.vault"]
        person = open_person(vault, row.person_sealed, row.payment_id, row.claim)
        last = person.patient_last_name
        return {
            **{f"new_{name}": value for name, value in person._asdict().items()},
            "new_member_key": number_key(person.member_id or person.subscriber_id) or None,
            "new_patient_key": name_key(last, person.patient_first_name) if last else None,
        }

    _in_batches(unseal, "person_sealed")
    with op.batch_alter_table("remittance_claim", schema=None) as batch_op:
        batch_op.drop_index("ix_remittance_claim_member_token")
        batch_op.drop_index("ix_remittance_claim_patient_token")
        for name in ("member_token", "patient_token", "person_sealed"):
            batch_op.drop_column(name)
        batch_op.create_index("ix_remittance_claim_member_key", ["member_key"], unique=False)
        batch_op.create_index(
            "ix_remittance_claim_patient_key",
            ["patient_key"],
            unique=False,
            postgresql_ops={"patient_key": "text_pattern_ops"},
        )
