"""Searches saved under a name: saved, run, renamed, shared and removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import KeptGone, access, db_session, page, redirect_to, the_actor

from ..blueprint import READ, blueprint
from ..office import saved_searches
from ..office.saved_searches import CLAIMS, PAYMENTS, Saved, find_saved
from . import kept_searches
from .forms import SavedSearchForm
from .search_in_words import in_words
from .search_views import payment_form_of

_IN_ADDRESS = (
    "number",
    "period",
    "issued_from",
    "issued_to",
    "amount_min",
    "amount_max",
    "payee",
    "zero",
    "new",
    "unposted",
)


@blueprint.get("/saved-searches")
@access.requires(READ)
def saved() -> ResponseReturnValue:
    """What one can choose from, to rename, share and remove."""
    db = db_session()
    found = saved_searches.list_saved(db, the_actor())
    words = {one.id: in_words(db, one.kind, one.values) for one in found}
    db.commit()
    return page("remittance/saved.html", saved=found, words=words, most=saved_searches.MOST)


@blueprint.route("/saved-searches/new", methods=["GET", "POST"])
@access.requires(READ)
def save_search() -> ResponseReturnValue:
    """Save the search that the address tells, by what a payment is like or by a word for what a claim is like."""
    db, form = db_session(), SavedSearchForm()
    try:
        kind, values = _wanted()
    except KeptGone:
        flash("This search is no longer there. Please search again, and save it then.", "info")
        return redirect_to(url_for("remittance.index"))
    if kind == PAYMENTS and not payment_form_of(request.args).validate():
        # The search says what is wrong with it.
        return redirect_to(url_for("remittance.index", **dict[str, Any](values)))
    if not values:
        flash("Search first; then the results have a link to save the search.", "info")
        return redirect_to(url_for("remittance.index"))
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                saved_searches.save_search(db, the_actor(), form.name.data, kind, values, shared=form.shared.data)
            except saved_searches.NameTaken:
                form.name.errors = [_TAKEN]
            except saved_searches.TooManySearches:
                form.form_errors = [
                    f"You have {saved_searches.MOST} saved searches, as many as one can have. Remove one first."
                ]
            else:
                db.commit()
                flash("The search is saved. It stands below the search box from now on.", "good")
                return redirect_to(url_for("remittance.index"))
    return page(
        "remittance/save_search.html", form=form, words=in_words(db, kind, values), action=_here(), status=status
    )


@blueprint.get("/saved-searches/<id:saved_search_id>")
@access.requires(READ)
def run_saved(saved_search_id: int) -> ResponseReturnValue:
    """Run a saved search."""
    db, found = db_session(), _saved_or_404(saved_search_id)
    saved_searches.use_saved(db, found)
    if found.kind == CLAIMS:
        token = kept_searches.keep_claims(db, the_actor(), kept_searches.criteria_of(found.values))
        to = url_for("remittance.index", search=token)
    else:
        to = url_for("remittance.index", **dict[str, Any](found.values))
    db.commit()
    return redirect_to(to)


@blueprint.route("/saved-searches/<id:saved_search_id>/change", methods=["GET", "POST"])
@access.requires(READ)
def change_saved(saved_search_id: int) -> ResponseReturnValue:
    """Rename a saved search, share it, or share it no longer."""
    db, found = db_session(), _changeable_or_404(saved_search_id)
    form = SavedSearchForm(data={"name": found.name, "shared": found.shared})
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                saved_searches.change_saved(db, the_actor(), found, form.name.data, shared=form.shared.data)
            except saved_searches.NameTaken:
                form.name.errors = [_TAKEN]
            else:
                db.commit()
                flash("The saved search is changed.", "good")
                return redirect_to(url_for("remittance.saved"))
    words = in_words(db, found.kind, found.values)
    action = url_for("remittance.change_saved", saved_search_id=saved_search_id)
    return page("remittance/save_search.html", form=form, words=words, action=action, changed=found, status=status)


@blueprint.post("/saved-searches/<id:saved_search_id>/remove")
@access.requires(READ)
def remove_saved(saved_search_id: int) -> ResponseReturnValue:
    """Remove a saved search."""
    db = db_session()
    saved_searches.remove_saved(db, _changeable_or_404(saved_search_id))
    db.commit()
    flash("The saved search is removed.", "good")
    return redirect_to(url_for("remittance.saved"))


_TAKEN = "You have a saved search with this name. Choose another one."


def _wanted() -> tuple[str, Mapping[str, Any]]:
    """The kind of the search that the address tells, and what it is by. Raises KeptGone."""
    if token := request.args.get("search"):
        return CLAIMS, kept_searches.values_of(kept_searches.find_claims(db_session(), the_actor(), token))
    return PAYMENTS, {name: request.args[name][:100] for name in _IN_ADDRESS if request.args.get(name)}


def _here() -> str:
    values: dict[str, Any] = {name: request.args[name] for name in (*_IN_ADDRESS, "search") if request.args.get(name)}
    return url_for("remittance.save_search", **values)


def _saved_or_404(search_id: int) -> Saved:
    return find_saved(db_session(), the_actor(), search_id) or abort(404)


def _changeable_or_404(search_id: int) -> Saved:
    found = _saved_or_404(search_id)
    return found if found.changeable else abort(403)
