"""Sending a change form to another payer, by fax or e-mail. The worker makes the PDF; delivery says what became of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.api import (
    BY_THE_WORKER,
    Actor,
    Attachment,
    DocumentError,
    Fax,
    Job,
    LeaseLost,
    Organization,
    Outgoing,
    Person,
    PortalSession,
    add_fax,
    add_message,
    check_attempts,
    count_failure,
    messages_about,
    now,
    of_organization,
    record,
    release_lease,
    take_lease,
)

from .documents import PDF_TYPE, paper_pdf
from .making import Paper, find_form
from .models import PaperSending

FAX, EMAIL = "fax", "email"
CHANNELS = {FAX: "By fax", EMAIL: "By e-mail"}
WAITING, HANDED, GONE, FAILED = "waiting", "handed", "gone", "failed"
SUBJECT = "Practitioner change form"
"""It names nobody: subjects are read on the way."""
MOST_A_DAY = 40
_KIND = "profiles change form"
_LEASE = dt.timedelta(minutes=5)
_TRIES = 3
_WORDS = {
    WAITING: "It is being made ready, and leaves within a few minutes.",
    GONE: "It was not sent: what is in it may no longer be seen by your organization.",
    FAILED: "It could not be sent: the PDF could not be made. Download the form, and send it yourself.",
}
_TONES = {"sent": "good", "failed": "bad", "returned": "bad", "canceled": "neutral"}
_BADGES = {"waiting": "Waiting", "sent": "Sent", "failed": "Failed", "returned": "Came back", "canceled": "Not sent"}


@dataclass(frozen=True)
class Sending:
    """To whom a form was sent, by whom and when, and what became of it: `words` is a sentence."""

    addressee: str
    recipient: str
    channel: str
    who: str
    asked_at: dt.datetime
    state: str
    tone: str
    words: str


def send_form(session: PortalSession, actor: Actor, paper: Paper, channel: str, recipient: str, addressee: str) -> None:
    """Let the worker send a form. Recorded. Raises TooManyAttempts after 40 of an organization in a day."""
    subject = str(actor.organization_id)
    check_attempts(session, _KIND, subject, limit=MOST_A_DAY, window=dt.timedelta(days=1))
    count_failure(session, _KIND, subject)
    row = PaperSending(
        organization_id=actor.organization_id,
        form_id=paper.id,
        person_id=actor.person_id,
        channel=channel,
        recipient=recipient,
        addressee=addressee,
        asked_at=now(),
        state=WAITING,
        attempts=0,
    )
    session.add(row)
    session.flush()
    record(session, "profiles.paper.sent", form=paper.id, channel=channel, recipient=recipient, addressee=addressee)


def sendings_of(session: PortalSession, form_id: int) -> list[Sending]:
    """To whom a form was sent, the newest first. The form is one that the scope sees."""
    rows = session.execute(
        sa.select(PaperSending, Person.name)
        .outerjoin(Person, Person.id == PaperSending.person_id)
        .where(PaperSending.form_id == form_id)
        .order_by(PaperSending.id.desc())
    )
    return [_shown(session, row, name or "") for row, name in rows]


def _shown(session: PortalSession, row: PaperSending, name: str) -> Sending:
    told = messages_about(session, _about(row.id)) if row.state == HANDED else []
    state = told[0].state if told else WAITING if row.state in (WAITING, HANDED) else FAILED
    words = told[0].words if told else _WORDS.get(row.state, _WORDS[WAITING])
    recipient = row.recipient
    if row.channel == FAX:
        recipient = f"{recipient[-10:-7]}-{recipient[-7:-4]}-{recipient[-4:]}"
    return Sending(
        row.addressee,
        recipient,
        CHANNELS[row.channel],
        name,
        row.asked_at,
        _BADGES.get(state, "Waiting"),
        _TONES.get(state, "info"),
        words,
    )


def _about(sending_id: int) -> str:
    return f"profiles.paper-sending:{sending_id}"


def send_waiting(session: PortalSession) -> None:
    """The job: every form that waits is made and handed to delivery."""
    while True:
        lease = take_lease(session, PaperSending, PaperSending.state == WAITING, lasts=_LEASE)
        if lease is None:
            return
        session.commit()
        row = session.get_one(PaperSending, lease.id)
        state = _hand(session, row, last=lease.attempts >= _TRIES)
        try:
            release_lease(session, lease, state=state)
        except LeaseLost:
            session.rollback()
            return
        session.commit()
        if state == WAITING:
            return


def _hand(session: PortalSession, row: PaperSending, *, last: bool) -> str:
    """Hand one to delivery, if the organization may still see what is in it; the state that it has then."""
    organization_id, form_id = row.organization_id, row.form_id
    organization = session.get_one(Organization, organization_id)
    with of_organization(session, organization_id):
        paper = find_form(session, form_id)
        if paper is None:
            return GONE
        try:
            body = paper_pdf(session, paper, BY_THE_WORKER)
        except DocumentError:
            return FAILED if last else WAITING
    document = Attachment(f"change-form-{form_id}.pdf", PDF_TYPE, body)
    values: Mapping[str, Any] = {"organization": organization.name, "phone": paper.said["submitter"]["phone"]}
    if row.channel == FAX:
        note = [f"{organization.name} sends this change form of a practitioner.", _answer(values)]
        add_fax(session, Fax(row.recipient, row.addressee, SUBJECT, _about(row.id), note, document))
    else:
        values = {**values, "addressee": row.addressee, "answer": _answer(values)}
        template = "profiles/mail/change_form"
        add_message(
            session, Outgoing(row.recipient, template, SUBJECT, _about(row.id), values, attachments=(document,))
        )
    return HANDED


def _answer(values: Mapping[str, Any]) -> str:
    by = f", telephone {values['phone']}" if values["phone"] else ""
    return f"For questions ask {values['organization']}{by}. The form says who has made it."


JOB = Job(
    key="profiles.paper-sending",
    label="Send change forms to other payers",
    every=dt.timedelta(seconds=20),
    run=send_waiting,
    lane="render",
)
