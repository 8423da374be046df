"""The second step of signing in: after the right password, a code of an app or a recovery code."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.account.signing_in import NewSignIn, start_sign_in
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.factors import apps, recovery
from hp_portal.core.factors.apps import WrongCode
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.factors import HalfSignIn
from hp_portal.core.identity.known_browsers import KnownBrowser
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.sign_ins import Try, check_and_count, forget_try, second_step_try
from hp_portal.database import PortalSession, lock
from hp_portal.settings import Settings

TTL = dt.timedelta(minutes=10)
_WHY = "nobody is known before signing in"


class HalfGone(Exception):
    """There is no such half: never begun in this browser, finished, too old, or worth nothing any more."""


@dataclass(frozen=True)
class Waiting:
    """Whose second step is awaited, and what they can take it with."""

    person: Person
    apps: int
    recovery_codes: int


def look_at_half(session: PortalSession, token: str) -> Waiting:
    """Who has given the right password in this browser. Raises HalfGone."""
    with scopes.whole(session, _WHY):
        person = _person_of(session, token)
        return Waiting(person, len(apps.apps_of(session, person.id)), recovery.count_left(session, person.id))


def _person_of(session: PortalSession, token: str) -> Person:
    found = session.execute(
        sa.select(Person, HalfSignIn.password_changed_at)
        .join(HalfSignIn, HalfSignIn.person_id == Person.id)
        .where(HalfSignIn.token_hash == hash_token(token), HalfSignIn.created_at > clock.now() - TTL)
    ).one_or_none()
    # Somebody may have set another password or been deactivated since.
    if found is None or found[0].deactivated_at is not None or found[0].password_changed_at != found[1]:
        raise HalfGone
    return found[0]


def reserve_step(
    session: PortalSession,
    settings: Settings,
    token: str,
    *,
    kind: str,
    address: str,
    browser: KnownBrowser | None = None,
) -> Try:
    """Count a try at the second step before it is made; the caller commits at once.

    Raises HalfGone, or TooManyAttempts when there is none left: recorded, the caller commits as well.
    """
    with scopes.whole(session, _WHY):
        person = _person_of(session, token)
        word = browser.word_for(session, person) if browser else None
        counted = second_step_try(settings, person_id=person.id, address=address, browser=word)
        try:
            check_and_count(session, counted)
        except TooManyAttempts:
            account = {"account": person.username, "kind": kind}
            record_refusal(session, "identity.factor.blocked", who=_who(session, person), **account)
            raise
    return counted


def _who(session: PortalSession, person: Person) -> Who:
    here = get_who(session)
    return Who(person.id, person.organization_id, None, here.request_id, here.address)


def take_step(
    session: PortalSession, token: str, counted: Try, *, kind: str, code: str, address: str, user_agent: str
) -> NewSignIn:
    """Finish signing in with a code of an app or a recovery code (`kind`), once for each half and each code.

    Raises HalfGone, or WrongCode; the caller commits all the same, for the audit.
    """
    with scopes.whole(session, _WHY):
        person = _person_of(session, token)
        lock(session, f"account:{person.id}")
        session.refresh(person)
        person = _person_of(session, token)
        try:
            used = (
                recovery.use_code(session, person, code)
                if kind == recovery.KIND
                else apps.use_code(session, person, code)
            )
        except WrongCode:
            account = {"account": person.username, "kind": kind}
            record_refusal(session, "identity.factor.failed", who=_who(session, person), **account)
            raise
        _end_half(session, token)
        forget_try(session, counted)
        started = start_sign_in(session, person, address, user_agent)
        if isinstance(used, int):
            record(session, "identity.recovery-code.used", who=started.who, left=used)
        else:
            record(session, "identity.factor.used", who=started.who, kind=kind, name=used.name)
        return started


def _end_half(session: PortalSession, token: str) -> None:
    mine = sa.delete(HalfSignIn).where(HalfSignIn.token_hash == hash_token(token)).returning(HalfSignIn.id)
    if session.execute(mine).first() is None:
        raise HalfGone


def forget_halves(session: PortalSession) -> None:
    """Remove halves that can no longer be finished. The worker does it."""
    session.execute(sa.delete(HalfSignIn).where(HalfSignIn.created_at <= clock.now() - TTL))
