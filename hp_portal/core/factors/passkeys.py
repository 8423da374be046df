"""Passkeys (WebAuthn): added, used as the second step or as the only one, removed. Every verb needs a whole scope.

The browser proves that it holds a private key by signing a challenge, which the server made, kept, and takes back once. The
device has looked who is there (user verification), so that a passkey is two factors in one step.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import parse_authentication_credential_json, parse_registration_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticationCredential,
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.factors import LONGEST_CREDENTIAL_ID, Passkey, PasskeyChallenge
from hp_portal.core.identity.models import Person
from hp_portal.database import PortalSession, lock

KIND = "passkey"
MOST = 10
UNREADABLE = (WebAuthnException, ValueError, KeyError, TypeError, RecursionError)
"""What reading a browser's answer raises: it may hold anything."""
TTL = dt.timedelta(minutes=10)
NEW, STEP, ONLY = "new", "step", "only"


class WrongPasskey(Exception):
    """The browser has not shown a passkey of this person: removed, another portal's, not verified, or not for this challenge."""


class RolledBack(WrongPasskey):
    """A passkey that counts its uses has counted back: there may be a copy of it. `passkey` is whose it says to be."""

    def __init__(self, passkey: Passkey) -> None:
        super().__init__("a passkey has counted back")
        self.passkey = passkey


class ChallengeGone(Exception):
    """Nobody made this challenge, or it was answered before or is too old."""


class TooMany(Exception):
    """The person has as many passkeys as one may have."""


class KnownAlready(Exception):
    """This passkey was added before."""


@dataclass(frozen=True)
class Party:
    """Whom passkeys are for: the portal's host (`rp_id`), its address as browsers say it, and its name."""

    rp_id: str
    origin: str
    name: str


def party_at(address: str, name: str) -> Party | None:
    """The portal at an address such as https://portal.plan.example; None where there are no passkeys: at an IP address."""
    host = urlsplit(address).hostname or ""
    if ":" in host or host.replace(".", "").isdigit():
        return None
    return Party(host, address, name)


def passkeys_of(session: PortalSession, person_id: int) -> list[Passkey]:
    """The person's passkeys, oldest first."""
    return list(session.scalars(sa.select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.id)))


def _keep(
    session: PortalSession, purpose: str, person_id: int | None, user_handle: bytes | None = None
) -> tuple[str, bytes]:
    token, challenge = secrets.token_urlsafe(32), secrets.token_bytes(32)
    session.add(
        PasskeyChallenge(
            token_hash=hash_token(token),
            challenge=challenge,
            purpose=purpose,
            person_id=person_id,
            user_handle=user_handle,
            created_at=clock.now(),
        )
    )
    session.flush()
    return token, challenge


def _take(session: PortalSession, token: str, purpose: str, person_id: int | None) -> tuple[bytes, bytes]:
    """The challenge with its user handle, once. Raises ChallengeGone."""
    whose = PasskeyChallenge.person_id.is_(None) if person_id is None else PasskeyChallenge.person_id == person_id
    taken = session.execute(
        sa.delete(PasskeyChallenge)
        .where(
            PasskeyChallenge.token_hash == hash_token(token),
            PasskeyChallenge.purpose == purpose,
            PasskeyChallenge.created_at > clock.now() - TTL,
            whose,
        )
        .returning(PasskeyChallenge.challenge, PasskeyChallenge.user_handle)
    ).one_or_none()
    if taken is None:
        raise ChallengeGone
    return bytes(taken[0]), bytes(taken[1] or b"")


def _told(token: str, options: Any) -> dict[str, Any]:
    """What the page's script needs: the options as browsers read them, and the word for the challenge."""
    return {"token": token, "options": json.loads(options_to_json(options))}


def _descriptors(passkeys: list[Passkey]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=bytes(one.credential_id)) for one in passkeys]


def begin_adding(session: PortalSession, party: Party, person: Person) -> dict[str, Any]:
    """What the browser makes a new passkey from."""
    known = passkeys_of(session, person.id)
    # Random, and the same for all passkeys of a person: it says nothing about them.
    handle = bytes(known[0].user_handle) if known else secrets.token_bytes(32)
    token, challenge = _keep(session, NEW, person.id, handle)
    options = generate_registration_options(
        rp_id=party.rp_id,
        rp_name=party.name,
        user_id=handle,
        user_name=person.username,
        user_display_name=person.name,
        challenge=challenge,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
        exclude_credentials=_descriptors(known),
    )
    return _told(token, options)


def add_passkey(
    session: PortalSession, party: Party, person: Person, token: str, *, name: str, credential: str
) -> Passkey:
    """Add the passkey that the browser has made. Raises ChallengeGone, WrongPasskey, KnownAlready or TooMany."""
    challenge, handle = _take(session, token, NEW, person.id)
    try:
        parsed = parse_registration_credential_json(credential)
        made = verify_registration_response(
            credential=parsed,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except UNREADABLE as error:
        raise WrongPasskey from error
    if len(made.credential_id) > LONGEST_CREDENTIAL_ID:
        raise WrongPasskey
    lock(session, f"account:{person.root_id}")
    if len(passkeys_of(session, person.id)) >= MOST:
        raise TooMany
    if session.scalar(sa.select(Passkey.id).where(Passkey.credential_id == made.credential_id)) is not None:
        raise KnownAlready
    row = Passkey(
        person_id=person.id,
        name=name,
        credential_id=made.credential_id,
        public_key=made.credential_public_key,
        sign_count=made.sign_count,
        synced=made.credential_backed_up,
        user_handle=handle,
        created_at=clock.now(),
    )
    session.add(row)
    session.flush()
    record(session, "identity.factor.added", kind=KIND, name=name)
    return row


def begin_using(session: PortalSession, party: Party, person: Person | None = None) -> dict[str, Any]:
    """What the browser asks for a passkey with: one of this person's, as the second step; without a person anybody's."""
    token, challenge = _keep(session, STEP if person else ONLY, person.id if person else None)
    options = generate_authentication_options(
        rp_id=party.rp_id,
        challenge=challenge,
        allow_credentials=_descriptors(passkeys_of(session, person.id)) if person else None,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return _told(token, options)


def use_passkey(
    session: PortalSession, party: Party, token: str, credential: str, person: Person | None = None
) -> Passkey:
    """The passkey that has signed the challenge; without a person, whose it is tells who signs in.

    Raises ChallengeGone, WrongPasskey, or RolledBack.
    """
    challenge, _ = _take(session, token, STEP if person else ONLY, person.id if person else None)
    try:
        shown = parse_authentication_credential_json(credential)
    except UNREADABLE as error:
        raise WrongPasskey from error
    found = _hold(session, shown.raw_id)
    handle = shown.response.user_handle
    if found is None or (person is not None and found.person_id != person.id):
        raise WrongPasskey
    if handle is not None and handle != bytes(found.user_handle):
        raise WrongPasskey
    count = _verify(party, found, challenge, shown)
    # Of two copies that sign at once with one count, one finds the row as it was. Synced passkeys always say 0.
    behind = Passkey.sign_count < count if count else Passkey.sign_count == 0
    taken = session.execute(
        sa.update(Passkey)
        .where(Passkey.id == found.id, behind)
        .values(sign_count=count, last_used_at=clock.now())
        .returning(Passkey.id)
        .execution_options(synchronize_session=False)
    ).first()
    if taken is None:
        raise RolledBack(found)
    return found


def _hold(session: PortalSession, credential_id: bytes) -> Passkey | None:
    """The passkey as it is while nobody else changes its account: it may be removed, or its person locked out, meanwhile."""
    wanted = sa.select(Passkey).where(Passkey.credential_id == credential_id)
    found = session.scalars(wanted).one_or_none()
    if found is None:
        return None
    lock(session, f"account:{found.person_id}")
    return session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def _verify(party: Party, passkey: Passkey, challenge: bytes, shown: AuthenticationCredential) -> int:
    """The count that the passkey tells. Raises WrongPasskey."""
    try:
        verified = verify_authentication_response(
            credential=shown,
            expected_challenge=challenge,
            expected_rp_id=party.rp_id,
            expected_origin=party.origin,
            credential_public_key=bytes(passkey.public_key),
            # Whether it has counted back is asked of the row, in one statement with the change.
            credential_current_sign_count=0,
            require_user_verification=True,
        )
    except UNREADABLE as error:
        raise WrongPasskey from error
    return verified.new_sign_count


def forget_challenges(session: PortalSession) -> None:
    """Remove challenges that nobody has answered in time. The worker does it."""
    session.execute(sa.delete(PasskeyChallenge).where(PasskeyChallenge.created_at <= clock.now() - TTL))
