"""Faxes: a cover sheet, and the document that goes along. They leave by what the settings or a plugin name, or by hand."""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
import pikepdf
import segno
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.attaching import PDF, Attachment, attachments_of
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import CANCELED, FAILED, FAX, SENT, WAITING, Outgoing, add_message, note_attempt
from hp_portal.core.delivery.outbox import values_for_staff as values_of
from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.web.formats import show_day
from hp_portal.database import PortalSession
from hp_portal.settings import Payer

_TEMPLATE = Path(__file__).with_name("faxes.typ")
_SIGNS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that looks like another on a fax


@dataclass(frozen=True)
class Fax:
    """A fax to a number of the United States. `to` is who gets it, `note` paragraphs of plain text on the cover sheet.

    Without a `document`, a PDF, the cover sheet is all of it. Like any message it has no health information and no full Tax ID.
    """

    number: str
    to: str
    subject: str
    about: str
    note: Sequence[str] = ()
    document: Attachment | None = None


def parse_fax_number(text: str) -> str:
    """A fax number as it was typed, as `+19525550100`. ValueError, in words, for what is no number of the United States."""
    try:
        number = phonenumbers.parse(text, "US")
    except phonenumbers.NumberParseException as error:
        raise ValueError("This is not a fax number: use ten digits, such as 952-555-0100.") from error
    if number.country_code != 1 or number.extension or not phonenumbers.is_valid_number(number):
        raise ValueError("There is no such number in the United States: use ten digits, such as 952-555-0100.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def ten_digits(number: str) -> str:
    """`+19525550100` as `9525550100`."""
    return number.removeprefix("+1")


def show_fax_number(number: str) -> str:
    """`+19525550100` as `952-555-0100`."""
    digits = ten_digits(number)
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def new_reference() -> str:
    """What a fax is told by: three times four signs, about 60 bits."""
    return "-".join("".join(secrets.choice(_SIGNS) for _ in range(4)) for _ in range(3))


def _pages(document: Attachment) -> int:
    if document.content_type != PDF:
        raise ValueError("a fax's document is a PDF")
    try:
        with pikepdf.open(io.BytesIO(document.body)) as pdf:
            return len(pdf.pages)
    except pikepdf.PdfError as error:
        raise ValueError(f"{document.name} is no PDF that can be read") from error


def add_fax(session: PortalSession, fax: Fax) -> int:
    """Put a fax into the outbox; its id. Raises ValueError for a number that is none, and for a document that is no PDF."""
    number = parse_fax_number(fax.number)
    pages = 1 + (_pages(fax.document) if fax.document else 0)
    values = {"to": fax.to, "number": show_fax_number(number), "note": list(fax.note), "pages": pages}
    attachments = (fax.document,) if fax.document else ()
    return add_message(
        session,
        Outgoing(
            number, "fax", fax.subject, fax.about, values, FAX, attachments=attachments, reference=new_reference()
        ),
    )


def fax_pdf(session: PortalSession, payer: Payer, message: Message, *, limits: DocumentLimits = BY_THE_WORKER) -> bytes:
    """A fax as it leaves: the cover sheet, then the document. Raises DocumentError."""
    values, reference, qr = values_of(session, message), message.reference or "", io.BytesIO()
    segno.make(reference, error="q", boost_error=False, micro=False).save(qr, kind="svg", border=2, xmldecl=False)
    data = {
        **values,
        "pages": str(values["pages"]),
        "subject": message.subject,
        "date": show_day(message.created_at, payer.zone),
        "from": payer.name,
        "contact": " · ".join(filter(None, (payer.phone, payer.hours))),
        "reference": reference,
        "qr": qr.getvalue().decode(),
    }
    title = f"Fax: {message.subject}"
    cover = render_pdf(_TEMPLATE, data, title=title, author=payer.name, payer=payer, limits=limits)
    for document in attachments_of(session, message):
        cover = _followed_by(cover, document.body)
    return cover


def _followed_by(cover: bytes, document: bytes) -> bytes:
    """The cover sheet keeps its tags; the document's pages have none here, so that the whole claims to be no PDF/UA."""
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(cover)) as pdf, pikepdf.open(io.BytesIO(document)) as more:
        pdf.pages.extend(more.pages)
        with pdf.open_metadata(set_pikepdf_as_editor=False) as told:
            told.pop("pdfuaid:part", None)
        pdf.save(out)
    return out.getvalue()


def find_fax(session: PortalSession, message_id: int) -> Message | None:
    """A fax that has not been canceled."""
    wanted = sa.select(Message).where(Message.id == message_id, Message.channel == FAX, Message.state != CANCELED)
    return session.scalars(wanted).one_or_none()


def faxes_to_send(session: PortalSession, *, by_hand: bool) -> Sequence[Message]:
    """Faxes to see to, the oldest first, at most 100: those that could not be sent; `by_hand`, all that wait as well."""
    return session.scalars(_to_send(by_hand).order_by(Message.id).limit(100)).all()


def count_faxes_to_send(session: PortalSession, *, by_hand: bool) -> int:
    """How many they are."""
    return session.scalar(sa.select(sa.func.count()).select_from(_to_send(by_hand).subquery())) or 0


def _to_send(by_hand: bool) -> sa.Select[Message]:
    states = (WAITING, FAILED) if by_hand else (FAILED,)
    return sa.select(Message).where(Message.channel == FAX, Message.state.in_(states))


def note_fax_downloaded(session: PortalSession, message_id: int) -> None:
    """Somebody got a fax to send it."""
    record(session, "delivery.fax.downloaded", message=message_id)


def mark_fax_sent(session: PortalSession, message_id: int) -> bool:
    """Somebody has sent it by hand; False when it does not wait for that."""
    return _mark(session, message_id, SENT, "sent", "Somebody of the staff sent it by hand.")


def mark_fax_failed(session: PortalSession, message_id: int, reason: str) -> bool:
    """It could not be sent by hand; False when it does not wait for that."""
    return _mark(session, message_id, FAILED, "refused", reason)


def _mark(session: PortalSession, message_id: int, state: str, outcome: str, said: str) -> bool:
    done = session.scalars(
        sa.update(Message)
        .where(Message.id == message_id, Message.channel == FAX, Message.state.in_((WAITING, FAILED)))
        .values(
            state=state,
            problem="" if state == SENT else said[:300],
            ended_at=clock.now(),
            lease_token=None,
            leased_until=None,
        )
        .returning(Message.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    if done is None:
        return False
    note_attempt(session, message_id, outcome, said)
    record(session, "delivery.fax.marked", message=message_id, sent=state == SENT)
    return True
