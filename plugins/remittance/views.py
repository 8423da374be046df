"""The pages of Remittance Inquiry."""

from __future__ import annotations

from flask.typing import ResponseReturnValue

from hp_portal.api import access, page

from .blueprint import blueprint


@blueprint.get("/")
@access.requires("remittance:payment:read")
def index() -> ResponseReturnValue:
    return page("remittance/index.html")
