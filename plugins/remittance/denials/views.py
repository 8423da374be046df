"""The page of denials: by reason, and the lines of one."""

from __future__ import annotations

from typing import Any

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    access,
    can,
    db_session,
    hand_over,
    page,
    settings,
    show_count,
    show_date,
    the_actor,
    today,
    wants_fragment,
)

from ..blueprint import DOWNLOAD, READ, blueprint
from ..codes import glossary
from ..codes.glossary import Meanings
from ..codes.plain_words import payment_word, status_word
from ..downloads.reasons import choices, read_reason
from ..inquiry.search import payee_choices
from . import documents, viewing
from .counting import Reason, TooMuch
from .criteria import REVERSED_TOO, Code, DenialCriteria, OfDays
from .forms import DenialForm
from .lines import LINES

_DIGITS = 19
WORDS: dict[str, Any] = {"words": {"payment_word": payment_word, "status_word": status_word}}


@blueprint.get("/denials")
@access.requires(READ)
def denials() -> ResponseReturnValue:
    form = _form()
    if not form.validate():
        return _page(form, status=422)
    criteria, db = form.criteria(), db_session()
    try:
        found = viewing.view_denials(db, criteria)
    except TooMuch as error:
        return _page(form, too_much=error, status=422)
    meaning = _meaning(found.denials.reasons)
    db.commit()
    return _page(
        form, criteria=criteria, found=found.denials, undated=found.undated, repeated=found.repeated, meaning=meaning
    )


@blueprint.get("/denials/lines")
@access.requires(READ, member_data=True)
def denied_lines() -> ResponseReturnValue:
    """The lines of one reason: for htmx its row opened in place (closed again with ?closed=1), else a page of its own."""
    form, code, db = _form(), Code.read(request.args), db_session()
    if not form.validate():
        return _page(form, status=422)
    criteria = form.criteria()
    closing = bool(request.args.get("closed")) and wants_fragment()
    try:
        if closing:
            reason = viewing.view_reason(db, criteria, code)
            lines = None
        else:
            viewed = viewing.view_lines(db, criteria, code, LINES.read(request.args))
            reason, lines = viewed.reason, viewed.lines
    except TooMuch as error:
        return _page(form, too_much=error, status=422)
    context: dict[str, Any] = {
        "criteria": criteria,
        "reason": reason,
        "lines": lines,
        "meaning": _meaning([reason], lines),
        "whole": _whole(),
        **WORDS,
    }
    if lines is not None:
        # For htmx the other pages replace the lines alone.
        values = {**criteria.url_values, **code.url_values, "part": "lines"}
        context["rows"] = lines.listing.at("remittance.denied_lines", **values)
    db.commit()
    if wants_fragment():
        block = "closed" if closing else "lines" if request.args.get("part") == "lines" else "opened"
        return page("remittance/denials/reason_row.html", block, **context)
    return page("remittance/denials/lines.html", **context)


@blueprint.get("/denials/csv")
@access.requires(DOWNLOAD, member_data=True)
def denials_csv() -> ResponseReturnValue:
    return _download(documents.CSV, "as CSV file")


@blueprint.get("/denials/xlsx")
@access.requires(DOWNLOAD, member_data=True)
def denials_xlsx() -> ResponseReturnValue:
    return _download(documents.XLSX, "as Excel workbook")


def _download(kind: str, how: str) -> ResponseReturnValue:
    reason, form, db = read_reason(request.args, the_actor().reason), _form(), db_session()
    if not form.validate():
        return _page(form, status=422)
    criteria = form.criteria()
    try:
        found = viewing.find_denials(db, criteria)
    except TooMuch as error:
        return _page(form, too_much=error, status=422)
    lines = documents.lines_in(found)
    if lines > documents.MOST_LINES:
        return _page(form, criteria=criteria, found=found, meaning=_meaning(found.reasons), too_long=lines, status=422)
    wanted = {"criteria": dict(criteria.url_values), "newest": documents.newest_payment(db), "reason": reason}
    title = f"Denials, {days_of(criteria)}, {show_count(lines, 'line')}, {how}"
    return hand_over(kind, wanted, title=title, small=lines <= documents.MOST_AT_ONCE[kind])


def days_of(criteria: OfDays) -> str:
    """`payments from Mar 2, 2026`, for titles."""
    first, last = show_date(criteria.issued_from), show_date(criteria.issued_to)
    if not first and not last:
        return "payments of any day"
    return f"payments{f' from {first}' if first else ''}{f' to {last}' if last else ''}"


def _whole() -> int:
    """What a reason's share is of, as the page from which it is opened says."""
    said = request.args.get("of", "")
    return int(said) if said.isdecimal() and len(said) < _DIGITS else 0


def _form() -> DenialForm:
    return DenialForm(payee_choices(db_session()), today(settings().payer.zone), formdata=request.args)


def _meaning(reasons: list[Reason], lines: Any = None) -> Meanings:
    """What the codes mean today: they are of many payments."""
    used: dict[str, set[str | None]] = {
        "CARC": {one.code.reason for one in reasons},
        "GROUP": {one.code.group for one in reasons},
    }
    if lines is not None:
        for name, codes in lines.news.codes().items():
            used.setdefault(name, set()).update(codes)
    return glossary.look_up(db_session(), used, None)


def _page(form: DenialForm, *, status: int = 200, **shown: Any) -> Response:
    context: dict[str, Any] = {
        "form": form,
        "criteria": None,
        "found": None,
        "undated": 0,
        "repeated": 0,
        "meaning": None,
        "too_much": None,
        "too_long": 0,
        "most_in_file": documents.MOST_LINES,
        "lines_in_file": documents.lines_in,
        "downloads": [],
        **WORDS,
        **shown,
    }
    criteria: DenialCriteria | None = context["criteria"]
    if criteria is not None:
        if can(DOWNLOAD):
            context["downloads"] = [
                ("CSV", url_for("remittance.denials_csv")),
                ("Excel", url_for("remittance.denials_xlsx")),
            ]
            context["reasons"], context["usual_reason"] = choices(the_actor().reason)
        with_reversed = dict[str, Any](criteria.but(reversed=REVERSED_TOO).url_values)
        context["reversed_too"] = url_for("remittance.denials", **with_reversed)
        of_any_day = dict[str, Any](criteria.but(issued_from=None, issued_to=None).url_values)
        context["any_day"] = url_for("remittance.denials", **of_any_day)
    return page("remittance/denials/index.html", "denials", status=status, **context)
