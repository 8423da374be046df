"""Signing a form electronically, and what was signed when. Nothing here commits.

The E-SIGN Act (15 USC 7001 to 7006) and Minnesota's Uniform Electronic Transactions Act (Minn. Stat. 325L) give an electronic
signature the effect of one by hand where somebody means to sign, agrees to do it electronically, the signature belongs to who
made it, and the record can be kept and shown again as it was. So the agreement is shown and kept with each signature, the name is
typed by its owner, and the bytes that were signed are kept beside their hash.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.identity.models import Person
from hp_portal.core.printing.forms import PrintedSignature
from hp_portal.core.signing.models import SIGNED_CONTENTS, Signature
from hp_portal.core.signing.names import same_name
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.printed import PrintedForm, read_signed_bytes
from hp_portal.scopes import OrganizationScope, ScopeViolation

AGREEMENT = (
    "I intend to sign this form. By checking the box and typing my name I sign it electronically, and I agree to do this with "
    "{payer} electronically instead of on paper. I may sign for whom the form names, I have read it, and what it says is true to "
    "the best of my knowledge. My electronic signature has the same effect as one by hand. I can print or save what I signed. I "
    "can sign on paper instead, or ask for a copy on paper: call {payer}. What I agree to here is for this form alone."
)
MOST_BYTES = 4 << 20


class NotTheirName(ValueError):
    """What was typed is not the name of who signs."""


class NotAsSigned(Exception):
    """What is kept of a signature is not what was signed: its hash is another one."""


@dataclass(frozen=True)
class Agreement:
    """What people agree to who sign; `version` tells two texts apart."""

    text: str
    version: str


@dataclass(frozen=True)
class Stranger:
    """Somebody without an account who signs."""

    name: str
    email: str


def signing_agreement() -> Agreement:
    """The payer's agreement, as the settings have it today."""
    text = " ".join((settings().signing_agreement or AGREEMENT).replace("{payer}", settings().payer.name).split())
    return Agreement(text, hashlib.sha256(text.encode()).hexdigest()[:8])


def sign(
    session: PortalSession,
    form: PrintedForm,
    *,
    about: str,
    typed: str,
    organization_id: int | None,
    stranger: Stranger | None = None,
) -> Signature:
    """Sign a form, as whoever acts in this session, or as a stranger; the agreement is today's, as SignedForm shows it.

    `about` says what it belongs to, such as `case:12`. Raises NotTheirName, and ValueError when nobody acts, or for a form that
    is too long to keep.
    """
    who, scope = get_who(session), session.context.scope
    if isinstance(scope, OrganizationScope) and scope.organization_id != organization_id:
        raise ScopeViolation(f"a signature of another organization was about to be added by {scope}")
    person = session.get(Person, who.person_id) if who.person_id is not None and stranger is None else None
    if person is None and (stranger is None or not stranger.email):
        raise ValueError("a signature is somebody's: a person's, or a stranger's with an e-mail address")
    name = person.name if person is not None else stranger.name if stranger is not None else ""
    if not same_name(typed, name):
        raise NotTheirName(name)
    contents, agreement, token = form.signed_bytes(), signing_agreement(), secrets.token_hex(16)
    if len(contents) > MOST_BYTES:
        raise ValueError("the form is too long to be signed as one")
    signature = Signature(
        organization_id=organization_id,
        token=token,
        about=about,
        person_id=person.id if person is not None else None,
        name=name,
        email=stranger.email if stranger is not None else "",
        typed=typed,
        signed_at=clock.now(),
        address=who.address,
        agreement=agreement.text,
        version=agreement.version,
        digest=form.digest(),
        contents_sealed=session.vault.seal(contents, SIGNED_CONTENTS(token)),
    )
    with scopes.whole(session, "a form is signed"):
        session.add(signature)
        session.flush()
        record(session, "signature.made", signature=signature.id, digest=signature.digest)
    return signature


def is_unchanged(signature: Signature, form: PrintedForm) -> bool:
    """Does the form still say what was signed?"""
    return secrets.compare_digest(signature.digest, form.digest())


def signed_form(session: PortalSession, signature: Signature) -> PrintedForm:
    """The form as it was signed, whatever has changed since. Raises NotAsSigned."""
    contents = session.vault.open(signature.contents_sealed, SIGNED_CONTENTS(signature.token))
    if hashlib.sha256(contents).hexdigest() != signature.digest:
        raise NotAsSigned
    return read_signed_bytes(contents)


def signatures_about(session: PortalSession, about: str) -> Sequence[Signature]:
    """The signatures of the scope that belong to something, oldest first."""
    return session.scalars(sa.select(Signature).where(Signature.about == about).order_by(Signature.id)).all()


def show_signature(signature: Signature, form: PrintedForm | None) -> PrintedSignature:
    """A signature for pages and paper; `form` is what stands there now, None where nothing does."""
    by = f"{signature.name}, {signature.email}" if signature.email else signature.name
    return PrintedSignature(
        by,
        signature.typed,
        signature.signed_at,
        signature.address,
        signature.agreement,
        signature.version,
        signature.digest,
        changed=form is not None and not is_unchanged(signature, form),
        id=signature.id,
    )
