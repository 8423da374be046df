"""Forms of people without an account: sent, confirmed by a link in an e-mail, and then a case; or forgotten after a day.

The answer to whoever sends one is the same for everybody: nothing is looked up. Nothing here commits.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.case_kinds import CaseKind, PublicCases
from hp_portal.core.audit.record import record
from hp_portal.core.cases.acting import begin_case
from hp_portal.core.cases.kinds import find_kind
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.public_models import (
    CONFIRMED,
    DISOWNED,
    FORGOTTEN,
    FORM_VALUES,
    KEPT,
    CaseForm,
)
from hp_portal.core.cases.submitters import Contact, add_submitter, make_pass, tell_opened
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.limits import lookups as limits
from hp_portal.core.limits.lookups import DAY, HOUR, Limit
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings
from hp_portal.core.web.where_from import counted_address
from hp_portal.database import PortalSession, lock
from hp_portal.scopes import in_whole

FORM = "case-form"
"""The kind of what is counted."""
LONGEST_TITLE = 200
COUNTED = dt.timedelta(days=400)
"""How long it is known how many forms came, and what became of them; nothing else of them is."""


class FormGone(Exception):
    """Nobody was sent this link, or it was used or has expired: the answer does not tell which."""


@dataclass(frozen=True)
class Waiting:
    """A form that waits to be confirmed: its kind, who filled it in, and what they typed."""

    row: CaseForm
    kind: CaseKind
    public: PublicCases
    contact: Contact
    values: dict[str, Any]


def _limits(address: str, email: str) -> list[Limit]:
    return [
        Limit(f"at:{address}", 10, HOUR),
        Limit(f"at:{address}", 25, DAY),
        Limit(f"network:{limits.wide_network(address)}", 60, DAY),
        Limit(f"provider:{limits.provider_network(address)}", 100, DAY),
        # Whoever types the address of somebody else cannot fill their mailbox.
        Limit(f"to:{email}", 3, HOUR),
        Limit(f"to:{email}", 6, DAY),
        Limit("everybody", settings().public_forms_per_day, DAY),
    ]


def _about(row: CaseForm) -> str:
    return f"{FORM}:{row.id}"


def send_public_form(session: PortalSession, kind: CaseKind, contact: Contact, values: Mapping[str, Any]) -> None:
    """In a request to a public page: keep what somebody without an account has typed, `values` of JSON's types, and mail them the
    link that confirms it. Send them to `case_status.sent` then, whoever they are. The caller commits.

    Raises TooManyAttempts: it depends on the addresses typed and sent from, never on what is known of anybody; and ValueError for
    a kind that takes none.
    """
    if kind.public is None:
        raise ValueError(f"{kind.key} is not for people without an account")
    keep_form(session, kind, contact, values, counted_address())


@in_whole("somebody without an account sends a form")
def keep_form(
    session: PortalSession, kind: CaseKind, contact: Contact, values: Mapping[str, Any], address: str
) -> None:
    """The same; `address` is counted."""
    counted = _limits(address, contact.email)
    limits.check(session, FORM, counted)
    limits.count(session, FORM, counted)
    token, link = secrets.token_hex(16), secrets.token_urlsafe(32)
    typed = json.dumps({"contact": asdict(contact), "values": dict(values)})
    row = CaseForm(
        kind=kind.key,
        token=token,
        values_sealed=session.vault.seal_text(typed, FORM_VALUES(token)),
        mail_hash=hash_token(link),
        sent_at=clock.now(),
    )
    session.add(row)
    session.flush()
    told = {"name": contact.name, "what": kind.label, "link": absolute_url("case_status.follow_form", token=link)}
    subject = "Confirm your e-mail address"
    add_message(session, Outgoing(contact.email, "case_public_confirm", subject, _about(row), told, secrets=("link",)))
    record(session, "case.form.sent", form=row.id, kind=kind.key)


@in_whole("a form is confirmed by the link that was mailed")
def find_form(session: PortalSession, link: str) -> Waiting:
    """The form that a link confirms. Raises FormGone."""
    row = session.scalars(
        sa.select(CaseForm).where(
            CaseForm.mail_hash == hash_token(link), CaseForm.ended_at.is_(None), CaseForm.sent_at > clock.now() - KEPT
        )
    ).one_or_none()
    kind = find_kind(row.kind) if row else None
    if row is None or row.values_sealed is None or kind is None or kind.public is None:
        raise FormGone
    typed = json.loads(session.vault.open_text(row.values_sealed, FORM_VALUES(row.token)))
    return Waiting(row, kind, kind.public, Contact(**typed["contact"]), typed["values"])


def _held(session: PortalSession, link: str) -> Waiting:
    """The form, which nobody else confirms meanwhile: pressed twice, the button comes second. Raises FormGone."""
    row = find_form(session, link).row
    lock(session, f"case form:{row.id}")
    session.expire(row)
    return find_form(session, link)


def _end(session: PortalSession, row: CaseForm, outcome: str) -> None:
    row.values_sealed, row.ended_at, row.outcome = None, clock.now(), outcome
    cancel_messages(session, _about(row))
    session.flush()


@in_whole("a form becomes a case")
def confirm_form(session: PortalSession, link: str) -> tuple[Case, str]:
    """The case that the form has become, and a token that opens it. Raises FormGone."""
    found = _held(session, link)
    case = open_public_case(session, found.kind, found.contact, found.values)
    _end(session, found.row, CONFIRMED)
    found.row.case_id = case.id
    record(session, "case.form.confirmed", form=found.row.id, case=case.id)
    return case, make_pass(session, case.id)


@in_whole("a case of somebody without an account is opened")
def open_public_case(session: PortalSession, kind: CaseKind, contact: Contact, values: Mapping[str, Any]) -> Case:
    """Open a case of somebody whose e-mail address is known to be theirs, and mail them its number: for demos. Pages use
    `send_public_form`, which finds that out. Raises ValueError for a kind that takes none.
    """
    if kind.public is None:
        raise ValueError(f"{kind.key} is not for people without an account")
    case = begin_case(session, kind, kind.public.title(values)[:LONGEST_TITLE], None)
    add_submitter(session, case.id, contact)
    kind.public.opened(session, case.id, values)
    tell_opened(session, case, kind, contact)
    return case


@in_whole("a form is not its reader's")
def disown_form(session: PortalSession, link: str) -> None:
    """Whoever got the e-mail did not send the form: nothing of it is kept. Raises FormGone."""
    found = _held(session, link)
    _end(session, found.row, DISOWNED)
    record(session, "case.form.disowned", form=found.row.id)


def forget_forms(session: PortalSession) -> None:
    """Forget what was typed into forms that nobody confirmed within a day; how many there were stays known. For the worker."""
    now = clock.now()
    old = sa.select(CaseForm).where(CaseForm.ended_at.is_(None), CaseForm.sent_at <= now - KEPT)
    for row in session.scalars(old.order_by(CaseForm.id)).all():
        lock(session, f"case form:{row.id}")
        session.refresh(row)
        if row.ended_at is None:
            _end(session, row, FORGOTTEN)
            record(session, "case.form.forgotten", form=row.id)
    session.execute(sa.delete(CaseForm).where(CaseForm.sent_at <= now - COUNTED))


def count_forms(session: PortalSession, kinds: Iterable[str], since: dt.datetime) -> dict[str, int]:
    """How many forms of these kinds came since then, by what became of them: those that still wait under an empty word. Needs a
    whole scope."""
    counted = sa.select(CaseForm.outcome, sa.func.count().label("number")).where(
        CaseForm.sent_at >= since, CaseForm.kind.in_(list(kinds))
    )
    return {row.outcome: row.number for row in session.execute(counted.group_by(CaseForm.outcome))}
