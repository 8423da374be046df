"""What codes mean, without a payment at hand: for remittances on paper and for questions on the telephone."""

from __future__ import annotations

from flask import request
from flask.typing import ResponseReturnValue

from hp_portal.api import access, db_session, page

from ..blueprint import READ, blueprint
from .codes_in_text import LONGEST, asked_codes
from .glossary import look_up


@blueprint.get("/codes")
@access.requires(READ)
def codes() -> ResponseReturnValue:
    typed = request.args.get("codes", "").strip()[:LONGEST]
    asked = asked_codes(typed)
    wanted: dict[str, set[str | None]] = {}
    for one in asked:
        wanted.setdefault(one.list, set()).add(one.code)
    meaning = look_up(db_session(), wanted, None)
    remarks = " ".join(one.code for one in asked if one.list == "RARC")
    rows = [(one, meaning(one.list, one.code), meaning.said(one.list, one.code, one.group, remarks)) for one in asked]
    nothing = bool(typed) and not rows
    return page("remittance/codes.html", "found", typed=typed, rows=rows, status=422 if nothing else 200)
