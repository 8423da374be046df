"""What speaks against asking somebody for access: every reason in words. Every function needs a whole scope."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal.audience import Audience
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import is_unconfirmed, reachable
from hp_portal.core.organizations.access_requests import OPEN_STATES, AccessRequest
from hp_portal.core.organizations.models import BY_PAYER, BY_TRIAL, Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.notices import holders_of
from hp_portal.core.web.formats import show_day
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession

THEIRS = "Name somebody at the provider’s office."
UNKNOWN_TIN, FREE_MAIL, NOBODY, OTHER_DOMAIN = "unknown-tin", "free-mail", "nobody", "other-domain"
NEW_OFFICE = "new-office"
"""Why staff look at a request before it is sent."""
_FREE = """aim.com aol.com att.net bellsouth.net charter.net comcast.net cox.net earthlink.net fastmail.com frontier.com gmail.com
    gmx.com gmx.net googlemail.com hey.com hotmail.com icloud.com juno.com live.com mac.com mail.com me.com msn.com outlook.com
    pm.me proton.me protonmail.com rocketmail.com sbcglobal.net tutanota.com verizon.net yahoo.com ymail.com zoho.com"""
FREE = frozenset(_FREE.split())
"""Where anybody can have an address: nobody's own domain."""


@dataclass(frozen=True)
class Approver:
    """Somebody at the provider's office."""

    name: str = ""
    title: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True)
class Wanted:
    """What a billing organization asks for: a Tax ID (digits), NPIs (none: all of the Tax ID), and of whom.

    `provider` is what it calls the provider; `form` tells the form that it was sent from. With `to_delegates` the delegates of
    the registered provider are asked.
    """

    tin: str
    npis: tuple[str, ...] = ()
    provider: str = ""
    to_delegates: bool = False
    approver: Approver = Approver()
    form: str = ""


def domain_of(email: str) -> str:
    """What stands behind the @, as it is compared."""
    return email.rpartition("@")[2].strip().lower()


def mailbox(email: str) -> str:
    """An address as it is compared: what stands behind a plus sign, and dots at Gmail, lead to the same mailbox."""
    local, domain = email.rpartition("@")[0].strip().lower().partition("+")[0], domain_of(email)
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def belongs_to(domain: str, domains: Collection[str]) -> bool:
    """Is a domain one of these, or below one of them?"""
    return any(domain == one or domain.endswith(f".{one}") for one in domains)


def name_words(name: str) -> frozenset[str]:
    """A name as it is compared: `Doe, Jane A.` is `Jane Doe`; accents, case and initials do not matter."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return frozenset(
        word for word in re.findall(r"[^\W\d_]+", letters.replace("'", "").replace("’", "")) if len(word) > 1
    )


def approver_problems(session: PortalSession, organization_id: int, approver: Approver) -> dict[str, str]:
    """Why this person may not approve, by field: they belong to the billing organization itself."""
    email, domain = mailbox(approver.email), domain_of(approver.email)
    people = session.execute(
        sa.select(Person.name, Person.email).where(Person.organization_id == organization_id)
    ).all()
    problems = {}
    own_domains = {domain_of(own) for _, own in people if not is_unconfirmed(own)} - FREE
    if any(mailbox(own) == email for _, own in people):
        problems["email"] = (
            "This is the address of an account of your own organization. Somebody at the provider’s office approves."
        )
    elif belongs_to(domain, own_domains):
        problems["email"] = f"{domain} is your own organization’s e-mail domain. {THEIRS}"
    if has_account_name(approver.name, [own for own, _ in people]):
        problems["name"] = (
            "Somebody of this name has an account in your own organization. Name somebody at the provider’s office."
        )
    return problems


def has_account_name(name: str, accounts: Iterable[str]) -> bool:
    """Is this, as names are compared, the name of one of these accounts?"""
    words = name_words(name)
    return bool(words) and any(words == name_words(one) for one in accounts)


def payees_of(session: PortalSession, tin: str, npis: tuple[str, ...] = ()) -> list[Payee]:
    """What the payer's record has of a Tax ID, or of these of its NPIs."""
    wanted = sa.select(Payee).where(Payee.tin_is(session, tin)).order_by(Payee.name, Payee.npi, Payee.id)
    return list(session.scalars(wanted.where(Payee.npi.in_(npis)) if npis else wanted))


def seen_by(session: PortalSession, organization_id: int | None, payees: Sequence[Payee]) -> list[Payee]:
    """Those of these payees that an organization is linked to itself: of them, and no others, it decides."""
    ids = [one.id for one in payees]
    own = sa.select(Grant.payee_id).where(
        Grant.organization_id == organization_id, Grant.payee_id.in_(ids), Grant.is_open()
    )
    found = set(session.scalars(own))
    return [one for one in payees if one.id in found]


def request_problems(session: PortalSession, actor: Actor, wanted: Wanted) -> dict[str, str]:
    """Why this may not be asked for, by field. Nothing of it tells whether the payer knows the Tax ID."""
    organization_id = actor.organization_id or 0
    problems: dict[str, str] = {}
    if not wanted.to_delegates:
        problems |= approver_problems(session, organization_id, wanted.approver)
    organization = session.get_one(Organization, organization_id)
    if organization.whole_tin(session) == wanted.tin:
        problems["tin"] = "This is your own organization’s Tax ID. Enter the provider’s."
    elif waiting := waiting_for(session, organization_id, wanted):
        problems["tin"] = (
            f"You have asked for this on {show_day(waiting.asked_at, settings().payer.zone)} already, and the answer is still "
            "open. Change the approver there, or withdraw it first."
        )
    elif _sees_all(session, organization_id, wanted):
        problems["tin"] = "Your organization can see these payments already."
    return problems


def waiting_for(session: PortalSession, organization_id: int, wanted: Wanted) -> AccessRequest | None:
    asked = session.scalars(
        sa.select(AccessRequest).where(
            AccessRequest.organization_id == organization_id,
            AccessRequest.tin_is(session, wanted.tin),
            AccessRequest.state.in_(OPEN_STATES),
        )
    )
    for one in asked:
        if not one.npis or not wanted.npis or set(one.npis.split()) & set(wanted.npis):
            return one
    return None


def _sees_all(session: PortalSession, organization_id: int, wanted: Wanted) -> bool:
    # Only of what it has typed itself: that it sees nothing new of a Tax ID as a whole would tell how many NPIs there are.
    if not wanted.npis:
        return False
    payees = sa.select(Payee.id).where(Payee.tin_is(session, wanted.tin), Payee.npi.in_(wanted.npis))
    open_now = sa.select(Payee.npi).where(
        Payee.id.in_(payees),
        Payee.id.in_(sa.select(Grant.payee_id).where(Grant.organization_id == organization_id, Grant.is_open())),
    )
    return set(session.scalars(open_now)) == set(wanted.npis)


def works_for(session: PortalSession, organization_id: int, person_id: int) -> bool:
    """Does somebody work for this organization, too? Then they do not answer what it asks for."""
    account = sa.select(Person.root_id).where(Person.id == person_id).scalar_subquery()
    theirs = sa.select(Person.id).where(
        Person.organization_id == organization_id, Person.deactivated_at.is_(None), Person.root_id == account
    )
    return session.scalar(theirs.limit(1)) is not None


def delegates_to_ask(session: PortalSession, organization_id: int, tin: str) -> list[Person]:
    """The delegates of the registered provider whom this organization may ask: nobody who works for it as well."""
    found = reachable(delegates_of(session, holders_of(session, tin)))
    return [one for one in found if not works_for(session, organization_id, one.id)]


def why_staff_look(session: PortalSession, organization_id: int, wanted: Wanted, looked_at: str = "") -> str:
    """For what reason staff look before it is sent; empty: it is sent at once. The asker is not told.

    Where no office is registered, anybody could have bought the domain: one that is known for the payee is an office's that was
    linked to it. `looked_at`: the domain that the request goes to already.
    """
    payees = payees_of(session, wanted.tin, wanted.npis)
    if not payees:
        return UNKNOWN_TIN
    if wanted.to_delegates:
        return "" if delegates_to_ask(session, organization_id, wanted.tin) else NOBODY
    offices = holders_of(session, wanted.tin)
    domain = domain_of(wanted.approver.email)
    if domain in FREE:
        return "" if _has_account(session, offices, wanted.approver.email) else FREE_MAIL
    known = _business_domains(session, offices or _offices_before(session, wanted.tin))
    if domain == looked_at or belongs_to(domain, known):
        return ""
    return OTHER_DOMAIN if offices else NEW_OFFICE


def _offices_before(session: PortalSession, tin: str) -> list[int]:
    """The provider organizations that were linked to a Tax ID, but for those whose link a trial or the payer has ended."""
    linked = (
        sa.select(Grant.organization_id)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(
            Grant.payee_id.in_(sa.select(Payee.id).where(Payee.tin_is(session, tin))),
            Organization.audience != Audience.BILLING,
            sa.not_(Organization.provisional),
            sa.func.coalesce(Grant.ended_how, "").not_in((BY_TRIAL, BY_PAYER)),
        )
        .distinct()
    )
    return list(session.scalars(linked))


def _emails(session: PortalSession, offices: list[int]) -> list[str]:
    accounts = sa.select(Person.email).where(
        Person.organization_id.in_(offices or [0]), Person.deactivated_at.is_(None)
    )
    return [email for email in session.scalars(accounts) if not is_unconfirmed(email)]


def _has_account(session: PortalSession, offices: list[int], email: str) -> bool:
    return mailbox(email) in {mailbox(one) for one in _emails(session, offices)}


def _business_domains(session: PortalSession, offices: list[int]) -> set[str]:
    return {domain_of(email) for email in _emails(session, offices)} - FREE
