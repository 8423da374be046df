"""Answers in words, and what two versions of the same questions differ in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, FieldList, FormField, HiddenField
from wtforms.fields.choices import SelectFieldBase

from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.web.fields import AmountField, ParsedField
from hp_portal.core.web.formats import show_date, show_money
from hp_portal.core.wizard.declaring import Answer

NOTHING = "Not given"


def fields_of(form: Any) -> list[Field]:
    """The questions of a form: not its token."""
    return [field for field in form if field.type != "CSRFTokenField"]


def in_words(field: Field) -> str:
    """What was answered, as people read it. A field with `words()` says it itself."""
    if words := getattr(field, "words", None):
        return str(words()) or NOTHING
    if isinstance(field, BooleanField):
        return "Yes" if field.data else "No"
    if isinstance(field, SelectFieldBase):
        chosen = field.data if isinstance(field.data, list) else [field.data]
        labels = [str(choice.label) for choice in field.iter_choices() if choice.value in chosen and choice.value != ""]
        return ", ".join(labels) or NOTHING
    if isinstance(field.data, dt.date):
        return show_date(field.data)
    if isinstance(field, AmountField) and field.data is not None:
        return show_money(field.data)
    if isinstance(field, ParsedField):
        return str(field._value()).strip() or NOTHING
    return str(field.data or "").strip() or NOTHING


def answers_of(form: Any, files: Sequence[AttachedFile] = ()) -> Iterator[Answer]:
    """Each question of a form with its answer; of groups, each by its number."""
    for field in fields_of(form):
        yield from _answers(field, files)


def _answers(field: Field, files: Sequence[AttachedFile], before: str = "") -> Iterator[Answer]:
    label = f"{before}{field.label.text}"
    if isinstance(field, HiddenField):
        return  # the page's own, and nobody's answer
    if getattr(field, "words", None):
        yield Answer(label, in_words(field), field.id)
    elif isinstance(field, AttachmentsField):
        yield Answer(label, ", ".join(one.name for one in files) or "No file", field.id)
    elif isinstance(field, FieldList):
        for number, entry in enumerate(field.entries, 1):
            name = f"{before}{entry.label.text} {number}"
            if isinstance(entry, FormField):
                for inner in entry.form:
                    yield from _answers(inner, files, f"{name}: ")
            else:
                yield Answer(name, in_words(entry), entry.id)
    elif isinstance(field, FormField):
        for inner in field.form:
            yield from _answers(inner, files, f"{label}: ")
    else:
        yield Answer(label, in_words(field), field.id + ("-0" if _is_choices(field) else ""))


def _is_choices(field: Field) -> bool:
    return bool(getattr(getattr(field, "option_widget", None), "input_type", ""))


@dataclass(frozen=True)
class Difference:
    """A question that two people have answered differently."""

    label: str
    yours: str
    saved: str


def differences(yours: FlaskForm, saved: FlaskForm) -> list[Difference]:
    """What differs between what somebody wants to save and what was saved meanwhile."""
    mine = {one.label: one.text for one in answers_of(yours)}
    theirs = {one.label: one.text for one in answers_of(saved)}
    labels = dict.fromkeys([*mine, *theirs])
    found = [Difference(label, mine.get(label, NOTHING), theirs.get(label, NOTHING)) for label in labels]
    return [one for one in found if one.yours != one.saved]
