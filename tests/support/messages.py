"""What was mailed; and to look at: a letter that was posted, mail that came back and fits no message, a request answered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from hp_portal.core.delegates.models import ANSWERED, DelegateRequest
from hp_portal.core.delegates.requests import ANSWER, Asker, add_request
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.faxes import Fax, add_fax
from hp_portal.core.delivery.letters import Letter, add_letter, make_print_run, mark_posted, note_downloaded
from hp_portal.core.delivery.models import Message, PrintRun, ReturnedMail
from hp_portal.core.delivery.outbox import Outgoing, add_message, values_of
from hp_portal.core.delivery.returns import take_return
from hp_portal.core.organizations.models import Organization

from .world import World


def mails(world: World, *templates: str) -> list[tuple[str, dict[str, Any]]]:
    """To whom messages of these templates went, and what fills them in, oldest first."""
    with world.session() as session:
        rows = session.scalars(sa.select(Message).where(Message.template.in_(templates)).order_by(Message.id))
        return [(row.recipient, values_of(session, row)) for row in rows]


def posted_letter(world: World) -> int:
    """A letter that was posted: its id."""
    with world.session() as session:
        letter = Letter(["A Clinic", "100 Main Street"], "A letter", "test:1", ["It has one sentence."])
        number = add_letter(session, letter)
        run = make_print_run(session) or 0
        note_downloaded(session, run, 1)
        mark_posted(session, run)
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


def answered_request(world: World, organization: Organization) -> int:
    """Somebody asked this organization's delegates to contact them, and they answered: the request's id."""
    with world.app.app_context(), world.session() as session:
        asker = Asker("Alex Sample", "alex@office.example", "555-010-0100", "An account, please.")
        number = add_request(session, organization.id, asker, "192.0.2.1")
        row = session.get_one(DelegateRequest, number)
        row.state, row.answer_sealed = ANSWERED, session.vault.seal_text("We call you.", ANSWER(row.token))
        return number
