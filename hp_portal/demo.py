"""The demo: a payer, organizations and people that do not exist, with data to look at.

TINs start with 00, which the IRS does not issue; telephone numbers have 555; mail domains end in .example.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from hp_portal import clock, demo_registrations, migrations
from hp_portal.core.agreements.accepting import accept, current_agreements
from hp_portal.core.applications.giving import give_application
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.audit.record import Who
from hp_portal.core.audit.refusals import record_refusal
from hp_portal.core.billing_access.demo import add_demo_access
from hp_portal.core.delegates.demo import add_demo_invitations, add_demo_requests, add_demo_reviews
from hp_portal.core.factors.demo import DAYS_WITHOUT_FACTOR, add_demo_factors
from hp_portal.core.identity.accounts import by_name
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.memberships import add_membership
from hp_portal.core.refusals.judging import OTHERS, judge
from hp_portal.core.refusals.models import Refusal
from hp_portal.core.refusals.noting import PAGE, ROW, note_refusal
from hp_portal.core.staff.accounts import create_staff, ensure_role
from hp_portal.core.tax_ids.demo import add_demo_cases
from hp_portal.core.tax_ids.models import LinkNotice
from hp_portal.core.tax_ids.notices import tell_of_link
from hp_portal.database import Database, PortalSession
from hp_portal.demo_messages import add_messages
from hp_portal.demo_people import (
    BILLING,
    DEMO_NOTICES,
    DEMO_PAYEES,
    ORGANIZATIONS,
    PENDING,
    PEOPLE,
    PHYSICIANS,
    SPECIALTY,
    STAFF,
    UNVALIDATED,
    DemoPayee,
    DemoPerson,
)
from hp_portal.hookspecs import DemoCheck
from hp_portal.plugins import Plugins
from hp_portal.private_files import make_private_folder
from hp_portal.scopes import WholeScope
from hp_portal.settings import ConfigurationError, Settings

HOST = "127.0.0.1"
PASSWORD = "demo-harbor-lantern-47"
FOLDER = Path("instance") / "demo"

PAYER: dict[str, Any] = {
    "name": "North Star Demo Health Plan",
    "short_name": "North Star Demo",
    "payer_id": "94267",
    "phone": "952-555-0100",
    "hours": "Monday to Friday, 8 a.m. to 5 p.m. Central time",
    "email": "provider.services@northstar.example",
    "address": ["1 Demonstration Plaza", "Exampleton, MN 55000"],
    "timezone": "America/Chicago",
}


DAYS_SINCE_VISIT = dt.timedelta(days=10)
SUPPORT_PERMISSIONS = ("staff:console:open", "staff:people:search")


def environment() -> dict[str, str]:
    """What the demo sets that is not set yet: keys of its own, kept beside its database."""
    make_private_folder(FOLDER)
    keys = FOLDER / "keys.json"
    if not keys.exists():
        made = {
            "HP_PORTAL_SECRET_KEY": secrets.token_urlsafe(32),
            "HP_PORTAL_DATA_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        }
        keys.write_text(json.dumps(made), encoding="utf-8")
        keys.chmod(0o600)
    wanted = {
        **json.loads(keys.read_text(encoding="utf-8")),
        "HP_PORTAL_DATABASE_URL": f"sqlite:///{(FOLDER / 'portal.sqlite').resolve()}",
        "HP_PORTAL_INSTANCE_PATH": str(FOLDER.resolve()),
        "HP_PORTAL_PAYER": json.dumps(PAYER),
        "HP_PORTAL_HTTPS": "false",
        "HP_PORTAL_DEMO": "true",
        "HP_PORTAL_SECOND_FACTOR_DAYS": str(DAYS_WITHOUT_FACTOR),
        "HP_PORTAL_MAIL_FROM": "portal@northstar.example",
        "HP_PORTAL_LOG_FORMAT": "text",
    }
    return {name: value for name, value in wanted.items() if name not in os.environ}


def seed(app: Flask) -> list[DemoCheck]:
    """Fill an empty database; to a filled one, add what plugins bring that were installed since. Returns the payments
    worth trying. Raises ConfigurationError for a database that holds something else, and leaves it as it is."""
    database: Database = app.extensions["hp_portal.database"]
    _refuse_others(database)
    migrations.upgrade(app)
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    note = Path(app.instance_path) / "checks.json"
    seeded = Seeded.read(note, {state.name for state in plugins.states.values() if state.loaded})
    with app.app_context(), database.new_session(WholeScope("demo data")) as session:
        if session.scalar(sa.select(sa.func.count()).select_from(Person)):
            new = {state.name for state in plugins.states.values() if state.loaded} - seeded.plugins
            _add_applications(app, session, new)
        else:
            _load_core(app, session)
            new, seeded = set(plugins.states), Seeded()
        for name, found in plugins.collect("portal_demo", among=new, session=session):
            seeded.checks[name] = found
        session.commit()
    seeded.plugins |= new
    seeded.write(note)
    return [check for checks in seeded.checks.values() for check in checks]


def _refuse_others(database: Database) -> None:
    """Raise ConfigurationError unless the database is empty or was filled by the demo: its accounts have a known password."""
    tables = set(sa.inspect(database.engine).get_table_names())
    with database.new_session(WholeScope("whether this is the demo's database")) as session:
        if Person.__tablename__ in tables:
            people = sa.select(Person.id).where(Person.username.in_([person.username for person in PEOPLE]))
            if session.scalar(people.limit(1)) is not None:
                return
        used = [
            model.__tablename__
            for model in (Person, Organization, Payee)
            if model.__tablename__ in tables and session.scalar(sa.select(model.id).limit(1)) is not None
        ]
    if used or (tables and Person.__tablename__ not in tables):
        raise ConfigurationError(
            f"{database.engine.url.render_as_string()} is not the demo's: it holds data of its own "
            f"({', '.join(used or sorted(tables)[:3])}), and the demo would add accounts with a known password. "
            "Unset HP_PORTAL_DATABASE_URL, or name an empty database."
        )


@dataclass
class Seeded:
    """Which plugins have loaded their demo data, and the payments worth trying of each: kept beside the database."""

    plugins: set[str] = field(default_factory=set)
    checks: dict[str, list[DemoCheck]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path, installed: set[str]) -> Seeded:
        if not path.exists():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, list):  # from before plugins were noted: those there are now have loaded theirs
            return cls(installed, {"": [DemoCheck(**check) for check in found]})
        return cls(
            set(found["plugins"]),
            {name: [DemoCheck(**check) for check in checks] for name, checks in found["checks"].items()},
        )

    def write(self, path: Path) -> None:
        checks = {name: [asdict(check) for check in found] for name, found in self.checks.items()}
        path.write_text(json.dumps({"plugins": sorted(self.plugins), "checks": checks}), encoding="utf-8")


def _add_applications(app: Flask, session: PortalSession, new: set[str]) -> None:
    """Applications that were installed since: started, given to the demo's people, open to its administrator."""
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    start_settings(session, plugins.applications)
    ensure_role(session, "Administrator", app.extensions["hp_portal.directory"].staff_permissions)
    given = [person.username for person in PEOPLE if person.applications]
    for person in session.scalars(sa.select(Person).where(Person.username.in_(given))):
        for name in new:
            if application := plugins.states[name].application:
                give_application(session, None, person, application)


def _load_core(app: Flask, session: PortalSession) -> None:
    plugins: Plugins = app.extensions["hp_portal.plugins"]
    settings: Settings = app.extensions["hp_portal.settings"]
    start_settings(session, plugins.applications)
    now = clock.now()
    organizations = {}
    for name, audience in ORGANIZATIONS.items():
        organizations[name] = Organization(
            name=name, audience=audience, validated_at=None if name in UNVALIDATED else now, created_at=now
        )
    session.add_all(organizations.values())
    session.flush()
    for entry in DEMO_PAYEES:
        _add_payee(session, entry, organizations)
    keys = [application.key for application in plugins.applications]
    for person in PEOPLE:
        account = _add_person(session, person, organizations[person.organization].id, keys, settings)
        if person.also:
            there = organizations[person.also].id
            add_membership(session, None, plugins.applications, account=account, organization_id=there)
    _add_visits(session)
    add_demo_factors(session)
    _add_staff(app, session, settings)
    for owner, vendor_number, objection in DEMO_NOTICES:
        _add_notice(session, organizations[owner], organizations[PENDING], vendor_number, objection)
    _add_refusals(session)
    add_demo_requests(session, organizations[PHYSICIANS])
    add_demo_invitations(session, settings, organizations[PHYSICIANS])
    add_demo_reviews(session, organizations[PHYSICIANS], organizations[SPECIALTY], organizations[BILLING])
    add_demo_access(session, organizations[BILLING], "000000011", "000000022")
    add_demo_cases(session, "demo.delegate", "demo.staff")
    demo_registrations.add_registrations(session, settings, organizations)
    add_messages(session, settings.payer.short_name)


def _add_visits(session: PortalSession) -> None:
    """The people of the demo were here some days ago, so that there is something new to them."""
    at = clock.now() - DAYS_SINCE_VISIT
    for person in session.scalars(sa.select(Person).where(by_name(*(one.username for one in PEOPLE)))):
        session.add(
            SignIn(
                person_id=person.id,
                token_hash=hash_token(secrets.token_urlsafe()),
                created_at=at,
                last_seen_at=at,
                ended_at=at,
                address=HOST,
                user_agent="",
            )
        )


def _add_refusals(session: PortalSession) -> None:
    """Somebody who has left looked around before: payments of others, the console. Staff see a warning."""
    person = session.scalars(sa.select(Person).where(Person.deactivated_at.is_not(None))).first()
    if person is None:
        return
    who = Who(person.id, person.organization_id, address="192.0.2.7")
    for number in range(1, 7):
        note_refusal(session, ROW, who, page="remittance.payment", table="remittance_payment", row_id=1000 + number)
    session.execute(sa.update(Refusal).values(whose=OTHERS))
    judge(session)
    note_refusal(session, PAGE, who, page="staff.console")
    record_refusal(session, "access.page.refused", who=who, page="staff.console", why="not allowed")


def _add_payee(session: PortalSession, entry: DemoPayee, organizations: dict[str, Organization]) -> None:
    payee = Payee(
        **Payee.tin_values(session, entry.tin, npi=entry.npi or None),
        vendor_number=entry.vendor_number,
        name=entry.name,
        provider_type=entry.provider_type,
        network_status="contracted",
        address=f"{entry.vendor_number[-2:]} Example Street\nExampleton MN 55000",
        updated_at=clock.now(),
    )
    session.add(payee)
    session.flush()
    session.add_all(
        Grant(organization_id=organizations[name].id, payee_id=payee.id, proof="payer", granted_at=clock.now())
        for name in entry.organizations
    )


def _add_notice(
    session: PortalSession, owner: Organization, newcomer: Organization, vendor_number: str, objection: str
) -> None:
    """The newcomer was linked by a payment; whoever was linked before is told, and may have objected."""
    payee = session.scalars(sa.select(Payee).where(Payee.vendor_number == vendor_number)).one()
    grant = Grant(organization_id=newcomer.id, payee_id=payee.id, proof="check", granted_at=clock.now())
    session.add(grant)
    session.flush()
    tell_of_link(session, grant)
    if objection:
        objector = sa.select(Person.id).where(Person.organization_id == owner.id, Person.is_delegate)
        told = sa.update(LinkNotice).where(LinkNotice.organization_id == owner.id)
        session.execute(
            told.values(
                objected_at=clock.now(),
                objected_by_id=session.scalars(objector).one(),
                objection=objection,
                read_at=clock.now(),
            )
        )


def _add_person(
    session: PortalSession, entry: DemoPerson, organization_id: int, applications: list[str], settings: Settings
) -> Person:
    now = clock.now()
    person = Person(
        organization_id=organization_id,
        username=entry.username,
        email=f"{entry.username}@{'ledger' if entry.organization == BILLING else 'office'}.example",
        name=entry.name,
        password_hash=hash_password(PASSWORD),
        password_changed_at=now,
        is_staff=False,
        is_delegate=entry.delegate,
        deactivated_at=now if entry.left else None,
        created_at=now,
    )
    session.add(person)
    session.flush()
    if entry.applications:
        session.add_all(PersonApplication(person_id=person.id, application=key, given_at=now) for key in applications)
    if entry.terms:
        _accept(session, person, settings)
    return person


def _accept(session: PortalSession, person: Person, settings: Settings) -> None:
    delegate = person.is_delegate and not person.is_staff
    accept(session, person.id, current_agreements(session, settings, delegate=delegate), HOST)


def _add_staff(app: Flask, session: PortalSession, settings: Settings) -> None:
    everything = app.extensions["hp_portal.directory"].staff_permissions
    roles = (
        ensure_role(session, "Administrator", everything),
        ensure_role(session, "Support", SUPPORT_PERMISSIONS),
    )
    for (_, username, name), role in zip(STAFF, roles, strict=True):
        person = create_staff(
            session,
            username=username,
            email=f"{username}@northstar.example",
            name=name,
            password=PASSWORD,
            role=role,
        )
        _accept(session, person, settings)
