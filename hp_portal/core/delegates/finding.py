"""Is an organization registered, and who are its delegates? For anybody, signed in or not."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from dataclasses import dataclass, field

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.delegates.models import DelegateLookup
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.masking import mask_email, short_name
from hp_portal.core.limits import lookups as limits
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession
from hp_portal.scopes import in_whole
from hp_portal.settings import Settings

MOST_ORGANIZATIONS = 5
MOST_DELEGATES = 10
KEPT = dt.timedelta(days=1)
_ZIP_AT_END = re.compile(r"(?<!\d)(\d{5})(?:-\d{4})?\s*\Z")


@dataclass(frozen=True)
class Wanted:
    """What somebody knows of an organization: its Tax ID (nine digits), and an NPI or the five digits of a ZIP code."""

    tin: str
    npi: str = ""
    zip_code: str = ""


@dataclass(frozen=True)
class Delegate:
    """A delegate as strangers may read it."""

    name: str
    email: str


@dataclass(frozen=True)
class Found:
    """The answer to a look-up. `token` lets its holder ask the delegates; `more` are not listed."""

    registered: bool
    token: str
    delegates: list[Delegate] = field(default_factory=list)
    more: int = 0


def zip_of(address: str) -> str:
    """The five-digit ZIP code at the end of an address, or nothing."""
    found = _ZIP_AT_END.search(address)
    return found.group(1) if found else ""


@in_whole("what a stranger may know of an organization")
def look_up(session: PortalSession, settings: Settings, wanted: Wanted, address: str) -> Found:
    """Who looks after the organization that is paid under this Tax ID and NPI or ZIP code. Raises TooManyAttempts.

    The same statements are run and the same rows are written whether the organization is registered, is not, or the Tax ID is
    nobody's. The caller commits.
    """
    by_look, by_found = limits.look_limits(settings, address, wanted.tin), limits.found_limits(settings)
    limits.check(session, limits.LOOK, [*by_look, *by_found])
    limits.count(session, limits.LOOK, by_look)
    organizations = _organizations(session, wanted)
    delegates = delegates_of(session, organizations)
    for _ in range(max(1, len(organizations))):
        limits.count(session, limits.LOOK, [limits.Limit(limits.FOUND if organizations else limits.MISSED, 0, KEPT)])
    token = secrets.token_urlsafe(24)
    listed = ",".join(map(str, organizations))
    session.add(DelegateLookup(token_hash=hash_token(token), organizations=listed, at=clock.now()))
    record(
        session,
        "delegates.lookup.made",
        tin=mask_tin(wanted.tin),
        by="NPI" if wanted.npi else "ZIP code",
        registered=bool(organizations),
    )
    shown = [Delegate(short_name(one.name), mask_email(one.email)) for one in delegates[:MOST_DELEGATES]]
    return Found(bool(organizations), token, shown, max(0, len(delegates) - MOST_DELEGATES))


def _organizations(session: PortalSession, wanted: Wanted) -> list[int]:
    """Provider organizations whose account is validated and that hold an open grant to such a payee; not what somebody holds for
    the time being who says that the person registered before has left."""
    fits = (
        Payee.npi == wanted.npi
        if wanted.npi
        else sa.or_(
            sa.func.rtrim(Payee.address).like(f"%{wanted.zip_code}"),
            sa.func.rtrim(Payee.address).like(f"%{wanted.zip_code}-____"),
        )
    )
    rows = session.execute(
        sa.select(Grant.organization_id, Payee.address)
        .join(Payee, Payee.id == Grant.payee_id)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(
            Payee.tin_is(session, wanted.tin),
            fits,
            Grant.is_open(),
            Organization.audience != Audience.BILLING,
            Organization.validated_at.is_not(None),
            sa.not_(Organization.provisional),
        )
        .distinct()
        .order_by(Grant.organization_id)
    )
    right = [key for key, address in rows if wanted.npi or zip_of(address) == wanted.zip_code]
    return list(dict.fromkeys(right))[:MOST_ORGANIZATIONS]


def note_blocked(session: PortalSession, what: str) -> None:
    """Record that somebody may not look, or ask, for now. The caller commits."""
    record_refusal(session, "delegates.lookup.blocked", who=get_who(session), what=what)


def forget_lookups(session: PortalSession) -> None:
    """Remove look-ups with which nobody can ask any more. For the worker."""
    session.execute(sa.delete(DelegateLookup).where(DelegateLookup.at < clock.now() - KEPT))
