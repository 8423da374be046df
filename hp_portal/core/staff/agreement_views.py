"""Terms of use and agreements: their versions, the draft of the next one, and publishing it."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal import clock
from hp_portal.core.access import rules as access
from hp_portal.core.agreements import publishing
from hp_portal.core.agreements.accepting import Agreement
from hp_portal.core.agreements.kinds import KINDS, Kind, filled_in
from hp_portal.core.staff.agreement_forms import DiscardForm, DraftForm, PublishForm
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.web.formats import show_date
from hp_portal.core.web.render import db_session, page, redirect_to, settings

MANAGE = "staff:agreements:manage"
CHANGED = "Somebody else has saved, published or discarded the draft meanwhile."
KEPT = "What you wrote stands below. Compare it with the draft as it is now; saving replaces that."


def _kind(agreement: str) -> Kind:
    return KINDS.get(agreement) or abort(404)


@blueprint.get("/agreements")
@access.staff(MANAGE)
def agreements() -> ResponseReturnValue:
    return page("staff/agreements.html", overviews=publishing.overviews(db_session(), settings()))


@blueprint.get("/agreements/<agreement>/first")
@access.staff(MANAGE)
def agreements_first(agreement: str) -> ResponseReturnValue:
    """The version that applies until one is published: the portal's, or the payer's file."""
    shown = publishing.first_agreement(settings(), _kind(agreement).key)
    return page("staff/agreement_version.html", agreement=shown, applies_on=None)


@blueprint.get("/agreements/<agreement>/versions/<id:version_id>")
@access.staff(MANAGE)
def agreements_version(agreement: str, version_id: int) -> ResponseReturnValue:
    kind = _kind(agreement)
    found = publishing.find_version(db_session(), kind.key, version_id) or abort(404)
    shown = Agreement(kind.key, kind.title, found.version, found.text)
    return page("staff/agreement_version.html", agreement=shown, applies_on=found.applies_on)


def _draft_page(kind: Kind, form: DraftForm, to_publish: PublishForm | None = None, status: int = 200) -> Response:
    db, today = db_session(), clock.today(settings().payer.zone)
    text, revision = publishing.start_of(db, settings(), kind.key)
    saved = Agreement(kind.key, kind.title, "draft", filled_in(settings(), text)) if revision else None
    if to_publish is None:
        to_publish = PublishForm(formdata=None, applies_on=today, revision=revision)
    forms: dict[str, Any] = {"form": form, "publish": to_publish}
    return page("staff/agreement_draft.html", kind=kind, saved=saved, revision=revision, **forms, status=status)


def _opened(kind: Kind) -> DraftForm:
    text, revision = publishing.start_of(db_session(), settings(), kind.key)
    return DraftForm(formdata=None, text=text, revision=revision)


@blueprint.get("/agreements/<agreement>/draft")
@access.staff(MANAGE)
def agreements_draft(agreement: str) -> ResponseReturnValue:
    kind = _kind(agreement)
    return _draft_page(kind, _opened(kind))


@blueprint.post("/agreements/<agreement>/draft")
@access.staff(MANAGE)
def agreements_save(agreement: str) -> ResponseReturnValue:
    kind, form, db = _kind(agreement), DraftForm(), db_session()
    if not form.validate_on_submit():
        return _draft_page(kind, form, status=422)
    try:
        publishing.save_draft(db, kind.key, form.text.data, form.revision.data)
    except publishing.DraftChanged:
        db.rollback()
        form.form_errors = [f"{CHANGED} {KEPT}"]
        # Saving once more is meant to replace what is there now.
        form.revision.data, form.revision.raw_data = publishing.start_of(db, settings(), kind.key)[1], None
        return _draft_page(kind, form, status=409)
    db.commit()
    flash("The draft is saved. Read it below as people will read it.", "good")
    return redirect_to(url_for("staff.agreements_draft", agreement=agreement))


@blueprint.post("/agreements/<agreement>/discard")
@access.staff(MANAGE)
def agreements_discard(agreement: str) -> ResponseReturnValue:
    kind, form, db = _kind(agreement), DiscardForm(), db_session()
    try:
        publishing.discard_draft(db, kind.key, form.revision.data or 0)
    except publishing.DraftChanged:
        db.rollback()
        flash(f"{CHANGED} Nothing was discarded.", "warn")
        return redirect_to(url_for("staff.agreements_draft", agreement=agreement))
    db.commit()
    flash("The draft is discarded.", "good")
    return redirect_to(url_for("staff.agreements"))


@blueprint.post("/agreements/<agreement>/publish")
@access.staff(MANAGE)
def agreements_publish(agreement: str) -> ResponseReturnValue:
    kind, form, db = _kind(agreement), PublishForm(), db_session()
    if not form.validate_on_submit():
        return _draft_page(kind, _opened(kind), form, 422)
    try:
        revision = int(form.revision.data or 0) if (form.revision.data or "0").isdecimal() else 0
        published = publishing.publish(db, settings(), kind.key, form.applies_on.data, revision)
    except publishing.DraftChanged:
        db.rollback()
        form.form_errors = [f"{CHANGED} Read it again before you publish it."]
        form.revision.data = publishing.start_of(db, settings(), kind.key)[1]
        return _draft_page(kind, _opened(kind), form, 409)
    except publishing.TooEarly:
        db.rollback()
        form.applies_on.errors = ["Choose today or a later day: nobody can accept a text for a day that is over."]
        return _draft_page(kind, _opened(kind), form, 422)
    except publishing.NothingNew:
        db.rollback()
        form.form_errors = ["The draft says what the newest version says. Change it first, or discard it."]
        return _draft_page(kind, _opened(kind), form, 422)
    db.commit()
    flash(f"Version {published.version} is published and applies from {show_date(published.applies_on)}.", "good")
    return redirect_to(url_for("staff.agreements"))
