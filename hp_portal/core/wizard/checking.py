"""What is told of the fields of a step while somebody fills them in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FieldList, FormField, HiddenField

from hp_portal.core.wizard.showing import fields_of
from hp_portal.core.wizard.walking import notices_of


@dataclass(frozen=True)
class CheckedField:
    """What stands below a field of the page; nothing when nothing is wrong with it."""

    id: str
    errors: Sequence[str] = ()
    notices: Sequence[str] = ()


def checked_fields(form: FlaskForm, name: str) -> Iterator[CheckedField]:
    """The field that somebody has just left, and the others that may be right or wrong because of it. Nobody is told of a field
    that they have not come to. The form is validated."""
    noticed = notices_of(form)
    for field in every_field(fields_of(form)):
        own, filled = field.name == name, bool(field.data or (field.raw_data and any(field.raw_data)))
        if isinstance(field, HiddenField) or not (own or filled or isinstance(field, BooleanField)):
            continue
        errors = field.errors if own or filled else ()
        notices = () if errors else [text for one, text in noticed if one is field]
        yield CheckedField(field.id, errors, notices)


def every_field(fields: Iterable[Field]) -> Iterator[Field]:
    """The questions, also those in groups."""
    for one in fields:
        if isinstance(one, FieldList):
            yield from every_field(one.entries)
        elif isinstance(one, FormField):
            yield from every_field(one.form)
        else:
            yield one
