"""Faxes that the payer's staff send by hand, or that could not be sent otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delivery import faxes as queue
from hp_portal.core.delivery.faxes import Fax, add_fax
from hp_portal.core.delivery.outbox import FAX
from hp_portal.core.delivery.ways import demo_mailbox, leaves_by_itself
from hp_portal.core.documents.limited import AT_ONCE, BY_THE_WORKER
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import FailedFaxForm, TestFaxForm
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings
from hp_portal.database import PortalSession
from hp_portal.hookspecs import DocumentKind, MadeFile, Making

SEND = "staff:faxes:send"
KIND = "delivery.fax"


def _make(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    found = queue.find_fax(session, wanted["message"])
    if found is None:
        return None
    limits = AT_ONCE if making.at_once else BY_THE_WORKER
    body = queue.fax_pdf(session, settings().payer, found, limits=limits)
    return MadeFile(body, f"fax-{found.reference}.pdf", "application/pdf")


def _hand_over(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    found = queue.find_fax(session, wanted["message"]) is not None
    if found:
        queue.note_fax_downloaded(session, wanted["message"])
    return found


DOCUMENTS = (DocumentKind(KIND, "Fax to send", SEND, _make, _hand_over),)


def _page(form: TestFaxForm, status: int = 200, failed: tuple[int, FailedFaxForm] | None = None) -> ResponseReturnValue:
    by_hand = not leaves_by_itself(FAX)
    found = queue.faxes_to_send(db_session(), by_hand=by_hand)
    forms = {fax.id: FailedFaxForm(formdata=None, prefix=f"fax-{fax.id}") for fax in found}
    if failed is not None:
        forms[failed[0]] = failed[1]
    return page(
        "staff/faxes.html",
        by_hand=by_hand,
        faxes=found,
        numbers={fax.id: queue.show_fax_number(fax.recipient) for fax in found},
        forms=forms,
        form=form,
        status=status,
    )


@blueprint.get("/faxes")
@access.staff(SEND)
def faxes() -> ResponseReturnValue:
    return _page(TestFaxForm(formdata=None))


@blueprint.post("/faxes/test")
@access.staff(SEND)
def faxes_test() -> ResponseReturnValue:
    """A fax to see whether faxes arrive, and how they look then."""
    form = TestFaxForm()
    if not form.validate_on_submit():
        return _page(form, form_status(form))
    db = db_session()
    subject = f"Test fax from {settings().payer.short_name}"
    note = ["Somebody of the staff asked for this fax, to see whether faxes arrive and how they look then."]
    add_fax(db, Fax(form.number.data, form.to.data, subject, "test", note))
    db.commit()
    flash("The fax waits to be sent.", "good")
    return redirect_to(url_for("staff.faxes"))


@blueprint.get("/faxes/<id:fax_id>/pdf")
@access.staff(SEND)
def faxes_pdf(fax_id: int) -> ResponseReturnValue:
    return hand_over(KIND, {"message": fax_id}, title="Fax", small=True)


@blueprint.post("/faxes/<id:fax_id>/sent")
@access.staff(SEND)
def faxes_sent(fax_id: int) -> ResponseReturnValue:
    db = db_session()
    done = queue.mark_fax_sent(db, fax_id)
    if done and settings().demo and (fax := queue.find_fax(db, fax_id)):
        pdf = queue.fax_pdf(db, settings().payer, fax, limits=AT_ONCE)
        demo_mailbox().put_paper("Fax", fax, queue.show_fax_number(fax.recipient), pdf)
    db.commit()
    return _told(done, "The fax is marked as sent.")


@blueprint.post("/faxes/<id:fax_id>/failed")
@access.staff(SEND)
def faxes_failed(fax_id: int) -> ResponseReturnValue:
    form, db = FailedFaxForm(prefix=f"fax-{fax_id}"), db_session()
    if not form.validate_on_submit():
        return _page(TestFaxForm(formdata=None), form_status(form), (fax_id, form))
    done = queue.mark_fax_failed(db, fax_id, form.reason.data)
    db.commit()
    return _told(done, "The fax is marked as not sent.")


def _told(done: bool, words: str) -> ResponseReturnValue:
    flash(words if done else "Nothing was changed: the fax does not wait any more.", "good" if done else "warn")
    return redirect_to(url_for("staff.faxes"))
