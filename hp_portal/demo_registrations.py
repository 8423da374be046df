"""Registrations of the demo that wait for staff, and one that they have declined: one of each kind. Nobody of them exists."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.drafts import Draft, Typed
from hp_portal.core.registration.facts import add_registration
from hp_portal.core.registration.finishing import write_letter
from hp_portal.core.registration.models import (
    BILLING,
    CHECK,
    DECLINED,
    DISPUTED,
    JOIN,
    LEFT,
    MAIL,
    OBJECTED,
    PIN,
    STAFF,
    UNLISTED,
    ProofCluster,
    Registration,
    RegistrationDraft,
)
from hp_portal.core.registration.pins import end_pins
from hp_portal.database import PortalSession
from hp_portal.settings import Settings

# Somebody with an account who waits for a PIN, and somebody with access on trial: their people are among the demo's.
WAITS, ON_TRIAL = "Hillside Demo Clinic", "Lakeshore Demo Family Medicine – Main Street"
WAITS_USERNAME, TRIAL_USERNAME = "demo.pin", "demo.trial"
# Somebody whose PIN by mail was declined: staff can move the account into the organization that holds the payee.
WAS_DECLINED, DECLINED_USERNAME = "Office of Demo Declined", "demo.declined"
# What each is, user name, name, organization.
PEOPLE = (
    ("waits for a PIN by mail", WAITS_USERNAME, "Demo Pin", WAITS),
    ("registered in place of somebody, and a delegate objected", TRIAL_USERNAME, "Demo Trial", ON_TRIAL),
    ("whose PIN by mail was declined", DECLINED_USERNAME, "Demo Declined", WAS_DECLINED),
)
UNLISTED_TIN = "000000099"


def _registered(session: PortalSession, days: int, typed: Typed, state: str, **values: Any) -> Registration:
    now = clock.now()
    draft = Draft(RegistrationDraft(confirmed_at=now - dt.timedelta(days=days)), typed)
    row, _ = add_registration(session, draft, state, **values)
    row.created_at = now - dt.timedelta(days=days)
    session.flush()
    return row


def _typed(path: str, name: str, **given: Any) -> Typed:
    email = f"{name.lower().replace(' ', '.')}@office.example"
    return Typed(path=path, name=name, email=email, telephone="218-555-0142", job="Office manager", **given)


def _person(session: PortalSession, username: str) -> Person:
    return session.scalars(sa.select(Person).where(Person.username == username)).one()


def add_registrations(session: PortalSession, settings: Settings, organizations: dict[str, Organization]) -> None:
    """One of each: not on record, address wrong, objected to, no delegate answered, whose a billing organization is."""
    lakeshore = session.scalars(sa.select(Payee).where(Payee.vendor_number == "V100001")).one()
    hospital = session.scalars(sa.select(Payee).where(Payee.vendor_number == "V100003")).one()
    hillside = session.scalars(sa.select(Payee).where(Payee.vendor_number == "V100010")).one()
    unlisted = _typed(
        UNLISTED,
        "Demo Unlisted",
        organization="Outpost Demo Dentistry",
        audience="dental",
        tin=UNLISTED_TIN,
        address="9 Example Road\nExampleton MN 55000",
        note="We have opened this month.",
    )
    _registered(session, 4, unlisted, STAFF)
    waits = _person(session, WAITS_USERNAME)
    by_mail = _typed(MAIL, waits.name, tin=hillside.whole_tin(session), npi=hillside.npi or "", payee_id=hillside.id)
    by_mail.email = waits.email
    wrong = _registered(session, 3, by_mail, PIN, person_id=waits.id, organization_id=waits.organization_id)
    write_letter(session, settings, wrong, hillside)
    wrong.address_wrong_at = clock.now() - dt.timedelta(days=1)
    _on_trial(session, organizations["Lakeshore Demo Family Medicine"], lakeshore)
    at = clock.now() - dt.timedelta(hours=20)
    session.add(ProofCluster(kind="address", source="203.0.113.77", aims=6, failed=9, first_at=at, last_at=at, note=""))
    ours = _typed(BILLING, "Demo Disputing", organization="Ledger Demo Billing Service", answers="Demo Owner")
    ours.route, ours.left_reason, ours.address = LEFT, "unknown", "7 Example Road\nExampleton MN 55000"
    ledger = organizations["Ledger Demo Billing Service"].id
    _registered(session, 1, ours, STAFF, organization_id=ledger, why=DISPUTED)
    joins = _typed(CHECK, "Demo Joining", tin=hospital.whole_tin(session), npi=hospital.npi or "", payee_id=hospital.id)
    joins.route = JOIN
    at = clock.now() - dt.timedelta(days=6)
    _declined(session, settings, hospital)
    _registered(session, 6, joins, STAFF, organization_id=organizations["Exampleton Demo Hospital"].id, proved_at=at)


def _declined(session: PortalSession, settings: Settings, payee: Payee) -> None:
    person = _person(session, DECLINED_USERNAME)
    typed = _typed(MAIL, person.name, tin=payee.whole_tin(session), npi=payee.npi or "", payee_id=payee.id)
    typed.email = person.email
    row = _registered(session, 9, typed, DECLINED, person_id=person.id, organization_id=person.organization_id)
    write_letter(session, settings, row, payee)
    end_pins(session, row)
    row.ended_at = clock.now() - dt.timedelta(days=1)
    row.answer = "Nobody at the hospital could tell us that you work there."


def _on_trial(session: PortalSession, organization: Organization, payee: Payee) -> None:
    person, at = _person(session, TRIAL_USERNAME), clock.now() - dt.timedelta(days=2)
    session.get_one(Organization, person.organization_id).provisional = True
    objector = sa.select(Person.id).where(Person.organization_id == organization.id, Person.is_delegate)
    session.add(
        Grant(
            organization_id=person.organization_id,
            payee_id=payee.id,
            proof="check",
            granted_by_id=person.id,
            granted_at=at,
        )
    )
    typed = _typed(CHECK, person.name, tin=payee.whole_tin(session), npi=payee.npi or "", payee_id=payee.id)
    typed.email, typed.route, typed.left_reason = person.email, LEFT, "left"
    _registered(
        session,
        2,
        typed,
        OBJECTED,
        person_id=person.id,
        organization_id=organization.id,
        own_id=person.organization_id,
        proved_at=at,
        objected_by_id=session.scalars(objector).one(),
        objection="Nobody at our office knows this person.",
    )
