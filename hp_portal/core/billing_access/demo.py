"""What the demo has of requests for access: production never imports it."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Any

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.billing_access.asking import LASTS
from hp_portal.core.billing_access.checking import UNKNOWN_TIN
from hp_portal.core.billing_access.sending import send
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import DECLINED, EXPIRED, STAFF, UNKNOWN, WAITING, AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.database import PortalSession

OFFICE = ("Olive Office", "Office manager", "olive@office.example", "555-010-0150")


def add_demo_access(session: PortalSession, ledger: Organization, known: str, other: str) -> None:
    """The billing service has asked: for all of `known`, of its delegates, who see a part; for `other`, by e-mail; and more."""
    _add(session, ledger, "Lakeshore, all sites", known, to_delegates=True)
    _add(session, ledger, "Exampleton Hospital", other)
    _add(session, ledger, "Practice with a typing error", "000000999", state=STAFF, why=UNKNOWN_TIN)
    _add(
        session, ledger, "Bay Practice", "000000998", state=DECLINED, answer="We do our own billing from this year on."
    )
    _add(session, ledger, "Hill Practice", "000000997", state=EXPIRED)
    _add(session, ledger, "Valley Practice", "000000996", state=UNKNOWN)


def _add(session: PortalSession, ledger: Organization, provider: str, tin: str, **values: Any) -> None:
    now, token = clock.now(), secrets.token_hex(16)
    state = values.get("state", WAITING)
    ended = state not in (WAITING, STAFF)
    asked_at = now - dt.timedelta(days=31 if state == EXPIRED else 3)
    name, title, email, phone = ("", "", "", "") if values.get("to_delegates") else OFFICE
    asker = session.scalars(sa.select(Person.id).where(Person.organization_id == ledger.id).order_by(Person.id)).first()
    given = {"npis": "", "to_delegates": False, "state": state, **values}
    request = AccessRequest(
        **AccessRequest.tin_values(session, tin, token=token),
        organization_id=ledger.id,
        provider=provider,
        approver_name=name,
        approver_title=title,
        approver_email=email,
        approver_phone=phone,
        asked_by_id=asker,
        asked_at=asked_at,
        due_at=asked_at + LASTS,
        ended_at=now - dt.timedelta(days=1) if ended else None,
        **given,
    )
    session.add(request)
    session.flush()
    if state == WAITING:
        send(session, request)
