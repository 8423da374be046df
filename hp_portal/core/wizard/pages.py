"""The pages of a long form: where one begins, a page for each step, the review. `mount_wizard` hangs them on a blueprint."""

from __future__ import annotations

import secrets
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access.enforce import the_actor
from hp_portal.core.attachments.attaching import CannotRemove, remove_attached
from hp_portal.core.attachments.handing import hand_out_attached
from hp_portal.core.drafts.keeping import (
    DraftGone,
    DraftSent,
    Fields,
    Part,
    about_draft,
    find_draft,
    hold_draft,
    name_of,
    note_visit,
    others_at,
    start_draft,
    title_of,
)
from hp_portal.core.drafts.listing import drafts_of_kind
from hp_portal.core.drafts.models import Draft
from hp_portal.core.signing.forms import SignedForm
from hp_portal.core.web.prefixes import asked_organization, below
from hp_portal.core.web.render import db_session, page, redirect_to, settings
from hp_portal.core.wizard.checking import checked_fields
from hp_portal.core.wizard.declaring import Fill, Wizard, WizardStep
from hp_portal.core.wizard.saving import (
    Meanwhile,
    NotAsked,
    NotComplete,
    NotSigned,
    save_step,
    send_form,
    with_row,
    with_values,
    without_row,
)
from hp_portal.core.wizard.showing import differences
from hp_portal.core.wizard.walking import (
    StepState,
    Walk,
    doubts,
    make_form,
    sections,
    typed_of,
    walk,
)

REVIEW = "review"
SENT_ALREADY = "This was sent already. Nothing was sent a second time."


class WizardPages:
    """What the pages of one long form do."""

    def __init__(self, wizard: Wizard) -> None:
        self.wizard = wizard

    def url(self, deed: str, **values: Any) -> str:
        """The address of one of its pages."""
        return url_for(self.wizard.endpoint(deed), **values)

    def start(self) -> ResponseReturnValue:
        found = drafts_of_kind(db_session(), the_actor(), self.wizard.key)
        return page("wizard/start.html", wizard=self.wizard, drafts=found, pages=self, days=settings().draft_days)

    def begin(self) -> ResponseReturnValue:
        db = db_session()
        draft = start_draft(db, the_actor(), self.wizard.drafts)
        first = self.wizard.steps[0]
        state: StepState | None = None
        for step in self.wizard.steps:
            # A link that knows about what it is says so: steps are filled in, and asked only where more is needed. The fields of
            # a later step stand behind its key and a dot.
            ahead = "" if step is first else f"{step.key}."
            sent = [(name, text) for name, text in request.form.items(multi=True) if name.startswith(ahead)]
            typed = typed_of(step, [(name.removeprefix(ahead), text) for name, text in sent])
            if typed and (step is first or walk(db, self.wizard, draft).find(step.key)):
                saved = save_step(db, the_actor(), self.wizard, draft.id, step.key, typed, seen=0, page=_page_word())
                state = saved.walk.first_open
        db.commit()
        return redirect_to(self.url("step", draft_id=draft.id, step=state.step.key if state else first.key))

    def go_on(self, draft_id: int) -> ResponseReturnValue:
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        state = walk(db_session(), self.wizard, draft).first_open
        return redirect_to(self._of(draft_id, state))

    def _of(self, draft_id: int, state: StepState | None) -> str:
        if state is None:
            return self.url("review", draft_id=draft_id)
        return self.url("step", draft_id=draft_id, step=state.step.key)

    def _draft(self, draft_id: int) -> Draft | Response:
        """A draft that one may go on with; where it led to when it was sent; 404."""
        try:
            return find_draft(db_session(), self.wizard.key, draft_id)
        except DraftGone:
            abort(404)
        except DraftSent as error:
            return self._sent(error)

    def _sent(self, error: DraftSent) -> Response:
        flash(SENT_ALREADY, "info")
        return redirect_to(_here(error.to))

    def step(self, draft_id: int, step: str) -> ResponseReturnValue:
        db, actor = db_session(), the_actor()
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        found = walk(db, self.wizard, draft)
        state = found.find(step) or abort(404)
        if not (request.args.get("back") and state.saved):  # nothing is reproached that somebody has not tried to send
            _forget_errors(state.form)
        shown = self._page(found, state)
        try:
            if note_visit(db, actor, draft):
                db.commit()
        except DraftGone:
            db.rollback()
            abort(404)
        return shown

    def _page(self, found: Walk, state: StepState, status: int = 200, **more: Any) -> Response:
        db, draft, part = db_session(), found.draft, state.part
        back = request.values.get("back", "")
        given: dict[str, Any] = {
            "wizard": self.wizard,
            "pages": self,
            "found": found,
            "state": state,
            "form": state.form,
            "number": found.number(state.step.key),
            "total": len(found.states) + 1,
            "version": part.version,
            "page_word": _page_word() or secrets.token_hex(8),
            "saved": _saved(part),
            "draft_title": title_of(db, draft),
            "others": others_at(db, the_actor(), draft),
            "back": REVIEW if back == REVIEW else "",
            "files": state.files,
            "conflict": (),
            "conflict_by": "",
        }
        return page("wizard/step.html", "files", status=status, **{**given, **more})

    def save(self, draft_id: int, step: str) -> ResponseReturnValue:
        """*Continue*, *Save and close*, *Add another* and *Remove*: what was typed is kept in any case."""
        db, actor = db_session(), the_actor()
        declared = self.wizard.step(step) or abort(404)
        typed = typed_of(declared, request.form.items(multi=True))
        go, _, row = request.form.get("go", "").partition(":")
        anchor = ""
        if go == "add":
            typed, anchor = with_row(declared, typed, row)
        elif go == "remove":
            typed = without_row(declared, typed, row)
        elif go == "fill":
            typed, anchor = self._filled(draft_id, declared, typed)
        uploads = [(name, one) for name in request.files for one in request.files.getlist(name)]
        try:
            saved = save_step(
                db, actor, self.wizard, draft_id, step, typed, seen=_seen(), page=_page_word(), uploads=uploads
            )
        except Meanwhile as error:
            db.rollback()
            return self._meanwhile(draft_id, step, error)
        except (DraftGone, NotAsked):
            db.rollback()
            abort(404)
        except DraftSent as error:
            db.rollback()
            return self._sent(error)
        db.commit()
        if go in ("add", "remove", "fill"):
            back = REVIEW if request.form.get("back") == REVIEW else None
            return redirect_to(self.url("step", draft_id=draft_id, step=step, back=back, _anchor=anchor or "fields"))
        if go == "close":
            flash(f"“{self.wizard.label}” was saved. You find it here under Your drafts.", "good")
            return redirect_to(url_for("pages.home"))
        if not saved.good:
            state = saved.walk.find(step) or abort(404)
            return self._page(saved.walk, state, 422)
        if request.form.get("back") == REVIEW:
            return redirect_to(self.url("review", draft_id=draft_id))
        return redirect_to(self._of(draft_id, saved.walk.after(step)))

    def _filled(self, draft_id: int, step: WizardStep, typed: Fields) -> tuple[Fields, str]:
        """What was typed with what the form can fill in, and the id of the field beside which it offers that."""
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return typed, ""  # saving it leads to where it was sent
        answers = walk(db_session(), self.wizard, draft).answers
        form = make_form(db_session(), step, dict(answers), typed)
        fill: Fill | None = getattr(form, "fill", None)
        if fill is None:
            return typed, ""
        values, words = fill.look()
        flash(words, "info")
        return with_values(typed, values), form[fill.after].id

    def _meanwhile(self, draft_id: int, step: str, error: Meanwhile) -> Response:
        """Both values are shown: what somebody has typed is in the form, and saves over the other one when it is sent again."""
        db = db_session()
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        found = walk(db, self.wizard, draft)
        state = found.find(step) or abort(404)
        _forget_errors(error.yours)
        return self._page(
            found,
            StepState(state.step, error.yours, error.part, state.files, good=False),
            409,
            conflict=differences(error.yours, error.saved),
            conflict_by=name_of(db, error.part.by_id),
        )

    def keep(self, draft_id: int, step: str) -> ResponseReturnValue:
        """Asked by the page itself while somebody types: what is there is kept, with its mistakes."""
        db, actor = db_session(), the_actor()
        declared = self.wizard.step(step) or abort(404)
        typed = typed_of(declared, request.form.items(multi=True))
        try:
            saved = save_step(
                db, actor, self.wizard, draft_id, step, typed, seen=_seen(), page=_page_word(), aloud=False
            )
        except Meanwhile as error:
            db.rollback()
            return page(
                "wizard/kept.html", version=None, at=error.part.at, by=name_of(db, error.part.by_id), status=409
            )
        except (DraftGone, DraftSent, NotAsked):
            db.rollback()
            return page("wizard/kept.html", version=None, at=None, by="", status=404)
        db.commit()
        return page("wizard/kept.html", version=saved.part.version, at=saved.part.at, by="")

    def check(self, draft_id: int, step: str) -> ResponseReturnValue:
        """Asked by the page itself when a field was filled in: what is wrong with it, or may be, and with the others that were
        filled in before it. Nothing is kept."""
        db = db_session()
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        found = walk(db, self.wizard, draft)
        state = found.find(step) or abort(404)
        form = make_form(db, state.step, dict(found.answers), typed_of(state.step, request.form.items(multi=True)))
        form.validate()
        return page("wizard/checked.html", fields=list(checked_fields(form, request.args.get("field", ""))))

    def review(self, draft_id: int, status: int = 200, form: SignedForm | None = None) -> ResponseReturnValue:
        db = db_session()
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        found = walk(db, self.wizard, draft)
        if self.wizard.signed and not found.missing:
            form = form or SignedForm()
            form.to_sign(self.wizard.signed(sections(found)), the_actor().display_name)
        shown = page(
            "wizard/review.html",
            form=form,
            wizard=self.wizard,
            pages=self,
            found=found,
            sections=list(zip(found.states, sections(found), strict=True)),
            doubts=doubts(db, found),
            number=len(found.states) + 1,
            total=len(found.states) + 1,
            draft_title=title_of(db, draft),
            others=others_at(db, the_actor(), draft),
            status=status,
        )
        try:
            if note_visit(db, the_actor(), draft):
                db.commit()
        except DraftGone:
            db.rollback()
            abort(404)
        return shown

    def send(self, draft_id: int) -> ResponseReturnValue:
        db, form = db_session(), SignedForm() if self.wizard.signed else None
        try:
            to = send_form(db, the_actor(), self.wizard, draft_id, form)
        except NotSigned:
            db.rollback()
            return self.review(draft_id, 422, form)
        except NotComplete:
            db.rollback()
            return self.review(draft_id, 422)
        except DraftGone:
            db.rollback()
            abort(404)
        except DraftSent as error:
            db.rollback()
            return self._sent(error)
        db.commit()
        flash(self.wizard.done, "good")
        return redirect_to(_here(to))

    def files(self, draft_id: int, step: str) -> ResponseReturnValue:
        """Asked by the page itself while files are checked."""
        draft = self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        found = walk(db_session(), self.wizard, draft)
        state = found.find(step) or abort(404)
        _forget_errors(state.form)
        return self._page(found, state)

    def download(self, draft_id: int, step: str, attached_id: int) -> ResponseReturnValue:
        declared, draft = self.wizard.step(step) or abort(404), self._draft(draft_id)
        if isinstance(draft, Response):
            return draft
        return hand_out_attached(attached_id, about_draft(draft.id, declared.key))

    def remove_file(self, draft_id: int, step: str, attached_id: int) -> ResponseReturnValue:
        db, declared = db_session(), self.wizard.step(step) or abort(404)
        try:
            draft = hold_draft(db, self.wizard.key, draft_id)
            if not remove_attached(db, attached_id, about_draft(draft.id, declared.key)):
                abort(404)
        except (DraftGone, CannotRemove):
            abort(404)
        except DraftSent as error:
            db.rollback()
            return self._sent(error)
        db.commit()
        flash("The file was removed.", "good")
        return redirect_to(self.url("step", draft_id=draft_id, step=step))


def _here(path: str) -> str:
    """A path below the organization that this tab is for, when its addresses say so."""
    own = asked_organization()
    return path if own is None else below(own, path)


def _seen() -> int:
    """The version of the step that the page was made from."""
    text = request.form.get("version", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else 0


def _page_word() -> str:
    """The page's own word: what it has saved by itself is not somebody else's."""
    return request.form.get("page", "")[:32]


def _saved(part: Part) -> dict[str, Any] | None:
    return {"at": part.at, "by": name_of(db_session(), part.by_id)} if part.version else None


def _forget_errors(form: Any) -> None:
    """Show the form without reproach."""
    for field in form:
        field.errors = []
        for entry in getattr(field, "entries", ()):
            entry_form = getattr(entry, "form", None)
            if entry_form is not None:
                _forget_errors(entry_form)
            else:
                entry.errors = []
        inner = getattr(field, "form", None)
        if inner is not None and hasattr(inner, "_fields"):
            _forget_errors(inner)
