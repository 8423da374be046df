"""The pages on which an organization attests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import access, can, db_session, hand_over, page, redirect_to, settings, the_actor, today

from ..blueprint import READ, SEND, blueprint
from . import documents
from .acting import (
    attest,
    choose_responsible,
    hold_record,
    mark_not_right,
    past_of,
    people_of,
    signed_statement,
    when_due,
)
from .forms import AttestForm, NotRightForm, ResponsibleForm
from .lines import Line, Place, Shown, read_all
from .statement import Part, count, parts_of, statement


def _today() -> dt.date:
    return today(settings().payer.zone)


def _to_sign(shown: Shown, form: AttestForm, seen: str = "") -> list[Part]:
    """What the form signs; the pages of it."""
    parts = parts_of(shown)
    form.to_sign(statement(shown, the_actor().organization_name), the_actor().display_name)
    form.look(parts, parts[0].word if len(parts) == 1 else seen)
    return parts


def _draw(
    shown: Shown, parts: list[Part], form: AttestForm, responsible: ResponsibleForm | None = None, status: int = 200
) -> Response:
    db, day = db_session(), shown.day
    due_on, responsible_id = when_due(db, day)
    if responsible is None:
        responsible = ResponsibleForm(people_of(db), formdata=None)
        responsible.responsible.data = str(responsible_id or "")
    context: dict[str, Any] = {
        **_about(shown, parts, form),
        "responsible": responsible,
        "due_on": due_on,
        "overdue": due_on < day,
        "past": past_of(db),
    }
    return page("profiles/attesting/index.html", status=status, **context)


def _about(shown: Shown, parts: list[Part], form: AttestForm) -> dict[str, Any]:
    people = len({line.practitioner_id for line in shown.attested})
    return {"shown": shown, "parts": parts, "form": form, "people": people, "may_sign": can(SEND)}


@blueprint.get("/attestation")
@access.requires(READ)
def attestation() -> ResponseReturnValue:
    shown, form = read_all(db_session(), _today()), AttestForm(formdata=None)
    return _draw(shown, _to_sign(shown, form), form)


def _draw_part(shown: Shown, parts: list[Part], number: int, form: AttestForm, status: int = 200) -> Response:
    """One page of several. Whoever is shown it has seen it."""
    part = parts[number - 1]
    form.look(parts, f"{form.seen.data or ''} {part.word}")
    following = [one for one in form.unseen if one > number] or form.unseen
    context = {"part": part, "following": following[0] if following else 0, **_about(shown, parts, form)}
    return page("profiles/attesting/part.html", status=status, **context)


@blueprint.get("/attestation/pages")
@access.requires(READ)
def attestation_pages() -> ResponseReturnValue:
    """One page of what is attested, where it is too much for one. The address carries what was shown before."""
    shown, form = read_all(db_session(), _today()), AttestForm(formdata=None)
    parts = _to_sign(shown, form, request.args.get("seen", ""))
    number = request.args.get("number", "1")
    if not number.isdecimal() or not 0 < int(number[:9]) <= len(parts):
        abort(404)
    return _draw_part(shown, parts, int(number), form)


@blueprint.post("/attestation/sign")
@access.requires(SEND)
def attestation_sign() -> ResponseReturnValue:
    db, actor, form = db_session(), the_actor(), AttestForm()
    hold_record(db)
    shown = read_all(db, _today())
    parts = _to_sign(shown, form, form.seen.data or "")
    if not form.validate_on_submit():
        if len(parts) == 1:
            return _draw(shown, parts, form, status=422)
        return _draw_part(shown, parts, form.unseen[0] if form.unseen else len(parts), form, 422)
    if not shown.places:
        abort(404)
    made = attest(db, actor, shown, statement(shown, actor.organization_name), form.signature.data)
    db.commit()
    people = count(made.practitioners, "practitioner", "practitioners")
    flash(f"Thank you. {people} at {count(made.locations, 'location', 'locations')} are attested.", "good")
    return redirect_to(url_for("profiles.attestation"))


@blueprint.post("/attestation/responsible")
@access.requires(SEND)
def attestation_responsible() -> ResponseReturnValue:
    db = db_session()
    form = ResponsibleForm(people_of(db))
    if not form.validate_on_submit():
        shown, sign = read_all(db, _today()), AttestForm(formdata=None)
        return _draw(shown, _to_sign(shown, sign), sign, form, 422)
    chosen = (form.responsible.data or "").strip()  # blanks alone pass as nothing chosen
    choose_responsible(db, the_actor(), _today(), int(chosen) if chosen else None)
    db.commit()
    flash("Reminders go there from now on.", "good")
    return redirect_to(url_for("profiles.attestation"))


def _line(affiliation_id: int) -> tuple[Shown, Place, Line]:
    shown = read_all(db_session(), _today())
    found = [(place, line) for place in shown.places for line in place.lines if line.affiliation_id == affiliation_id]
    return (shown, *found[0]) if found else abort(404)


def _not_right_page(affiliation_id: int, form: NotRightForm, status: int = 200) -> Response:
    shown, place, line = _line(affiliation_id)
    return page(
        "profiles/attesting/not_right.html",
        shown=shown,
        place=place,
        line=line,
        form=form,
        today=_today(),
        status=status,
    )


@blueprint.get("/attestation/lines/<id:affiliation_id>/not-right")
@access.requires(SEND)
def attestation_not_right(affiliation_id: int) -> ResponseReturnValue:
    """What is not right of somebody at a location: the forms that correct it, begun with what is known."""
    return _not_right_page(affiliation_id, NotRightForm(formdata=None))


@blueprint.get("/attestation/locations/<id:location_id>/not-right")
@access.requires(SEND)
def attestation_place_not_right(location_id: int) -> ResponseReturnValue:
    """The same of a location."""
    shown = read_all(db_session(), _today())
    place = next((one for one in shown.places if one.id == location_id), None) or abort(404)
    return page("profiles/attesting/place_not_right.html", shown=shown, place=place, today=_today())


@blueprint.post("/attestation/lines/<id:affiliation_id>/leave-out")
@access.requires(SEND)
def attestation_leave_out(affiliation_id: int) -> ResponseReturnValue:
    db, form = db_session(), NotRightForm()
    if not form.validate_on_submit():
        return _not_right_page(affiliation_id, form, 422)
    hold_record(db)
    _, place, line = _line(affiliation_id)
    mark_not_right(db, the_actor(), place, line, form.words.data)
    db.commit()
    flash(f"{line.name} at {place.name} is left out, and we look at it: see the case below.", "good")
    return redirect_to(url_for("profiles.attestation"))


@blueprint.get("/attestation/<id:attestation_id>/pdf")
@access.requires(READ)
def attestation_pdf(attestation_id: int) -> ResponseReturnValue:
    found = signed_statement(db_session(), attestation_id) or abort(404)
    rows = sum(len(getattr(part, "rows", ())) for section in found[0].sections for part in section.parts)
    small = rows <= documents.MOST_AT_ONCE
    wanted = {"attestation": attestation_id}
    return hand_over(documents.PDF, wanted, title="Attestation of practitioners and locations", small=small)
