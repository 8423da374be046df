"""What somebody types on the way to an account: kept from step to step, and given up after a day.

Nobody is signed in here. The browser holds a token in its session cookie; whoever has it may go on with the draft.
Every verb needs a whole scope. The caller commits.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.registration.models import KEPT, NEW, RegistrationDraft
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.seals import seat

VALUES = seat(RegistrationDraft.values_sealed)
# E-mails of one draft, of drafts from one address, and to one mailbox, within the window of an hour.
MAILS_OF_DRAFT, MAILS_FROM_ADDRESS, MAILS_TO_MAILBOX = 5, 20, 5
DRAFTS_FROM_ADDRESS = 60
NAMES_FROM_ADDRESS = 10
WINDOW = dt.timedelta(hours=1)


class DraftGone(Exception):
    """There is no such draft: never begun in this browser, finished, given up, or older than a day."""


class LinkDead(Exception):
    """Nobody was sent this link, or it was replaced or has expired: the answer does not tell which."""


@dataclass
class Typed:
    """What was typed so far. TIN and NPI are digits only, `amount` integer cents, `paid_on` ISO; empty or None: not given.

    `payee_id` is what the proof leads to, `proved` says that a payment proved it; `used`: that payment has opened a link before,
    so it opens no other one. `held`: an organization (`target_id`) is registered for it already, so a `route` has to be `chosen`.
    `sure`: doubts that the person has answered.
    """

    path: str = ""
    name: str = ""
    email: str = ""
    telephone: str = ""
    job: str = ""
    sure: list[str] = dataclasses.field(default_factory=list)
    tin: str = ""
    npi: str = ""
    number: str = ""
    vendor_number: str = ""
    amount: int | None = None
    paid_on: str = ""
    organization: str = ""
    audience: str = ""
    address: str = ""
    answers: str = ""
    note: str = ""
    payee_id: int | None = None
    proved: bool = False
    used: bool = False
    held: bool = False
    chosen: bool = False
    route: str = NEW
    target_id: int | None = None
    left_reason: str = ""

    def forget_proof(self) -> None:
        """Another proof is to be given: what the last one led to counts no longer."""
        fresh = Typed()
        for name in ("payee_id", "proved", "used", "held", "chosen", "route", "target_id", "left_reason"):
            setattr(self, name, getattr(fresh, name))


@dataclass(frozen=True)
class Draft:
    """An open draft with what was typed."""

    row: RegistrationDraft
    typed: Typed

    @property
    def confirmed(self) -> bool:
        return self.row.confirmed_at is not None


def begin(session: PortalSession, address: str) -> tuple[str, Draft]:
    """Begin a draft; the token for the browser. Raises TooManyAttempts."""
    subject = f"draft from:{address}"
    check_attempts(session, "registration", subject, limit=DRAFTS_FROM_ADDRESS, window=WINDOW)
    count_failure(session, "registration", subject)
    token, now, typed = secrets.token_urlsafe(32), clock.now(), Typed()
    seal = secrets.token_hex(16)
    row = RegistrationDraft(
        seal=seal,
        token_hash=hash_token(token),
        values_sealed=_sealed(session, seal, typed),
        created_at=now,
        touched_at=now,
    )
    session.add(row)
    session.flush()
    return token, Draft(row, typed)


def _sealed(session: PortalSession, seal: str, typed: Typed) -> bytes:
    return session.vault.seal_text(json.dumps(dataclasses.asdict(typed)), VALUES(seal))


def _open(session: PortalSession, which: sa.ColumnElement[bool]) -> Draft:
    wanted = sa.select(RegistrationDraft).where(
        which, RegistrationDraft.ended_at.is_(None), RegistrationDraft.touched_at > clock.now() - KEPT
    )
    row = session.scalars(wanted).one_or_none()
    if row is None:
        raise DraftGone
    return Draft(row, Typed(**json.loads(session.vault.open_text(row.values_sealed, VALUES(row.seal)))))


def find(session: PortalSession, token: str) -> Draft:
    """The draft of a browser. Raises DraftGone."""
    hashed = hash_token(token)
    return _open(session, sa.or_(RegistrationDraft.token_hash == hashed, RegistrationDraft.other_hash == hashed))


def is_finished(session: PortalSession, token: str) -> bool:
    """Has the draft of this browser become a registration: was the last button pressed twice?"""
    hashed = hash_token(token)
    mine = sa.or_(RegistrationDraft.token_hash == hashed, RegistrationDraft.other_hash == hashed)
    return (
        session.scalar(sa.select(RegistrationDraft.id).where(mine, RegistrationDraft.ended_at.is_not(None))) is not None
    )


def hold(session: PortalSession, draft: Draft) -> Draft:
    """Lock the draft until the transaction ends, and read it anew: a double click comes second. Raises DraftGone."""
    lock(session, f"registration draft:{draft.row.id}")
    session.expire(draft.row)
    return _open(session, RegistrationDraft.id == draft.row.id)


def keep(session: PortalSession, draft: Draft) -> None:
    """Keep what is typed now."""
    draft.row.values_sealed = _sealed(session, draft.row.seal, draft.typed)
    draft.row.touched_at = clock.now()
    session.flush()


def change_email(draft: Draft, email: str) -> None:
    """Another address has to be confirmed anew; links sent to the one before are dead."""
    if email != draft.typed.email:
        draft.typed.email = email
        draft.row.confirmed_at = draft.row.mail_hash = draft.row.mail_expires_at = None


def end(session: PortalSession, draft: Draft) -> None:
    """The draft has become a registration, or is given up: nothing of it is kept."""
    draft.row.ended_at = clock.now()
    draft.row.mail_hash = None
    draft.row.values_sealed = _sealed(session, draft.row.seal, Typed())
    session.flush()


def check_names(session: PortalSession, address: str) -> None:
    """Raise TooManyAttempts when many names that are taken were tried at an address: nobody finds out who has an account."""
    check_attempts(session, "registration", f"names from:{address}", limit=NAMES_FROM_ADDRESS, window=WINDOW)


def count_name(session: PortalSession, address: str) -> None:
    """A user name or e-mail address was taken."""
    count_failure(session, "registration", f"names from:{address}")


def has_account(session: PortalSession, email: str) -> bool:
    """Is this the address of an account?"""
    return session.scalar(sa.select(Person.id).where(Person.email == email)) is not None


def send_link(session: PortalSession, draft: Draft, address: str) -> None:
    """Send the link that confirms the e-mail address, or tell whoever has an account already that they do.

    The answer is the same for both, so that a stranger learns nothing. Raises TooManyAttempts.
    """
    email = draft.typed.email
    limits = (
        (f"mail of:{draft.row.id}", MAILS_OF_DRAFT),
        (f"mail from:{address}", MAILS_FROM_ADDRESS),
        (f"mail to:{email}", MAILS_TO_MAILBOX),
    )
    for subject, limit in limits:
        check_attempts(session, "registration", subject, limit=limit, window=WINDOW)
    for subject, _ in limits:
        count_failure(session, "registration", subject)
    known = has_account(session, email)
    token, now = secrets.token_urlsafe(32), clock.now()
    # Made in both cases, so that both do the same work; nobody is told the token of the one who has an account.
    draft.row.mail_hash, draft.row.mail_expires_at = hash_token(token), now + KEPT
    cancel_messages(session, f"registration-draft:{draft.row.id}")
    link = absolute_url("account.sign_in") if known else absolute_url("registration.follow_link", token=token)
    template = "register_known" if known else "register_confirm"
    subject_line = "You have an account already" if known else "Confirm your e-mail address"
    values = {"name": draft.typed.name, "link": link, "find": absolute_url("delegates.find")}
    about = f"registration-draft:{draft.row.id}"
    add_message(session, Outgoing(email, template, subject_line, about, values, secrets=("link",)))
    record(session, "registration.link.sent", draft=draft.row.id)


def link_draft(session: PortalSession, token: str) -> Draft:
    """The draft whose e-mail address a link confirms. Raises LinkDead."""
    hashed, now = hash_token(token), clock.now()
    try:
        return _open(session, sa.and_(RegistrationDraft.mail_hash == hashed, RegistrationDraft.mail_expires_at > now))
    except DraftGone:
        raise LinkDead from None


def _held_by_link(session: PortalSession, draft: Draft, token: str) -> Draft:
    """The draft, locked: its address may have been changed, or it may have ended, while this request waited. Raises LinkDead."""
    lock(session, f"registration draft:{draft.row.id}")
    session.expire(draft.row)
    return link_draft(session, token)


def confirm(session: PortalSession, token: str, browser: str) -> str:
    """Confirm the e-mail address by its link's button; the token with which this browser goes on with the draft.

    `browser` is the token this browser holds, empty for none: another browser gets one of its own, once. Raises LinkDead.
    """
    draft = link_draft(session, token)
    draft = _held_by_link(session, draft, token)
    if draft.row.confirmed_at is None:
        draft.row.confirmed_at = clock.now()
        record(session, "registration.email.confirmed", draft=draft.row.id)
    known = hash_token(browser) if browser else b""
    if known not in (draft.row.token_hash, draft.row.other_hash):
        browser = secrets.token_urlsafe(32)
        draft.row.other_hash = hash_token(browser)
    draft.row.touched_at = clock.now()
    session.flush()
    return browser


def disown(session: PortalSession, token: str) -> None:
    """Whoever got the e-mail did not ask for it: the draft ends. Raises LinkDead."""
    draft = _held_by_link(session, link_draft(session, token), token)
    end(session, draft)
    record(session, "registration.email.disowned", draft=draft.row.id)


def forget_old(session: PortalSession) -> None:
    """Remove drafts that have ended, or that nobody went on with for a day. The worker does it."""
    old = sa.or_(RegistrationDraft.ended_at.is_not(None), RegistrationDraft.touched_at <= clock.now() - KEPT)
    session.execute(sa.delete(RegistrationDraft).where(old).execution_options(synchronize_session=False))
