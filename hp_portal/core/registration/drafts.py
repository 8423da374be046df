"""What somebody types on the way to an account: kept from step to step, and given up after a day.

Nobody is signed in here. One browser holds the draft: the one that began it, or the one in which the e-mail address was confirmed
(`confirming.py`). It has a token in its session cookie.
Every verb needs a whole scope. The caller commits.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.core.people.accounts import propose_username
from hp_portal.core.registration.models import KEPT, NEW, RegistrationDraft
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock
from hp_portal.seals import seat

VALUES = seat(RegistrationDraft.values_sealed)
# E-mails of one draft, of drafts from one address, and to one mailbox, within the window of an hour.
MAILS_OF_DRAFT, MAILS_FROM_ADDRESS, MAILS_TO_MAILBOX = 5, 20, 5
DRAFTS_FROM_ADDRESS = 60
NAMES_TRIED = 10
WINDOW = dt.timedelta(hours=1)


class DraftGone(Exception):
    """There is no such draft: never begun in this browser, finished, given up, or older than a day."""


@dataclass
class Typed:
    """What was typed so far. TIN and NPI are digits only, `amount` integer cents, `paid_on` ISO; empty or None: not given.

    `payee_id` is what the proof leads to, `proved` says that a payment proved it; `used`: that payment has opened a link before,
    so it opens no other one. `held`: organizations (`holders`) are registered for it already, so a `route` has to be `chosen`,
    and of several the one that it is about, `target_id`. `sure`: doubts that the person has answered. `code` hands the draft to
    the browser that began it, until `code_until` (ISO) and for `code_tries` more tries. `as_typed`: the fields of each form as
    they were typed, right or wrong.
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
    holders: list[int] = dataclasses.field(default_factory=list)
    target_id: int | None = None
    left_reason: str = ""
    code: str = ""
    code_until: str = ""
    code_tries: int = 0
    as_typed: dict[str, dict[str, str]] = dataclasses.field(default_factory=dict)

    def hold_by(self, organizations: Iterable[int]) -> None:
        """Note which organizations are registered for it. Of several one is chosen, once a payment has proved something."""
        self.holders = list(organizations)
        self.held = bool(self.holders)
        self.target_id = self.holders[0] if len(self.holders) == 1 else None

    def forget_proof(self) -> None:
        """Another proof is to be given: what the last one led to counts no longer."""
        self._forget("payee_id", "proved", "used", "held", "chosen", "route", "holders", "target_id", "left_reason")

    def choose(self, path: str) -> None:
        """Another path: what was answered on the one before counts no longer. Its form keeps what was typed."""
        if path != self.path:
            self.path = path
            self.forget_proof()
            self._forget("tin", "npi", "number", "vendor_number", "amount", "paid_on")
            self._forget("organization", "audience", "address", "answers", "note")

    def _forget(self, *names: str) -> None:
        fresh = Typed()
        for name in names:
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


def find_open(session: PortalSession, which: sa.ColumnElement[bool]) -> Draft:
    """The one draft of which this is true. Raises DraftGone."""
    wanted = sa.select(RegistrationDraft).where(
        which, RegistrationDraft.ended_at.is_(None), RegistrationDraft.touched_at > clock.now() - KEPT
    )
    row = session.scalars(wanted).one_or_none()
    if row is None:
        raise DraftGone
    return Draft(row, Typed(**json.loads(session.vault.open_text(row.values_sealed, VALUES(row.seal)))))


def find(session: PortalSession, token: str) -> Draft:
    """The draft that this browser holds. Raises DraftGone."""
    return find_open(session, RegistrationDraft.token_hash == hash_token(token))


def is_finished(session: PortalSession, token: str) -> bool:
    """Has the draft of this browser become a registration: was the last button pressed twice?"""
    hashed = hash_token(token)
    mine = sa.or_(RegistrationDraft.token_hash == hashed, RegistrationDraft.other_hash == hashed)
    return (
        session.scalar(sa.select(RegistrationDraft.id).where(mine, RegistrationDraft.ended_at.is_not(None))) is not None
    )


def lock_row(session: PortalSession, draft: Draft) -> None:
    """Lock the draft until the transaction ends; what it was when it was found counts no longer."""
    lock(session, f"registration draft:{draft.row.id}")
    session.expire(draft.row)


def hold(session: PortalSession, draft: Draft) -> Draft:
    """Lock the draft until the transaction ends, and read it anew: a double click comes second.

    Raises DraftGone, also when another browser has taken it over meanwhile.
    """
    mine = draft.row.token_hash
    lock_row(session, draft)
    return find_open(session, sa.and_(RegistrationDraft.id == draft.row.id, RegistrationDraft.token_hash == mine))


def keep(session: PortalSession, draft: Draft) -> None:
    """Keep what is typed now."""
    draft.row.values_sealed = _sealed(session, draft.row.seal, draft.typed)
    draft.row.touched_at = clock.now()
    session.flush()


def change_email(session: PortalSession, draft: Draft, email: str) -> None:
    """Another address has to be confirmed anew; links sent to the one before are dead, and those not sent yet are not sent."""
    if email != draft.typed.email:
        cancel_messages(session, about_draft(draft))
        draft.typed.email = email
        draft.row.confirmed_at = draft.row.mail_hash = draft.row.mail_expires_at = None


def end(session: PortalSession, draft: Draft) -> None:
    """The draft has become a registration, or is given up: nothing of it is kept."""
    draft.row.ended_at = clock.now()
    draft.row.mail_hash = None
    cancel_messages(session, about_draft(draft))
    draft.row.values_sealed = _sealed(session, draft.row.seal, Typed())
    session.flush()


def proposed_username(draft: Draft) -> str:
    """A user name for the person: the same one whenever the draft is asked, whatever names are taken."""
    return propose_username(draft.typed.name, int(draft.row.seal, 16))


def _name_limits(address: str, email: str) -> tuple[str, str]:
    return f"names from:{address}", f"names of:{email}"


def check_names(session: PortalSession, address: str, email: str) -> None:
    """Raise TooManyAttempts when many names that are taken were tried at an address or for a mailbox.

    Nobody finds out who has an account, from however many addresses.
    """
    for subject in _name_limits(address, email):
        check_attempts(session, "registration", subject, limit=NAMES_TRIED, window=WINDOW)


def count_name(session: PortalSession, address: str, email: str) -> None:
    """A user name or e-mail address was taken."""
    for subject in _name_limits(address, email):
        count_failure(session, "registration", subject)


def has_account(session: PortalSession, email: str) -> bool:
    """Is this the address of an account?"""
    return session.scalar(sa.select(Person.id).where(Person.email == email)) is not None


def about_draft(draft: Draft) -> str:
    """What messages of a draft are found by."""
    return f"registration-draft:{draft.row.id}"


def check_mails(session: PortalSession, of: str, address: str, email: str) -> None:
    """Count one e-mail more of a draft, of those from an address and to a mailbox. Raises TooManyAttempts."""
    limits = (
        (f"mail of:{of}", MAILS_OF_DRAFT),
        (f"mail from:{address}", MAILS_FROM_ADDRESS),
        (f"mail to:{email}", MAILS_TO_MAILBOX),
    )
    for subject, limit in limits:
        check_attempts(session, "registration", subject, limit=limit, window=WINDOW)
    for subject, _ in limits:
        count_failure(session, "registration", subject)


def send_link(session: PortalSession, draft: Draft, address: str) -> None:
    """Send the link that confirms the e-mail address, or tell whoever has an account already that they do.

    The answer is the same for both, so that a stranger learns nothing. Raises TooManyAttempts.
    """
    email = draft.typed.email
    check_mails(session, str(draft.row.id), address, email)
    known = has_account(session, email)
    token, now = secrets.token_urlsafe(32), clock.now()
    # Made in both cases, so that both do the same work; nobody is told the token of the one who has an account.
    draft.row.mail_hash, draft.row.mail_expires_at = hash_token(token), now + KEPT
    cancel_messages(session, about_draft(draft))
    link = absolute_url("account.sign_in") if known else absolute_url("registration.follow_link", token=token)
    template = "register_known" if known else "register_confirm"
    subject_line = "You have an account already" if known else "Confirm your e-mail address"
    values = {"name": draft.typed.name, "link": link, "forgot": absolute_url("recovery.ask")}
    add_message(session, Outgoing(email, template, subject_line, about_draft(draft), values, secrets=("link",)))
    record(session, "registration.link.sent", draft=draft.row.id)


def forget_old(session: PortalSession) -> None:
    """Remove drafts that have ended, or that nobody went on with for a day, with links to them that were never sent. The worker
    does it."""
    old = sa.or_(RegistrationDraft.ended_at.is_not(None), RegistrationDraft.touched_at <= clock.now() - KEPT)
    forgotten = sa.delete(RegistrationDraft).where(old).returning(RegistrationDraft.id)
    for draft_id in session.scalars(forgotten.execution_options(synchronize_session=False)).all():
        cancel_messages(session, f"registration-draft:{draft_id}")
