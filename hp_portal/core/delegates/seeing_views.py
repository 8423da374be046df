"""*Who can see our data*: everybody who can, what they have used, and ending it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.access.enforce import can, the_actor
from hp_portal.core.applications.menu import plugins
from hp_portal.core.delegates.forms import ExtendForm, InviteBillingForm
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.waiting import too_many
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.people.forms import ReasonForm
from hp_portal.core.tax_ids.billing_access import (
    AnsweredMeanwhile,
    Ending,
    Lost,
    NoDelegate,
    answer_ending,
    end_billing_access,
    find_ending,
    invite_billing_service,
)
from hp_portal.core.tax_ids.seeing import OtherWhoSees, WhoSees, view_who_sees, who_sees
from hp_portal.core.tax_ids.views import READ
from hp_portal.core.web.formats import show_date
from hp_portal.core.web.render import db_session, page, redirect_to, settings

blueprint = Blueprint("seeing", __name__)
NOTHING = "There is nothing to end any more: see below who can see your payments now."
MORE = "More access was given since the page was shown. Look at the list again, then end it."
LAST_MOMENT = dt.timedelta(seconds=1)
"""Access ends with the midnight that ends its last day."""
OFTEN = "You have invited many billing services today. Wait {wait}, then try again."


@dataclass(frozen=True)
class Chosen:
    """What is to be ended: one grant, all of one organization, or all of every billing organization."""

    others: list[OtherWhoSees]
    grant: int | None
    organization: int | None

    @property
    def grants(self) -> list[int]:
        return [one.grant_id for other in self.others for one in other.accesses if self.grant in (None, one.grant_id)]


def _seen(*, with_use: bool = True) -> WhoSees:
    return who_sees(db_session(), the_actor().organization_id or 0, with_use=with_use)


def _number(name: str) -> int | None:
    """A number of the address or the form; None: it is not there. One that cannot be read is nobody's, and never everybody's."""
    text = request.values.get(name)
    if text is None:
        return None
    return _read(text) or abort(404)


def _read(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


def _shown() -> set[int]:
    """The access that the page listed as what the button would end."""
    return {_read(one) for one in request.form.get("shown", "").split(",")}


def _chosen() -> Chosen:
    grant, organization = _number("grant"), _number("organization")
    others = [
        one
        for one in _seen(with_use=False).billing
        if organization in (None, one.id) and (grant is None or grant in [each.grant_id for each in one.accesses])
    ]
    return Chosen(others, grant, organization)


def _index_page(form: InviteBillingForm, status: int = 200, seen: WhoSees | None = None) -> Response:
    labels = {one.key: one.label for one in plugins().applications}
    more: dict[str, Any] = {"labels": labels, "proofs": PROOFS, "may_object": can(READ), "last_moment": LAST_MOMENT}
    return page("delegates/who_sees.html", form=form, seen=seen or _seen(), **more, status=status)


@blueprint.get("/who-can-see-our-data")
@access.delegate
def index() -> ResponseReturnValue:
    db = db_session()
    seen = view_who_sees(db, the_actor().organization_id or 0)
    db.commit()
    return _index_page(InviteBillingForm(formdata=None), seen=seen)


def _end_page(chosen: Chosen, form: ReasonForm, status: int = 200) -> Response:
    return page("delegates/end_access.html", chosen=chosen, form=form, status=status)


def _nothing_to_end() -> Response:
    flash(NOTHING, "info")
    return redirect_to(url_for("seeing.index"))


@blueprint.get("/who-can-see-our-data/end")
@access.delegate
def end() -> ResponseReturnValue:
    """What is about to be ended, by `grant` or `organization`; neither: everything of every billing organization."""
    chosen = _chosen()
    return _end_page(chosen, ReasonForm(formdata=None)) if chosen.grants else _nothing_to_end()


@blueprint.post("/who-can-see-our-data/end/confirmed")
@access.delegate
def end_post() -> ResponseReturnValue:
    form, db, chosen = ReasonForm(), db_session(), _chosen()
    if chosen.grants and not form.validate_on_submit():
        return _end_page(chosen, form, 422)
    if not _shown().issuperset(chosen.grants):
        form.form_errors = [MORE]
        return _end_page(chosen, form, 409)
    try:
        ended = end_billing_access(db, the_actor(), chosen.grants, form.reason.data or "") if chosen.grants else []
    except NoDelegate:
        ended = []
    if not ended:
        db.rollback()
        return _nothing_to_end()
    db.commit()
    flash(_what_ended(ended), "good")
    return redirect_to(url_for("seeing.index"))


def _what_ended(ended: Sequence[Lost]) -> str:
    names = list(dict.fromkeys(one.organization for one in ended))
    if len(ended) == 1:
        return f"{names[0]} no longer sees payments to {ended[0].payee}."
    who = f"{names[0]} no longer sees" if len(names) == 1 else f"{len(names)} billing organizations no longer see"
    return f"{who} payments to {len({one.payee for one in ended})} of your payees."


@blueprint.post("/who-can-see-our-data/invite")
@access.delegate
def invite() -> ResponseReturnValue:
    form, db = InviteBillingForm(), db_session()
    if not form.validate_on_submit():
        return _index_page(form, 422)
    try:
        invite_billing_service(db, the_actor(), form.name.data, form.email.data)
    except TooManyAttempts as error:
        db.rollback()
        return too_many(form, error, _index_page, OFTEN)
    db.commit()
    flash(f"An invitation is on its way to {form.email.data}.", "good")
    return redirect_to(url_for("seeing.index"))


def _ending() -> Ending | None:
    """The access that is asked about; None: it has ended, has no end, or is not theirs to extend."""
    return find_ending(db_session(), the_actor(), _number("grant") or 0)


def _ending_page(ending: Ending, form: ExtendForm, status: int = 200) -> Response:
    return page("delegates/access_ending.html", ending=ending, form=form, last_moment=LAST_MOMENT, status=status)


@blueprint.get("/who-can-see-our-data/ending")
@access.delegate
def ending() -> ResponseReturnValue:
    """Access that ends by itself: extend it, or let it end."""
    found = _ending()
    return (
        _nothing_to_end()
        if found is None
        else _ending_page(found, ExtendForm(formdata=None, ends=found.ends_at.isoformat()))
    )


@blueprint.post("/who-can-see-our-data/ending/answered")
@access.delegate
def ending_post() -> ResponseReturnValue:
    form, db, found = ExtendForm(), db_session(), _ending()
    if found is None:
        return _nothing_to_end()
    extends = request.form.get("answer") == "extend"
    form.present_end = (found.ends_at - LAST_MOMENT).astimezone(settings().payer.zone).date()
    if form.ends.data != found.ends_at.isoformat():
        return _answered_meanwhile()
    if (extends and not form.validate_on_submit()) or (not extends and request.form.get("answer") != "end"):
        return _ending_page(found, form, 422)
    try:
        answer_ending(db, the_actor(), found, form.until.data if extends else None)
    except (AnsweredMeanwhile, NoDelegate):
        return _answered_meanwhile()
    db.commit()
    said = f"The access of {found.organization} ends on its day."
    if extends:
        said = f"{found.organization} can see payments to {found.payee} until {show_date(form.until.data)}."
    flash(said, "good")
    return redirect_to(url_for("seeing.index"))


def _answered_meanwhile() -> Response:
    db_session().rollback()
    flash("Another delegate has answered meanwhile: see below until when the access goes on.", "warn")
    return redirect_to(url_for("seeing.index"))
