"""The proof of somebody who has no account: a payment, or what the payer's record says for a letter with a PIN.

What is wrong is never told. Failed tries are counted by address, by e-mail, and by Tax ID or NPI, together with those of people
who are signed in. Every verb needs a whole scope; the caller commits, also after ProofRefused, so that the try stays counted.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.audience import Audience
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.limits import lookups
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.proofs import StrangersTry, check_stranger, count_stranger, forget_stranger
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.finding import find_payees
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import clusters
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.models import CHECK, MAIL, NOTICE
from hp_portal.core.tax_ids.notices import warn_of_stranger
from hp_portal.core.tax_ids.proving import MoreAsked, asks_more, fits, is_payment_used
from hp_portal.database import PortalSession
from hp_portal.hookspecs import PayeeRef, PaymentProof
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

NOTICE_PREFIX = "NP"


class BillingsTin(Exception):
    """A PIN by mail was asked for with the Tax ID of a billing organization, not of a provider."""


class ProofRefused(Exception):
    """What was given does not go together; the answer does not tell what was wrong."""


@dataclass(frozen=True)
class Answer:
    """What a proof leads to. `number` is the payment's as it is compared; `used`: it has opened a link before.

    `held_by` are the provider organizations that see payments to this payee already; `tin_held_by` those that see payments to
    its Tax ID, with this or another NPI.
    """

    payee_id: int
    number: str
    used: bool
    held_by: tuple[int, ...]
    tin_held_by: tuple[int, ...]


def check_complete(settings: Settings, typed: Typed) -> None:
    """Raise MoreAsked when something is missing that the payer asks for."""
    if typed.path != CHECK or not asks_more(settings, vendor_number=bool(typed.vendor_number)):
        return
    if typed.paid_on or typed.amount:
        return
    if typed.vendor_number:
        raise MoreAsked("Enter the amount or the date of the payment as well.")
    raise MoreAsked("Without the vendor number, enter the amount or the date of the payment as well.")


def try_proof(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed, address: str) -> Answer:
    """What the proof leads to. Raises ProofRefused, MoreAsked, or TooManyAttempts (roll back, then call `note_blocked`)."""
    check_complete(settings, typed)
    tried = _try_of(session, typed, address)
    check_stranger(session, settings, tried)
    if typed.path == MAIL:
        check_looks(session, settings, typed, address)
    # Only look-ups that are counted as such may tell whose Tax ID it is; to a check it is a wrong one.
    if typed.path == MAIL and find_billing(session, typed.tin) is not None:
        count_stranger(session, settings, tried)
        clusters.note(session, tried)
        count_found(session, found=True)
        record_refusal(session, "registration.proof.refused", **_told(typed))
        raise BillingsTin
    answer = look_up(session, settings, plugins, typed)
    if answer is None or (answer.used and not answer.held_by):
        failed = count_stranger(session, settings, tried)
        clusters.note(session, tried)
        warn_of_stranger(session, typed.tin or typed.npi, is_tin=bool(typed.tin), failed=failed)
        record_refusal(session, "registration.proof.refused", **_told(typed))
        raise ProofRefused
    if typed.path == MAIL:
        count_found(session, found=bool(answer.tin_held_by))
    else:
        forget_stranger(session, tried)
    return answer


def check_looks(session: PortalSession, settings: Settings, typed: Typed, address: str) -> None:
    """A Tax ID alone proves nothing, and still tells whether somebody is registered: right ones are counted as well, as those of
    *Find my delegate* are. Raises TooManyAttempts."""
    by_email = lookups.Limit(f"email:{typed.email}", 10, lookups.DAY)
    by_look = [*lookups.look_limits(settings, address, typed.tin), by_email]
    by_found = lookups.found_limits(settings, lookups.FOUND_REGISTERING)
    lookups.check(session, lookups.LOOK, [*by_look, *by_found])
    lookups.count(session, lookups.LOOK, by_look)


def count_found(session: PortalSession, *, found: bool) -> None:
    """Count that a look has told something of a Tax ID; the same is written when it has not."""
    subject = lookups.FOUND_REGISTERING if found else lookups.MISSED
    lookups.count(session, lookups.LOOK, [lookups.Limit(subject, 0, lookups.DAY)])


def find_billing(session: PortalSession, tin: str) -> Organization | None:
    """The billing organization registered with this TIN, or None: one that has ended is registered no longer."""
    return session.scalars(
        sa.select(Organization)
        .where(
            Organization.audience == Audience.BILLING,
            Organization.tin_is(session, tin),
            Organization.ended_at.is_(None),
        )
        .order_by(Organization.id)
        .limit(1)
    ).one_or_none()


def note_blocked(session: PortalSession, typed: Typed, address: str) -> None:
    """Record a try that was not even looked at: staff find it with the wrong ones where one place tries many Tax IDs."""
    clusters.note(session, _try_of(session, typed, address))
    record_refusal(session, "registration.proof.blocked", **_told(typed))


def _told(typed: Typed) -> dict[str, Any]:
    return {"path": typed.path, "tin": mask_tin(typed.tin) if typed.tin else "", "npi": typed.npi}


def _try_of(session: PortalSession, typed: Typed, address: str) -> StrangersTry:
    """With an NPI alone it is aimed at the Tax IDs of its payees as well: one payee has one count, by whatever it is named."""
    found = find_payees(session, npi=typed.npi) if typed.npi and not typed.tin else []
    tins = {payee.whole_tin(session) for payee in found} or {f"of nobody {typed.npi}"}
    others = tuple(sorted(tins)) if not typed.tin else ()
    return StrangersTry(address=address, email=typed.email, tin=typed.tin, npi=typed.npi, tins=others)


def look_up(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed) -> Answer | None:
    """What the proof leads to, or None, uncounted. The same statements run whatever is wrong."""
    if typed.path == MAIL:
        found = find_payees(session, tin=typed.tin, npi=typed.npi or None)
        exact = [payee for payee in found if (payee.npi or "") == typed.npi] or (found if len(found) == 1 else [])
        return _answer(session, exact[0], "", used=False) if (exact and not typed.npi) or len(exact) == 1 else None
    ref = _payment(session, settings, plugins, typed)
    payee = session.get(Payee, ref.payee_id) if ref is not None else None
    if ref is None or payee is None:
        return None
    number = ref.number or typed.number.strip().upper()
    return _answer(session, payee, number, used=is_payment_used(session, payee.id, number))


def _payment(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed) -> PayeeRef | None:
    today = clock.now().astimezone(settings.payer.zone).date()
    asked = PaymentProof(
        typed.number,
        tin=typed.tin or None,
        npi=typed.npi or None,
        vendor_number=typed.vendor_number or None,
        amount=typed.amount,
        paid_on=dt.date.fromisoformat(typed.paid_on) if typed.paid_on else None,
        not_before=today - dt.timedelta(days=settings.proof_days),
    )
    found: PayeeRef | None = plugins.first("portal_verify_payment", session=session, proof=asked)
    if found is None or not fits(found, asked):
        return None
    if found.is_non_payment != (typed.path == NOTICE):
        return None
    return None if found.is_non_payment and not settings.registration_notices_count else found


def practitioners(session: PortalSession, plugins: Plugins, typed: Typed) -> list[str]:
    """After whom the payee is called, and who rendered what the payment pays, once it has proved something."""
    payee = session.get(Payee, typed.payee_id) if typed.payee_id and typed.proved else None
    if payee is None:
        return []
    asked = plugins.collect("portal_practitioners", session=session, payee_id=payee.id, number=typed.number)
    return [payee.name, *(name for _, names in asked for name in names)]


def holders(session: PortalSession, payees: sa.Select[int]) -> tuple[int, ...]:
    """Provider organizations with an open link to one of these payees, those linked first before others."""
    rows = session.execute(
        sa.select(Grant.organization_id, sa.func.min(Grant.granted_at))
        .join(Organization, Organization.id == Grant.organization_id)
        .where(
            Grant.payee_id.in_(payees),
            Grant.is_open(),
            Organization.audience != Audience.BILLING,
            sa.not_(Organization.provisional),
        )
        .group_by(Grant.organization_id)
        .order_by(sa.func.min(Grant.granted_at), Grant.organization_id)
    )
    return tuple(organization_id for organization_id, _ in rows)


def holders_of(session: PortalSession, payee: Payee) -> tuple[int, ...]:
    """The organizations that are registered for a payee; where none is, those of its Tax ID with another NPI."""
    of_tin = sa.select(Payee.id).where(Payee.tin_is(session, payee.whole_tin(session)))
    return holders(session, sa.select(Payee.id).where(Payee.id == payee.id)) or holders(session, of_tin)


def _answer(session: PortalSession, payee: Payee, number: str, *, used: bool) -> Answer:
    tin = payee.whole_tin(session)
    held = holders(session, sa.select(Payee.id).where(Payee.id == payee.id))
    tin_held = holders(session, sa.select(Payee.id).where(Payee.tin_is(session, tin)))
    return Answer(payee.id, number, used, held, tin_held)


def record_proved(session: PortalSession, typed: Typed, answer: Answer) -> None:
    """Record that a payment proved a payee to somebody without an account. A Tax ID and NPI alone prove nothing."""
    if typed.path != MAIL:
        record(session, "registration.proof.accepted", path=typed.path, payee=answer.payee_id)


__all__ = ["Answer", "MoreAsked", "ProofRefused", "TooManyAttempts", "look_up", "note_blocked", "try_proof"]
