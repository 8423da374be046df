"""The pages on which change forms for other payers are made, printed, signed and sent."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.api import (
    TooManyAttempts,
    access,
    db_session,
    hand_over,
    page,
    read_day,
    redirect_to,
    settings,
    the_actor,
    today,
    too_many,
)

from ..blueprint import SEND, blueprint
from . import documents
from .contents import Gathered, Wanted, answers_of, number_of, of_case, of_practitioner, touched_by
from .forms import MakeForm, SendForm, SignPaperForm
from .making import Paper, find_form, forms_of, make_form, names_of, sign_form, signatures_of
from .sending import send_form, sendings_of

OFTEN = "Your organization has sent many change forms today. Wait {wait}, or download the form and send it yourself."


def _today() -> dt.date:
    return today(settings().payer.zone)


def _wanted(form: MakeForm) -> Wanted:
    actor = the_actor()
    return Wanted(
        form.as_of.data,
        form.reason.data,
        form.words.data or "",
        form.effective_on.data,
        actor.organization_name or "",
        actor.display_name,
        form.phone.data,
        birth_date=form.birth_date.data,
        dea=form.dea.data,
    )


def _new(day: dt.date, reason: str = "") -> MakeForm:
    form = MakeForm(formdata=None)
    form.as_of.data = form.effective_on.data = day
    form.reason.data = reason
    return form


def _name(practitioner_id: int) -> str:
    return names_of(db_session(), [practitioner_id], _today()).get(practitioner_id) or abort(404)


def _start(practitioner_id: int, form: MakeForm, status: int = 200) -> Response:
    name, made = _name(practitioner_id), forms_of(db_session(), practitioner_id)
    return page(
        "profiles/paper/start.html",
        form=form,
        name=name,
        made=made,
        post_to=url_for("profiles.paper_make", practitioner_id=practitioner_id),
        back=(name, url_for("profiles.practitioner", practitioner_id=practitioner_id)),
        status=status,
    )


@blueprint.get("/practitioners/<id:practitioner_id>/change-form")
@access.requires(SEND)
def paper_start(practitioner_id: int) -> ResponseReturnValue:
    try:
        day = read_day(request.args.get("on", "")) or _today()
    except ValueError:
        day = _today()
    return _start(practitioner_id, _new(day))


@blueprint.post("/practitioners/<id:practitioner_id>/change-form/make")
@access.requires(SEND)
def paper_make(practitioner_id: int) -> ResponseReturnValue:
    form, db = MakeForm(), db_session()
    if not form.validate_on_submit():
        return _start(practitioner_id, form, 422)
    return _kept(of_practitioner(db, practitioner_id, _wanted(form)), practitioner_id=practitioner_id)


def _kept(gathered: Gathered | None, **of: int) -> ResponseReturnValue:
    db = db_session()
    form_id = make_form(db, the_actor(), gathered or abort(404), **of)
    db.commit()
    return redirect_to(url_for("profiles.paper", form_id=form_id))


def _start_of_case(case_id: int, form: MakeForm, status: int = 200) -> Response:
    db = db_session()
    number, answers = number_of(db, case_id) or abort(404), answers_of(db, case_id) or abort(404)
    return page(
        "profiles/paper/start.html",
        form=form,
        name=f"{answers['who']['first']} {answers['who']['last']}",
        made=[],
        post_to=url_for("profiles.paper_make_of_case", case_id=case_id),
        back=(f"Case {number}", url_for("cases.one", case_id=case_id)),
        status=status,
    )


@blueprint.get("/cases/<id:case_id>/change-form")
@access.requires(SEND)
def paper_of_case(case_id: int) -> ResponseReturnValue:
    """The practitioner of a case, or a choice of several; somebody who is not on record yet, from what was sent."""
    db = db_session()
    number = number_of(db, case_id) or abort(404)
    touched = touched_by(db, case_id)
    if len(touched) == 1:
        practitioner_id, day = touched[0]
        return redirect_to(url_for("profiles.paper_start", practitioner_id=practitioner_id, on=day.isoformat()))
    if touched:
        names = names_of(db, [one for one, _ in touched], _today())
        choices = [(names[one], url_for("profiles.paper_start", practitioner_id=one, on=day)) for one, day in touched]
        return page("profiles/paper/choose.html", number=number, case_id=case_id, choices=choices)
    answers = answers_of(db, case_id) or abort(404)
    form = _new(_today(), "joins")
    form.effective_on.data = dt.date.fromisoformat(answers["where"]["effective"])
    return _start_of_case(case_id, form)


@blueprint.post("/cases/<id:case_id>/change-form/make")
@access.requires(SEND)
def paper_make_of_case(case_id: int) -> ResponseReturnValue:
    form, db = MakeForm(), db_session()
    if not form.validate_on_submit():
        return _start_of_case(case_id, form, 422)
    return _kept(of_case(db, case_id, _wanted(form)), case_id=case_id)


def _found(form_id: int) -> Paper:
    return find_form(db_session(), form_id) or abort(404)


@blueprint.get("/change-forms/<id:form_id>")
@access.requires(SEND)
def paper(form_id: int) -> ResponseReturnValue:
    found, db = _found(form_id), db_session()
    context: dict[str, Any] = {
        "paper": found,
        "signatures": signatures_of(db, found),
        "sendings": sendings_of(db, form_id),
    }
    return page("profiles/paper/one.html", **context)


@blueprint.get("/change-forms/<id:form_id>/as/<any(pdf, csv, json):kind>")
@access.requires(SEND)
def paper_file(form_id: int, kind: str) -> ResponseReturnValue:
    found = _found(form_id)
    small = len(found.said["sites"]) <= documents.MOST_AT_ONCE
    return hand_over(documents.KINDS[kind], {"form": form_id}, title=f"Change form {form_id}", small=small)


def _sign_page(found: Paper, form: SignPaperForm, status: int = 200) -> Response:
    return page("profiles/paper/sign.html", paper=found, form=form, status=status)


@blueprint.get("/change-forms/<id:form_id>/signature")
@access.requires(SEND)
def paper_signature(form_id: int) -> ResponseReturnValue:
    found, form = _found(form_id), SignPaperForm(formdata=None)
    form.to_sign(found.form, the_actor().display_name)
    return _sign_page(found, form)


@blueprint.post("/change-forms/<id:form_id>/sign")
@access.requires(SEND)
def paper_sign(form_id: int) -> ResponseReturnValue:
    found, db, form = _found(form_id), db_session(), SignPaperForm()
    form.to_sign(found.form, the_actor().display_name)
    if not form.validate_on_submit():
        return _sign_page(found, form, 422)
    sign_form(db, the_actor(), found, form.signature.data)
    db.commit()
    flash("The form is signed. What you download and send from now on says so.", "good")
    return redirect_to(url_for("profiles.paper", form_id=form_id))


def _send_page(found: Paper, form: SendForm, status: int = 200) -> Response:
    signed = bool(signatures_of(db_session(), found))
    return page("profiles/paper/send.html", paper=found, form=form, signed=signed, status=status)


@blueprint.get("/change-forms/<id:form_id>/recipient")
@access.requires(SEND)
def paper_recipient(form_id: int) -> ResponseReturnValue:
    return _send_page(_found(form_id), SendForm(formdata=None))


@blueprint.post("/change-forms/<id:form_id>/send")
@access.requires(SEND)
def paper_send(form_id: int) -> ResponseReturnValue:
    found, db, form = _found(form_id), db_session(), SendForm()
    if not form.validate_on_submit():
        return _send_page(found, form, 422)
    try:
        send_form(db, the_actor(), found, form.channel.data, form.recipient, form.addressee.data)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, lambda form, status: _send_page(found, form, status), OFTEN)
    db.commit()
    flash(f"The form leaves for {form.addressee.data} within a few minutes. Below stands what becomes of it.", "good")
    return redirect_to(url_for("profiles.paper", form_id=form_id))
