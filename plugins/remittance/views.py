"""The pages of Remittance Inquiry."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from hp_portal.api import access, page

blueprint = Blueprint("remittance", __name__)


@blueprint.get("/")
@access.requires("remittance:payment:read")
def index() -> ResponseReturnValue:
    return page("remittance/index.html")
