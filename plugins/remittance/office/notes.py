"""What an office writes about payments and claims, for itself alone: written, changed and removed, with who and when.

A note may name patients. Its text lies sealed, and the record says who wrote, changed and removed it, never what it says: of the
text it has a keyed hash, by which a text that somebody has can be told to be the one.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.orm import aliased

from hp_portal.api import Person, Place, PortalSession, lock, now, record

from ..models import Claim, Payment
from .models import NOTE, Note
from .people import Colleague

LONGEST = 1_000
"""Characters of a note."""
MOST = 100
"""Notes of one payment, those of its claims included."""
_DIGEST = "remittance note"


class TooManyNotes(Exception):
    """The payment has as many notes as it can have."""


class NotYours(Exception):
    """The note was written by somebody else, and the person is no delegate of the organization."""


@dataclass(frozen=True)
class ShownNote:
    """A note as its office reads it. `yours`: the person may change and remove it."""

    id: int
    claim: int | None
    text: str
    by: str
    at: dt.datetime
    changed_by: str
    changed_at: dt.datetime | None
    yours: bool


@dataclass(frozen=True)
class Notes:
    """The notes of a payment, and of its claims by number, oldest first."""

    of_payment: list[ShownNote] = field(default_factory=list)
    of_claims: Mapping[int, list[ShownNote]] = field(default_factory=dict)

    def of(self, claim: int | None) -> list[ShownNote]:
        """Those of a claim; of None, of the payment itself."""
        return self.of_payment if claim is None else self.of_claims.get(claim, [])

    @property
    def total(self) -> int:
        return len(self.of_payment) + sum(map(len, self.of_claims.values()))


def notes_of(session: PortalSession, person: Colleague, payment_id: int) -> Notes:
    """The office's notes of a payment that one may see."""
    editor = aliased(Person)
    found: dict[int | None, list[ShownNote]] = defaultdict(list)
    for note, by, changed_by in session.execute(
        sa.select(Note, Person.name, editor.name)
        .join(Payment, Payment.id == Note.payment_id)
        .join(Person, Person.id == Note.written_by_id)
        .outerjoin(editor, editor.id == Note.changed_by_id)
        .where(Note.payment_id == payment_id)
        .order_by(Note.written_at, Note.id)
    ):
        found[note.claim].append(
            ShownNote(
                note.id,
                note.claim,
                session.vault.open_text(note.text_sealed, _place(note)),
                by,
                note.written_at,
                changed_by or "",
                note.changed_at,
                _may_change(person, note),
            )
        )
    return Notes(found.pop(None, []), {claim: notes for claim, notes in found.items() if claim is not None})


def write_note(session: PortalSession, person: Colleague, payment_id: int, claim: int | None, text: str) -> None:
    """Write a note about a payment, or a claim of it. Raises TooManyNotes; LookupError for a claim that the payment has not."""
    lock(session, f"remittance notes {person.organization_id} {payment_id}")
    counted = sa.select(sa.func.count(Note.id)).where(Note.payment_id == payment_id)
    if (session.scalar(counted) or 0) >= MOST:
        raise TooManyNotes
    if claim is not None and session.get(Claim, (payment_id, claim)) is None:
        raise LookupError
    word = secrets.token_urlsafe(16)
    note = Note(
        organization_id=person.organization_id,
        payment_id=payment_id,
        claim=claim,
        word=word,
        text_sealed=session.vault.seal_text(text, NOTE(person.organization_id, payment_id, word)),
        written_by_id=person.person_id,
        written_at=now(),
    )
    session.add(note)
    session.flush()
    _record(session, "remittance.note.written", note, text)


def find_note(session: PortalSession, note_id: int) -> Note | None:
    """A note of one's office about a payment that one may see."""
    return session.scalar(sa.select(Note).join(Payment, Payment.id == Note.payment_id).where(Note.id == note_id))


def change_note(session: PortalSession, person: Colleague, note: Note, text: str) -> None:
    """Give a note another text. Raises NotYours."""
    if not _may_change(person, note):
        raise NotYours
    if text == session.vault.open_text(note.text_sealed, _place(note)):
        return
    note.text_sealed = session.vault.seal_text(text, _place(note))
    note.changed_by_id, note.changed_at = person.person_id, now()
    session.flush()
    _record(session, "remittance.note.changed", note, text)


def remove_note(session: PortalSession, person: Colleague, note: Note) -> None:
    """Remove a note. Raises NotYours."""
    if not _may_change(person, note):
        raise NotYours
    _record(session, "remittance.note.removed", note, session.vault.open_text(note.text_sealed, _place(note)))
    session.delete(note)
    session.flush()


def _may_change(person: Colleague, note: Note) -> bool:
    return person.is_delegate or note.written_by_id == person.person_id


def _place(note: Note) -> Place:
    return NOTE(note.organization_id, note.payment_id, note.word)


def _record(session: PortalSession, event: str, note: Note, text: str) -> None:
    digest = session.vault.digest(text, _DIGEST).hex()
    record(session, event, payment=note.payment_id, claim=note.claim, note=note.id, text=digest)
