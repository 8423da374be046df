"""Lost second factors, removed by staff: only after somebody has proved who they are as an organization does that registers.

A payment to the organization's payee proves it, by what stands on its remittance advice, or a PIN in a letter to the payee's
address on record. An organization that no payee is linked to has neither; there staff say how they made sure. A payment is not
enough for an account that opens several organizations, nor where a billing organization sees the same remittance advices. Every
verb needs a whole scope.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.delivery.letters import Letter, add_letter
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.factors import has_factor
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.limits.attempts import check_attempts, count_failure, forget_failures
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.accounts import end_factor_pins, end_resets, factor_letters_about
from hp_portal.core.people.changes import remove_factors
from hp_portal.core.people.models import RESET_DONE, FactorPin
from hp_portal.core.registration.addresses import envelope_lines
from hp_portal.core.registration.pins import (
    LETTER_EVERY,
    NoAddress,
    PinDead,
    PinState,
    TooSoon,
    WrongPin,
    may_ask,
    new_pin,
    pin_state,
    use_pin,
)
from hp_portal.core.tax_ids.proving import Proof, check_enough, find_payment
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

COUNTED = "lost-factor"


class NothingLost(Exception):
    """The person has no second factor, or cannot sign in at all: see their page."""


class ProofNeeded(Exception):
    """The organization has a payee: a payment or a PIN proves who it is."""


class NotProved(Exception):
    """No such payment to a Tax ID and NPI of the person's organization; the answer does not tell what was wrong."""


class PaymentNotEnough(Exception):
    """Others know the payment as well, or the account opens more than the organization that was paid: only a PIN proves it."""


class OthersNotShown(Exception):
    """The account opens other organizations than staff were shown."""


@dataclass(frozen=True)
class MailTo:
    """A payee that a PIN can be mailed to: its Tax ID masked, and the lines on the envelope."""

    payee_id: int
    name: str
    tin: str
    lines: list[str]


@dataclass(frozen=True)
class WaysBack:
    """What staff can do for somebody who has lost their second factors.

    `delegates`: others of the organization who can do it themselves. `linked`: a payment proves who it is. `mail_to`: where a
    PIN can go, at most `MOST_PAYEES`; none for a billing organization, whose letters would go to its clients. `letter`: how far
    the newest one is; `another_at`: from when on another may be sent. `others`: the other organizations that the account opens,
    by id; with any, a payment is not enough.
    """

    delegates: list[str]
    linked: bool
    mail_to: list[MailTo]
    letter: PinState | None
    another_at: dt.datetime | None
    others: dict[int, str]

    @property
    def others_shown(self) -> str:
        """What a form says back of the others that the page named."""
        return " ".join(map(str, sorted(self.others)))


MOST_PAYEES = 200


def ways_back(session: PortalSession, person: Person) -> WaysBack:
    """What can be done for this person."""
    organization = session.get_one(Organization, person.organization_id)
    payees = session.scalars(_payees(person).order_by(Payee.name, Payee.npi, Payee.id).limit(MOST_PAYEES)).all()
    provider = organization.audience != "billing"
    mail_to = [
        MailTo(payee.id, payee.name, payee.masked_tin(session), lines)
        for payee in payees
        if provider and (lines := envelope_lines(payee)) is not None
    ]
    others = [one.name for one in delegates_of(session, [person.organization_id]) if one.id != person.id]
    letter, at = _letter(session, person.id)
    elsewhere = _others(session, person)
    return WaysBack(others, _linked(session, person), mail_to, letter, at, elsewhere)


def _others(session: PortalSession, person: Person) -> dict[int, str]:
    """The other organizations that the account of this person opens."""
    rows = session.execute(
        sa.select(Organization.id, Organization.name)
        .join(Person, Person.organization_id == Organization.id)
        .where(
            Person.root_id == person.root_id,
            Person.id != person.id,
            Person.deactivated_at.is_(None),
            Organization.ended_at.is_(None),
        )
        .order_by(sa.func.lower(Organization.name), Organization.id)
    )
    return {row.id: row.name for row in rows}


def _linked(session: PortalSession, person: Person) -> bool:
    """Is a payee linked to any of the organizations that the account opens?"""
    opened = [person.organization_id, *_others(session, person)]
    return (
        session.scalar(sa.select(Grant.id).where(Grant.organization_id.in_(opened), Grant.is_open()).limit(1))
        is not None
    )


def _payees(person: Person) -> sa.Select[Payee]:
    return sa.select(Payee).where(
        Payee.id.in_(sa.select(Grant.payee_id).where(Grant.organization_id == person.organization_id, Grant.is_open()))
    )


def _is_billed_for(session: PortalSession, person: Person, payee_id: int) -> bool:
    """Does a billing organization, but for the person's own, see what is paid to the payee?"""
    wanted = (
        sa.select(Grant.id)
        .join(Organization, Organization.id == Grant.organization_id)
        .where(
            Grant.payee_id == payee_id,
            Grant.is_open(),
            Grant.organization_id != person.organization_id,
            Organization.audience == "billing",
        )
    )
    return session.scalar(wanted.limit(1)) is not None


def _newest(session: PortalSession, person_id: int) -> FactorPin | None:
    wanted = sa.select(FactorPin).where(FactorPin.person_id == person_id)
    return session.scalars(wanted.order_by(FactorPin.id.desc()).limit(1)).one_or_none()


def _letter(session: PortalSession, person_id: int) -> tuple[PinState | None, dt.datetime | None]:
    """The newest letter that has not done its work, and from when on another may be sent; None: now."""
    pin = _newest(session, person_id)
    if pin is None:
        return None, None
    state, at = pin_state(session, pin), pin.made_at + LETTER_EVERY
    done = pin.ended_at is not None and pin.tries_left > 0  # used, or needed no longer
    return None if done else state, None if may_ask(state, at) else at


def remove_without_proof(session: PortalSession, person: Person, reason: str) -> None:
    """For an organization that nothing is linked to. Raises ProofNeeded, or NothingLost."""
    _hold(session, person)
    if _linked(session, person):
        raise ProofNeeded
    _remove(session, person, reason)


def remove_by_payment(
    session: PortalSession, settings: Settings, plugins: Plugins, person: Person, proof: Proof
) -> None:
    """Remove the factors of somebody who has named a payment to their organization.

    Raises MoreAsked; NotProved (counted: the caller commits); PaymentNotEnough; TooManyAttempts; NothingLost.
    """
    check_enough(settings, proof)
    _hold(session, person)
    if _others(session, person):
        raise PaymentNotEnough
    window = dt.timedelta(minutes=settings.attempts_window_minutes)
    subject = f"person:{person.id}"
    check_attempts(session, COUNTED, subject, limit=settings.proof_attempts, window=window)
    found = find_payment(session, settings, plugins, proof)
    own = _payees(person).with_only_columns(Payee.id)
    if found is None or session.scalar(own.where(Payee.id == found.payee_id)) is None:
        count_failure(session, COUNTED, subject)
        record_refusal(session, "people.factors.not-proved", person=person.id, tin=mask_tin(proof.tin))
        raise NotProved
    if _is_billed_for(session, person, found.payee_id):
        raise PaymentNotEnough
    forget_failures(session, COUNTED, subject)
    _remove(session, person, f"Named a payment to the Tax ID {mask_tin(proof.tin)}")


def send_letter(
    session: PortalSession, settings: Settings, actor: Actor, person: Person, payee_id: int, others: set[int]
) -> None:
    """Mail a PIN to one of the organization's payees; an earlier PIN works no longer.

    `others`: the other organizations of the account that staff were shown. Raises OthersNotShown, TooSoon, NoAddress (also for a
    payee that is not theirs), or NothingLost.
    """
    _hold(session, person)
    if set(_others(session, person)) - others:
        raise OthersNotShown
    _, at = _letter(session, person.id)
    if at is not None:
        raise TooSoon(at)
    payee = session.scalars(_payees(person).where(Payee.id == payee_id)).one_or_none()
    organization = session.get_one(Organization, person.organization_id)
    lines = envelope_lines(payee) if payee is not None and organization.audience != "billing" else None
    if payee is None or lines is None:
        raise NoAddress
    end_factor_pins(session, person.id)
    now, pin = clock.now(), new_pin()
    phone = settings.payer.phone
    letter = Letter(
        lines,
        "A PIN for an account of your office",
        factor_letters_about(person.id),
        [
            f"{person.name} has told us that they can no longer complete the second step of signing in to the provider portal "
            f"of {settings.payer.name}. Please give this letter to them.",
            "With the PIN below we let them sign in with their password alone, until they have set up a new second step. "
            f"If you do not know them or do not want this, do not share the PIN{', and call us at ' + phone if phone else ''}.",
        ],
        [
            f"Call us{' at ' + phone if phone else ''} and read us the PIN.",
            f"The PIN works for {settings.pin_days} days after this letter was mailed.",
        ],
        f"{pin[:4]} {pin[4:]}",
        "PIN",
        secret=True,
    )
    message_id = add_letter(session, letter)
    session.add(
        FactorPin(
            person_id=person.id,
            payee_id=payee.id,
            pin_hash=hash_password(pin),
            message_id=message_id,
            made_by_id=actor.person_id,
            made_at=now,
            expires_at=now + dt.timedelta(days=settings.pin_days),
            tries_left=settings.pin_attempts,
        )
    )
    session.flush()
    record(session, "people.factors.letter-sent", person=person.id, payee=payee.id)


def remove_by_pin(session: PortalSession, person: Person, typed: str) -> None:
    """Remove the factors of somebody who has read the PIN to us.

    Raises WrongPin (counted: the caller commits), PinDead, or NothingLost.
    """
    _hold(session, person)
    pin = _newest(session, person.id)
    if pin is None:
        raise PinDead
    try:
        use_pin(session, pin, typed)
    except WrongPin:
        record_refusal(session, "people.factors.not-proved", person=person.id, tin="a PIN")
        raise
    _remove(session, person, "Read us the PIN of a letter to the payee’s address")


def _hold(session: PortalSession, person: Person) -> None:
    lock(session, f"account:{person.root_id}")
    session.refresh(person)
    if person.deactivated_at is not None or not has_factor(session, person):
        raise NothingLost


def _remove(session: PortalSession, person: Person, reason: str) -> None:
    remove_factors(session, person, reason)
    end_resets(session, person.id, RESET_DONE)
