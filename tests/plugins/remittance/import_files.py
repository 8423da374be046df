"""835 files for the tests of importing, written by the demo's writer. Names, numbers and amounts are invented."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import replace

from hp_portal.core.payees.models import Payee
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
from hp_portal_plugins.remittance.intake.importing import import_file
from hp_portal_plugins.remittance.intake.reports import ImportReport
from tests.support.world import World

DAY = dt.date(2026, 3, 2)
ORIGINATOR = "1000000098"
SURNAME = "TESTPATIENT"
"""Stands in every claim: must appear in no report, output or log."""
CLINIC = PayeeText("SAMPLE CLINIC", "000000001", "1999800008", "V000001")


def payee_text(payee: Payee, tin: str) -> PayeeText:
    return PayeeText(payee.name, tin, payee.npi or "", payee.vendor_number)


def claim(account: str = "ACCT1", control: str = "CLAIM1", charged: int = 10000, paid: int = 8000) -> ClaimText:
    """A claim of one line: charged, paid, the rest contractual."""
    line = Service("HC:99213", charged, (Reason("CO", "45", charged - paid),), DAY - dt.timedelta(days=20))
    return ClaimText(account, control, Patient(SURNAME, "ANN", "M0000001"), (line,))


def payment(
    number: str,
    *claims: ClaimText,
    payee: PayeeText = CLINIC,
    method: str = "ACH",
    issued: dt.date = DAY,
    provider_reasons: tuple[ProviderReason, ...] = (),
    off_by: int = 0,
) -> PaymentText:
    return PaymentText(number, method, issued, payee, claims or (claim(),), provider_reasons, off_by)


def file_of(*payments: PaymentText, control: int = 1) -> bytes:
    """A file as a payer sends it. `control` is its ISA13, which makes two files of the same payments differ."""
    payer = Payer(name="Sample Health Plan", payer_id="99999", phone="555-555-0100", email="era@plan.example")
    return FileText(payer, ORIGINATOR, dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC), control, payments).encoded()


def many_payments(count: int, claims: int = 3, first: int = 1) -> list[PaymentText]:
    """`count` payments with numbers of their own, `claims` claims each."""
    return [
        payment(
            f"7{number:09d}",
            *(claim(f"A{number}-{place}", f"C{number}-{place}", 10000 + number, 8000) for place in range(claims)),
            payee=replace(CLINIC, name=f"SAMPLE CLINIC {number % 7}"),
        )
        for number in range(first, first + count)
    ]


def import_835(world: World, data: bytes, name: str = "sample.835") -> ImportReport:
    """Import a file as the command does; returns the import's report."""
    with world.session() as session:
        return import_file(session, io.BytesIO(data), name)
