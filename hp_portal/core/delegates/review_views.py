"""The access review: one page with every row, decided one by one, and signed at the end."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates import reviewing
from hp_portal.core.delegates.forms import SignReviewForm
from hp_portal.core.delegates.holding import ChangedMeanwhile
from hp_portal.core.delegates.review_documents import PDF, find_signed
from hp_portal.core.delegates.reviewing import DecidedMeanwhile, NoSuchRow, NotComplete, NotOwnAccount, SignedAlready
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("access_review", __name__)
ID = "<id:review_id>"
MOST_ROWS_AT_ONCE = 300
SIGNED = "Another delegate has signed this review meanwhile: see below."
CHANGED = "Something has changed since the page was shown: look at the rows that are not decided, then sign."
OWN = "You cannot end your own account. Another delegate can, and then signs."
GONE = "Whoever this was about has no access any more."


def _page(found: reviewing.OpenReview | None, form: SignReviewForm, status: int = 200) -> Response:
    labels = {one.key: one.label for one in plugins().applications}
    signed, me = reviewing.signed_reviews(db_session()), the_actor().person_id
    shown: dict[str, Any] = {"review": found, "signed": signed, "labels": labels, "me": me}
    months = settings().access_review_months
    agreement = reviewing.AGREEMENT
    return page("delegates/access_review.html", form=form, months=months, agreement=agreement, **shown, status=status)


@blueprint.get("/access-review")
@access.delegate
def index() -> ResponseReturnValue:
    db = db_session()
    found = reviewing.view_review(db, the_actor())
    db.commit()
    return _page(found, SignReviewForm(formdata=None, shown=found.shown if found else ""))


def _back(anchor: str = "") -> Response:
    return redirect_to(url_for("access_review.index", _anchor=anchor or None))


@blueprint.post(f"/access-review/{ID}/decide")
@access.delegate
def decide(review_id: int) -> ResponseReturnValue:
    """Keep or end one row; it counts once the review is signed."""
    db, subject, decision = db_session(), request.form.get("subject", ""), request.form.get("decision", "")
    if decision not in (reviewing.KEEP, reviewing.END):
        abort(400)
    row = subject.replace(":", "-")
    try:
        reviewing.decide(db, the_actor(), review_id, subject, decision, request.form.get("before", ""))
    except DecidedMeanwhile as error:
        db.rollback()
        flash(f"{error.by} has decided about this row meanwhile: look at it again.", "warn")
    except (SignedAlready, ChangedMeanwhile, NoSuchRow, NotOwnAccount) as error:
        db.rollback()
        words = {SignedAlready: SIGNED, NoSuchRow: GONE, NotOwnAccount: OWN}
        flash(words.get(type(error), CHANGED), "warn")
    else:
        db.commit()
    return _back(row)


@blueprint.post(f"/access-review/{ID}/sign")
@access.delegate
def sign(review_id: int) -> ResponseReturnValue:
    db, form, actor = db_session(), SignReviewForm(), the_actor()
    form.account_name = actor.display_name
    if not form.validate_on_submit():
        found = reviewing.open_review(db, actor)
        return _page(found, form, 422) if found and found.id == review_id else _signed_meanwhile()
    try:
        reviewing.sign(db, actor, review_id, " ".join(form.name.data.split()), form.shown.data or "")
    except SignedAlready:
        return _signed_meanwhile()
    except (ChangedMeanwhile, NotComplete):
        db.rollback()
        return _refused(form, CHANGED)
    except NotOwnAccount:
        db.rollback()
        return _refused(form, "Another delegate wants to end your own account. They sign, or you decide anew first.")
    db.commit()
    flash("The access review is signed. What you ended has ended.", "good")
    return _back()


def _signed_meanwhile() -> Response:
    db_session().rollback()
    flash(SIGNED, "warn")
    return _back()


def _refused(form: SignReviewForm, words: str) -> Response:
    """The page as it is now, with what was typed, and what to do."""
    found = reviewing.open_review(db_session(), the_actor())
    if found is None:
        return _signed_meanwhile()
    form.form_errors = [words]
    form.shown.data = found.shown
    return _page(found, form, 409)


@blueprint.get(f"/access-review/{ID}/pdf")
@access.delegate
def pdf(review_id: int) -> ResponseReturnValue:
    """The signed review, for the auditor."""
    found = find_signed(db_session(), review_id) or abort(404)
    small = len(found.contents) < MOST_ROWS_AT_ONCE * 400
    return hand_over(PDF, {"review": review_id}, title="Access review", small=small)
