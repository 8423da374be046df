"""Who has which application: one table, one *Save*."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.delegates import table
from hp_portal.core.delegates.account_views import applications_to_give, blueprint
from hp_portal.core.delegates.holding import ChangedMeanwhile
from hp_portal.core.delegates.invitation_forms import PeopleFilter
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.listing import page_number
from hp_portal.core.web.render import db_session, page, redirect_to

NAMED = 8
"""So many changes are told one by one."""


def _page(form: PeopleFilter, status: int = 200) -> Response:
    listing = None
    if status == 200:
        db = db_session()
        listing = table.show_table(db, form.name.data or "", page_number(request.args))
        listing = listing.at("accounts.applications_table", name=form.name.data or "")
        db.commit()
    return page(
        "delegates/table.html",
        "results",
        form=form,
        listing=listing,
        applications=applications_to_give(),
        status=status,
    )


@blueprint.get("/accounts/applications")
@access.delegate
def applications_table() -> ResponseReturnValue:
    form = PeopleFilter(request.args)
    return _page(form, 200 if form.validate() else 422)


_PERSON = re.compile(r"\d{1,18}")


def _keys_by_person(values: Sequence[str], most: int) -> Mapping[int, set[str]]:
    """`12:remittance` and `12:` as they stand in the form, for no more people than a page has. Anything else is a bad request."""
    if len(values) > most:
        abort(400)
    found: dict[int, set[str]] = {}
    for value in values:
        person, colon, key = value.partition(":")
        if not colon or _PERSON.fullmatch(person) is None or len(key) > 40:
            abort(400)
        found.setdefault(int(person), set()).update({key} - {""})
    if len(found) > table.SIZE:
        abort(400)
    return found


def _listed(words: list[str]) -> str:
    more = len(words) - NAMED
    return "; ".join(words[:NAMED]) + (f"; and {more} more" if more > 0 else "")


@blueprint.post("/accounts/applications/save")
@access.delegate
def save_applications() -> ResponseReturnValue:
    db, allowed = db_session(), applications_to_give()
    # Each person once with nothing behind the colon, and once for each application that was given.
    most = table.SIZE * (len(allowed) + 1)
    seen = _keys_by_person(request.form.getlist("seen"), most)
    wanted = _keys_by_person(request.form.getlist("give"), most)
    name, number = request.form.get("name", "")[:200], request.form.get("page", "")[:9]
    answer = redirect_to(url_for("accounts.applications_table", name=name or None, page=number or None))
    try:
        done = table.save_table(db, the_actor(), allowed, seen, wanted)
    except ChangedMeanwhile:
        db.rollback()
        flash("You are not a delegate anymore: nothing was changed.", "warn")
        return redirect_to(url_for("pages.home"))
    db.commit()
    if done.changed:
        flash(f"Saved for {show_count(len(done.changed), 'person', 'people')}: {_listed(done.changed)}.", "good")
    elif not done.gone:
        flash("Nothing was changed.", "info")
    if done.meanwhile:
        flash(f"Changed by somebody else since you opened the table: {_listed(done.meanwhile)}.", "warn")
    if done.gone:
        flash(f"Not changed, since the account is not active anymore: {_listed(done.gone)}.", "warn")
    return answer
