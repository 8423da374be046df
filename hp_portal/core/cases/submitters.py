"""Who has sent in a case without an account, and the e-mails to them. None says what was written. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.case_kinds import CaseKind
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.public_models import (
    EMAIL_HASH,
    SUBMITTER_EMAIL,
    SUBMITTER_NAME,
    SUBMITTER_TELEPHONE,
    CasePass,
    CaseSubmitter,
)
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.web.links import absolute_url
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole

WITHOUT_ACCOUNT = "Somebody without an account"


@dataclass(frozen=True)
class Contact:
    """Who sends something in without an account: their name, e-mail address in small letters, and telephone number."""

    name: str
    email: str
    telephone: str


@dataclass(frozen=True)
class Submitter:
    """The same once the address is confirmed, and the payee that staff say it is about."""

    contact: Contact
    confirmed_at: dt.datetime
    payee_id: int | None


def add_submitter(session: PortalSession, case_id: int, contact: Contact) -> None:
    """Keep who has sent a case in; their address was confirmed just now."""
    token, vault = secrets.token_hex(16), session.vault
    session.add(
        CaseSubmitter(
            case_id=case_id,
            token=token,
            name_sealed=vault.seal_text(contact.name, SUBMITTER_NAME(token)),
            email_sealed=vault.seal_text(contact.email, SUBMITTER_EMAIL(token)),
            email_hash=vault.digest(contact.email, EMAIL_HASH),
            telephone_sealed=vault.seal_text(contact.telephone, SUBMITTER_TELEPHONE(token)),
            confirmed_at=clock.now(),
        )
    )
    session.flush()


def row_of_submitter(session: PortalSession, case_id: int) -> CaseSubmitter | None:
    """The row of who has sent a case in; None: somebody with an account, or nobody this session may see."""
    return session.scalars(sa.select(CaseSubmitter).where(CaseSubmitter.case_id == case_id)).one_or_none()


def find_submitter(session: PortalSession, case_id: int) -> Submitter | None:
    """Who has sent a case in without an account; None: somebody who has one."""
    row = row_of_submitter(session, case_id)
    if row is None:
        return None
    vault = session.vault
    contact = Contact(
        vault.open_text(row.name_sealed, SUBMITTER_NAME(row.token)),
        vault.open_text(row.email_sealed, SUBMITTER_EMAIL(row.token)),
        vault.open_text(row.telephone_sealed, SUBMITTER_TELEPHONE(row.token)),
    )
    return Submitter(contact, row.confirmed_at, row.payee_id)


@in_whole("whether somebody without an account sent a case in")
def is_public(session: PortalSession, case_id: int) -> bool:
    """Has somebody without an account sent it in?"""
    return session.scalar(sa.select(CaseSubmitter.id).where(CaseSubmitter.case_id == case_id)) is not None


def make_pass(session: PortalSession, case_id: int) -> str:
    """A token that opens a case for a while."""
    token, now = secrets.token_urlsafe(32), clock.now()
    session.add(
        CasePass(
            case_id=case_id,
            token_hash=hash_token(token),
            made_at=now,
            expires_at=now + dt.timedelta(minutes=settings().public_case_minutes),
            ends_at=now + dt.timedelta(hours=settings().absolute_hours),
        )
    )
    session.flush()
    return token


def about_submitter(case_id: int) -> str:
    """What messages to whoever sent a case in are about: links in them are for nobody else."""
    return f"case-submitter:{case_id}"


def send_link(session: PortalSession, case: Case, contact: Contact) -> None:
    """Mail a link that opens the case."""
    values = {
        "name": contact.name,
        "number": show_number(case.number),
        "minutes": f"{settings().public_case_minutes:g}",
        "link": absolute_url("case_status.follow", token=make_pass(session, case.id)),
    }
    subject = f"Case {show_number(case.number)}: your link"
    about = about_submitter(case.id)
    add_message(session, Outgoing(contact.email, "case_public_link", subject, about, values, secrets=("link",)))


def tell_opened(session: PortalSession, case: Case, kind: CaseKind, contact: Contact) -> None:
    """Tell the number of a case that was just opened."""
    _tell(session, case, contact, "case_public_opened", "we have it", following=kind.state(case.state).next)


def tell_submitter(session: PortalSession, case: Case, told: str, following: str) -> bool:
    """Tell whoever sent the case in without an account where it stands, or, with no `told`, that staff have written; False when
    somebody with an account did."""
    found = find_submitter(session, case.id)
    if found is None:
        return False
    said = told or "we have written to you"
    _tell(session, case, found.contact, "case_public_told", said, told=told, following=following)
    return True


def _tell(
    session: PortalSession,
    case: Case,
    contact: Contact,
    template: str,
    said: str,
    *,
    told: str = "",
    following: str = "",
) -> None:
    values = {
        "name": contact.name,
        "number": show_number(case.number),
        "title": case.title,
        "told": told,
        "following": following,
        "link": absolute_url("case_status.look"),
    }
    subject = f"Case {show_number(case.number)}: {said}"
    add_message(session, Outgoing(contact.email, template, subject, about_submitter(case.id), values))
