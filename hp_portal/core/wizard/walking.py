"""A draft read through the steps of its form: which are asked, which are done, and what was answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import Field, FieldList, FormField

from hp_portal.core.attachments.attaching import attached_files
from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.states import WENT_WRONG
from hp_portal.core.drafts.keeping import Fields, Part, about_draft, parts_of
from hp_portal.core.drafts.models import Draft
from hp_portal.core.web.fields import ParsedField
from hp_portal.core.wizard.declaring import Answers, Doubt, Section, Wizard, WizardStep
from hp_portal.core.wizard.showing import answers_of, fields_of
from hp_portal.database import PortalSession

_IN_GROUP = re.compile(r"-[0-9]{1,4}(-.+)?", re.ASCII)
MOST_TYPED = 200_000
"""Letters of a step that are kept, more than anybody types."""


@dataclass
class StepState:
    """A step of a draft: its form as saved, whether it is asked, was saved, and has no mistakes."""

    step: WizardStep
    form: FlaskForm
    part: Part
    files: Sequence[AttachedFile]
    good: bool

    @property
    def saved(self) -> bool:
        """Was anything of it saved?"""
        return self.part.version > 0

    @property
    def done(self) -> bool:
        """Was it saved, without mistakes?"""
        return self.saved and self.good


@dataclass
class Walk:
    """The steps that are asked, in order, and what was answered, blanks in those that nobody has come to."""

    draft: Draft
    wizard: Wizard
    states: list[StepState] = field(default_factory=list)
    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def find(self, key: str) -> StepState | None:
        """A step that is asked, or None."""
        return next((one for one in self.states if one.step.key == key), None)

    def number(self, key: str) -> int:
        """Which one it is, from 1."""
        return [one.step.key for one in self.states].index(key) + 1

    @property
    def missing(self) -> list[StepState]:
        """The steps that keep it from being sent."""
        return [one for one in self.states if not one.done]

    def after(self, key: str) -> StepState | None:
        """The step that follows; None: the review."""
        number = self.number(key)
        return self.states[number] if number < len(self.states) else None

    @property
    def first_open(self) -> StepState | None:
        """Where one goes on; None: the review."""
        return next(iter(self.missing), None)


def belongs(form: FlaskForm, name: str) -> bool:
    """Is this the name of one of the form's fields, or of one in its groups?"""
    for one in fields_of(form):
        if isinstance(one, AttachmentsField):
            continue
        if name == one.name:
            return not isinstance(one, FieldList | FormField)
        if isinstance(one, FieldList) and name.startswith(one.name) and _IN_GROUP.fullmatch(name[len(one.name) :]):
            return True
        if isinstance(one, FormField) and name.startswith(f"{one.name}-"):
            return True
    return False


def typed_of(step: WizardStep, sent: Iterable[tuple[str, str]]) -> Fields:
    """What was typed into the step's fields, as it was typed; without what does not belong to them."""
    blank = step.form(formdata=None, meta={"csrf": False})
    found, letters = [], 0
    for name, value in sent:
        letters += len(name) + len(value)
        if letters > MOST_TYPED:
            break
        if belongs(blank, name):
            # PostgreSQL keeps no NUL, and nobody types one.
            found.append((name, value.replace("\0", "")))
    return tuple(found)


def make_form(
    session: PortalSession,
    step: WizardStep,
    answers: Answers,
    typed: Fields | None,
    uploads: Sequence[tuple[str, FileStorage]] = (),
) -> FlaskForm:
    """The step's form with what was typed; None: nothing yet. The request's token is checked before any view is asked."""
    data: MultiDict[str, Any] | None = None
    if typed is not None:
        data = MultiDict([*typed, *uploads])
        # Of a form in which nothing is chosen, WTForms would not know that it was sent.
        data.setdefault("", "")
    form = step.form(formdata=data, meta={"csrf": False})
    form.answers, form.blank = answers, typed is None
    step.prepare(session, form, answers)
    return form


def is_good(form: FlaskForm, files: Sequence[AttachedFile]) -> bool:
    """Validate a form; a file that is attached already need not be chosen again."""
    fine = any(one.state not in WENT_WRONG for one in files)
    for one in fields_of(form):
        if isinstance(one, AttachmentsField) and fine:
            one.required = ""
    return bool(form.validate())


def takes_files_in(step: WizardStep) -> bool:
    """Can files be attached in this step? Told by its class: a form needs a running app."""
    fields = (getattr(step.form, name, None) for name in dir(step.form))
    return any(issubclass(getattr(one, "field_class", object), AttachmentsField) for one in fields)


def takes_any_files(wizard: Wizard) -> bool:
    """Can files be attached in any of its steps?"""
    return any(map(takes_files_in, wizard.steps))


def walk(session: PortalSession, wizard: Wizard, draft: Draft) -> Walk:
    """Read a draft through all of its steps; those whose answers a change has made wrong are not done any more."""
    parts, found = parts_of(session, draft), Walk(draft, wizard)
    for step in wizard.steps:
        if not step.when(found.answers):
            continue
        part = parts.get(step.key, Part())
        form = make_form(session, step, dict(found.answers), part.typed if part.version else None)
        files = attached_files(session, about_draft(draft.id, step.key)) if takes_files_in(step) else ()
        good = bool(part.version) and is_good(form, files)
        found.states.append(StepState(step, form, part, files, good))
        found.answers[step.key] = _readable(form)
    return found


def _readable(form: FlaskForm) -> dict[str, Any]:
    """The answers of a form: of a line that cannot be read there is none."""
    return {
        one.name: None if isinstance(one, ParsedField) and one.process_errors else one.data
        for one in fields_of(form)
        if not isinstance(one, AttachmentsField)
    }


def sections(found: Walk) -> tuple[Section, ...]:
    """The answers in words, a section for each step."""
    return tuple(Section(one.step.title, tuple(answers_of(one.form, one.files)), one.step.key) for one in found.states)


def doubts(session: PortalSession, found: Walk) -> tuple[Doubt, ...]:
    """What is in doubt, once everything is answered."""
    if found.missing:
        return ()
    noticed = [Doubt(one.step.key, text) for one in found.states for _, text in notices_of(one.form)]
    return (*noticed, *found.wizard.doubts(session, found.answers))


def notices_of(form: FlaskForm) -> list[tuple[Field, str]]:
    """What a form points out at its fields, and does not refuse."""
    notices = getattr(form, "notices", None)
    return list(notices()) if notices else []
