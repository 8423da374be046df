"""Builders of what tests need in the database: organizations, people, payees, grants, payments."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from flask import Flask

from hp_portal import clock
from hp_portal.core.agreements.kinds import asked_kinds, first_version
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.identity.accounts import by_name
from hp_portal.core.identity.actor import hash_token
from hp_portal.core.identity.applications import ApplicationSetting, PersonApplication
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.identity.passwords import hash_password
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.people.memberships import add_membership
from hp_portal.core.staff.accounts import create_staff, ensure_role
from hp_portal.database import PortalSession
from hp_portal.scopes import OrganizationScope, WholeScope
from hp_portal.settings import Settings

from .client import PortalClient
from .databases import database_of
from .identifiers import make_npi, make_tin

PASSWORD = "seven-quiet-harbors-59"


class World:
    """Builds in the database of `app`. Every method commits; what it returns is detached and readable."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.database = database_of(app)
        self.settings: Settings = app.extensions["hp_portal.settings"]
        self._count = itertools.count(1)
        with self.session() as session:
            start_settings(session, app.extensions["hp_portal.plugins"].applications)

    def mark(self) -> int:
        """How many names and numbers are given out, for `go_on_from`: in a copy of this world's database."""
        given = next(self._count)
        self.go_on_from(given)
        return given

    def go_on_from(self, mark: int) -> None:
        """Give out no name and number that another world has used whose database this one has copied."""
        self._count = itertools.count(mark)

    @property
    def applications(self) -> tuple[str, ...]:
        """The keys of all applications of the app."""
        return tuple(application.key for application in self.app.extensions["hp_portal.plugins"].applications)

    @contextmanager
    def session(self) -> Iterator[PortalSession]:
        """A session that sees every row; commits at the end."""
        with self.database.new_session(WholeScope("a test builds")) as session:
            yield session
            session.commit()

    @contextmanager
    def session_of(self, organization: Organization) -> Iterator[PortalSession]:
        """A session of one organization; does not commit."""
        with self.database.new_session(OrganizationScope(organization.id)) as session:
            yield session

    def organization(self, name: str = "", *, audience: str = "physician", validated: bool = True) -> Organization:
        now = clock.now()
        row = Organization(
            name=name or f"Sample Clinic {next(self._count)}",
            audience=audience,
            validated_at=now if validated else None,
            created_at=now,
        )
        with self.session() as session:
            session.add(row)
        return row

    def person(
        self,
        username: str,
        *,
        organization: Organization | None = None,
        applications: Iterable[str] | None = None,
        delegate: bool = False,
        terms: bool = True,
        name: str = "",
        password: str = PASSWORD,
    ) -> Person:
        """Somebody of an organization (a new one when none is given) with the applications given to them (None: all)."""
        organization = organization or self.organization()
        now = clock.now()
        row = Person(
            organization_id=organization.id,
            username=username,
            email=f"{username}@office.example",
            name=name or f"Person {username.replace('.', ' ').title()}",
            password_hash=hash_password(password),
            password_changed_at=now,
            is_staff=False,
            is_delegate=delegate,
            created_at=now,
        )
        with self.session() as session:
            session.add(row)
            session.flush()
            given = self.applications if applications is None else applications
            session.add_all(PersonApplication(person_id=row.id, application=key, given_at=now) for key in given)
            if terms:
                self.accept_terms(session, row)
        return row

    def membership(
        self,
        person: Person,
        organization: Organization,
        *,
        applications: Iterable[str] | None = None,
        delegate: bool = False,
        terms: bool = True,
    ) -> Person:
        """The same person in another organization, with the applications given to them there (None: all)."""
        with self.session() as session:
            row = add_membership(session, None, [], account=person, organization_id=organization.id, delegate=delegate)
            given = self.applications if applications is None else applications
            session.add_all(
                PersonApplication(person_id=row.id, application=key, given_at=row.created_at) for key in given
            )
            if terms:
                self.accept_terms(session, row)
        return row

    def staff(
        self, username: str, *, permissions: Iterable[str] = (), terms: bool = True, password: str = PASSWORD
    ) -> Person:
        """A member of the payer's staff with a role of exactly these permissions."""
        with self.session() as session:
            row = create_staff(
                session,
                username=username,
                email=f"{username}@plan.example",
                name=f"Staff {username.replace('.', ' ').title()}",
                password=password,
                role=ensure_role(session, f"Role of {username}", permissions),
            )
            if terms:
                self.accept_terms(session, row)
        return row

    def accept_terms(self, session: PortalSession, person: Person, *, but: Sequence[str] = ()) -> None:
        """Somebody has accepted what they are asked to accept; `but` what they have accepted before."""
        session.add_all(
            Acceptance(
                person_id=person.id,
                agreement=kind.key,
                version=first_version(self.settings, kind.key),
                accepted_at=clock.now(),
                address="127.0.0.1",
            )
            for kind in asked_kinds(delegate=person.is_delegate)
            if kind.key not in but
        )

    def payee(
        self,
        tin: str = "",
        npi: str | None = "",
        name: str = "",
        *,
        vendor_number: str = "",
        provider_type: str = "physician",
        address: str = "1 Example Street\nExampleton MN 55000",
    ) -> Payee:
        """A payee of the payer's record. `npi` None: it has none; empty values are made up."""
        number = next(self._count)
        with self.session() as session:
            tin = tin or make_tin(number)
            row = Payee(
                **Payee.tin_values(session, tin, npi=make_npi(number) if npi == "" else npi),
                vendor_number=vendor_number or f"V{number:06d}",
                name=name or f"Sample Payee {number}",
                provider_type=provider_type,
                network_status="contracted",
                address=address,
                updated_at=clock.now(),
            )
            session.add(row)
        return row

    def grant(
        self, organization: Organization, payee: Payee, *, proof: str = "payer", ends_at: dt.datetime | None = None
    ) -> Grant:
        row = Grant(
            organization_id=organization.id, payee_id=payee.id, proof=proof, granted_at=clock.now(), ends_at=ends_at
        )
        with self.session() as session:
            session.add(row)
        return row

    def end_grant(self, grant: Grant) -> None:
        with self.session() as session:
            session.execute(sa.update(Grant).where(Grant.id == grant.id).values(ended_at=clock.now()))

    def enable(self, application: str, audience: str) -> None:
        self._set(application, audience, True)

    def disable(self, application: str, audience: str) -> None:
        self._set(application, audience, False)

    def _set(self, application: str, audience: str, enabled: bool) -> None:
        with self.session() as session:
            row = session.get_one(ApplicationSetting, (application, audience))
            row.enabled = enabled

    def client(self, app: Flask | None = None) -> PortalClient:
        """Somebody who has not signed in; `app` may be another app on the same database."""
        return PortalClient(app or self.app)

    def sign_in(self, username: str, app: Flask | None = None) -> PortalClient:
        """Somebody who has. The sign-in is a row as the sign-in page makes it, without the page."""
        token = f"token-of-{username}-{next(self._count)}"
        now = clock.now()
        with self.session() as session:
            person_id = session.scalars(sa.select(Person.id).where(by_name(username))).one()
            session.add(
                SignIn(
                    token_hash=hash_token(token),
                    person_id=person_id,
                    created_at=now,
                    last_seen_at=now,
                    address="127.0.0.1",
                    user_agent="test",
                )
            )
        return PortalClient(app or self.app, token)
