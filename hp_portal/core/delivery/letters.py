"""Letters: written like any message, printed by the payer's staff in print runs, folded for a window envelope, and mailed.

A letter waits in the print queue. A print run takes what waits; its PDF has the letters, its list the addresses. Once it is
posted, its letters count as sent. One that the mail brings back is marked, and can be printed once more.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import segno
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.models import Message, PrintRun
from hp_portal.core.delivery.outbox import (
    CANCELED,
    LETTER,
    PRINTED,
    RETURNED,
    SENT,
    WAITING,
    Outgoing,
    add_message,
    note_attempt,
    remove_secrets,
    values_for_staff,
    values_of,
)
from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.documents.sheets import csv_file
from hp_portal.core.web.formats import show_day
from hp_portal.database import PortalSession
from hp_portal.settings import Payer

_TEMPLATE = Path(__file__).with_name("letters.typ")
MOST_LINES, LONGEST_LINE = 4, 45
"""What an address in the envelope's window has room for."""
MOST_IN_RUN = 300


@dataclass(frozen=True)
class Letter:
    """A letter. `address` is the addressee and the lines below: four at most, of 45 letters.

    `paragraphs` and `steps` are plain text. `code`, such as a PIN, is set off in large letters, with `code_label` above it.
    `link` is where to go, shown as text and as a QR code. `secret`: the code opens something. Only the print run shows it; it is
    removed once the run is marked as mailed, or the letter canceled, and the letter cannot be printed again then.
    """

    address: Sequence[str]
    subject: str
    about: str
    paragraphs: Sequence[str]
    steps: Sequence[str] = ()
    code: str = ""
    code_label: str = ""
    link: str = ""
    secret: bool = False


def add_letter(session: PortalSession, letter: Letter) -> int:
    """Put a letter into the print queue; its id.

    Raises ValueError for an address that the envelope's window cannot show.
    """
    lines = [line.strip() for line in letter.address]
    if not 2 <= len(lines) <= MOST_LINES or any(not 0 < len(line) <= LONGEST_LINE for line in lines):
        raise ValueError(f"an address has 2 to {MOST_LINES} lines of at most {LONGEST_LINE} letters")
    values = {
        "address": lines,
        "paragraphs": list(letter.paragraphs),
        "steps": list(letter.steps),
        "code": letter.code,
        "code_label": letter.code_label,
        "link": letter.link,
    }
    secrets = ("code",) if letter.secret else ()
    return add_message(session, Outgoing(lines[0], "letter", letter.subject, letter.about, values, LETTER, secrets))


def _waiting() -> tuple[sa.ColumnElement[bool], ...]:
    """Letters that wait, and that no worker is just sending by a plugin's way."""
    free = sa.or_(Message.leased_until.is_(None), Message.leased_until < clock.now())
    return (Message.channel == LETTER, Message.state == WAITING, free)


def count_waiting(session: PortalSession) -> int:
    """Letters that wait to be printed."""
    return session.scalar(sa.select(sa.func.count(Message.id)).where(*_waiting())) or 0


def count_to_do(session: PortalSession) -> int:
    """Letters that wait to be printed, or to be mailed."""
    to_do = sa.and_(Message.channel == LETTER, Message.state.in_((WAITING, PRINTED)))
    return session.scalar(sa.select(sa.func.count(Message.id)).where(to_do)) or 0


def make_print_run(session: PortalSession) -> int | None:
    """Take what waits into a new print run, the oldest first, at most 300; the run's id, or None when nothing waits.

    Two members of staff at once get two runs, and no letter is in both.
    """
    run = PrintRun(made_at=clock.now(), letters=0)
    session.add(run)
    session.flush()
    waiting = sa.select(Message.id).where(*_waiting()).order_by(Message.id).limit(MOST_IN_RUN)
    taken = session.scalars(
        sa.update(Message)
        .where(Message.id.in_(waiting), *_waiting())
        .values(state=PRINTED, print_run_id=run.id)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    if not taken:
        session.delete(run)
        session.flush()
        return None
    run.letters = len(taken)
    record(session, "delivery.print-run.made", run=run.id, letters=run.letters)
    return run.id


def print_runs(session: PortalSession) -> Sequence[PrintRun]:
    """The newest print runs, at most 50."""
    return session.scalars(sa.select(PrintRun).order_by(PrintRun.id.desc()).limit(50)).all()


def letters_of(session: PortalSession, run_id: int) -> Sequence[Message]:
    """The letters of a run that were not canceled, in the order in which they are printed."""
    wanted = sa.select(Message).where(Message.print_run_id == run_id, Message.state.in_((PRINTED, SENT, RETURNED)))
    return session.scalars(wanted.order_by(Message.id)).all()


def find_run(session: PortalSession, run_id: int) -> PrintRun | None:
    """A print run."""
    return session.scalars(sa.select(PrintRun).where(PrintRun.id == run_id)).one_or_none()


def find_letter(session: PortalSession, message_id: int) -> Message | None:
    """A letter that has not been canceled."""
    wanted = sa.select(Message).where(Message.id == message_id, Message.channel == LETTER, Message.state != CANCELED)
    return session.scalars(wanted).one_or_none()


class NotDownloaded(Exception):
    """Nobody has got the letters of the run yet: they cannot be in the mail."""


def note_downloaded(session: PortalSession, run_id: int, letters: int) -> None:
    """Somebody got the letters of a run."""
    session.execute(
        sa.update(PrintRun)
        .where(PrintRun.id == run_id, PrintRun.downloaded_at.is_(None))
        .values(downloaded_at=clock.now())
        .execution_options(synchronize_session="fetch")
    )
    note_list_downloaded(session, run_id, letters)


def note_list_downloaded(session: PortalSession, run_id: int, letters: int) -> None:
    """Somebody got the list of a run's addresses."""
    record(session, "delivery.print-run.downloaded", run=run_id, letters=letters)


def note_letter_downloaded(session: PortalSession, message_id: int) -> None:
    """Somebody got one letter to print."""
    record(session, "delivery.letter.downloaded", message=message_id)


def mark_posted(session: PortalSession, run_id: int) -> int:
    """A run's letters are in the mail; how many that were printed now count as sent, none the second time.

    Their codes are gone then, for good. Raises NotDownloaded.
    """
    now = clock.now()
    run = find_run(session, run_id)
    if run is not None and run.downloaded_at is None:
        raise NotDownloaded
    session.execute(
        sa.update(PrintRun)
        .where(PrintRun.id == run_id, PrintRun.posted_at.is_(None))
        .values(posted_at=now)
        .execution_options(synchronize_session="fetch")
    )
    posted = session.scalars(
        sa.update(Message)
        .where(Message.print_run_id == run_id, Message.state == PRINTED)
        .values(state=SENT, ended_at=now, problem="")
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).all()
    remove_secrets(session, posted)
    for message_id in sorted(posted):
        note_attempt(session, message_id, "sent", "The letter was mailed.")
    if posted:
        record(session, "delivery.print-run.posted", run=run_id, letters=len(posted))
    return len(posted)


def mark_returned(session: PortalSession, message_id: int, reason: str) -> bool:
    """The mail brought a letter back; False when it was not mailed."""
    now = clock.now()
    done = session.scalars(
        sa.update(Message)
        .where(Message.id == message_id, Message.channel == LETTER, Message.state == SENT)
        .values(state=RETURNED, problem=reason[:300], ended_at=now)
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is None:
        return False
    note_attempt(session, message_id, "failed", reason)
    record(session, "delivery.message.returned", message=message_id)
    return True


@dataclass(frozen=True)
class ReturnedLetter:
    """A letter that the mail brought back: the lines of its address, the addressee first, when it was marked, and why."""

    message_id: int
    address: tuple[str, ...]
    returned_at: dt.datetime
    reason: str


def returned_letters(session: PortalSession, since: dt.datetime) -> list[ReturnedLetter]:
    """The letters that were marked as returned since then, the oldest first. Needs a whole scope."""
    returned = (Message.channel == LETTER, Message.state == RETURNED, Message.ended_at >= since)
    found = session.scalars(sa.select(Message).where(*returned).order_by(Message.id))
    return [
        ReturnedLetter(one.id, tuple(values_of(session, one)["address"]), one.ended_at or since, one.problem)
        for one in found
    ]


def _data(payer: Payer, message: Message, values: dict[str, Any]) -> dict[str, Any]:
    qr = io.BytesIO()
    if values["link"]:
        segno.make(values["link"], error="m", micro=False).save(qr, kind="svg", border=1, xmldecl=False)
    return {
        **values,
        "number": str(message.id),
        "subject": message.subject,
        "date": show_day(message.created_at, payer.zone),
        "from": payer.name,
        "from_address": list(payer.address),
        "contact": " · ".join(filter(None, (payer.phone, payer.hours))),
        "qr": qr.getvalue().decode(),
    }


def print_pdf(
    session: PortalSession,
    payer: Payer,
    messages: Sequence[Message],
    *,
    limits: DocumentLimits = BY_THE_WORKER,
    secrets: bool = False,
) -> bytes:
    """These letters as a PDF to print, a page or more for each; with their secrets, or with marks in their places. Raises
    DocumentError."""
    opened = values_of if secrets else values_for_staff
    letters = [_data(payer, message, opened(session, message)) for message in messages]
    title = messages[0].subject if len(messages) == 1 else f"{len(messages)} letters"
    data = {"letters": letters}
    return render_pdf(_TEMPLATE, data, title=title, author=payer.name, payer=payer, limits=limits)


def manifest(session: PortalSession, payer: Payer, messages: Sequence[Message]) -> bytes:
    """The list that goes with a print run: a row for each letter, as CSV."""
    rows: list[tuple[str | int | dt.datetime, ...]] = []
    for message in messages:
        lines = values_of(session, message)["address"]
        rows.append((message.id, *lines, *[""] * (MOST_LINES - len(lines)), message.subject, message.created_at))
    columns = ("Message", *(f"Address line {line}" for line in range(1, MOST_LINES + 1)), "Subject", "Written")
    return csv_file(columns, rows, zone=payer.zone)
