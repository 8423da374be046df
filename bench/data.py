"""Databases filled for measuring: one organization of several payees, another that holds most of the rest."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask

from hp_portal import clock, migrations
from hp_portal.app import create_app
from hp_portal.core.applications.menu import start_settings
from hp_portal.core.identity.actor import TERMS_OF_USE, hash_token
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Acceptance, Person, SignIn
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.database import Base, Database, PortalSession
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings
from tests.support.databases import runtime_url

SECRETS = {
    "secret_key": hashlib.sha256(b"signs cookies, for benches alone").hexdigest(),
    "data_key": base64.b64encode(hashlib.sha256(b"benches").digest()).decode(),
}
TOKEN = "token-of-the-bench"
PAYEES = 20
ORGANIZATIONS = 4


def settings_for(url: str, folder: Path) -> Settings:
    return Settings(
        database_url=url,
        instance_path=folder,
        https=False,
        log_format="json",
        reason_asked="never",
        idle_minutes=600,
        **SECRETS,  # type: ignore[arg-type]
    )


def number_of(index: int) -> str:
    """The trace number of the payment `index`, from 1. Two payments share one, so that a search shows a list."""
    return f"7{(index + 1) // 2:09d}"


def payee_of(index: int) -> int:
    return (index + 1) // 2 % PAYEES + 1


def fill(url: str, folder: Path, payments: int) -> Flask:
    """Migrate an empty database, add people and `payments` payments, and return the app on it: as the runtime role, where the
    URL is PostgreSQL's and its owner's."""
    app = create_app(settings_for(url, folder))
    migrations.upgrade(app)
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        start_settings(session, app.extensions["hp_portal.plugins"].applications)
        _people(session, app.extensions["hp_portal.settings"])
        _payments(session, payments)
        session.commit()
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.dialect.name == "postgresql":
            _go_on_behind(connection)
        connection.exec_driver_sql("ANALYZE")
    database.engine.dispose()
    return create_app(settings_for(runtime_url(url), folder))


def _go_on_behind(connection: sa.Connection) -> None:
    """Have PostgreSQL count on behind the ids that were given here: it does not look at them by itself."""
    for table in Base.metadata.sorted_tables:
        named = sa.func.pg_get_serial_sequence(table.name, "id").select()
        if "id" in table.c and (sequence := connection.scalar(named)):
            newest = sa.select(sa.func.coalesce(sa.func.max(table.c.id), 1)).scalar_subquery()
            connection.execute(sa.select(sa.func.setval(sequence, newest)))


def _people(session: PortalSession, settings: Settings) -> None:
    now = clock.now()
    for index in range(1, PAYEES + 1):
        tin = f"{index:09d}"
        session.add(
            Payee(
                id=index,
                **Payee.tin_values(session, tin, npi=f"19{index:08d}"),
                vendor_number=f"V{index}",
                name=f"Sample Payee {index}",
                provider_type="physician",
                network_status="contracted",
                address="",
                updated_at=now,
            )
        )
    for index in range(1, ORGANIZATIONS + 1):
        session.add(
            Organization(id=index, name=f"Clinic {index}", audience="physician", validated_at=now, created_at=now)
        )
    session.flush()
    for index in range(1, PAYEES + 1):
        session.add(Grant(organization_id=index % ORGANIZATIONS + 1, payee_id=index, proof="payer", granted_at=now))
    session.add(
        Person(
            id=1,
            organization_id=1,
            username="bench",
            email="bench@office.example",
            name="Bench",
            password_hash="",
            password_changed_at=now,
            is_staff=False,
            is_delegate=False,
            created_at=now,
        )
    )
    session.flush()
    session.add_all(
        PersonApplication(person_id=1, application=key, given_at=now) for key in ("remittance", "tax-id-npi-access")
    )
    session.add(
        Acceptance(
            person_id=1, agreement=TERMS_OF_USE, version=settings.terms_version, accepted_at=now, address="127.0.0.1"
        )
    )
    session.add(
        SignIn(
            token_hash=hash_token(TOKEN),
            person_id=1,
            created_at=now,
            last_seen_at=now,
            address="127.0.0.1",
            user_agent="bench",
        )
    )
    session.flush()


def _payments(session: PortalSession, count: int) -> None:
    from hp_portal_plugins.remittance.models import Payment, RemittanceFile

    session.execute(
        sa.insert(RemittanceFile),
        {
            "id": 1,
            "name": "bench",
            "sha256": "",
            "size": 0,
            "imported_at": clock.now(),
            "outcome": "imported",
            "report": "{}",
        },
    )
    table = Payment.__table__
    rows: list[dict[str, Any]] = []
    for row in _rows(count):
        rows.append(row)
        if len(rows) == 5000:
            session.execute(sa.insert(table), rows)  # type: ignore[arg-type]
            rows.clear()
    if rows:
        session.execute(sa.insert(table), rows)  # type: ignore[arg-type]


def _rows(count: int) -> Iterator[dict[str, Any]]:
    day = dt.date(2025, 1, 1)
    for index in range(1, count + 1):
        number, payee = number_of(index), payee_of(index)
        yield {
            "id": index,
            "payee_id": payee,
            "file_id": 1,
            "identity": hashlib.sha256(str(index).encode()).digest(),
            "number_key": number,
            "trace_number": number,
            "amount": index * 37 % 5_000_000,
            "method": "ACH",
            "effective_on": day + dt.timedelta(days=index % 600),
            "payer_name": "SAMPLE HEALTH PLAN",
            "payee_name": f"SAMPLE PAYEE {payee}",
            "payee_npi": f"19{payee:08d}",
            "claim_count": 5,
            "line_count": 10,
            "adjustment_count": 20,
            "provider_adjustment_count": 0,
            "balanced": True,
        }


def own_numbers(count: int) -> list[str]:
    """Numbers of payments that the bench's person may see, spread over the whole table."""
    own = [index for index in range(1, count + 1) if payee_of(index) % ORGANIZATIONS + 1 == 1]
    step = max(1, len(own) // 2000)
    return [number_of(index) for index in own[::step]]
