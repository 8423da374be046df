"""The demo's payments: a plan's worth of cases, found by the people they belong to."""

from __future__ import annotations

import datetime as dt

import oxedi
import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal import demo_people
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.hookspecs import DemoCheck
from hp_portal_plugins.remittance.demo.loading import _payments, load_demo
from hp_portal_plugins.remittance.demo.writing import FileText, PayeeText
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.keys import number_key
from hp_portal_plugins.remittance.models import Claim, Payment, ProviderAdjustment, RemittanceFile
from hp_portal_plugins.remittance.x12.marks import read_marks
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def checks(world: World) -> list[DemoCheck]:
    """The demo's payees, each held by the demo's organizations, and its payments."""
    organizations: dict[str, Organization] = {}
    for entry in demo_people.DEMO_PAYEES:
        payee = world.payee(entry.tin, entry.npi or None, entry.name, vendor_number=entry.vendor_number)
        for name in entry.organizations:
            if name not in organizations:
                organizations[name] = world.organization(name)
            world.grant(organizations[name], payee)
    statements: list[str] = []

    def note(*given: object) -> None:
        statements.append(str(given[2]))

    sa.event.listen(world.database.engine, "before_cursor_execute", note)
    with world.app.app_context(), world.session() as session:
        found = load_demo(session)
    sa.event.remove(world.database.engine, "before_cursor_execute", note)
    assert len(statements) < 600, "a demo starts in seconds: rows are loaded many at a time"
    return found


def test_every_case_is_there(world: World, checks: list[DemoCheck]) -> None:
    with world.session() as session:
        payments = session.scalars(sa.select(Payment)).all()
        statuses = set(session.scalars(sa.select(Claim.status)))
        reasons = set(session.scalars(sa.select(ProviderAdjustment.reason)))
        others = session.execute(
            sa.select(RemittanceFile.name, RemittanceFile.outcome).where(RemittanceFile.outcome != "imported")
        ).all()
    assert 110 <= len(payments) <= 180
    assert {payment.method for payment in payments} == {"ACH", "CHK", "NON"}
    assert {payment.trace_number for payment in payments if payment.method == "NON"} == {
        "NP0000051",
        "NP0000055",
        "NP0000056",
        "NP0000057",
    }
    in_parts = {"940000050024", "940000050025"}
    off = {payment.trace_number for payment in payments if not payment.balanced}
    assert off == {"940000050005", "940000050016", "940000050031", *in_parts}
    assert [payment.trace_number for payment in payments if payment.amount < 0] == ["940000050018"]
    assert [payment.trace_number for payment in payments if payment.currency] == ["940000050017"]
    assert max(payment.claim_count for payment in payments) == 2_000
    assert {"1", "4", "22"} <= statuses
    assert {"WO", "L6"} <= reasons
    assert [tuple(file) for file in others] == [("demo-broken-off.835", "partial"), ("demo-claim-lost.835", "partial")]
    marks = {payment.trace_number: read_marks(payment.marks) for payment in payments if payment.marks}
    assert marks["940000050031"].missing > 5, "a claim's segments, which SE01 counts"
    assert marks["940000050032"].currency == "DOLLARS"
    assert {"940000050031", "940000050032"} <= {check.number for check in checks}
    days = [payment.effective_on for payment in payments if payment.effective_on]
    today = dt.datetime.now(world.settings.payer.zone).date()
    assert today - dt.timedelta(days=5) <= max(days) <= today
    assert max(days) - min(days) > dt.timedelta(days=400)


def test_the_checks_worth_trying_belong_to_whom_they_name(world: World, checks: list[DemoCheck]) -> None:
    assert len({check.number for check in checks}) == len(checks) >= 10
    assert len({check.organization for check in checks}) >= 4
    with world.session() as session:
        for check in checks:
            paid = sa.select(Payment.payee_id).where(Payment.trace_number == check.number).distinct()
            payee = session.get_one(Payee, session.scalars(paid).one())
            entry = next(entry for entry in demo_people.DEMO_PAYEES if entry.vendor_number == payee.vendor_number)
            assert check.organization == (entry.organizations[0] if entry.organizations else "nobody yet")


def test_of_pairs_of_one_number_two_are_decided_and_a_file_was_sent_again(
    world: World, checks: list[DemoCheck]
) -> None:
    with world.session() as session:
        pairs = session.execute(
            sa.select(Payment.trace_number, SameNumber.state, Payment.in_question)
            .join(Payment, Payment.id == SameNumber.payment_id)
            .order_by(Payment.trace_number)
        ).all()
        set_aside = session.execute(
            sa.select(Payment.trace_number, Payment.set_aside).where(Payment.set_aside.is_not(None))
        ).all()
    again = [(f"000005900{number}", "waits", True) for number in range(1, 5)]
    assert [tuple(pair) for pair in pairs] == [
        *again,
        ("940000050006", "waits", True),
        ("940000050007", "replaced", False),
        ("940000050024", "waits", True),
        ("940000050025", "parts", False),
    ]
    assert [tuple(one) for one in set_aside] == [("940000050007", "replaced")]
    tried = {check.number for check in checks}
    assert {"940000050006", "940000050007", "940000050024", "940000050025"} <= tried


def test_reversal_and_correction_are_tied_to_the_claim(world: World, checks: list[DemoCheck]) -> None:
    with world.session() as session:
        rows = session.execute(
            sa.select(Payment.trace_number, Claim.status, Claim.paid, Claim.payer_control_key)
            .join(Claim, Claim.payment_id == Payment.id)
            .where(Payment.trace_number.in_(["940000050001", "940000050002", "940000050003"]), Claim.claim == 1)
            .order_by(Payment.effective_on)
        ).all()
        recovery = session.scalars(
            sa.select(ProviderAdjustment.reference_key).join(Payment).where(Payment.trace_number == "940000052003")
        ).one()
        corrected = session.scalars(
            sa.select(Claim.payer_control_key)
            .join(Payment)
            .where(Payment.trace_number == "940000052002", Claim.claim == 2)
        ).one()
    assert [(row.status, row.paid) for row in rows] == [("1", 19000), ("22", -19000), ("1", 9500)]
    assert len({row.payer_control_key for row in rows}) == 1
    assert recovery == corrected == number_key(corrected)


def test_an_office_has_a_recovery_of_which_a_part_is_open(world: World, checks: list[DemoCheck]) -> None:
    with world.session() as session:
        office = session.scalars(sa.select(Organization).where(Organization.name == demo_people.PHYSICIANS)).one()
    world.person("a.clerk", organization=office)
    page = world.sign_in("a.clerk").get("/apps/remittance/recoveries").text
    assert "1 open entry" in page
    assert "$75.00" in page
    assert "26D10000" in page, "the claim that it belongs to"


def test_it_is_the_same_every_time_and_an_independent_reader_agrees(sqlite_app: Flask) -> None:
    payees = {
        entry.vendor_number: PayeeText(entry.name, entry.tin, entry.npi, entry.vendor_number)
        for entry in demo_people.DEMO_PAYEES
    }
    with sqlite_app.app_context():
        first, second = _payments(payees), _payments(payees)
    assert first == second
    payer = sqlite_app.extensions["hp_portal.settings"].payer
    text = FileText(payer, "1000000099", dt.datetime(2026, 1, 1, tzinfo=dt.UTC), 1, first).encoded()
    read = oxedi.parse(text)
    # The one that does not balance, the one with such a line, the debit, whose sign that reader does not know, and four parts.
    assert [finding.kind for finding in read.diagnostics] == ["BalanceMismatch"] * 7
    assert round(read.sum_payments() * 100) == sum(abs(payment.amount) for payment in first)
