"""Ways to write to notes and grants that are not one's own, and to give one's own away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import make_transient_to_detached

from hp_portal import clock, scopes
from hp_portal.core.organizations.models import Grant
from tests.sample_plugin.notes import Note

from . import apart
from .way import GRANTS, NOTES, Attack, write, writes

_UPDATE = "UPDATE sample_note SET text = 'changed'"


def _run(attack: Attack, statement: Any, values: Any = None, **options: Any) -> None:
    attack.session.execute(statement, values, execution_options={"synchronize_session": False, **options})


def _on_connection(attack: Attack, statement: Any) -> None:
    attack.session.connection().execute(statement)


def _raw(attack: Attack, statement: str) -> None:
    attack.session.connection().connection.cursor().execute(statement)


def _flush(attack: Attack, *rows: Any) -> None:
    attack.session.add_all(rows)
    attack.session.flush()


def _own(attack: Attack) -> Any:
    return sa.update(Note).where(Note.organization_id == attack.own.id)


def _foreign_note(attack: Attack) -> dict[str, Any]:
    return {"organization_id": attack.other.id, "text": "planted"}


def _stolen_note(attack: Attack) -> dict[str, Any]:
    """The other's note as if it were one's own."""
    return {"id": attack.other.notes[0], "organization_id": attack.own.id, "text": "changed"}


def _stolen_grant(attack: Attack) -> dict[str, Any]:
    """A grant to the other's payee."""
    values = {"organization_id": attack.own.id, "payee_id": attack.other.payee.id}
    return {**values, "proof": "check", "granted_at": clock.now()}


writes(
    {
        "update the table": lambda a: _run(a, sa.update(NOTES).values(text="changed")),
        "delete from the table": lambda a: _run(a, sa.delete(NOTES)),
        "insert into the table": lambda a: _run(a, sa.insert(NOTES).values(**_foreign_note(a))),
        "insert many into the table": lambda a: _run(a, sa.insert(NOTES), [_foreign_note(a)]),
        "insert into the table from a select": lambda a: _run(
            a,
            sa.insert(NOTES).from_select(
                ["organization_id", "text"], sa.select(sa.literal(a.other.id), sa.literal("x"))
            ),
        ),
        "insert from a select": lambda a: _run(
            a,
            sa.insert(Note).from_select(
                ["organization_id", "text"], sa.select(sa.literal(a.other.id), sa.literal("x"))
            ),
        ),
        "insert a row of the other": lambda a: _run(a, sa.insert(Note).values(**_foreign_note(a))),
        "insert several rows at once": lambda a: _run(
            a, sa.insert(Note).values([{**_foreign_note(a), "organization_id": a.own.id}, _foreign_note(a)])
        ),
        "insert with an owner that is an expression": lambda a: _run(
            a, sa.insert(Note).values(text="x", organization_id=sa.literal(a.other.id) + 0)
        ),
        "insert with one owner given twice": lambda a: _run(
            a, sa.insert(Note).values(organization_id=a.other.id), {"organization_id": a.own.id, "text": "x"}
        ),
        "update with text": lambda a: _run(a, sa.text(_UPDATE)),
        "update by the connection": lambda a: _on_connection(a, sa.update(NOTES).values(text="changed")),
        "update by the connection, the model": lambda a: _on_connection(a, sa.update(Note).values(text="changed")),
        "insert by the connection": lambda a: _on_connection(a, sa.insert(NOTES).values(**_foreign_note(a))),
        "delete by the connection": lambda a: _on_connection(a, sa.delete(NOTES)),
        "update by the driver's text": lambda a: a.session.connection().exec_driver_sql(_UPDATE),
        "update by the driver's cursor": lambda a: _raw(a, f"{_UPDATE} WHERE organization_id = {a.other.id}"),
        "insert by the driver's cursor": lambda a: _raw(
            a, f"INSERT INTO sample_note (organization_id, text) VALUES ({a.other.id}, 'planted')"
        ),
        "delete by the driver's cursor": lambda a: _raw(
            a, f"DELETE FROM sample_note WHERE organization_id = {a.other.id}"
        ),
        "replace by a prefix": lambda a: (
            _run(a, sa.insert(Note).prefix_with("OR REPLACE", dialect="sqlite").values(**_stolen_note(a)))
            if not a.is_postgresql
            else _run(a, sa.update(NOTES).values(text="changed"))
        ),
        "answer a conflict": lambda a: _conflict(a, Note),
        "answer a conflict of the table": lambda a: _conflict(a, NOTES),
        "bulk insert": lambda a: a.session.bulk_insert_mappings(sa.inspect(Note), [_foreign_note(a)]),
        "bulk update": lambda a: a.session.bulk_update_mappings(sa.inspect(Note), [_stolen_note(a)]),
        "bulk save": lambda a: a.session.bulk_save_objects([Note(**_foreign_note(a))]),
        "update by primary keys": lambda a: _run(a, sa.update(Note), [{"id": a.other.notes[0], "text": "changed"}]),
        "give own rows away": lambda a: _run(a, sa.update(Note).values(organization_id=a.other.id)),
        "give own rows away by an expression": lambda a: _run(
            a, _own(a).values(organization_id=Note.organization_id + (a.other.id - a.own.id))
        ),
        "give an own object away": lambda a: _change(a, Note, a.own.notes[0], organization_id=a.other.id),
        "give an own object away by an expression": lambda a: _change(
            a, Note, a.own.notes[0], organization_id=sa.literal(a.other.id) + 0
        ),
        "change the key of an own row": lambda a: _run(
            a, sa.update(Note).where(Note.id == a.own.notes[0]).values(id=10**6)
        ),
        "add a row of the other": lambda a: _flush(a, Note(**_foreign_note(a))),
        "change a forged object": lambda a: _change_forged(a),
        "delete a forged object": lambda a: _delete_forged(a),
        "merge what was not loaded": lambda a: _merge(a),
        "change a row that was left": lambda a: _change_left(a),
        "delete a row that was left": lambda a: _delete_left(a),
        "a cascade from what was left": lambda a: _cascade(a),
        "leave the parent of what was left": lambda a: _orphan(a),
        "update the table as a model of one's own": lambda a: _run(a, sa.update(apart.Twin).values(text="changed")),
        "add a row by a model of one's own": lambda a: _flush(a, apart.Twin(id=10**6, **_foreign_note(a))),
        "grant oneself the other's payee": lambda a: _flush(a, Grant(**_stolen_grant(a))),
        "insert a grant to the other's payee": lambda a: _run(a, sa.insert(Grant).values(**_stolen_grant(a))),
        "insert grants to the other's payee": lambda a: _run(a, sa.insert(Grant), [_stolen_grant(a)]),
        "insert a grant into the table": lambda a: _run(a, sa.insert(GRANTS).values(**_stolen_grant(a))),
        "point an own grant at the other's payee": lambda a: _run(
            a, sa.update(Grant).values(payee_id=a.other.payee.id)
        ),
        "point an own grant at it by its object": lambda a: _change(
            a, Grant, a.own.grant.id, payee_id=a.other.payee.id
        ),
        "end a grant": lambda a: _run(a, sa.update(Grant).values(ended_at=clock.now())),
        "remove a grant": lambda a: _run(a, sa.delete(Grant)),
    }
)


def _conflict(attack: Attack, target: Any) -> None:
    insert = postgresql.insert if attack.is_postgresql else sqlite.insert
    statement: Any = insert(target).values(**_stolen_note(attack))
    _run(attack, statement.on_conflict_do_update(index_elements=["id"], set_={"text": "changed"}))


def _change(attack: Attack, model: Any, row_id: int, **values: Any) -> None:
    row = attack.session.get_one(model, row_id)
    for name, value in values.items():
        setattr(row, name, value)
    attack.session.flush()


def _forged(attack: Attack) -> Note:
    """An object with the key of the other's row and one's own organization, as if it had been loaded so."""
    forged = Note(id=attack.other.notes[0], organization_id=attack.own.id, text="x")
    make_transient_to_detached(forged)
    attack.session.add(forged)
    return forged


def _change_forged(attack: Attack) -> None:
    _forged(attack).text = "changed"
    attack.session.flush()


def _delete_forged(attack: Attack) -> None:
    attack.session.delete(_forged(attack))
    attack.session.flush()


def _merge(attack: Attack) -> None:
    given = Note(**_stolen_note(attack))
    make_transient_to_detached(given)
    attack.session.merge(given, load=False).text = "changed again"
    attack.session.flush()


def _left(attack: Attack, model: Any, row_id: int) -> Any:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        return attack.session.get_one(model, row_id)


def _change_left(attack: Attack) -> None:
    _left(attack, Note, attack.other.notes[0]).text = "changed"
    attack.session.flush()


def _delete_left(attack: Attack) -> None:
    attack.session.delete(_left(attack, Note, attack.other.notes[0]))
    attack.session.flush()


def _cascade(attack: Attack) -> None:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        clinic = attack.session.get_one(apart.Clinic, attack.other.id)
        memos = list(clinic.memos)
    clinic.memos.remove(memos[0])
    attack.session.flush()


def _orphan(attack: Attack) -> None:
    with scopes.whole(attack.session, "a test leaves a row behind"):
        memo = attack.session.get_one(apart.Memo, attack.other.notes[0])
    memo.clinic = attack.session.get_one(apart.Clinic, attack.own.id)
    attack.session.flush()


@write("a data-modifying expression that updates", only="postgresql")
def updating_expression(attack: Attack) -> None:
    changed = sa.update(Note).values(text="changed").returning(Note.text).cte("changed")
    attack.session.execute(sa.select(changed.c.text)).all()


@write("a data-modifying expression beside a change", only="postgresql")
def expression_beside(attack: Attack) -> None:
    changed = sa.update(NOTES).values(text="changed").returning(NOTES.c.id).cte("changed")
    _run(attack, sa.update(Note).where(Note.id.in_(sa.select(changed.c.id))).values(text="x"))


@write("a listener of the mapper that writes")
def by_the_mapper(attack: Attack) -> None:
    def change(_mapper: Any, connection: Any, _target: Any) -> None:
        connection.execute(sa.update(NOTES).where(NOTES.c.id == attack.other.notes[0]).values(text="changed"))

    sa.event.listen(Note, "before_insert", change)
    try:
        _flush(attack, Note(organization_id=attack.own.id, text="x"))
    finally:
        sa.event.remove(Note, "before_insert", change)


@write("a listener of the mapper that changes the row")
def the_row_in_a_listener(attack: Attack) -> None:
    def change(_mapper: Any, _connection: Any, target: Any) -> None:
        target.organization_id = attack.other.id

    sa.event.listen(Note, "before_insert", change)
    try:
        _flush(attack, Note(organization_id=attack.own.id, text="x"))
    finally:
        sa.event.remove(Note, "before_insert", change)


@write("a session that belongs to nobody")
def without_a_scope(attack: Attack) -> None:
    before = attack.session.context.scope
    with scopes.whole(attack.session, "a test takes the scope away"):
        if before is not None and not isinstance(before, scopes.WholeScope):
            scopes.set_scope(attack.session, None)
        attack.session.add(Note(**_foreign_note(attack)))
        attack.session.flush()
