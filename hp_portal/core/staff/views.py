"""The payer's console."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.web.render import page

blueprint = Blueprint("staff", __name__, url_prefix="/staff")


@blueprint.get("/")
@access.staff("staff:console:open")
def console() -> ResponseReturnValue:
    return page("staff/console.html")


@blueprint.get("/applications")
@access.staff("staff:applications:manage")
def applications() -> ResponseReturnValue:
    return page("staff/console.html")


@blueprint.get("/plugins")
@access.staff("staff:plugins:read")
def plugins() -> ResponseReturnValue:
    return page("staff/console.html")


@blueprint.get("/organizations")
@access.staff("staff:people:search")
def organizations() -> ResponseReturnValue:
    return page("staff/console.html")


@blueprint.get("/activity")
@access.staff("staff:activity:search")
def activity() -> ResponseReturnValue:
    return page("staff/console.html")
