"""Ways to read by texts, types and parts of a statement that are written as they stand, and by what a change returns."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased

from tests.sample_plugin.notes import Note

from . import apart
from .way import NOTES, THE_NOTE, Attack, foreign_text, read, reads, rows, scalars

_text = sa.text("SELECT text FROM sample_note")
_columns = sa.text("SELECT id, text, organization_id FROM sample_note").columns(NOTES.c.id, NOTES.c.text)
_union = "UNION ALL SELECT text FROM sample_note"
_others = aliased(Note)

reads(
    {
        "text": lambda a: scalars(a, _text),
        "text that says it is unscoped": lambda a: scalars(a, _text.execution_options(unscoped="why not")),
        "text that is said to be unscoped": lambda a: scalars(a, _text, execution_options={"unscoped": "why not"}),
        "a table that says it is unscoped": lambda a: scalars(
            a, sa.select(NOTES.c.text).execution_options(unscoped="why not")
        ),
        "a model that says it is unscoped": lambda a: scalars(
            a, sa.select(Note.text).execution_options(unscoped="why not")
        ),
        "text with columns": lambda a: rows(a, _columns),
        "text as a subquery": lambda a: scalars(a, sa.select(_columns.subquery().c.text)),
        "text as a subquery beside a model": lambda a: rows(a, sa.select(Note.id, _columns.subquery().c.text)),
        "a model from text": lambda a: [note.text for note in scalars(a, sa.select(Note).from_statement(_columns))],
        "a model from the table": lambda a: [
            note.text for note in scalars(a, sa.select(Note).from_statement(sa.select(NOTES)))
        ],
        "a model aliased to text": lambda a: scalars(a, sa.select(aliased(Note, _columns.subquery()).text)),
        "text as a column": lambda a: rows(a, sa.select(Note.id, sa.text(f"({THE_NOTE}) AS found"))),
        "text as a source": lambda a: scalars(a, sa.select(sa.text("text")).select_from(sa.text("sample_note"))),
        "text in where": lambda a: scalars(a, sa.select(Note.text).where(sa.text("1 = 1 OR 1 = 1"))),
        "text in having": lambda a: rows(
            a, sa.select(Note.text).group_by(Note.text).having(sa.text(f"1 = 1 {_union}"))
        ),
        "text in order by": lambda a: [
            "birch" for _ in rows(a, sa.select(Note.id).order_by(sa.text(f"({THE_NOTE})")).limit(1))
        ],
        "a literal column": lambda a: rows(a, sa.select(Note.id, sa.literal_column(f"({THE_NOTE})"))),
        "a literal column in where": lambda a: scalars(
            a, sa.select(Note.text).where(sa.literal_column("1 = 1 OR 1", sa.Integer()) == 1)
        ),
        "a prefix": lambda a: scalars(a, sa.select(Note.text).prefix_with("text FROM sample_note UNION ALL SELECT")),
        "a suffix": lambda a: scalars(a, sa.select(Note.text).suffix_with(_union)),
        "a hint of the statement": lambda a: scalars(a, sa.select(Note.text).with_statement_hint(_union)),
        "a prefix of a common table expression": lambda a: scalars(
            a,
            sa.select(
                sa.select(Note.text).cte("c").suffix_with(f", d AS ({THE_NOTE})").c.text,
                sa.table("d", sa.column("text")).c.text,
            ),
        ),
        "an operator": lambda a: scalars(a, sa.select(Note.text).where(Note.id.op("> 0) OR (1 >=")(0), Note.id > 0)),
        "a name of a type": lambda a: scalars(a, sa.select(sa.cast(Note.id, apart.SpecWrites()))),
        "a literal value": lambda a: scalars(
            a, sa.select(sa.bindparam("x", "1", apart.LiteralWrites(), literal_execute=True)).select_from(Note)
        ),
        "a literal": lambda a: scalars(
            a, sa.select(sa.literal("1", apart.LiteralWrites(), literal_execute=True), Note.id)
        ),
        "a type that reads otherwise": lambda a: scalars(a, sa.select(sa.type_coerce(Note.text, apart.ColumnWrites()))),
        "an element of one's own": lambda a: rows(a, sa.select(apart.element_that_writes(), Note.id)),
        "an element of one's own alone": lambda a: scalars(a, sa.select(apart.element_that_writes())),
    }
)


def _own(attack: Attack, **values: Any) -> Any:
    return sa.update(Note).where(Note.id == attack.own.notes[0]).values(**values)


def _new(attack: Attack, text: Any) -> dict[str, Any]:
    return {"organization_id": attack.own.id, "text": text}


reads(
    {
        "set to a subquery of the table": lambda a: scalars(a, _own(a, text=foreign_text()).returning(Note.text)),
        "set to a subquery of the model": lambda a: scalars(
            a, _own(a, text=sa.select(sa.func.max(_others.text)).scalar_subquery()).returning(Note.text)
        ),
        "set to text": lambda a: scalars(a, _own(a, text=sa.text(f"({THE_NOTE})")).returning(Note.text)),
        "returning a subquery of the table": lambda a: scalars(a, _own(a, text="a").returning(foreign_text())),
        "returning a subquery of the model": lambda a: scalars(
            a, _own(a, text="a").returning(sa.select(sa.func.max(_others.text)).scalar_subquery())
        ),
        "returning a literal column": lambda a: scalars(
            a, _own(a, text="a").returning(sa.literal_column(f"({THE_NOTE})"))
        ),
        "deleting and returning a subquery": lambda a: scalars(
            a, sa.delete(Note).where(Note.id == a.own.notes[0]).returning(foreign_text())
        ),
        "deleting where the table says so": lambda a: [
            "birch"
            for _ in scalars(
                a,
                sa.delete(Note)
                .where(sa.exists(sa.select(NOTES.c.id).where(NOTES.c.text == "birch note")))
                .returning(Note.id),
            )
        ],
        "inserting a subquery of the table": lambda a: scalars(
            a, sa.insert(Note).values(**_new(a, foreign_text())).returning(Note.text)
        ),
        "inserting a subquery of the model": lambda a: scalars(
            a,
            sa.insert(Note)
            .values(**_new(a, sa.select(sa.func.max(_others.text)).scalar_subquery()))
            .returning(Note.text),
        ),
        "inserting from the model": lambda a: scalars(
            a,
            sa.insert(Note)
            .from_select(["organization_id", "text"], sa.select(sa.literal(a.own.id), _others.text))
            .returning(Note.text),
        ),
        "inserting and returning a subquery": lambda a: scalars(
            a, sa.insert(Note).values(**_new(a, "x")).returning(foreign_text())
        ),
        "the attribute of an object": lambda a: _attribute(a, foreign_text()),
        "the attribute of an object, by the model": lambda a: _attribute(
            a, sa.select(sa.func.max(_others.text)).scalar_subquery()
        ),
    }
)


def _attribute(attack: Attack, value: Any) -> object:
    """SQL as an attribute's value, written by the flush and read back."""
    note = attack.session.get(Note, attack.own.notes[0])
    assert note is not None
    note.text = value
    attack.session.flush()
    return note.text


@read("what a conflict is answered with")
def on_conflict(attack: Attack) -> object:
    insert = postgresql.insert if attack.is_postgresql else sqlite.insert
    statement: Any = insert(Note).values(id=attack.own.notes[0], **_new(attack, "x"))
    changed = statement.on_conflict_do_update(index_elements=["id"], set_={"text": foreign_text()})
    return scalars(attack, changed.returning(Note.text))


@read("the field of an extraction", only="postgresql")
def extracted(attack: Attack) -> object:
    field = f"year FROM now()) || ({THE_NOTE}) || extract(year"
    return [str(value) for value in scalars(attack, sa.select(sa.cast(sa.extract(field, sa.func.now()), sa.Text())))]
