"""Registrations as the payer's staff see them: the list, and one with what is on record about it. Needs a whole scope."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.delivery.states import MessageState, messages_about
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.finding import find_payees
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import pins
from hp_portal.core.registration.drafts import Typed
from hp_portal.core.registration.facts import abouts_of, asked_about, facts_of, newcomer_about
from hp_portal.core.registration.models import (
    ASKED,
    CHALLENGED,
    DECLINED,
    DISPUTED,
    EXPIRED,
    LETTERS,
    LOCKED,
    NEW_BILLING,
    NO_DELEGATE,
    OBJECTED,
    OPEN,
    PIN,
    PROVED_AGAIN,
    STAFF,
    UNTOLD,
    WAITING_STATES,
    WHICH,
    WITHDRAWN,
    Registration,
)
from hp_portal.core.registration.proving import check_complete, find_billing, holders, look_up
from hp_portal.core.registration.transfers import may_be_moved
from hp_portal.core.web.listing import Column, Listing, Order, Sorting, page_of
from hp_portal.database import PortalSession
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings

# What the list can show, by its name in the address. The first is what waits for the staff.
FOR_STAFF, DECISION, ADDRESS, HELD, WAITING, ENDED = "for-staff", "decision", "address", "held", "waiting", "ended"
SHOWN = {
    FOR_STAFF: "Waiting for us",
    DECISION: "Waiting for our decision",
    ADDRESS: "Address to correct",
    HELD: "Many letters to one payee",
    WAITING: "Waiting for anybody",
    ENDED: "Ended",
    STAFF: "Waiting for us, no objection",
    OBJECTED: "A delegate objected",
    PIN: "Waiting for the PIN",
    ASKED: "Waiting for delegates",
    CHALLENGED: "Delegates can object",
    OPEN: "Done",
    DECLINED: "Declined",
    EXPIRED: "No answer",
    WITHDRAWN: "Withdrawn",
}
# Why staff have to look, where it is not plain from how somebody registers.
WHY = {
    UNTOLD: (
        "No delegate was told",
        "Nobody has objected, but no message to a delegate has left, or all came back: nobody was asked. Look under Letters and "
        "messages, call the office, and have the delegates told anew once their addresses are right.",
    ),
    NO_DELEGATE: (
        "No delegate is left",
        "The organization has no delegate who can sign in, so nobody could object. Call the office at a number you have from "
        "elsewhere.",
    ),
    LOCKED: (
        "The account is locked",
        "Nobody has objected, but the person has said that a change of the account was not theirs. Look into it under “People "
        "who are locked out”; then reactivate the account and decide, or end the access.",
    ),
    DISPUTED: (
        "Whose organization is it?",
        "Nothing proves whose a billing organization is. Compare name, address and who answers for it with what is registered; "
        "call the organization at a number you have from elsewhere.",
    ),
    NEW_BILLING: (
        "New billing organization",
        "Its account works, and it sees nothing before a provider lets it. Look whether name, Tax ID and who answers for it "
        "belong together: somebody may have registered an organization that is not theirs.",
    ),
    LETTERS: (
        "Many letters have gone to this payee",
        "No other letter is written before you have looked: somebody may want to annoy the office, or several people there do "
        "not know of each other. Call the office at a number you have from elsewhere.",
    ),
    WHICH: (
        "Several organizations hold the payee",
        "The PIN was right. The person is asked which organization is theirs, and the delegates of that one are told. You can "
        "move the account into it yourself.",
    ),
    PROVED_AGAIN: (
        "Declined before, and proved by a payment now",
        "Staff had declined that the person follows somebody who has left. They have named a payment that is right since.",
    ),
}
_wrong_address = sa.and_(Registration.state == PIN, Registration.address_wrong_at.is_not(None))
_held = sa.and_(Registration.state == PIN, Registration.why == LETTERS)
_new_billing = sa.and_(Registration.state == OPEN, Registration.why == NEW_BILLING)
_decision = sa.or_(Registration.state.in_((STAFF, OBJECTED)), _new_billing)
_on_trial = Registration.state == CHALLENGED
REGISTRATIONS = Sorting(
    (
        Column("name", "Name", sa.func.lower(Registration.name)),
        Column("since", "Registered", Registration.created_at, "date"),
        Column("how", "How", Registration.path),
        Column("organization", "Organization", sa.func.lower(Organization.name)),
        Column("state", "Status", Registration.state),
    ),
    default="since",
    tie=Registration.id,
)


@dataclass(frozen=True)
class ListedRegistration:
    """A registration in the list. `days` since it came."""

    registration: Registration
    organization: str
    days: int


@dataclass(frozen=True)
class Holder:
    """An organization with its delegates who can sign in. `joinable`: a provider's own, so that people can be let into it; not
    that of a billing organization, nor one with access on trial. `ended`: nobody belongs to it any more."""

    id: int
    name: str
    joinable: bool
    ended: bool
    delegates: tuple[Person, ...]


@dataclass(frozen=True)
class RecordedPayee:
    """A payee of the record that fits what was given, with the organizations that see its payments. The TIN is masked."""

    id: int
    name: str
    tin: str
    npi: str
    vendor_number: str
    address: str
    holders: tuple[Holder, ...]


@dataclass(frozen=True)
class Case:
    """One registration as staff decide on it. `tin` is what was given, masked; `target` the organization it is about; `why`
    staff have to look, as a title and a sentence; `movable`: the account can be moved into an organization that holds
    the payee."""

    registration: Registration
    facts: Typed
    tin: str
    person: Person | None
    target: Holder | None
    payees: tuple[RecordedPayee, ...]
    objected_by: str
    decided_by: str
    why: tuple[str, str] | None
    letter: pins.PinState | None
    messages: tuple[MessageState, ...]
    days: int
    movable: bool


@dataclass(frozen=True)
class Tried:
    """What a proof would answer. `outcome`: right, held, used, billing or refused. `payee` and `holders` are who would be found,
    `same_tin` who sees payments to the same Tax ID with another NPI. Nothing is told of the payment."""

    outcome: str
    payee: str = ""
    holders: tuple[Holder, ...] = ()
    same_tin: tuple[Holder, ...] = ()


def count_for_decision(session: PortalSession) -> int:
    """How many registrations wait for the staff's decision."""
    return session.scalar(sa.select(sa.func.count(Registration.id)).where(_decision)) or 0


def count_on_trial(session: PortalSession) -> int:
    """How many have registered in place of somebody who is said to have left, and can be objected to."""
    return session.scalar(sa.select(sa.func.count(Registration.id)).where(_on_trial)) or 0


def count_wrong_addresses(session: PortalSession) -> int:
    """Of how many people who wait for a PIN the address on record is said to be wrong, or fits no letter."""
    return session.scalar(sa.select(sa.func.count(Registration.id)).where(_wrong_address)) or 0


def count_held_letters(session: PortalSession) -> int:
    """For how many people no other letter is written before staff have looked."""
    return session.scalar(sa.select(sa.func.count(Registration.id)).where(_held)) or 0


def _shown(show: str) -> sa.ColumnElement[bool]:
    if show in (DECISION, ADDRESS, HELD):
        return {DECISION: _decision, ADDRESS: _wrong_address, HELD: _held}[show]
    if show == WAITING:
        return Registration.state.in_(WAITING_STATES)
    if show == ENDED:
        return Registration.state.not_in(WAITING_STATES)
    return (
        Registration.state == show if show in SHOWN and show != FOR_STAFF else sa.or_(_decision, _wrong_address, _held)
    )


def _age(registration: Registration) -> int:
    return max(0, (clock.now() - registration.created_at) // dt.timedelta(days=1))


def list_registrations(session: PortalSession, show: str, name: str, order: Order) -> Listing[ListedRegistration]:
    """One page of registrations, recorded. `show` is a key of SHOWN, `name` a part of a name or an e-mail address.

    Raises PastTheEnd.
    """
    rows = (
        sa.select(Registration, Organization.name)
        .outerjoin(Organization, Organization.id == Registration.organization_id)
        .where(_shown(show))
    )
    if name:
        found = (column.icontains(name, autoescape=True) for column in (Registration.name, Registration.email))
        rows = rows.where(sa.or_(*found))
    listing = page_of(session, rows, order, make=_listed)
    record(session, "registration.queue.viewed", shown=len(listing.rows))
    return listing


def _listed(row: sa.Row[Registration, str | None]) -> ListedRegistration:
    registration, organization = row
    return ListedRegistration(registration, organization or "", _age(registration))


def find_registration(session: PortalSession, registration_id: int) -> Registration | None:
    """One registration, or None."""
    return session.get(Registration, registration_id)


def view_case(session: PortalSession, registration: Registration, vendor_number: str = "") -> Case:
    """One registration with what is on record about it, recorded. `vendor_number` is of a payee looked for besides."""
    facts = facts_of(session, registration)
    abouts = (
        *abouts_of(registration),
        asked_about(registration),
        newcomer_about(registration),
        pins.about(registration),
    )
    messages = [message for about in abouts for message in messages_about(session, about)]
    case = Case(
        registration=registration,
        facts=facts,
        tin=mask_tin(facts.tin) if facts.tin else "",
        person=_person(session, registration.person_id),
        target=_target(session, registration.organization_id),
        payees=tuple(_recorded(session, one) for one in _payees(session, registration, facts, vendor_number)),
        objected_by=_name(session, registration.objected_by_id),
        decided_by=_name(session, registration.decided_by_id),
        why=WHY.get(registration.why),
        letter=pins.state_of(session, registration),
        messages=tuple(sorted(messages, key=lambda one: one.at, reverse=True)),
        days=_age(registration),
        movable=may_be_moved(session, registration),
    )
    record(session, "registration.case.viewed", registration=registration.id)
    return case


def _person(session: PortalSession, person_id: int | None) -> Person | None:
    return session.get(Person, person_id) if person_id else None


def _name(session: PortalSession, person_id: int | None) -> str:
    person = _person(session, person_id)
    return person.name if person else ""


def _target(session: PortalSession, organization_id: int | None) -> Holder | None:
    organization = session.get(Organization, organization_id) if organization_id else None
    return _holder(session, organization, joinable=True) if organization else None


def _holder(session: PortalSession, organization: Organization, *, joinable: bool) -> Holder:
    delegates = tuple(delegates_of(session, [organization.id]))
    return Holder(organization.id, organization.name, joinable, organization.ended_at is not None, delegates)


def _payees(session: PortalSession, registration: Registration, facts: Typed, vendor_number: str) -> Iterable[Payee]:
    """What was proved or is to be proved first, then what has the Tax ID, the NPI, or the number that staff look for."""
    found = [session.get_one(Payee, registration.payee_id)] if registration.payee_id else []
    found += find_payees(session, tin=facts.tin) if facts.tin else []
    found += find_payees(session, npi=facts.npi) if facts.npi else []
    found += find_payees(session, vendor_number=vendor_number) if vendor_number else []
    return {payee.id: payee for payee in found}.values()


def _recorded(session: PortalSession, payee: Payee) -> RecordedPayee:
    return RecordedPayee(
        payee.id,
        payee.name,
        payee.masked_tin(session),
        payee.npi or "",
        payee.vendor_number,
        payee.address,
        linked_to(session, payee),
    )


def linked_to(session: PortalSession, payee: Payee) -> tuple[Holder, ...]:
    """The organizations that see a payee's payments, by name."""
    rows = session.scalars(
        sa.select(Organization)
        .join(Grant, Grant.organization_id == Organization.id)
        .where(Grant.payee_id == payee.id, Grant.is_open())
        .order_by(Organization.name, Organization.id)
    ).all()
    own = holders(session, sa.select(Payee.id).where(Payee.id == payee.id))
    return tuple(_holder(session, one, joinable=one.id in own) for one in rows)


def try_proof(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed) -> Tried:
    """What this would answer to somebody who registers, recorded; it counts as nobody's try. Raises MoreAsked."""
    check_complete(settings, typed)
    tried = _tried(session, settings, plugins, typed)
    record(session, "registration.proof.tried", path=typed.path, outcome=tried.outcome)
    return tried


def _tried(session: PortalSession, settings: Settings, plugins: Plugins, typed: Typed) -> Tried:
    if typed.tin and find_billing(session, typed.tin) is not None:
        return Tried("billing")
    answer = look_up(session, settings, plugins, typed)
    if answer is None:
        return Tried("refused")
    payee = session.get_one(Payee, answer.payee_id)
    held = tuple(one for one in linked_to(session, payee) if one.joinable)
    others = (session.get_one(Organization, key) for key in answer.tin_held_by if key not in answer.held_by)
    same_tin = tuple(_holder(session, one, joinable=True) for one in others)
    outcome = "used" if answer.used else "held" if answer.tin_held_by else "right"
    return Tried(outcome, payee.name, held, same_tin)
