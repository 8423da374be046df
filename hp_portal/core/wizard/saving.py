"""What is done with a long form: a step saved, rows of a group added and removed, the whole sent. Nothing here commits."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_wtf import FlaskForm
from werkzeug.datastructures import FileStorage, MultiDict
from wtforms import FieldList, FormField

from hp_portal.core.attachments.attaching import attached_files, forget_attached
from hp_portal.core.attachments.fields import AttachmentsField
from hp_portal.core.audit.record import record
from hp_portal.core.drafts import keeping
from hp_portal.core.drafts.keeping import Fields, Part, about_draft, entitle, hold_draft, is_there, save_part
from hp_portal.core.identity.actor import Actor
from hp_portal.core.signing.forms import SignedForm
from hp_portal.core.web.prefixes import split
from hp_portal.core.wizard.declaring import Sent, Wizard, WizardStep
from hp_portal.core.wizard.showing import fields_of
from hp_portal.core.wizard.walking import Walk, doubts, make_form, sections, takes_files_in, walk
from hp_portal.database import PortalSession

_ROW = re.compile(r"(?P<group>[A-Za-z_][A-Za-z0-9_]*)-(?P<number>[0-9]{1,4})", re.ASCII)


class NotAsked(Exception):
    """This draft has no such step: other answers make it unnecessary, or there never was one."""


class NotComplete(Exception):
    """Something is missing, so nothing was sent."""


class NotSigned(Exception):
    """The signature is missing or is not theirs, or what was shown is not what would be signed; nothing was sent."""


@dataclass(frozen=True)
class Saved:
    """A step that was saved: how the draft stands, the step's form with what is wrong in it, and its version now."""

    walk: Walk
    form: FlaskForm
    part: Part
    good: bool


class Meanwhile(Exception):
    """Somebody has saved other values of the step; both forms, and what was saved."""

    def __init__(self, yours: FlaskForm, saved: FlaskForm, part: Part) -> None:
        super().__init__("the step was saved meanwhile")
        self.yours, self.saved, self.part = yours, saved, part


def save_step(
    session: PortalSession,
    actor: Actor,
    wizard: Wizard,
    draft_id: int,
    key: str,
    typed: Fields,
    *,
    seen: int,
    page: str = "",
    uploads: Sequence[tuple[str, FileStorage]] = (),
    aloud: bool = True,
) -> Saved:
    """Keep what was typed of a step, whether or not it has mistakes, and attach its files.

    `aloud`: somebody has pressed a button, which is recorded; what is saved while they type is not. Raises Meanwhile, NotAsked,
    DraftGone, DraftSent.
    """
    draft = hold_draft(session, wizard.key, draft_id)
    step = _asked(walk(session, wizard, draft), key)
    try:
        part = save_part(session, actor, draft, key, typed, seen=seen, page=page, by_itself=not aloud)
    except keeping.SavedMeanwhile as error:
        before = walk(session, wizard, draft)
        answers = dict(before.answers)
        yours, saved = (make_form(session, step, answers, one) for one in (typed, error.part.typed))
        raise Meanwhile(yours, saved, error.part) from None
    refused = _attach(session, actor, draft_id, step, uploads)
    found = walk(session, wizard, draft)
    entitle(session, draft, wizard.title(found.answers))
    if aloud:
        record(session, "draft.saved", draft=draft.id, kind=draft.kind)
    state = found.find(key)
    if state is None:
        raise NotAsked
    for name, problems in refused.items():
        state.form[name].errors = [*state.form[name].errors, *problems]
    return Saved(found, state.form, part, state.good and not refused)


def _asked(found: Walk, key: str) -> WizardStep:
    state = found.find(key)
    if state is None:
        raise NotAsked
    return state.step


def _attach(
    session: PortalSession, actor: Actor, draft_id: int, step: WizardStep, uploads: Sequence[tuple[str, FileStorage]]
) -> Mapping[str, list[str]]:
    """Attach what was chosen; by field, a sentence for each file that was not attached."""
    chosen = [(name, upload) for name, upload in uploads if upload.filename]
    if not chosen:
        return {}
    form = make_form(session, step, {}, (), chosen)
    refused = {}
    for one in fields_of(form):
        if isinstance(one, AttachmentsField) and not one.attach(
            session,
            owner=actor,
            about=about_draft(draft_id, step.key),
            alive=lambda: is_there(session, draft_id),
        ):
            refused[one.name] = list(one.errors)
    return refused


def with_row(step: WizardStep, typed: Fields, group: str) -> tuple[Fields, str]:
    """What was typed with one more empty row in a group, and the id of its first field; the same where there can be no more."""
    field = _group(step, typed, group)
    if field is None or len(field) >= (field.max_entries or 100):
        return typed, ""
    field.append_entry()
    entry = field.entries[-1]
    first = next(iter(entry.form)) if isinstance(entry, FormField) else entry
    return (*_named(field, typed), (first.name, "")), first.id


def without_row(step: WizardStep, typed: Fields, row: str) -> Fields:
    """What was typed without a row of a group, such as `places-1`; the others keep their order."""
    found = _ROW.fullmatch(row)
    if found is None:
        return typed
    field = _group(step, typed, found["group"])
    if field is None or len(field) <= field.min_entries:
        return typed
    return tuple((name, value) for name, value in typed if name != row and not name.startswith(f"{row}-"))


def with_values(typed: Fields, values: Mapping[str, str]) -> Fields:
    """What was typed, with values in the fields that are empty."""
    full = {name for name, text in typed if text.strip()}
    new = {name: text for name, text in values.items() if name not in full}
    return (*((name, text) for name, text in typed if name not in new), *new.items())


def _group(step: WizardStep, typed: Fields, group: str) -> FieldList | None:
    form = step.form(formdata=MultiDict(typed), meta={"csrf": False})
    return next((one for one in fields_of(form) if one.name == group and isinstance(one, FieldList)), None)


def _named(field: FieldList, typed: Fields) -> Fields:
    """What was typed, and a name for each row of the group that has none of its own in it, so that it is there again."""
    names = {name for name, _ in typed}
    missing = []
    for entry in field.entries[:-1]:
        first = next(iter(entry.form)) if isinstance(entry, FormField) else entry
        if not any(name == entry.name or name.startswith(f"{entry.name}-") for name in names):
            missing.append((first.name, ""))
    return (*typed, *missing)


def send_form(
    session: PortalSession, actor: Actor, wizard: Wizard, draft_id: int, form: SignedForm | None = None
) -> str:
    """Send a draft that is complete: once, whatever is pressed twice. The path of what came of it. `form` is the signature, where
    the form is signed.

    Raises NotComplete, NotSigned, DraftGone; DraftSent with that path when it was sent before.
    """
    draft = hold_draft(session, wizard.key, draft_id)
    found = walk(session, wizard, draft)
    if found.missing or actor.organization_id is None:
        raise NotComplete
    said = sections(found)
    paper = wizard.signed(said) if wizard.signed else None
    if paper is not None and form is not None:
        form.to_sign(paper, actor.display_name)
    if paper is not None and (form is None or not form.validate()):
        raise NotSigned
    words = []
    for step in filter(takes_files_in, wizard.steps):
        word = about_draft(draft.id, step.key)
        if found.find(step.key) is None:
            forget_attached(session, word)
        elif attached_files(session, word):
            words.append(word)
    sent = Sent(
        actor,
        actor.organization_id,
        wizard.title(found.answers),
        found.answers,
        said,
        doubts(session, found),
        tuple(words),
        paper,
        form.signature.data if form is not None else "",
    )
    to = split(wizard.send(session, sent))[1]
    if paper is not None and not sent.signed_about:
        raise RuntimeError(f"{wizard.key} is signed, and its send keeps no signature")
    for word in words:  # what nobody kept would be found by nobody
        forget_attached(session, word)
    keeping.close_draft(session, draft, to)
    return to
