"""Payees added and changed one at a time, between two loads of the payer's record. Every verb needs a whole scope."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from hp_portal import clock
from hp_portal.core.audit.record import record
from hp_portal.core.payees.finding import find_payee
from hp_portal.core.payees.models import Payee
from hp_portal.database import PortalSession, lock
from hp_portal.hookspecs import PortalEvent


class PayeeExists(Exception):
    """The record has a payee with this TIN and NPI; `payee_id` is its key."""

    def __init__(self, payee_id: int) -> None:
        super().__init__("this TIN and NPI are on record")
        self.payee_id = payee_id


@dataclass(frozen=True)
class PayeeFacts:
    """What the record says of a payee besides its TIN and NPI. `address` is lines separated by line breaks."""

    vendor_number: str
    name: str
    provider_type: str
    network_status: str
    address: str


def add_payee(session: PortalSession, tin: str, npi: str | None, facts: PayeeFacts) -> Payee:
    """Add a payee to the record. Raises PayeeExists."""
    lock(session, "payees import")
    if (known := find_payee(session, tin=tin, npi=npi)) is not None:
        raise PayeeExists(known.id)
    payee = Payee(
        **Payee.tin_values(session, tin, npi=npi),
        updated_at=clock.now(),
        **dataclasses.asdict(facts),
    )
    session.add(payee)
    session.flush()
    record(session, "payees.payee.added", payee=payee.id)
    session.announce(PortalEvent("payees.imported"))
    return payee


def change_payee(session: PortalSession, payee: Payee, facts: PayeeFacts) -> list[str]:
    """Change what differs; returns its names, nothing when all is as it was. The next load of the record wins again."""
    lock(session, "payees import")
    session.refresh(payee)
    changed = [name for name, value in dataclasses.asdict(facts).items() if getattr(payee, name) != value]
    if changed:
        for name in changed:
            setattr(payee, name, getattr(facts, name))
        payee.updated_at = clock.now()
        session.flush()
        record(session, "payees.payee.changed", payee=payee.id, changed=changed)
    return changed


def facts_of(payee: Payee) -> PayeeFacts:
    return PayeeFacts(**{field.name: getattr(payee, field.name) for field in dataclasses.fields(PayeeFacts)})
