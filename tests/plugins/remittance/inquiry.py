"""Offices with payments, for the tests of Remittance Inquiry: written as 835 text and imported."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from typing import Any
from xml.etree.ElementTree import Element

import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.settings import Payer
from hp_portal_plugins.remittance.demo.writing import (
    ClaimText,
    FileText,
    Patient,
    PayeeText,
    PaymentText,
    ProviderReason,
    Reason,
    Service,
)
from hp_portal_plugins.remittance.models import Payment
from tests.plugins.remittance.import_files import import_835
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

DAY = dt.date(2026, 3, 2)
PAYER = Payer(name="Sample Health Plan", short_name="Sample", payer_id="99999", phone="555-010-0100")
_count = itertools.count(1)


def claim(number: int, patient: tuple[str, str] = ("SAMPLE", "ANN"), **facts: Any) -> ClaimText:
    """A claim of $200.00 that pays $150.00: $30.00 over the contract, $20.00 copay."""
    reasons = (Reason("CO", "45", 3000), Reason("PR", "3", 2000))
    values: dict[str, Any] = {
        "account": f"ACCT-{number:05}",
        "control": f"26X{number:06}",
        "patient": Patient(*patient, f"M{number:08}"),
        "services": (Service("HC:99213", 20000, reasons, DAY - dt.timedelta(days=20)),),
        **facts,
    }
    return ClaimText(**values)


class Office:
    """A provider organization with one payee, somebody signed in, and payments."""

    def __init__(self, world: World, name: str = "Birch Sample Clinic", username: str = "") -> None:
        number = next(_count)
        self.world = world
        self.organization = world.organization(name)
        self.username = username or f"person.{number}"
        world.person(self.username, organization=self.organization)
        self.client = world.sign_in(self.username)
        self.payee_text = PayeeText(
            name.upper(), make_tin(5000 + number), make_npi(500 + number), f"V{500000 + number}"
        )
        self.payee = self.add_payee(self.payee_text)

    def add_payee(self, text: PayeeText) -> Any:
        payee = self.world.payee(text.tin, text.npi, text.name, vendor_number=text.vendor_number)
        self.world.grant(self.organization, payee)
        return payee

    def paid(
        self,
        number: str,
        *claims: ClaimText,
        method: str = "ACH",
        issued: dt.date = DAY,
        adjusted: tuple[ProviderReason, ...] = (),
        off_by: int = 0,
        payee: PayeeText | None = None,
        payer: Payer = PAYER,
    ) -> int:
        """Import a payment; its id."""
        payment = PaymentText(
            number, method, issued, payee or self.payee_text, claims or (claim(next(_count)),), adjusted, off_by
        )
        return self.imported(payment, payer=payer)[0]

    def imported(self, *payments: PaymentText, payer: Payer = PAYER) -> list[int]:
        """Import payments in one file; their ids in that order."""
        control = next(_count)
        file = FileText(payer, "1999999999", dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC), control, payments)
        before = _highest(self.world)
        report = import_835(self.world, file.encoded(), f"sample-{control}.835")
        assert report.payments == len(payments), report
        return list(range(before + 1, before + 1 + len(payments)))


def _highest(world: World) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.max(Payment.id))) or 0


def events(world: World, key: str) -> list[dict[str, Any]]:
    """The fields of all audit events of a kind, oldest first."""
    with world.session() as session:
        found = session.scalars(sa.select(AuditEvent.fields).where(AuditEvent.event == key).order_by(AuditEvent.id))
        return [json.loads(fields) for fields in found]


def url_of(payment: int, claim_number: int | None = None) -> str:
    address = f"/apps/remittance/payments/{payment}"
    return address if claim_number is None else f"{address}/claims/{claim_number}"


def words(element: Element) -> str:
    """The text as it is heard: the parts of a row with a space between them."""
    return re.sub(r" ([.,:;)])", r"\1", " ".join(" ".join(element.itertext()).split()))
