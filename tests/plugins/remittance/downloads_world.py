"""Payments for the tests of downloads, put straight into the tables."""

from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Iterable
from typing import Any

from hp_portal import clock
from hp_portal.core.payees.models import Payee
from hp_portal_plugins.remittance.models import (
    PAYEE_TIN,
    Adjustment,
    Claim,
    Line,
    Payment,
    ProviderAdjustment,
    RemittanceFile,
)
from tests.support.world import World

_payment_ids = itertools.count(1)
DAY = dt.date(2026, 3, 2)


class PaymentBuilder:
    """One payment to `payee` (None: not known to the payer). `keep()` writes it."""

    def __init__(self, payee: Payee | None, number: str = "0012345", **facts: Any) -> None:
        self.id = next(_payment_ids)
        self.payee_id = payee.id if payee else None
        self.payee = payee
        self.facts: dict[str, Any] = {
            "trace_number": number,
            "method": "ACH",
            "effective_on": DAY,
            "produced_on": DAY,
            "payer_name": "SAMPLE HEALTH PLAN",
            "payer_street": "1 EXAMPLE STREET\nSUITE 2",
            "payer_city": "EXAMPLETON",
            "payer_state": "MN",
            "payer_postal_code": "55000",
            "payer_id": "00000",
            "payer_contacts": json.dumps([{"kind": "BL", "phone": "5550100100"}]),
            "payee_name": "SAMPLE CLINIC",
            "payee_npi": "1999999992",
            **facts,
        }
        self.rows: list[Any] = []
        self.claims: list[Claim] = []
        self.lines = self.adjustments = self.provider_adjusted = self.provider_adjustments = 0

    def claim(
        self, *, lines: Iterable[dict[str, Any]] = (), whole: Iterable[tuple[str, str, int]] = (), **facts: Any
    ) -> Claim:
        """A claim; a line is `charged`, `paid`, `adjustments` as (group, reason, cents) and more of Line's columns."""
        number = len(self.claims) + 1
        made = [self._line(number, position, dict(line)) for position, line in enumerate(lines, 1)]
        adjusted = sum(line.adjusted or 0 for line in made) + sum(amount for _, _, amount in whole)
        for group, reason, amount in whole:
            self._adjustment(number, None, group, reason, amount)
        values: dict[str, Any] = {
            "status": "1",
            "charged": sum(line.charged or 0 for line in made),
            "paid": sum(line.paid or 0 for line in made),
            "adjusted": adjusted,
            "patient_responsibility": 0,
            "patient_control_number": f"ACCT{number}",
            "payer_control_number": f"9001-{number}",
            "patient_last_name": "TESTPATIENT",
            "patient_first_name": "ANN",
            "member_id": f"M{number:05}",
            "service_from": DAY,
            "service_to": DAY,
            "balanced": True,
            **facts,
        }
        row = Claim(payment_id=self.id, payee_id=self.payee_id, claim=number, line_count=len(made), **values)
        self.claims.append(row)
        self.rows.append(row)
        return row

    def _line(self, claim: int, position: int, facts: dict[str, Any]) -> Line:
        adjustments = facts.pop("adjustments", ())
        for group, reason, amount in adjustments:
            self._adjustment(claim, position, group, reason, amount)
        values: dict[str, Any] = {
            "procedure": "99213",
            "units": "1",
            "service_from": DAY,
            "service_to": DAY,
            "adjusted": sum(amount for _, _, amount in adjustments),
            "balanced": True,
            **facts,
        }
        row = Line(payment_id=self.id, claim=claim, line=position, **values)
        self.rows.append(row)
        self.lines += 1
        return row

    def _adjustment(self, claim: int, line: int | None, group: str, reason: str, amount: int) -> None:
        self.adjustments += 1
        self.rows.append(
            Adjustment(
                payment_id=self.id,
                claim=claim,
                position=self.adjustments,
                level="C" if line is None else "L",
                line=line,
                group=group,
                reason=reason,
                amount=amount,
            )
        )

    def provider_adjustment(self, reason: str, amount: int, reference: str | None = None) -> None:
        self.provider_adjustments += 1
        self.provider_adjusted += amount
        self.rows.append(
            ProviderAdjustment(
                payment_id=self.id,
                position=self.provider_adjustments,
                provider_id="1999999992",
                fiscal_period_ends_on=dt.date(2026, 12, 31),
                reason=reason,
                reference=reference,
                amount=amount,
            )
        )

    def keep(self, world: World) -> int:
        """Write it; returns the payment's id."""
        paid = sum(claim.paid or 0 for claim in self.claims)
        values: dict[str, Any] = {
            "amount": paid - self.provider_adjusted,
            "claims_paid": paid,
            "provider_adjusted": self.provider_adjusted,
            "balanced": True,
            **self.facts,
        }
        with world.session() as session:
            file = RemittanceFile(
                name="built.835",
                sha256=f"{self.id:064}",
                size=0,
                imported_at=clock.now(),
                outcome="imported",
                report="{}",
            )
            session.add(file)
            session.flush()
            tin = self.payee.whole_tin(session) if self.payee else ""
            sealed = session.vault.seal_text(tin, PAYEE_TIN(self.id)) if tin else None
            session.add(
                Payment(
                    id=self.id,
                    file_id=file.id,
                    payee_id=self.payee_id,
                    payee_tin_sealed=sealed,
                    identity=hashlib.sha256(str(self.id).encode()).digest(),
                    number_key=self.facts["trace_number"],
                    claim_count=len(self.claims),
                    line_count=self.lines,
                    adjustment_count=self.adjustments,
                    provider_adjustment_count=self.provider_adjustments,
                    **values,
                )
            )
            session.flush()
            session.add_all(self.rows)
        return self.id


def usual_payment(payee: Payee | None, number: str = "0012345") -> PaymentBuilder:
    """Three claims, one of them denied and without lines; a recovery."""
    built = PaymentBuilder(payee, number)
    built.claim(
        lines=[
            {"charged": 10000, "paid": 7000, "allowed": 8000, "adjustments": [("CO", "45", 2000), ("PR", "3", 1000)]},
            {
                "charged": 4550,
                "paid": 0,
                "procedure": "80053",
                "modifiers": "25 59",
                "revenue_code": "0300",
                "adjustments": [("CO", "97", 4550)],
                "remarks": "N130 M15",
            },
        ],
        patient_responsibility=1000,
    )
    built.claim(lines=[{"charged": 20000, "paid": 20000}], patient_last_name="SAMPLE", patient_first_name="BOB")
    built.claim(charged=3000, paid=0, status="4", whole=[("CO", "29", 3000)], patient_last_name="EXAMPLE")
    built.provider_adjustment("WO", 5000, "9001-1")
    return built
