"""Reading facts of practitioners, locations and affiliations, in the session's scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import sqlalchemy as sa

from hp_portal.api import PortalSession

from .fields import Subject
from .models import FACTS, SEALED, PractitionerFact, subject_column
from .timeline import Told, value_on

Key = tuple[str, str]
"""Field and item; the item is empty for a field of one value."""
Facts = Mapping[Key, list[Told]]
"""All that was recorded of a subject, in the order in which it was."""
_AT_ONCE = 500
Id = TypeVar("Id", int, str)


def in_parts(ids: Iterable[Id]) -> Iterator[list[Id]]:
    """Ids, or what else rows are found by, in lists that a statement takes."""
    found = sorted(set(ids))
    for start in range(0, len(found), _AT_ONCE):
        yield found[start : start + _AT_ONCE]


def facts_of(
    session: PortalSession, subject: Subject, ids: Iterable[int], *, sealed: bool = False
) -> dict[int, dict[Key, list[Told]]]:
    """All facts about these subjects that the scope sees, by subject; with `sealed`, what is about the person alone, too."""
    model, column = FACTS[subject], subject_column(subject)
    # Columns, not rows as objects: a load of the whole record reads all of it.
    told = (model.id, model.holds_from, model.value, model.withdrawn, model.recorded_at, model.change_id)
    kept = (PractitionerFact.token, PractitionerFact.value_sealed) if subject == "practitioner" else ()
    found: dict[int, dict[Key, list[Told]]] = {}
    for part in in_parts(ids):
        wanted = sa.select(column, model.field, model.item, *told, *kept).where(column.in_(part)).order_by(model.id)
        if kept and not sealed:
            wanted = wanted.where(PractitionerFact.value_sealed.is_(None))
        for subject_id, field, item, *values in session.execute(wanted):
            fact = Told(*values[: len(told)])
            if kept and values[-1] is not None:
                fact = replace(fact, value=session.vault.open_text(values[-1], SEALED(values[-2])))
            found.setdefault(subject_id, {}).setdefault((field, item), []).append(fact)
    return found


def values_on(facts: Facts, day: dt.date, known_at: dt.datetime | None = None) -> dict[Key, str]:
    """What holds on a day, as it was known at a moment (None: now); what has no value is left out."""
    found = {key: value_on(told, day, known_at) for key, told in facts.items()}
    return {key: value for key, value in found.items() if value}


def items_of(values: Mapping[Key, str], field: str) -> dict[str, str]:
    """The values of a field by item, in the order of the items."""
    return {item: value for (name, item), value in sorted(values.items()) if name == field}


def holding(
    subject: Subject, field: str, day: dt.date, *, item: str | None = None, value: Sequence[str] = ()
) -> sa.Select[int, str, str]:
    """A statement: the subjects for which a field holds on a day, each with item and value; `item` and `value` narrow it."""
    model, column = FACTS[subject], subject_column(subject)
    newer = sa.orm.aliased(model)
    newest = (
        sa.select(sa.func.max(newer.id))
        .where(
            getattr(newer, column.key) == column,
            newer.field == model.field,
            newer.item == model.item,
            newer.holds_from == model.holds_from,
        )
        .correlate(model)
        .scalar_subquery()
    )
    place = (
        sa.func.row_number()
        .over(partition_by=(column, model.item), order_by=(model.holds_from.desc(), model.id.desc()))
        .label("place")
    )
    counting = sa.select(column.label("subject"), model.item, model.value, place).where(
        model.field == field, model.holds_from <= day, model.withdrawn.is_(False), model.id == newest
    )
    if item is not None:
        counting = counting.where(model.item == item)
    found = counting.subquery()
    wanted = sa.select(found.c.subject, found.c.item, found.c.value).where(found.c.place == 1, found.c.value != "")
    return wanted.where(found.c.value.in_(value)) if value else wanted
