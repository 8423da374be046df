"""Our activity: what delegates read of their own organization's record."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, request, url_for
from flask.typing import ResponseReturnValue
from wtforms import SelectChoice

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.activity import ours
from hp_portal.core.activity.forms import OursForm, PatientForm
from hp_portal.core.activity.ours import OursFilter
from hp_portal.core.activity.views import newest_shown, steady_pages
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.kept.keeping import KeptGone, find_kept, keep_values
from hp_portal.core.web.listing import page_number
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("our_activity", __name__)
KEPT = "activity patient"


def _form() -> OursForm:
    form = OursForm(request.args)
    form.application.choices = [
        SelectChoice("", "Any"),
        *(SelectChoice(key, label) for key, label in ours.applications_of_ours()),
    ]
    kinds = ours.kinds_of_ours(db_session())
    form.event.choices = [SelectChoice("", "Anything"), *(SelectChoice(key, label) for key, label in kinds)]
    return form


def _filters(form: OursForm) -> dict[str, Any]:
    """As they were typed, for the record and the addresses."""
    return {name: value for name in form.data if (value := request.args.get(name, "").strip())}


def _wanted(form: OursForm, patient: str) -> OursFilter:
    """Days are the payer's: from the first one's midnight to the midnight that ends the last."""
    zone, since, until = settings().payer.zone, form.since.data, form.until.data
    after = until + dt.timedelta(days=1) if until else None
    return OursFilter(
        person=form.person.data or "",
        application=form.application.data or "",
        event=form.event.data or "",
        since=dt.datetime.combine(since, dt.time(), zone) if since else None,
        until=dt.datetime.combine(after, dt.time(), zone) if after else None,
        patient=patient,
    )


def _patient() -> str:
    """The number that the address stands for; empty: none is looked for. Raises KeptGone."""
    word = request.args.get("patient", "")
    return str(find_kept(db_session(), the_actor(), KEPT, word)["number"]) if word else ""


def _page(form: OursForm, patient: PatientForm, status: int = 200, **more: Any) -> Response:
    word = request.args.get("patient", "")
    shown = {"listing": None, "number": "", "filters": _filters(form), "word": word, **more}
    return page("activity/our_activity.html", "results", form=form, patient=patient, **shown, status=status)


def _number_gone() -> Response:
    flash("The number is not kept any more. Enter it again.", "info")
    kept: dict[str, Any] = {
        name: value for name, value in request.args.items() if name not in ("patient", "page", "newest")
    }
    return redirect_to(url_for("our_activity.index", **kept))


@dataclass(frozen=True)
class Asked:
    """What the address asks for: the form as it was typed, the number that is looked for, and both as a filter."""

    form: OursForm
    number: str
    wanted: OursFilter


def _asked() -> Asked | Response:
    """What page and file are asked for; or the answer when that cannot be read, or the number is not kept any more."""
    form = _form()
    if not form.validate():
        return _page(form, PatientForm(formdata=None), 422)
    try:
        number = _patient()
    except KeptGone:
        return _number_gone()
    return Asked(form, number, _wanted(form, number))


@blueprint.get("/our-activity")
@access.delegate
def index() -> ResponseReturnValue:
    asked = _asked()
    if isinstance(asked, Response):
        return asked
    db, filters, form = db_session(), _filters(asked.form), asked.form
    organization_id = the_actor().organization_id or 0
    page_wanted, newest = page_number(request.args), newest_shown()
    found, cut_off = ours.view_our_activity(db, organization_id, asked.wanted, filters, page_wanted, newest)
    word = request.args.get("patient", "")
    listing = steady_pages(found, "our_activity.index", **filters, patient=word)
    db.commit()
    missing, labels = ours.NEWEST_ONLY if cut_off else "", dict(ours.applications_of_ours())
    return _page(form, PatientForm(formdata=None), listing=listing, number=asked.number, missing=missing, labels=labels)


@blueprint.post("/our-activity/patient")
@access.delegate
def look_for_patient() -> ResponseReturnValue:
    """Keep the number, which may not stand in an address; what else is searched by comes along."""
    db, patient, form = db_session(), PatientForm(), _form()
    if not patient.validate_on_submit():
        return _page(form, patient, 422)
    word = keep_values(db, the_actor(), KEPT, {"number": patient.number.data})
    db.commit()
    return redirect_to(url_for("our_activity.index", **_filters(form), patient=word))


@blueprint.get("/our-activity/csv")
@access.delegate
def download() -> ResponseReturnValue:
    """Everything that is found, up to what the page showed: at once when that is little, else by the worker."""
    asked = _asked()
    if isinstance(asked, Response):
        return asked
    newest = newest_shown()
    found, _ = ours.our_activity(db_session(), the_actor().organization_id or 0, asked.wanted, 1, newest)
    order = ours.as_json(asked.wanted, _filters(asked.form), newest or (found.rows[0].id if found.rows else None))
    small = found.total <= ours.MOST_AT_ONCE
    return hand_over(ours.CSV, {**order, "found": found.total}, title="Our activity", small=small)
