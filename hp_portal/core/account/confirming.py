"""Showing again who one is, before something about signing in is changed: with a second factor, or else the password."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.account.second_step import Proof, note_failure
from hp_portal.core.account.signing_in import WrongCredentials
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.factors import passkeys
from hp_portal.core.factors.apps import WrongCode
from hp_portal.core.factors.passkeys import ChallengeGone, Party, WrongPasskey
from hp_portal.core.identity import passwords
from hp_portal.core.identity.accounts import check_still_in, hold_account, hold_own
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.sign_ins import check_and_count, own_password_try, take_back_try
from hp_portal.core.people.changes import tell_change
from hp_portal.core.people.factor_resets import end_used
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

RECENT = dt.timedelta(minutes=10)
PASSWORD = "password"
_WHY = "one's own account"


def is_recent(actor: Actor) -> bool:
    """Has the actor signed in, or shown again who they are, within ten minutes?"""
    return max(actor.signed_in_at, actor.confirmed_at or actor.signed_in_at) > clock.now() - RECENT


def reserve(session: PortalSession, settings: Settings, actor: Actor, kind: str) -> None:
    """Count a try against this session before it is made; the caller commits at once.

    Raises TooManyAttempts when there is none left: recorded, the caller commits as well.
    """
    with scopes.whole(session, _WHY):
        try:
            check_and_count(session, own_password_try(settings, actor.sign_in_id))
        except TooManyAttempts:
            record_refusal(session, "identity.confirmation.blocked", kind=kind)
            raise


def by_password(password: str) -> Proof:
    """The password of somebody who has no second factor. Raises WrongCredentials."""

    def proof(session: PortalSession, person: Person) -> str:
        right = passwords.verify_password(person.password_hash, password)
        # Checking takes a while, in which nobody should wait for the account, and in which the password may change.
        if not hold_account(session, person) or not right:
            raise WrongCredentials
        return PASSWORD

    return proof


def confirm(session: PortalSession, settings: Settings, actor: Actor, kind: str, proof: Proof) -> int | None:
    """The actor shows again who they are, with a reserved try; how many recovery codes are left when it was one of them.

    Raises WrongCredentials, WrongCode, WrongPasskey or ChallengeGone; the caller commits all the same, for the audit. Raises
    SignInEnded like `hold_own`.
    """
    with scopes.whole(session, _WHY):
        person = session.get_one(Person, actor.account_id) if kind == PASSWORD else hold_own(session, actor)
        try:
            used = proof(session, person)
        except (WrongCredentials, WrongCode, WrongPasskey, ChallengeGone) as error:
            note_failure(session, person, kind, error, "identity.confirmation.failed")
            raise
        check_still_in(session, actor)
        if kind != PASSWORD:
            end_used(session, person)
        take_back_try(session, own_password_try(settings, actor.sign_in_id))
        session.execute(sa.update(SignIn).where(SignIn.id == actor.sign_in_id).values(confirmed_at=clock.now()))
        record(session, "identity.confirmed", kind=kind)
        if not isinstance(used, int):
            return None
        tell_change(session, person, "codes-shown")
        return used


def begin_passkey(session: PortalSession, actor: Actor, party: Party) -> dict[str, Any]:
    """What the browser asks for one of the actor's passkeys with. The caller commits."""
    with scopes.whole(session, _WHY):
        return passkeys.begin_using(session, party, session.get_one(Person, actor.account_id))
