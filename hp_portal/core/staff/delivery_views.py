"""Messages that the portal sends: what became of each, and what staff can do about it."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Response, abort, flash, request, url_for
from flask.typing import ResponseReturnValue

from hp_portal import clock
from hp_portal.core.access import rules as access
from hp_portal.core.delivery.outbox import (
    FAILED,
    LETTER,
    PRINTED,
    SENT,
    WAITING,
    Outgoing,
    add_message,
    cancel_message,
    may_send_again,
    secrets_are_gone,
    send_again,
)
from hp_portal.core.delivery.overview import (
    CHANNELS,
    MESSAGES,
    STATES,
    DayCount,
    count_by_day,
    count_by_state,
    count_to_send_again,
    find_message,
    send_all_again,
    view_message,
    view_messages,
)
from hp_portal.core.delivery.returns import settle, settle_as_returned, view_kept_mail
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import DeliveriesForm, ReturnedLetterForm, TestMailForm
from hp_portal.core.web.charts import BarChart, Point, bar_chart
from hp_portal.core.web.formats import show_count, show_datetime
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings

SECRETS_GONE = (
    "It cannot be sent again: its code was removed when it left, so that nobody can read it later. Whoever wrote it has to "
    "make a new one."
)


@blueprint.get("/deliveries")
@access.staff("staff:deliveries:read")
def deliveries() -> ResponseReturnValue:
    form = DeliveriesForm(request.args)
    if not form.validate():
        return _deliveries_page(form, status=422)
    return _deliveries_page(form)


def _chart(days: Sequence[DayCount]) -> BarChart | None:
    """Messages that left, day by day; None when nothing happened."""
    if not any(day.sent or day.failed or day.returned for day in days):
        return None
    return bar_chart(
        [
            Point(
                f"{day.day:%b} {day.day.day}" if place % 5 == 4 else "", day.sent, f"{day.sent:,}" if day.sent else ""
            )
            for place, day in enumerate(days)
        ]
    )


def _deliveries_page(form: DeliveriesForm, mail_form: TestMailForm | None = None, status: int = 200) -> Response:
    db, listing, again, zone = db_session(), None, 0, settings().payer.zone
    if status == 200 or mail_form is not None:
        wanted = form.wanted()
        again = count_to_send_again(db, zone, **wanted)
        listing = view_messages(db, MESSAGES.read(request.args), zone, **wanted).at("staff.deliveries", **wanted)
    counts, days = count_by_state(db), count_by_day(db, zone)
    db.commit()
    return page(
        "staff/deliveries.html",
        "results",
        form=form,
        mail_form=mail_form or TestMailForm(formdata=None),
        listing=listing,
        again=again,
        counts=counts,
        days=days,
        chart=_chart(days),
        states=STATES,
        channels=CHANNELS,
        mail_server=settings().demo or bool(settings().smtp_url.get_secret_value() and settings().mail_from),
        mailbox=settings().demo and not settings().smtp_url.get_secret_value(),
        status=status,
    )


@blueprint.post("/deliveries")
@access.staff("staff:deliveries:manage")
def deliveries_test() -> ResponseReturnValue:
    """A message to see whether e-mail leaves the portal."""
    form = TestMailForm()
    if not form.validate_on_submit():
        return _deliveries_page(DeliveriesForm(formdata=None), form, form_status(form))
    db, asked_at = db_session(), show_datetime(clock.now(), settings().payer.zone)
    to = form.address.data
    subject = f"Test message from {settings().payer.short_name}"
    message = add_message(db, Outgoing(to, "test", subject, "test", {"asked_at": asked_at}))
    db.commit()
    flash(f"The message to {to} waits for the worker.", "good")
    return redirect_to(url_for("staff.deliveries_one", message_id=message))


@blueprint.post("/deliveries/again")
@access.staff("staff:deliveries:manage")
def deliveries_all_again() -> ResponseReturnValue:
    """Send all again that were given up, of those that the list showed."""
    form = DeliveriesForm(request.form)
    if not form.validate():
        return _deliveries_page(form, status=422)
    db = db_session()
    sent = send_all_again(db, settings().payer.zone, **form.wanted())
    db.commit()
    told = f"{show_count(sent, 'message')} will be sent again." if sent else "Nothing was changed: none was given up."
    flash(told, "good" if sent else "warn")
    return redirect_to(url_for("staff.deliveries"))


@blueprint.get("/deliveries/returned")
@access.staff("staff:deliveries:manage")
def deliveries_returned() -> ResponseReturnValue:
    db = db_session()
    mails = view_kept_mail(db)
    db.commit()
    return page("staff/deliveries_returned.html", mails=mails)


@blueprint.post("/deliveries/returned/<id:mail_id>")
@access.staff("staff:deliveries:manage")
def deliveries_settle(mail_id: int) -> ResponseReturnValue:
    db = db_session()
    done = settle(db, mail_id)
    db.commit()
    flash("It is settled." if done else "It was settled before.", "good" if done else "warn")
    return redirect_to(url_for("staff.deliveries_returned"))


@blueprint.post("/deliveries/returned/<id:mail_id>/message")
@access.staff("staff:deliveries:manage")
def deliveries_returned_message(mail_id: int) -> ResponseReturnValue:
    """The mail is about the message that the page named."""
    db = db_session()
    done = settle_as_returned(db, mail_id)
    db.commit()
    told = "The message is marked as returned." if done else "Nothing was changed: it was settled before."
    flash(told, "good" if done else "warn")
    return redirect_to(url_for("staff.deliveries_returned"))


@blueprint.get("/deliveries/<id:message_id>")
@access.staff("staff:deliveries:read")
def deliveries_one(message_id: int) -> ResponseReturnValue:
    db = db_session()
    found = view_message(db, message_id)
    if found is None:
        abort(404)
    db.commit()
    letter, state = found.message.channel == LETTER, found.message.state
    return page(
        "staff/delivery.html",
        found=found,
        message=found.message,
        states=STATES,
        channels=CHANNELS,
        letter=letter,
        form=ReturnedLetterForm(formdata=None) if letter and state == SENT else None,
        may_cancel=state in (WAITING, PRINTED, FAILED),
        may_send=may_send_again(found.message),
        secrets_gone=secrets_are_gone(found.message),
    )


@blueprint.post("/deliveries/<id:message_id>/cancel")
@access.staff("staff:deliveries:manage")
def deliveries_cancel(message_id: int) -> ResponseReturnValue:
    return _changed(message_id, cancel_message(db_session(), message_id), "The message is canceled.")


@blueprint.post("/deliveries/<id:message_id>/again")
@access.staff("staff:deliveries:manage")
def deliveries_again(message_id: int) -> ResponseReturnValue:
    db = db_session()
    done = send_again(db, message_id)
    message = None if done else find_message(db, message_id)
    if message is not None and secrets_are_gone(message):
        return _changed(message_id, done, "The message waits once more.", SECRETS_GONE)
    return _changed(message_id, done, "The message waits once more.")


def _changed(
    message_id: int, done: bool, told: str, otherwise: str = "Nothing was changed: look at the state of the message."
) -> ResponseReturnValue:
    db_session().commit()
    flash(told if done else otherwise, "good" if done else "warn")
    return redirect_to(url_for("staff.deliveries_one", message_id=message_id))
