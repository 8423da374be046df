"""Letters that the payer's staff print and mail: print runs, single letters, and what the mail brings back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask import abort, flash, url_for
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.delivery import letters as queue
from hp_portal.core.delivery.letters import Letter, add_letter
from hp_portal.core.delivery.models import Message, PrintRun
from hp_portal.core.delivery.ways import demo_mailbox
from hp_portal.core.documents.limited import AT_ONCE, BY_THE_WORKER
from hp_portal.core.documents.sheets import CSV_TYPE
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.downloads.queue import forget_documents
from hp_portal.core.registration.pins import letter_came_back
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.forms import ReturnedLetterForm, TestLetterForm
from hp_portal.core.web.attachments import attachment
from hp_portal.core.web.formats import show_count
from hp_portal.core.web.render import db_session, form_status, page, redirect_to, settings
from hp_portal.database import PortalSession
from hp_portal.hookspecs import DocumentKind, MadeFile, Making

PRINT = "staff:letters:print"
RUN, ONE = "delivery.print-run", "delivery.letter"
_SMALL = 20  # letters, which take less than a second


def _make_run(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    found = _run_as_wanted(session, wanted)
    return _printed(session, found, f"letters-{wanted['run']}.pdf", making, secrets=not wanted["posted"])


def _make_one(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    found = queue.find_letter(session, wanted["message"])
    return _printed(session, [found] if found else [], f"letter-{wanted['message']}.pdf", making)


def _printed(
    session: PortalSession, found: Sequence[Message], name: str, making: Making, *, secrets: bool = False
) -> MadeFile | None:
    if not found:
        return None
    limits = AT_ONCE if making.at_once else BY_THE_WORKER
    body = queue.print_pdf(session, settings().payer, found, limits=limits, secrets=secrets)
    return MadeFile(body, name, "application/pdf")


def _run_wanted(session: PortalSession, run: PrintRun) -> dict[str, Any]:
    """What a run's PDF is of: a letter that is canceled, and codes once they are mailed, are in no file any more."""
    return {"run": run.id, "letters": len(queue.letters_of(session, run.id)), "posted": run.posted_at is not None}


def _run_as_wanted(session: PortalSession, wanted: Mapping[str, Any]) -> Sequence[Message]:
    """The letters of a run, or none when a file of it is no longer what it was made as."""
    run = queue.find_run(session, wanted["run"])
    if run is None or _run_wanted(session, run) != dict(wanted):
        return []
    return queue.letters_of(session, run.id)


def _hand_over_run(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    found = _run_as_wanted(session, wanted)
    if found:
        queue.note_downloaded(session, wanted["run"], len(found))
    return bool(found)


def _hand_over_one(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    found = queue.find_letter(session, wanted["message"]) is not None
    if found:
        queue.note_letter_downloaded(session, wanted["message"])
    return found


DOCUMENTS = (
    DocumentKind(RUN, "Letters to print", PRINT, _make_run, _hand_over_run),
    DocumentKind(ONE, "Letter to print", PRINT, _make_one, _hand_over_one),
)


def _letters_page(form: TestLetterForm, status: int = 200) -> ResponseReturnValue:
    db = db_session()
    waiting, runs = queue.count_waiting(db), queue.print_runs(db)
    return page("staff/letters.html", waiting=waiting, runs=runs, form=form, status=status)


@blueprint.get("/letters")
@access.staff(PRINT)
def letters() -> ResponseReturnValue:
    return _letters_page(TestLetterForm(formdata=None))


@blueprint.post("/letters/test")
@access.staff(PRINT)
def letters_test() -> ResponseReturnValue:
    """A letter to see how the payer's printer and envelopes take it."""
    form = TestLetterForm()
    if not form.validate_on_submit():
        return _letters_page(form, form_status(form))
    db = db_session()
    text = "Somebody of the staff asked for this letter, to see how it is printed, folded and put into an envelope."
    steps = ["Fold the sheet in three, with the address outside.", "See whether the envelope’s window shows all of it."]
    letter = Letter(form.lines, f"Test letter from {settings().payer.short_name}", "test", [text], steps)
    add_letter(db, letter)
    db.commit()
    flash("The letter waits to be printed.", "good")
    return redirect_to(url_for("staff.letters"))


@blueprint.post("/letters/print-runs")
@access.staff(PRINT)
def letters_print() -> ResponseReturnValue:
    db = db_session()
    run = queue.make_print_run(db)
    db.commit()
    if run is None:
        flash("No letter waits to be printed.", "warn")
    return redirect_to(url_for("staff.letters"))


@blueprint.get("/letters/print-runs/<id:run_id>/pdf")
@access.staff(PRINT)
def letters_pdf(run_id: int) -> ResponseReturnValue:
    db = db_session()
    wanted = _run_wanted(db, queue.find_run(db, run_id) or abort(404))
    return hand_over(RUN, wanted, title=show_count(wanted["letters"], "letter"), small=wanted["letters"] <= _SMALL)


@blueprint.get("/letters/print-runs/<id:run_id>/csv")
@access.staff(PRINT)
def letters_csv(run_id: int) -> ResponseReturnValue:
    db = db_session()
    found = queue.letters_of(db, run_id) or abort(404)
    body = queue.manifest(db, settings().payer, found)
    queue.note_list_downloaded(db, run_id, len(found))
    db.commit()
    return attachment(body, f"letters-{run_id}.csv", CSV_TYPE)


def _for_the_demo(session: PortalSession, run_id: int) -> list[tuple[Message, bytes]]:
    """The letters of a run with what is printed on them, codes included, before these are removed: for the demo's mailbox."""
    found = queue.letters_of(session, run_id)
    return [(one, queue.print_pdf(session, settings().payer, [one], limits=AT_ONCE, secrets=True)) for one in found]


@blueprint.post("/letters/print-runs/<id:run_id>/posted")
@access.staff(PRINT)
def letters_posted(run_id: int) -> ResponseReturnValue:
    db = db_session()
    mailed = _for_the_demo(db, run_id) if settings().demo else []
    try:
        posted = queue.mark_posted(db, run_id)
    except queue.NotDownloaded:
        flash("Nothing was changed: download the letters and print them first.", "warn")
        return redirect_to(url_for("staff.letters"))
    forget_documents(db, RUN, run=run_id)
    db.commit()
    for letter, pdf in mailed:
        demo_mailbox().put_paper("Letter", letter, letter.recipient, pdf)
    told = (
        f"{show_count(posted, 'letter')} marked as mailed." if posted else "The letters were already marked as mailed."
    )
    flash(told, "good" if posted else "warn")
    return redirect_to(url_for("staff.letters"))


@blueprint.get("/letters/<id:message_id>/pdf")
@access.staff(PRINT)
def letters_one_pdf(message_id: int) -> ResponseReturnValue:
    return hand_over(ONE, {"message": message_id}, title="Letter", small=True)


@blueprint.post("/letters/<id:message_id>/returned")
@access.staff(PRINT)
def letters_returned(message_id: int) -> ResponseReturnValue:
    form, db = ReturnedLetterForm(), db_session()
    reason = form.reason.data if form.validate_on_submit() else ""
    done = bool(reason) and queue.mark_returned(db, message_id, f"The mail brought it back: {reason}")
    if done:
        letter_came_back(db, message_id)
    db.commit()
    told = "The letter is marked as returned." if done else "Nothing was changed: choose why the letter came back."
    flash(told, "good" if done else "warn")
    return redirect_to(url_for("staff.deliveries_one", message_id=message_id))
