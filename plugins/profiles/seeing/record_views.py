"""The pages of practitioners and locations, as of a day."""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from flask import abort, request
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page, settings, today

from ..blueprint import READ, blueprint
from ..directory.preview import preview
from ..loading.specialties import specialty_words
from ..record.fields import ACCEPTING
from ..record.wording import hours_of_week
from .forms import DayForm, PractitionersForm
from .lists import LOCATIONS, PRACTITIONERS, list_locations, list_practitioners, location_names
from .one import view_location, view_practitioner
from .ways import remember_way, ways


def _today() -> dt.date:
    return today(settings().payer.zone)


@blueprint.get("/practitioners")
@access.requires(READ)
def practitioners() -> ResponseReturnValue:
    db = db_session()
    places = {str(one): name for one, name in location_names(db, _today()).items()}
    form = PractitionersForm(specialty_words(db), places, formdata=request.args)
    shown = ways()
    if not form.validate():
        return page(
            "profiles/practitioners.html", "results", form=form, listing=None, day=_today(), ways=shown, status=422
        )
    wanted, day = form.wanted(), form.on.data or _today()
    on = day.isoformat() if form.on.data else ""
    listing = list_practitioners(db, wanted, day, PRACTITIONERS.read(request.args))
    listing = listing.at("profiles.practitioners", on=on, **wanted.values(), **{"as": shown.asked})
    return remember_way(
        page("profiles/practitioners.html", "results", form=form, listing=listing, day=day, on=on, ways=shown)
    )


@blueprint.get("/locations")
@access.requires(READ)
def locations() -> ResponseReturnValue:
    form, shown = DayForm(formdata=request.args), ways()
    if not form.validate():
        return page("profiles/locations.html", "results", form=form, listing=None, ways=shown, status=422)
    on = form.on.data.isoformat() if form.on.data else ""
    listing = list_locations(db_session(), form.on.data or _today(), LOCATIONS.read(request.args))
    listing = listing.at("profiles.locations", on=on, **{"as": shown.asked})
    return remember_way(page("profiles/locations.html", "results", form=form, listing=listing, on=on, ways=shown))


@blueprint.get("/practitioners/<id:practitioner_id>")
@access.requires(READ)
def practitioner(practitioner_id: int) -> ResponseReturnValue:
    return _one("practitioner", practitioner_id)


@blueprint.get("/locations/<id:location_id>")
@access.requires(READ)
def location(location_id: int) -> ResponseReturnValue:
    return _one("location", location_id)


def _one(what: Literal["practitioner", "location"], row_id: int) -> ResponseReturnValue:
    form, view = DayForm(formdata=request.args), view_practitioner if what == "practitioner" else view_location
    fine = form.validate()
    chosen = form.on.data if fine else None
    db = db_session()
    shown = view(db, row_id, chosen or _today(), settings().payer.short_name) or abort(404)
    db.commit()
    context: dict[str, Any] = {
        "form": form,
        "shown": shown,
        "day": chosen or _today(),
        "today": _today(),
        "on": chosen.isoformat() if chosen else "",
        "seen": preview(db, what, row_id, chosen or _today()),
        "accepting": ACCEPTING,
        "hours_of_week": hours_of_week,
    }
    return page(f"profiles/{what}.html", status=200 if fine else 422, **context)
