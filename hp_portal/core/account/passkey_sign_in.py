"""Signing in with a passkey alone: it is two factors in one step, as the device has looked who is there."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hp_portal import scopes
from hp_portal.core.account.second_step import note_failure
from hp_portal.core.account.signing_in import NewSignIn, check_local, start_sign_in
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.factors import passkeys
from hp_portal.core.factors.passkeys import ChallengeGone, Party, RolledBack, WrongPasskey
from hp_portal.core.identity.accounts import is_open
from hp_portal.core.identity.models import Person
from hp_portal.core.limits.attempts import check_attempts, count_failure
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

_WHY = "nobody is known before signing in"
# Each opening of the sign-in page asks for one, and offices share an address.
CHALLENGES_PER_ADDRESS = 300


def begin(session: PortalSession, settings: Settings, party: Party, address: str) -> dict[str, Any]:
    """What the sign-in page asks the browser with. Raises TooManyAttempts."""
    with scopes.whole(session, _WHY):
        window, subject = _window(settings), f"at:{address}"
        check_attempts(session, "passkey challenge", subject, limit=CHALLENGES_PER_ADDRESS, window=window)
        count_failure(session, "passkey challenge", subject)
        return passkeys.begin_using(session, party)


def sign_in_with_passkey(
    session: PortalSession,
    settings: Settings,
    party: Party,
    *,
    token: str,
    credential: str,
    address: str,
    counted: str,
    user_agent: str,
) -> NewSignIn:
    """Start a sign-in of whoever the passkey belongs to; `counted` is the address for limits.

    Raises WrongPasskey, ChallengeGone or OpenedByDirectory, after which the caller commits for the audit, or TooManyAttempts.
    """
    with scopes.whole(session, _WHY):
        subject = f"at:{counted}"
        limit, window = settings.attempts_per_address, _window(settings)
        check_attempts(session, "passkey", subject, limit=limit, window=window)
        try:
            passkey = passkeys.use_passkey(session, party, token, credential)
            person = session.get_one(Person, passkey.person_id)
            session.refresh(person)
            if not is_open(session, person):
                raise WrongPasskey
        except (WrongPasskey, ChallengeGone) as error:
            count_failure(session, "passkey", subject)
            if isinstance(error, RolledBack):
                note_failure(session, session.get_one(Person, error.passkey.person_id), passkeys.KIND, error)
            else:
                record_refusal(session, "identity.factor.failed", account="", kind=passkeys.KIND)
            raise
        check_local(session, settings, person)
        started = start_sign_in(session, person, address, user_agent)
        record(session, "identity.passkey.used", who=started.who, name=passkey.name)
        return started


def _window(settings: Settings) -> dt.timedelta:
    return dt.timedelta(minutes=settings.attempts_window_minutes)
