"""Ways to read by the shape of a statement."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Bundle, aliased, with_loader_criteria, with_polymorphic

from hp_portal.api import granted_payees
from hp_portal.core.organizations.models import Organization
from hp_portal.scopes import Scoped
from tests.sample_plugin.notes import Note

from . import apart
from .way import (
    GRANTS,
    NOTES,
    Attack,
    foreign_text,
    read,
    reads,
    rows,
    scalars,
    the_other_s,
)

_light = sa.table("sample_note", sa.column("text"), sa.column("id"))
_inner = sa.select(NOTES.c.text).subquery()
_exists = sa.exists(sa.select(NOTES.c.id).where(NOTES.c.text == "birch note"))
_bundle: Any = Bundle("b", NOTES.c.text, NOTES.c.id)
_others = aliased(Note)
_alias = NOTES.alias("n")

reads(
    {
        "the table": lambda a: rows(a, sa.select(NOTES)),
        "a column of the table": lambda a: scalars(a, sa.select(NOTES.c.text)),
        "an alias of the table": lambda a: scalars(a, sa.select(NOTES.alias().c.text)),
        "the mapper's column": lambda a: scalars(a, sa.select(sa.inspect(Note).columns.text)),
        "a column without its annotations": lambda a: scalars(
            a, sa.select(sa.inspect(Note).attrs.text.expression._deannotate())
        ),
        "a query of the table": lambda a: a.session.query(NOTES.c.text).all(),
        "a bundle of the table's columns": lambda a: [row[0][0] for row in rows(a, sa.select(_bundle))],
        "the table within a subquery": lambda a: scalars(a, sa.select(_inner.c.text)),
        "the table within a subquery beside a model": lambda a: rows(a, sa.select(Note.id, _inner.c.text)),
        "the table joined to a model": lambda a: scalars(
            a, sa.select(_alias.c.text).select_from(Organization).outerjoin(_alias, sa.true())
        ),
        "a model joined to a subquery of the table": lambda a: scalars(
            a, sa.select(_inner.c.text).select_from(Note).join(_inner, sa.true())
        ),
        "a scalar subquery of the table": lambda a: rows(a, sa.select(Note.id, foreign_text())),
        "a function of a scalar subquery": lambda a: scalars(a, sa.select(sa.func.upper(foreign_text()), Note.id)),
        "a case with the table": lambda a: scalars(
            a, sa.select(sa.case((_exists, "birch"), else_="")).select_from(Note)
        ),
        "exists in a column": lambda a: ["birch" for found in scalars(a, sa.select(_exists)) if found],
        "exists in where": lambda a: ["birch" for _ in scalars(a, sa.select(Note.id).where(_exists))],
        "a subquery in limit": lambda a: [
            "birch"
            for _ in scalars(a, sa.select(Note.id).limit(sa.select(sa.func.count()).where(_exists).scalar_subquery()))
        ],
        "a subquery in having": lambda a: [
            "birch" for _ in rows(a, sa.select(sa.func.count(Note.id)).group_by(Note.organization_id).having(_exists))
        ],
        "the window of a subquery": lambda a: rows(
            a, sa.select(Note.id, sa.func.max(foreign_text()).over(partition_by=Note.id))
        ),
        "a table by its name": lambda a: scalars(a, sa.select(_light.c.text)),
        "a table by its name within exists": lambda a: [
            "birch" for _ in scalars(a, sa.select(Note.id).where(sa.exists().where(_light.c.text == "birch note")))
        ],
        "a table of metadata of one's own": lambda a: scalars(
            a, sa.select(sa.Table("sample_note", sa.MetaData(), sa.Column("text", sa.Text())).c.text)
        ),
        "the core's own grant table": lambda a: the_other_s(
            a, scalars(a, sa.select(granted_payees().get_final_froms()[0].c.payee_id))
        ),
        "the grants of another, by its parameter": lambda a: the_other_s(
            a, scalars(a, granted_payees(), params={"scope_organization_id": a.other.id})
        ),
        "the grants of another, by params()": lambda a: the_other_s(
            a, scalars(a, granted_payees().params(scope_organization_id=a.other.id))
        ),
        "the scope's parameter": lambda a: scalars(
            a, sa.select(Note.text), params={"scope_organization_id": a.other.id}
        ),
        "a common table expression": lambda a: scalars(a, sa.select(sa.select(NOTES.c.text).cte("c").c.text)),
        "a model aliased to the table": lambda a: scalars(a, sa.select(aliased(Note, NOTES.alias("x")).text)),
        "a model aliased to a subquery of the table": lambda a: scalars(
            a, sa.select(aliased(Note, sa.select(NOTES).subquery()).text)
        ),
        "a model aliased to a common table expression": lambda a: scalars(
            a, sa.select(aliased(Note, sa.select(NOTES).cte()).text)
        ),
        "a union of tables": lambda a: scalars(a, sa.union_all(sa.select(Note.text), sa.select(NOTES.c.text))),
        "a union within a subquery": lambda a: scalars(
            a, sa.select(sa.union(sa.select(NOTES.c.text), sa.select(sa.literal("x"))).subquery().c.text)
        ),
        "an intersection with the table": lambda a: scalars(
            a, sa.intersect(sa.select(NOTES.c.text), sa.select(sa.literal("birch note")))
        ),
        "a model named by where alone": lambda a: [
            "birch" for count in scalars(a, sa.select(sa.func.count()).where(Note.text == "birch note")) if count
        ],
        "a model in a function": lambda a: scalars(a, sa.select(sa.func.max(Note.text))),
        "a model in a cast": lambda a: scalars(a, sa.select(sa.cast(Note.text, sa.String(50)))),
        "a second alias in a subquery": lambda a: rows(
            a, sa.select(Note.id, sa.select(sa.func.max(_others.text)).scalar_subquery())
        ),
        "a model within a subquery of a subquery": lambda a: scalars(
            a, sa.select(sa.select(sa.select(Note.text).subquery()).subquery().c.text)
        ),
        "criteria of one's own": lambda a: scalars(
            a, sa.select(Note.text).options(with_loader_criteria(Scoped, sa.true(), include_aliases=True))
        ),
        "criteria of one's own for the model": lambda a: scalars(
            a, sa.select(Note.text).options(with_loader_criteria(Note, lambda _cls: sa.true()))
        ),
        "joined inheritance, the child's column": lambda a: scalars(a, sa.select(apart.Letter.body)),
        "joined inheritance, the child's table": lambda a: scalars(
            a,
            sa.select(apart.Letter.__table__.c.body),
        ),
        "joined inheritance, polymorphic": lambda a: scalars(
            a, sa.select(with_polymorphic(apart.Memo, [apart.Letter]).Letter.body)
        ),
        "joined inheritance, an alias": lambda a: scalars(a, sa.select(aliased(apart.Letter, flat=True).body)),
        "the core's table as a model of one's own": lambda a: scalars(a, sa.select(sa.inspect(apart.Twin).attrs.text)),
        "a lambda statement": lambda a: scalars(a, sa.lambda_stmt(lambda: sa.select(NOTES.c.text))),
        "pages of the table": lambda a: scalars(a, sa.select(NOTES.c.text).execution_options(yield_per=1)),
        "pages of the model": lambda a: [
            list(part) for part in a.session.scalars(sa.select(Note.text)).yield_per(1).partitions(1)
        ],
    }
)


@read("exists in order by")
def in_order_by(attack: Attack) -> object:
    order = sa.case((_exists, Note.id), else_=-Note.id)
    found = scalars(attack, sa.select(Note.id).where(Note.id.in_(attack.own.notes)).order_by(order))
    return "birch" if found == sorted(found) and len(found) == 2 else ""


@read("a recursive common table expression")
def recursive(attack: Attack) -> object:
    start = sa.select(NOTES.c.text, sa.literal(1).label("n")).cte("c", recursive=True)
    return rows(attack, sa.select(start.union_all(sa.select(start.c.text, start.c.n + 1).where(start.c.n < 2))))


@read("a lateral subquery of the table", only="postgresql")
def lateral(attack: Attack) -> object:
    part = sa.select(_alias.c.text).where(_alias.c.id != Note.id).correlate(Note).lateral()
    return scalars(attack, sa.select(part.c.text).select_from(Note).join(part, sa.true()))


@read("a lateral subquery of the model", only="postgresql")
def lateral_model(attack: Attack) -> object:
    part = sa.select(_others.text).where(_others.id != Note.id).correlate(Note).lateral()
    return scalars(attack, sa.select(part.c.text).select_from(Note).join(part, sa.true()))


@read("a sample of the table", only="postgresql")
def sampled(attack: Attack) -> object:
    return scalars(attack, sa.select(NOTES.tablesample(sa.func.bernoulli(100)).c.text))


@read("a sample of the model", only="postgresql")
def sampled_model(attack: Attack) -> object:
    return scalars(attack, sa.select(aliased(Note, sa.tablesample(NOTES, 100)).text))


def _changing(target: Any) -> Any:
    return sa.update(target).values(text=sa.func.trim(NOTES.c.text)).returning(NOTES.c.text).cte("changed")


@read("a data-modifying expression of the table", only="postgresql")
def changing_table(attack: Attack) -> object:
    return scalars(attack, sa.select(_changing(NOTES).c.text))


@read("a data-modifying expression of the model", only="postgresql")
def changing_model(attack: Attack) -> object:
    changed = sa.update(Note).values(text=sa.func.trim(Note.text)).returning(Note.text).cte("changed")
    return scalars(attack, sa.select(changed.c.text))


@read("a deleting expression of the model", only="postgresql")
def deleting_model(attack: Attack) -> object:
    gone = sa.delete(Note).where(Note.text == "birch note").returning(Note.text).cte("gone")
    return scalars(attack, sa.select(gone.c.text))


@read("a function that runs a statement", only="postgresql")
def running_a_statement(attack: Attack) -> object:
    words = sa.func.ts_stat("SELECT to_tsvector(text) FROM sample_note").table_valued("word")
    return scalars(attack, sa.select(words.c.word))


@read("the table by a listener of one's own")
def by_a_listener(attack: Attack) -> object:
    def replace(state: Any) -> None:
        state.statement = sa.select(foreign_text()).select_from(Note)

    sa.event.listen(attack.session, "do_orm_execute", replace)
    return scalars(attack, sa.select(Note.text))


@read("the other's grants by the table")
def grants(attack: Attack) -> object:
    return the_other_s(attack, scalars(attack, sa.select(GRANTS.c.payee_id)))
