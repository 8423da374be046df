"""The directory for the payer's staff: when it was published, what is not shown and why, what has changed, and the files."""

from __future__ import annotations

from flask import abort, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm

from hp_portal.api import DayField, access, db_session, hand_over, page

from ..blueprint import LOAD, staff_blueprint
from .building import current_build
from .documents import KINDS, is_small, title_of, wanted_of
from .exporting import Format
from .public_views import is_open, search_is_open
from .standing import BUILDS, DIFFERENCES, HIDDEN, find_build, list_builds, list_differences, list_hidden, reason_counts


class AsOfForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Of which day; empty: now."""

    class Meta:
        csrf = False

    on = DayField("As of")


@staff_blueprint.get("/directory")
@access.staff(LOAD)
def directory() -> ResponseReturnValue:
    return _page(AsOfForm(formdata=None))


def _page(form: AsOfForm, status: int = 200) -> ResponseReturnValue:
    db = db_session()
    build = current_build(db)
    listing = list_builds(db, BUILDS.read(request.args)).at("profiles_staff.directory")
    return page(
        "profiles/staff/directory.html",
        "builds",
        form=form,
        build=build,
        reasons=reason_counts(db, build) if build else [],
        listing=listing,
        search_url=url_for("profiles_public.directory") if search_is_open() else "",
        json_url=url_for("profiles_public.directory_entries") if is_open("directory_json") else "",
        status=status,
    )


@staff_blueprint.get("/directory/not-shown")
@access.staff(LOAD)
def directory_not_shown() -> ResponseReturnValue:
    db = db_session()
    build = current_build(db)
    listing = (
        list_hidden(db, build, HIDDEN.read(request.args)).at("profiles_staff.directory_not_shown") if build else None
    )
    return page("profiles/staff/directory_not_shown.html", "results", build=build, listing=listing)


@staff_blueprint.get("/directory/builds/<id:build_id>")
@access.staff(LOAD)
def directory_build(build_id: int) -> ResponseReturnValue:
    db = db_session()
    build = find_build(db, build_id) or abort(404)
    listing = list_differences(db, build.id, DIFFERENCES.read(request.args))
    listing = listing.at("profiles_staff.directory_build", build_id=build.id)
    return page("profiles/staff/directory_build.html", "results", build=build, listing=listing)


@staff_blueprint.get("/directory/download/csv")
@access.staff(LOAD)
def directory_csv() -> ResponseReturnValue:
    return _download("csv")


@staff_blueprint.get("/directory/download/json")
@access.staff(LOAD)
def directory_json() -> ResponseReturnValue:
    return _download("json")


def _download(kind: Format) -> ResponseReturnValue:
    form, db = AsOfForm(formdata=request.args), db_session()
    if not form.validate():
        return _page(form, 422)
    if current_build(db) is None:
        abort(404)
    wanted = wanted_of(form.on.data)
    return hand_over(KINDS[kind], wanted, title=title_of(wanted), small=is_small(db))
