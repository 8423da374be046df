"""The second step of signing in: after the right password, a code of an app, a passkey, or a recovery code."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.account.signing_in import NewSignIn, check_local, start_sign_in
from hp_portal.core.audit.record import Who, get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.factors import apps, passkeys, recovery
from hp_portal.core.factors.apps import WrongCode
from hp_portal.core.factors.passkeys import ChallengeGone, Party, RolledBack, WrongPasskey
from hp_portal.core.identity.accounts import is_open, row_at_work
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.factors import HalfSignIn, owns_factor
from hp_portal.core.identity.known_browsers import KnownBrowser
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.sign_ins import Try, check_and_count, forget_try, second_step_try
from hp_portal.core.people.changes import tell_change, tell_step_failed
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
    passkeys: int
    recovery_codes: int


def look_at_half(session: PortalSession, token: str) -> Waiting:
    """Who has given the right password in this browser. Raises HalfGone."""
    with scopes.whole(session, _WHY):
        person = _person_of(session, token)
        mine = apps.apps_of(session, person.id), passkeys.passkeys_of(session, person.id)
        return Waiting(person, len(mine[0]), len(mine[1]), recovery.count_left(session, person.id))


def _person_of(session: PortalSession, token: str) -> Person:
    found = session.execute(
        sa.select(Person, HalfSignIn.password_changed_at)
        .join(HalfSignIn, HalfSignIn.person_id == Person.id)
        .where(HalfSignIn.token_hash == hash_token(token), HalfSignIn.created_at > clock.now() - TTL, owns_factor())
    ).one_or_none()
    # Somebody may have set another password, been deactivated, or lost every factor since.
    if found is None or not is_open(session, found[0]) or found[0].password_changed_at != found[1]:
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
            tell_step_failed(session, person)
            raise
    return counted


def begin_passkey(session: PortalSession, party: Party, token: str) -> dict[str, Any]:
    """What the browser asks for one of the person's passkeys with. Raises HalfGone. The caller commits."""
    with scopes.whole(session, _WHY):
        return passkeys.begin_using(session, party, _person_of(session, token))


def _who(session: PortalSession, person: Person) -> Who:
    here, row = get_who(session), row_at_work(session, person)
    return Who(row.id, row.organization_id, None, here.request_id, here.address)


Proof = Callable[[PortalSession, Person], str | int]
"""Shows that it is this person: the name of the app or passkey that was used, or how many recovery codes are left."""


def by_code(kind: str, code: str) -> Proof:
    """A code of an app, or a recovery code."""
    if kind == recovery.KIND:
        return lambda session, person: recovery.use_code(session, person, code)
    return lambda session, person: apps.use_code(session, person, code).name


def by_passkey(party: Party, token: str, credential: str) -> Proof:
    """What the browser has answered to a challenge for one of the person's passkeys."""
    return lambda session, person: passkeys.use_passkey(session, party, token, credential, person).name


def take_step(
    session: PortalSession,
    settings: Settings,
    token: str,
    counted: Try,
    *,
    kind: str,
    proof: Proof,
    address: str,
    user_agent: str,
) -> NewSignIn:
    """Finish signing in with a second factor, once for each half and each code or challenge.

    Raises HalfGone, WrongCode, WrongPasskey, ChallengeGone, or OpenedByDirectory; but for the first the caller commits all the
    same, for the audit.
    """
    with scopes.whole(session, _WHY):
        person = _person_of(session, token)
        lock(session, f"account:{person.root_id}")
        session.refresh(person)
        person = _person_of(session, token)
        try:
            used = proof(session, person)
        except (WrongCode, WrongPasskey, ChallengeGone) as error:
            note_failure(session, person, kind, error)
            raise
        _end_half(session, token)
        check_local(session, settings, person)
        forget_try(session, counted)
        started = start_sign_in(session, person, address, user_agent)
        if isinstance(used, int):
            record(session, "identity.recovery-code.used", who=started.who, left=used)
            tell_change(session, person, "codes-used")
        else:
            record(session, "identity.factor.used", who=started.who, kind=kind, name=used)
        return started


def note_failure(
    session: PortalSession, person: Person, kind: str, error: Exception, event: str = "identity.factor.failed"
) -> None:
    """Record that somebody could not show that they are this person, at the second step or where else the event says."""
    account, who = person.username, _who(session, person)
    if isinstance(error, RolledBack):
        name = error.passkey.name
        record_refusal(session, "identity.passkey.counted-back", who=who, account=account, name=name)
    else:
        record_refusal(session, event, who=who, account=account, kind=kind)


def _end_half(session: PortalSession, token: str) -> None:
    mine = sa.delete(HalfSignIn).where(HalfSignIn.token_hash == hash_token(token)).returning(HalfSignIn.id)
    if session.execute(mine).first() is None:
        raise HalfGone


def forget_halves(session: PortalSession) -> None:
    """Remove halves that can no longer be finished. The worker does it."""
    session.execute(sa.delete(HalfSignIn).where(HalfSignIn.created_at <= clock.now() - TTL))
