"""Messages to look at: a letter in a print run that was posted, and mail that came back and fits no message."""

from __future__ import annotations

import sqlalchemy as sa

from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.faxes import Fax, add_fax
from hp_portal.core.delivery.letters import Letter, add_letter, make_print_run, mark_posted
from hp_portal.core.delivery.models import Message, PrintRun, ReturnedMail
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.delivery.returns import take_return

from .world import World


def posted_letter(world: World) -> int:
    """A letter that was posted: its id."""
    with world.session() as session:
        letter = Letter(["A Clinic", "100 Main Street"], "A letter", "test:1", ["It has one sentence."])
        number = add_letter(session, letter)
        mark_posted(session, make_print_run(session) or 0)
        return number


def print_run(world: World) -> int:
    """The print run of a posted letter: its id."""
    posted_letter(world)
    with world.session() as session:
        return session.scalars(sa.select(PrintRun.id).order_by(PrintRun.id.desc())).first() or 0


def digest_token(world: World) -> str:
    """The token of the link in a digest."""
    with world.session() as session:
        outgoing = Outgoing(
            "a.clerk@clinic.example", "test", "What is new", "test:1", {"asked_at": "today"}, digest=True
        )
        return session.get_one(Message, add_message(session, outgoing)).digest_token or ""


def attachment(world: World) -> int:
    """A message with a file: its id."""
    with world.session() as session:
        file = Attachment("note.txt", "text/plain", b"A note.")
        values = {"asked_at": "today"}
        return add_message(
            session, Outgoing("a@clinic.example", "test", "A note", "test:1", values, attachments=(file,))
        )


def waiting_fax(world: World) -> int:
    """A fax that waits to be sent: its id."""
    with world.session() as session:
        return add_fax(session, Fax("952-555-0100", "A Clinic", "A fax", "test:1", ["It has one sentence."]))


def returned_mail(world: World) -> int:
    """Mail that waits for somebody to read it: its id."""
    with world.session() as session:
        take_return(session, b"From: a.clerk@clinic.example\nSubject: Re: Hello\n\nWho are you?\n")
        session.flush()
        return session.scalars(sa.select(ReturnedMail.id).order_by(ReturnedMail.id.desc())).first() or 0
