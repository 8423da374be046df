"""The pages on which an organization attests."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, abort, flash, url_for
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
from .statement import count, statement


def _today() -> dt.date:
    return today(settings().payer.zone)


def _draw(shown: Shown, form: AttestForm, responsible: ResponsibleForm | None = None, status: int = 200) -> Response:
    db, day = db_session(), shown.day
    due_on, responsible_id = when_due(db, day)
    if responsible is None:
        responsible = ResponsibleForm(people_of(db), formdata=None)
        responsible.responsible.data = str(responsible_id or "")
    context: dict[str, Any] = {
        "shown": shown,
        "people": len({line.practitioner_id for line in shown.attested}),
        "form": form,
        "responsible": responsible,
        "due_on": due_on,
        "overdue": due_on < day,
        "past": past_of(db),
        "may_sign": can(SEND),
    }
    return page("profiles/attesting/index.html", status=status, **context)


@blueprint.get("/attestation")
@access.requires(READ)
def attestation() -> ResponseReturnValue:
    shown, form = read_all(db_session(), _today()), AttestForm(formdata=None)
    form.to_sign(statement(shown, the_actor().organization_name), the_actor().display_name)
    return _draw(shown, form)


@blueprint.post("/attestation/sign")
@access.requires(SEND)
def attestation_sign() -> ResponseReturnValue:
    db, actor, form = db_session(), the_actor(), AttestForm()
    hold_record(db)
    shown = read_all(db, _today())
    said = statement(shown, actor.organization_name)
    form.to_sign(said, actor.display_name)
    if not form.validate_on_submit():
        return _draw(shown, form, status=422)
    if not shown.attested:
        abort(404)
    made = attest(db, actor, shown, said, form.signature.data)
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
        sign.to_sign(statement(shown, the_actor().organization_name), the_actor().display_name)
        return _draw(shown, sign, form, 422)
    chosen = (form.responsible.data or "").strip()  # blanks alone pass as nothing chosen
    choose_responsible(db, the_actor(), _today(), int(chosen) if chosen else None)
    db.commit()
    flash("Reminders go there from now on.", "good")
    return redirect_to(url_for("profiles.attestation"))


def _line(affiliation_id: int) -> tuple[Place, Line]:
    places = read_all(db_session(), _today()).places
    found = [(place, line) for place in places for line in place.lines if line.affiliation_id == affiliation_id]
    return found[0] if found else abort(404)


def _not_right_page(affiliation_id: int, form: NotRightForm, status: int = 200) -> Response:
    place, line = _line(affiliation_id)
    return page("profiles/attesting/not_right.html", place=place, line=line, form=form, status=status)


@blueprint.get("/attestation/lines/<id:affiliation_id>/not-right")
@access.requires(SEND)
def attestation_not_right(affiliation_id: int) -> ResponseReturnValue:
    return _not_right_page(affiliation_id, NotRightForm(formdata=None))


@blueprint.post("/attestation/lines/<id:affiliation_id>/leave-out")
@access.requires(SEND)
def attestation_leave_out(affiliation_id: int) -> ResponseReturnValue:
    db, form = db_session(), NotRightForm()
    if not form.validate_on_submit():
        return _not_right_page(affiliation_id, form, 422)
    hold_record(db)
    place, line = _line(affiliation_id)
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
