"""The e-mail address is confirmed by the button behind its link, and the draft belongs to the browser in which it was pressed.

Whoever reads the mailbox goes on, not whoever has typed its address: somebody may begin with the address of another person. The
browser that began gets the draft back by a code that the other one shows. Every verb needs a whole scope. The caller commits.
"""

from __future__ import annotations

import datetime as dt
import secrets

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.registration.drafts import Draft, DraftGone, end, find_open, hold, keep, lock_row
from hp_portal.core.registration.models import RegistrationDraft
from hp_portal.core.registration.pins import new_pin, read_pin
from hp_portal.database import PortalSession

CODE_TRIES = 5
CODE_KEPT = dt.timedelta(hours=1)


class LinkDead(Exception):
    """Nobody was sent this link, or it was replaced or has expired: the answer does not tell which."""


class WrongCode(Exception):
    """Not the code that the other browser shows, or there is none any more: too old, or tried too often."""


def link_draft(session: PortalSession, token: str) -> Draft:
    """The draft whose e-mail address a link confirms. Raises LinkDead."""
    hashed, now = hash_token(token), clock.now()
    try:
        return find_open(
            session, sa.and_(RegistrationDraft.mail_hash == hashed, RegistrationDraft.mail_expires_at > now)
        )
    except DraftGone:
        raise LinkDead from None


def _held_by_link(session: PortalSession, token: str) -> Draft:
    """The draft, locked: its address may have been changed, or it may have ended, while this request waited. Raises LinkDead."""
    draft = link_draft(session, token)
    lock_row(session, draft)
    return link_draft(session, token)


def is_held_by(draft: Draft, browser: str) -> bool:
    """Is this the token of the browser that goes on with the draft? Empty for none."""
    return bool(browser) and hash_token(browser) == draft.row.token_hash


def confirm(session: PortalSession, token: str, browser: str) -> tuple[str, Draft]:
    """Confirm the e-mail address by its link's button; the token with which this browser goes on, and the draft.

    `browser` is the token this browser holds, empty for none. Any but the one that holds the draft takes it over, and the other
    one can go on no longer. Raises LinkDead.
    """
    draft = _held_by_link(session, token)
    if draft.row.confirmed_at is None:
        draft.row.confirmed_at = clock.now()
        record(session, "registration.email.confirmed", draft=draft.row.id)
    if not is_held_by(draft, browser):
        browser = secrets.token_urlsafe(32)
        draft.row.other_hash, draft.row.token_hash = draft.row.token_hash, hash_token(browser)
        draft.typed.code = ""
        record(session, "registration.browser.changed", draft=draft.row.id)
    keep(session, draft)
    return browser, draft


def disown(session: PortalSession, token: str) -> None:
    """Whoever got the e-mail did not ask for it: the draft ends. Raises LinkDead."""
    draft = _held_by_link(session, token)
    end(session, draft)
    record(session, "registration.email.disowned", draft=draft.row.id)


def make_code(session: PortalSession, draft: Draft) -> None:
    """A code by which the browser that began gets the draft back; none is made where one is open."""
    typed = draft.typed
    if not _is_open(draft):
        typed.code, typed.code_tries = new_pin(), CODE_TRIES
        typed.code_until = (clock.now() + CODE_KEPT).isoformat()
        keep(session, draft)


def _is_open(draft: Draft) -> bool:
    typed = draft.typed
    return bool(typed.code) and typed.code_tries > 0 and dt.datetime.fromisoformat(typed.code_until) > clock.now()


def taken_over(session: PortalSession, browser: str) -> Draft:
    """The draft that another browser has taken over from this one. Raises DraftGone."""
    return find_open(session, RegistrationDraft.other_hash == hash_token(browser))


def take_back(session: PortalSession, browser: str, code: str) -> Draft:
    """This browser goes on again, by the code that the other one shows. Raises DraftGone, or WrongCode (the caller commits)."""
    draft = hold(session, taken_over(session, browser))
    if draft.row.other_hash != hash_token(browser):
        raise DraftGone
    right = _is_open(draft) and secrets.compare_digest(read_pin(code).encode(), draft.typed.code.encode())
    if not right:
        draft.typed.code_tries = max(0, draft.typed.code_tries - 1)
        keep(session, draft)
        record_refusal(session, "registration.code.refused", draft=draft.row.id)
        raise WrongCode
    draft.row.other_hash, draft.row.token_hash = draft.row.token_hash, draft.row.other_hash
    draft.typed.code = ""
    keep(session, draft)
    record(session, "registration.browser.changed", draft=draft.row.id)
    return draft
