"""The ways on of somebody with an account whose registration staff have declined: a payment, the mail, another Tax ID; and which
of several organizations somebody follows whose PIN has come.

What was declined stays as it was decided: another registration begins. Every verb needs a whole scope; the caller commits.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from hp_portal import clock
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.finding import find_payees
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration import telling
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.facts import DecidedAlready, add_registration, facts_of, hold, move
from hp_portal.core.registration.finishing import find_link, must_look_first, open_access, write_letter
from hp_portal.core.registration.models import (
    CHALLENGED,
    DECLINED,
    LEFT,
    MAIL,
    NEW,
    PIN,
    PROVED_AGAIN,
    STAFF,
    WHICH,
    Registration,
    RegistrationDraft,
)
from hp_portal.core.registration.own import open_by_payment
from hp_portal.core.registration.pins import has_moved
from hp_portal.core.registration.proving import ProofRefused, holders_of, try_proof
from hp_portal.database import PortalSession, lock
from hp_portal.plugins import Plugins
from hp_portal.settings import Settings


class SameTaxId(Exception):
    """It is the Tax ID and NPI that were declined: a letter is written to them only once the address on record has changed."""


def may_begin_again(session: PortalSession, registration: Registration) -> bool:
    """Has it been declined, and does the account still sign in and see nothing?"""
    person = session.get(Person, registration.person_id) if registration.person_id else None
    return registration.state == DECLINED and person is not None and person.deactivated_at is None


def may_mail_again(session: PortalSession, registration: Registration) -> bool:
    """Has the address on record changed since the last letter, or become one that fits an envelope?"""
    payee = session.get(Payee, registration.payee_id) if registration.payee_id else None
    return may_begin_again(session, registration) and payee is not None and has_moved(session, registration, payee)


def _hold(session: PortalSession, registration: Registration) -> None:
    hold(session, registration, DECLINED)
    if not may_begin_again(session, registration):
        raise DecidedAlready


def _begin(session: PortalSession, before: Registration, typed: Typed, state: str, **values: Any) -> Registration:
    """Another registration of the same person for the payee of `typed`, in the same organization."""
    known = facts_of(session, before)
    typed.name, typed.email, typed.telephone, typed.job = before.name, before.email, known.telephone, known.job
    person = session.get_one(Person, before.person_id)
    draft = Draft(RegistrationDraft(confirmed_at=before.email_confirmed_at), typed)
    if typed.route == NEW:
        own = session.get_one(Organization, person.organization_id)
        own.provisional = False
        values["organization_id"] = own.id
    else:
        typed.left_reason = before.left_reason
        values |= {"organization_id": before.organization_id, "own_id": before.own_id}
    row, _ = add_registration(session, draft, state, person_id=person.id, **values)
    return row


def _same_tin(session: PortalSession, one_id: int | None, other_id: int | None) -> bool:
    return one_id is not None and session.get_one(Payee, one_id).whole_tin(session) == session.get_one(
        Payee, other_id
    ).whole_tin(session)


def prove_again(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    registration: Registration,
    typed: Typed,
    address: str,
) -> bool:
    """A payment proves it after all, or proves another Tax ID; False when staff have to decide.

    Raises ProofRefused (the caller commits), MoreAsked, TooManyAttempts, DecidedAlready.
    """
    _hold(session, registration)
    # In the order in which the last step of registering locks the same.
    tins = {typed.tin} if typed.tin else {one.whole_tin(session) for one in find_payees(session, npi=typed.npi)}
    for tin in sorted(tins):
        lock(session, f"registration of:{tin}")
    answer = try_proof(session, settings, plugins, typed, address)
    if answer.used:
        raise ProofRefused
    typed.payee_id, typed.proved = answer.payee_id, True
    if registration.route == LEFT and _same_tin(session, registration.payee_id, answer.payee_id):
        # Staff have said no to following somebody: no payment overrules them.
        typed.route = LEFT
        again = _begin(session, registration, typed, STAFF, proved_at=clock.now())
        again.why = PROVED_AGAIN
        session.flush()
        return False
    return open_by_payment(session, settings, _begin(session, registration, typed, PIN), answer)


def mail_again(session: PortalSession, settings: Settings, registration: Registration) -> Registration:
    """The address on record has changed: another letter goes to it. Raises DecidedAlready when it has not."""
    _hold(session, registration)
    if not may_mail_again(session, registration):
        raise DecidedAlready
    payee = session.get_one(Payee, registration.payee_id)
    typed = facts_of(session, registration)
    typed.path, typed.route, typed.payee_id = MAIL, registration.route, payee.id
    again = _begin(session, registration, typed, PIN)
    write_letter(session, settings, again, payee)
    return again


def mail_other(
    session: PortalSession,
    settings: Settings,
    plugins: Plugins,
    registration: Registration,
    typed: Typed,
    address: str,
) -> Registration:
    """A letter with a PIN for another Tax ID or NPI.

    Raises SameTaxId, ProofRefused (the caller commits), BillingsTin, TooManyAttempts, DecidedAlready.
    """
    _hold(session, registration)
    answer = try_proof(session, settings, plugins, typed, address)
    if answer.payee_id == registration.payee_id:
        raise SameTaxId
    typed.payee_id = answer.payee_id
    again = _begin(session, registration, typed, PIN)
    write_letter(session, settings, again, session.get_one(Payee, answer.payee_id))
    return again


def choose_organization(
    session: PortalSession, settings: Settings, registration: Registration, organization_id: int
) -> None:
    """Whose PIN has come says which of several organizations they follow somebody in: its delegates are told, and may object.

    Raises DecidedAlready, also for an organization that does not hold the payee (any more).
    """
    hold(session, registration, STAFF)
    person = session.get(Person, registration.person_id) if registration.person_id else None
    if registration.why != WHICH or person is None or registration.payee_id is None:
        raise DecidedAlready
    payee = session.get_one(Payee, registration.payee_id)
    lock(session, f"registration of:{payee.whole_tin(session)}")
    if organization_id not in holders_of(session, payee):
        raise DecidedAlready
    registration.organization_id = organization_id
    if must_look_first(session, settings, organization_id):
        move(session, registration, STAFF, by="person")
        return
    own = session.get_one(Organization, person.organization_id)
    if find_link(session, own, payee) is None:
        open_access(session, own, payee, "pin", person)
    due = clock.now() + dt.timedelta(days=settings.registration_challenge_days)
    move(session, registration, CHALLENGED, due_at=due, by="person")
    telling.tell_of_challenge(session, settings, registration)
