"""Somebody without an account, on the way to one; and what the mailbox and the print queue have got."""

from __future__ import annotations

import datetime as dt
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal import clock
from hp_portal.core.delivery.mail import render_text
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.facts import FACTS
from hp_portal.core.registration.models import Registration
from hp_portal.hookspecs import PayeeRef, PaymentProof, hookimpl
from hp_portal.worker import all_jobs, run_job

from .client import PortalClient
from .pool import Refillable
from .world import World

PASSWORD = "seven-quiet-harbors-59"
ADDRESS = "12 Lantern Street\nDuluth MN 55802"
PERSON = {
    "name": "Mina Keeper",
    "email": "mina.keeper@office.example",
    "telephone": "218-555-0142",
    "job": "Office manager",
}


class Payments(Refillable):
    """A plugin that knows the payments of a test, each by its number, and compares what a proof names."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[PayeeRef, str, str, str]] = {}

    def add(self, world: World, number: str, payee: Payee, tin: str, *, day: dt.date) -> None:
        """A payment to a payee."""
        ref = PayeeRef(payee.id, number.startswith("NP"), number, 0 if number.startswith("NP") else 10_000, day)
        self.known[number] = (ref, tin, payee.npi or "", payee.vendor_number)

    @hookimpl
    def portal_verify_payment(self, proof: PaymentProof) -> PayeeRef | None:
        found = self.known.get(proof.number.strip().upper())
        if found is None or not (proof.tin or proof.npi):
            return None
        ref, tin, npi, vendor = found
        fits = proof.tin in (None, tin) and proof.npi in (None, npi) and proof.vendor_number in (None, vendor)
        return ref if fits else None


class Visitor:
    """A browser of somebody who is not signed in."""

    def __init__(self, world: World, **person: str) -> None:
        self.world = world
        self.client: PortalClient = world.client()
        self.person = {**PERSON, **person}

    def choose(self, path: str) -> TestResponse:
        return self.client.post("/register", {"path": path})

    def say_who(self, **fields: str) -> TestResponse:
        return self.client.post("/register/you", {**self.person, **fields})

    def confirm(self, client: PortalClient | None = None) -> TestResponse:
        """Follow the newest link in the mailbox, and press its button."""
        browser = client or self.client
        self.open_link(browser)
        return browser.post("/register/confirm")

    def open_link(self, browser: PortalClient) -> None:
        """Follow the newest link in the mailbox, and press nothing."""
        browser.get(mailed_link(self.world, self.person["email"], "/register/confirm/"))

    def begin(self, path: str) -> None:
        """Up to the proof."""
        assert self.choose(path).location == "/register/you"
        assert self.say_who().location == "/register/mail"
        assert self.confirm().location == "/register/proof"

    def prove(self, **fields: Any) -> TestResponse:
        return self.client.post("/register/proof", fields)

    def go_on(self, route: str, left_reason: str = "") -> TestResponse:
        return self.client.post("/register/organization", {"route": route, "left_reason": left_reason})

    def finish(self, **fields: str) -> TestResponse:
        agreed = {"terms_of_use": "2026-01", "site_delegate_agreement": "2026-11"}
        account = {
            "username": self.person["email"].partition("@")[0],
            "new": PASSWORD,
            "again": PASSWORD,
            **agreed,
            **fields,
        }
        return self.client.post("/register/finish", account)


def mails(world: World, email: str) -> list[tuple[Message, dict[str, Any]]]:
    """The e-mails to somebody, the newest first, with what fills them in."""
    with world.session() as session:
        wanted = sa.select(Message).where(Message.recipient == email, Message.channel == "email")
        return [(one, values_of(session, one)) for one in session.scalars(wanted.order_by(Message.id.desc()))]


def mailed_link(world: World, email: str, start: str) -> str:
    """The newest link to somebody whose path begins so; the path alone."""
    for _, values in mails(world, email):
        path = re.sub(r"^https?://[^/]+", "", values.get("link", ""))
        if path.startswith(start):
            return path
    raise AssertionError(f"nothing was mailed to {email} with a link to {start}")


def mailed_text(world: World, email: str) -> str:
    """The newest e-mail to somebody, as plain text."""
    message, values = mails(world, email)[0]
    with world.app.app_context():
        return render_text(message, values)


def mailed_pin(world: World) -> str:
    """The PIN in the newest letter."""
    with world.session() as session:
        wanted = sa.select(Message).where(Message.channel == "letter").order_by(Message.id.desc()).limit(1)
        return str(values_of(session, session.scalars(wanted).one()).get("code", ""))


def asking(organization: Organization, **values: Any) -> Registration:
    """Somebody who asks to join an organization, another person each time: a row, not yet added."""
    return Registration(
        organization_id=organization.id,
        path="check",
        route="join",
        state="asked",
        seal=secrets.token_hex(16),
        facts_sealed=b"",
        status_hash=secrets.token_bytes(32),
        name=PERSON["name"],
        email=f"{secrets.token_hex(4)}@office.example",
        created_at=clock.now(),
        due_at=clock.now() + dt.timedelta(days=5),
        **values,
    )


def asked_to_join(world: World, organization: Organization) -> int:
    """The same in the database, with what was given: its id."""
    with world.session() as session:
        row = asking(organization)
        row.facts_sealed = session.vault.seal_text('{"telephone": "218-555-0142", "job": "Biller"}', FACTS(row.seal))
        session.add(row)
        session.flush()
        return row.id


def mails_leave(world: World) -> None:
    """Every e-mail that waits has been taken by the mail server."""
    with world.session() as session:
        waiting = sa.update(Message).where(Message.channel == "email", Message.state == "waiting")
        session.execute(waiting.values(state="sent", ended_at=clock.now()))


def registrations(world: World) -> list[Registration]:
    with world.session() as session:
        return list(session.scalars(sa.select(Registration).order_by(Registration.id)))


def tidy(world: World) -> None:
    """The worker's turn."""
    job = next(job for job in all_jobs(world.app) if job.key == "registration.tidy")
    with world.app.app_context():
        assert run_job(world.app, job)


def texts(values: Any) -> Iterator[str]:
    """All that a message says."""
    yield json.dumps(values)
