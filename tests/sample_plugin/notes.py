"""Notes of an organization."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from hp_portal.api import (
    Base,
    Column,
    DemoCheck,
    Listing,
    May,
    Order,
    Organization,
    OwnedByOrganization,
    Payee,
    PayeeRef,
    PaymentProof,
    PortalEvent,
    PortalSession,
    Sorting,
    forget_attached,
    key,
    page_of,
    record,
)


class Note(Base, OwnedByOrganization):
    """A short text."""

    __tablename__ = "sample_note"
    __organization_may__ = May(add=("text",), change=("text",), remove=True)

    id: Mapped[key]
    text: Mapped[str] = mapped_column(sa.Text())


LIST = Sorting(
    (Column("number", "Number", Note.id, "number"), Column("text", "Note", Note.text)), default="number", tie=Note.id
)


def list_notes(session: PortalSession, order: Order) -> Listing[Note]:
    """One page of the notes one may see."""
    return page_of(session, sa.select(Note), order)


def count_notes(session: PortalSession) -> int:
    """How many notes there are, for the staff's first page."""
    return session.scalar(sa.select(sa.func.count(Note.id))) or 0


def find_note(session: PortalSession, note_id: int) -> Note | None:
    """A note, or None when there is none that one may see."""
    return session.get(Note, note_id)


def is_there(session: PortalSession, note_id: int) -> bool:
    """Is the note there now, whatever this session has read of it before?"""
    return session.scalar(sa.select(sa.func.count()).where(Note.id == note_id)) == 1


def remove_note(session: PortalSession, note: Note, about: str) -> None:
    """Remove a note with its files, whose lock keeps others from attaching to it meanwhile."""
    forget_attached(session, about)
    session.delete(note)


def write_note(session: PortalSession, organization_id: int, text: str) -> Note:
    """Add a note, audited and announced."""
    note = Note(organization_id=organization_id, text=text)
    session.add(note)
    session.flush()
    record(session, "sample.note.written", note=note.id)
    session.announce(PortalEvent("sample.note.written", {"note": note.id}))
    return note


SAMPLE_DAY = dt.date(2026, 3, 2)


def payee_of(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    """The payee of the one number the sample knows."""
    if proof.number != "SAMPLE-1":
        return None
    payee_id = session.scalar(sa.select(Payee.id).where(Payee.npi == proof.npi))
    if payee_id is None:
        return None
    return PayeeRef(payee_id, is_non_payment=False, number=proof.number, paid_on=proof.paid_on or SAMPLE_DAY)


def tidy_written(session: PortalSession, event: PortalEvent) -> None:
    """A note loses the blanks around it in the transaction that wrote it."""
    if event.key == "sample.note.written":
        note = session.get_one(Note, event.ids["note"])
        note.text = note.text.strip()


def remove_empty(session: PortalSession) -> None:
    session.execute(sa.delete(Note).where(Note.text == ""))


def load_demo(session: PortalSession) -> list[DemoCheck]:
    organization = session.scalars(sa.select(Organization).order_by(Organization.id)).first()
    if organization is None:
        return []
    write_note(session, organization.id, "A note of the demo")
    return [DemoCheck("SAMPLE-1", "CHK", organization.name, "proves any payee")]


def hand_over(session: PortalSession, person_id: int, successor_id: int) -> list[str]:
    """Notes that begin with somebody's number are theirs: they are the successor's now."""
    start = f"{person_id}:"
    mine = session.scalars(sa.select(Note).where(Note.text.startswith(start))).all()
    for note in mine:
        note.text = f"{successor_id}:{note.text.removeprefix(start)}"
    return [f"{len(mine)} sample notes"] if mine else []
