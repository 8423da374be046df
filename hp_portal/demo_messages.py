"""The demo's messages of the last weeks: sent, refused, come back, and a letter and a fax that wait for the staff."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delivery.faxes import Fax, add_fax
from hp_portal.core.delivery.letters import Letter, add_letter
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import FAILED, RETURNED, SENT, Outgoing, add_message, note_attempts
from hp_portal.database import PortalSession

_TAKEN = "The mail server has taken it."
# Which working day back, and how its first message ended: with which state, attempts, and what was said last.
_ENDED: dict[int, tuple[str, tuple[str, ...], str]] = {
    2: (FAILED, ("refused",), "The mail server said: 550 5.1.1 no such user"),
    6: (RETURNED, ("sent", "failed"), "550 5.1.1 mailbox no longer in use"),
    11: (SENT, ("again", "sent"), "The mail server said: 451 4.7.1 try again later"),
}


def add_messages(session: PortalSession, short_name: str) -> None:
    """Messages on each working day of the last four weeks, and paper that waits."""
    now = clock.now()
    days = [day for day in (now - dt.timedelta(days=back) for back in range(1, 29)) if day.weekday() < 5]
    for place, day in enumerate(days, 1):
        for number in range(1 + place % 4):
            _add_mail(session, short_name, day + dt.timedelta(minutes=number), place if number == 0 else 0)
    address = ["Wayside Demo Therapy", "09 Example Street", "Exampleton MN 55000"]
    text = "This letter waits for somebody to make a print run, to look at it, and to mark it as mailed."
    add_letter(session, Letter(address, f"A letter from {short_name}", "demo", [text]))
    note = ["This fax waits for somebody to look at it and to mark it as sent."]
    add_fax(session, Fax("952-555-0100", "Wayside Demo Therapy", f"A fax from {short_name}", "demo", note))


def _add_mail(session: PortalSession, short_name: str, at: dt.datetime, special: int) -> None:
    state, outcomes, said = _ENDED.get(special, (SENT, ("sent",), _TAKEN))
    address = "old.address@office.example" if state in (FAILED, RETURNED) else "front.office@office.example"
    values = {"asked_at": f"{at:%B} {at.day}"}
    number = add_message(session, Outgoing(address, "test", f"Test message from {short_name}", "demo", values))
    problem = said if state in (FAILED, RETURNED) else ""
    change = sa.update(Message).where(Message.id == number)
    session.execute(change.values(state=state, created_at=at, due_at=at, ended_at=at, problem=problem))
    attempts = [(number, at, outcome, _TAKEN if outcome == "sent" else said) for outcome in outcomes]
    note_attempts(session, attempts)
