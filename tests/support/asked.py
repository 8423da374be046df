"""A billing organization that asks a provider's office for access, and the office."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal.core.delivery.attaching import attachments_of
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.worker import core_jobs, run_job

from .client import PortalClient, tree_of
from .clock import Clock
from .html import text_of
from .identifiers import make_npi, make_tin
from .pdf import TaggedPdf
from .world import World

START = dt.datetime(2026, 3, 2, 15, tzinfo=dt.UTC)
TIN, NPI, SECOND = make_tin(4711), make_npi(4711), make_npi(4712)
BASE = "/apps/tax-id-npi-access/requests"
OFFICE = {"name": "Olive Office", "title": "Office manager", "email": "olive@harbor.example", "phone": "952-555-0100"}
ONE = {"provider": "Harbor", "tin": TIN, "npis": "", "whom": "person", "form": "f1", **OFFICE}


@dataclass
class Scene:
    """Ledger bills for Harbor, whose delegate is H; Harbor is paid under two NPIs."""

    world: World
    harbor: Organization
    ledger: Organization
    payees: list[Payee]
    clock: Clock

    @property
    def asker(self) -> PortalClient:
        return self.world.sign_in("l.biller")

    def ask(self, **changed: str) -> Any:
        return self.asker.post(f"{BASE}/new/send", {**ONE, **changed})

    def request(self) -> AccessRequest:
        with self.world.session() as session:
            return session.scalars(sa.select(AccessRequest).order_by(AccessRequest.id.desc())).first()  # type: ignore[return-value]

    def messages(self, template: str) -> list[tuple[str, dict[str, Any]]]:
        with self.world.session() as session:
            rows = session.scalars(sa.select(Message).filter_by(template=template).order_by(Message.id))
            return [(one.recipient, values_of(session, one)) for one in rows]

    def follow(self) -> PortalClient:
        """A stranger with the newest link, who has opened the request."""
        link = self.messages("access_asked")[-1][1]["link"]
        client = self.world.client()
        client.get(f"/approve/{link.rpartition('/')[2]}")
        assert client.post("/approve/open", {"request": str(self.request().id)}).status_code == 303
        return client

    def answer(self, client: PortalClient, how: str, form: dict[str, Any]) -> Any:
        """Post an answer to the newest request, as the forms of its page do."""
        return client.post(f"/approve/request/{how}", {"request": str(self.request().id), **form})

    def approve(self, client: PortalClient, payees: list[int] | None = None, **changed: Any) -> Any:
        chosen = [str(one) for one in payees or [one.id for one in self.payees]]
        form = {
            "payees": chosen,
            "until": "2027-03-01",
            "signed_name": "Olive Office",
            "signed_title": "Office manager",
        }
        return self.answer(client, "approve", {**form, **changed})

    def attached(self, template: str) -> str:
        """What a screen reader finds in the record that came with the newest message."""
        with self.world.session() as session:
            wanted = sa.select(Message).filter_by(template=template).order_by(Message.id.desc())
            [one] = attachments_of(session, session.scalars(wanted.limit(1)).one())
        return TaggedPdf(one.body).tree.whole_text

    def status(self) -> str:
        return text_of(tree_of(self.asker.get(BASE)))

    def sees(self) -> list[int]:
        with self.world.session_of(self.ledger) as session:
            return sorted(session.scalars(sa.select(Payee.id)))

    def work(self) -> None:
        with self.world.app.app_context():
            for job in core_jobs(self.world.settings):
                if job.key in ("billing.tend-requests", "tax-ids.end-access"):
                    assert run_job(self.world.app, job)


def make_scene(world: World, clock: Clock) -> Scene:
    """A world with Ledger and Harbor on a day in March."""
    clock.set(START)
    harbor = world.organization("Harbor Clinic")
    ledger = world.organization("Ledger Billing", audience="billing")
    payees = [world.payee(TIN, npi, f"Harbor {npi[-1]}") for npi in (NPI, SECOND)]
    world.grant(harbor, payees[0])
    for username, organization in (("l.biller", ledger), ("h.delegate", harbor)):
        world.person(username, organization=organization, delegate=True, name=f"{username[0].upper()}anna Sample")
    with world.session() as session:
        for username, email in (("l.biller", "l@ledger.example"), ("h.delegate", "h@harbor.example")):
            session.execute(sa.update(Person).where(Person.username == username).values(email=email))
    return Scene(world, harbor, ledger, payees, clock)
