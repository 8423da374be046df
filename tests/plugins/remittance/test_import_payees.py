"""Whose payment it is: matching to the payer's record, payees that are not on it, payments as proofs."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal import scopes, worker
from hp_portal.hookspecs import PayeeRef, PaymentProof
from hp_portal_plugins.remittance.intake import matching
from hp_portal_plugins.remittance.intake.matching import Matched, match_unknown
from hp_portal_plugins.remittance.intake.proofs import verify_payment
from hp_portal_plugins.remittance.models import Claim, Payment
from tests.conftest import MakeApp
from tests.plugins.remittance.import_files import CLINIC, DAY, claim, file_of, import_835, payment
from tests.support.databases import DATA_KEY, data_key
from tests.support.identifiers import make_npi
from tests.support.world import World

TIN, NPI, OTHER_TIN, OTHER_NPI = "000000001", make_npi(1), "000000002", make_npi(2)
URL = "/staff/remittance/payees-not-on-record"


def paid_to(world: World, tin: str, npi: str, number: str = "1") -> int | None:
    """Import a payment to that TIN and NPI; the payee it was matched to."""
    import_835(world, file_of(payment(number, payee=replace(CLINIC, tin=tin, npi=npi))))
    with world.session() as session:
        payee_id = session.scalars(sa.select(Payment.payee_id).where(Payment.trace_number == number)).one()
        claims = session.scalars(sa.select(Claim.payee_id).join(Payment).where(Payment.trace_number == number)).all()
    assert set(claims) == {payee_id}
    return payee_id


def test_tin_and_npi_must_both_be_the_records(world: World) -> None:
    payee = world.payee(TIN, NPI)
    world.payee(OTHER_TIN, OTHER_NPI)
    assert paid_to(world, TIN, NPI, "1") == payee.id
    assert paid_to(world, TIN, OTHER_NPI, "2") is None
    assert paid_to(world, OTHER_TIN, NPI, "3") is None
    assert paid_to(world, "00-0000001", NPI, "4") == payee.id


def test_one_of_the_two_is_enough_only_when_it_is_clear(world: World) -> None:
    payee = world.payee(TIN, NPI)
    assert paid_to(world, TIN, "", "1") == payee.id
    assert paid_to(world, "", NPI, "2") == payee.id
    second = world.payee(TIN, OTHER_NPI)
    world.payee(OTHER_TIN, NPI)
    assert paid_to(world, TIN, "", "3") is None
    assert paid_to(world, "", NPI, "4") is None
    assert paid_to(world, "", OTHER_NPI, "5") == second.id


def test_a_tax_id_alone_leads_to_the_payee_that_has_no_npi(world: World) -> None:
    """A clinic with an NPI and a transport service without one, under one Tax ID."""
    clinic = world.payee(TIN, NPI)
    world.payee(TIN, OTHER_NPI)
    assert paid_to(world, TIN, "", "6") is None, "one of the two clinics: that would be a guess"
    service = world.payee(TIN, None)
    assert paid_to(world, TIN, "", "7") == service.id
    assert paid_to(world, TIN, NPI, "8") == clinic.id
    with world.session() as session:
        assert match_unknown(session).payments == 1, "what came before the service was on record"
        assert session.scalars(sa.select(Payment.payee_id).where(Payment.trace_number == "6")).one() == service.id


def test_a_payment_that_names_neither_belongs_to_nobody(world: World) -> None:
    world.payee(TIN, NPI)
    assert paid_to(world, "", "") is None, "though there is one payee alone"


def test_only_payments_to_that_tax_id_and_npi_are_given_to_a_payee_who_is_added(world: World) -> None:
    for number, (tin, npi) in enumerate(((TIN, NPI), (TIN, OTHER_NPI), (OTHER_TIN, NPI), (OTHER_TIN, ""))):
        assert paid_to(world, tin, npi, str(number)) is None
    payee = world.payee(TIN, NPI)
    with world.session() as session:
        assert match_unknown(session).payments == 1
        found = session.execute(sa.select(Payment.trace_number, Payment.payee_id).order_by(Payment.id)).all()
    assert [tuple(row) for row in found] == [("0", payee.id), ("1", None), ("2", None), ("3", None)]


def test_a_payment_to_nobody_known_is_kept_and_seen_by_no_organization(world: World) -> None:
    assert paid_to(world, TIN, NPI) is None
    organization = world.organization()
    world.grant(organization, world.payee(OTHER_TIN, OTHER_NPI))
    with world.session_of(organization) as session:
        assert session.scalars(sa.select(Payment.id)).all() == []


def test_unknown_payees_are_listed_masked_and_matched_when_they_are_added(world: World) -> None:
    to = replace(CLINIC, name="SAMPLE NEW CLINIC", tin="000007654", npi=NPI)
    import_835(world, file_of(payment("1", payee=to), payment("2", claim(paid=5000), payee=to), payment("3")))
    world.staff("reader", permissions=["remittance:import:read", "remittance:import:run"])
    client = world.sign_in("reader")
    page = client.get(URL).text
    assert "SAMPLE NEW CLINIC" in page
    assert "•••••7654" in page
    assert "000007654" not in page
    assert "$130.00" in page
    payee = world.payee("000007654", NPI)
    answer = client.post(URL)
    assert (answer.status_code, answer.location) == (303, URL)
    page = client.get(URL).text
    assert "2 payments matched" in page
    assert "SAMPLE NEW CLINIC" not in page
    assert "SAMPLE CLINIC" in page
    organization = world.organization()
    world.grant(organization, payee)
    with world.session_of(organization) as session:
        assert set(session.scalars(sa.select(Payment.trace_number))) == {"1", "2"}
        assert len(session.scalars(sa.select(Claim.claim)).all()) == 2


def test_only_who_may_import_matches(world: World) -> None:
    world.staff("reader", permissions=["remittance:import:read"])
    client = world.sign_in("reader")
    paid_to(world, TIN, NPI)
    assert "Match again now" not in client.get(URL).text
    assert client.post(URL).status_code == 403


def test_the_worker_matches(world: World) -> None:
    paid_to(world, TIN, NPI)
    payee = world.payee(TIN, NPI)
    with world.app.app_context():
        assert worker.run_job(world.app, matching.JOB)
    with world.session() as session:
        assert session.scalars(sa.select(Payment.payee_id)).one() == payee.id


def test_a_tax_id_that_cannot_be_opened_stops_no_other(world: World) -> None:
    """It is counted and named: to whoever runs the worker, and on the staff's pages."""
    paid_to(world, TIN, NPI, "1")
    paid_to(world, OTHER_TIN, OTHER_NPI, "2")
    with world.session() as session:
        altered = session.scalars(sa.select(Payment).where(Payment.trace_number == "1")).one()
        altered.payee_tin_sealed = b"altered" + (altered.payee_tin_sealed or b"")[7:]
        altered_id = altered.id
    world.payee(TIN, NPI)
    payee = world.payee(OTHER_TIN, OTHER_NPI)
    world.staff("importer", permissions=("remittance:import:read", "remittance:import:run", "staff:plugins:read"))
    client = world.sign_in("importer")
    with world.app.app_context():
        assert not worker.run_job(world.app, matching.JOB, "remittance")
    with world.session() as session:
        found = session.execute(sa.select(Payment.trace_number, Payment.payee_id).order_by(Payment.id)).all()
        assert found == [("1", None), ("2", payee.id)]
        with pytest.raises(matching.TaxIdsUnopened, match=f"the Tax ID of 1 payment cannot be opened: {altered_id}$"):
            matching.match_soon(session)
    assert "TaxIdsUnopened" in client.get("/staff/plugins").text
    assert client.post(URL).status_code == 303
    shown = client.get(URL).text
    assert "0 payments matched" in shown
    assert "1 Tax ID cannot be opened" in shown
    assert f"cannot be opened (payment {altered_id})" in shown


def test_matching_again_changes_nothing(world: World) -> None:
    world.payee(TIN, NPI)
    paid_to(world, TIN, NPI)
    paid_to(world, OTHER_TIN, NPI, "2")
    with world.session() as session:
        assert match_unknown(session) == Matched(0, ())


@pytest.fixture
def rotated(world: World, database_url: str, make_app: MakeApp) -> Flask:
    """The portal after its data key was rotated: a new key first, the old one kept."""
    new = data_key("rotated")
    return make_app(database_url, data_key=f"{new},{DATA_KEY}")


def test_matching_survives_a_rotated_key(world: World, rotated: Flask) -> None:
    payee = world.payee(TIN, NPI)  # hashed under the old key
    assert paid_to(World(rotated), TIN, NPI, "1") == payee.id
    assert paid_to(world, OTHER_TIN, OTHER_NPI, "2") is None  # hashed under the old key, too
    other = World(rotated).payee(OTHER_TIN, OTHER_NPI)  # hashed under the new one
    with World(rotated).session() as session:
        assert match_unknown(session).payments == 1
        assert session.scalars(sa.select(Payment.payee_id).where(Payment.trace_number == "2")).one() == other.id


def proved(world: World, **facts: Any) -> PayeeRef | None:
    with world.session() as session:
        return verify_payment(session, PaymentProof(**facts))


def led_to(payee_id: int, number: str, *, amount: int = 8000, non_payment: bool = False) -> PayeeRef:
    """What a payment of these tests proves."""
    return PayeeRef(payee_id, non_payment, number, amount, DAY)


def test_a_payment_proves_its_payee(world: World) -> None:
    payee = world.payee(TIN, NPI, vendor_number="V77")
    other = world.payee(TIN, OTHER_NPI)
    paid_to(world, TIN, NPI, "000940-7")
    paid_to(world, TIN, OTHER_NPI, "NP00012")
    assert proved(world, number=" 9407 ", tin=TIN, npi=NPI) == led_to(payee.id, "9407")
    assert proved(world, number="9407", npi=NPI) == led_to(payee.id, "9407")
    assert proved(world, number="9407", tin=TIN) == led_to(payee.id, "9407")
    assert proved(world, number="9407", tin=TIN, vendor_number="v77") == led_to(payee.id, "9407")
    assert proved(world, number="np 12", tin=TIN, npi=OTHER_NPI) == led_to(other.id, "NP12", non_payment=True)


def test_amount_and_date_must_be_the_payment_s(world: World) -> None:
    payee = world.payee(TIN, NPI)
    paid_to(world, TIN, NPI, "9407")
    earlier, later = DAY - dt.timedelta(days=1), DAY + dt.timedelta(days=1)
    for fits in ({"amount": 8000}, {"paid_on": DAY}, {"amount": 8000, "paid_on": DAY}, {"not_before": DAY}):
        assert proved(world, number="9407", tin=TIN, npi=NPI, **fits) == led_to(payee.id, "9407")
    for other in ({"amount": 8001}, {"amount": 0}, {"paid_on": earlier}, {"amount": 8000, "paid_on": later}):
        assert proved(world, number="9407", tin=TIN, npi=NPI, **other) is None
    assert proved(world, number="9407", tin=TIN, npi=NPI, not_before=later) is None


def test_of_two_payments_with_one_number_the_newer_counts(world: World) -> None:
    payee = world.payee(TIN, NPI)
    to = replace(CLINIC, tin=TIN, npi=NPI)
    older = DAY - dt.timedelta(days=400)
    import_835(world, file_of(payment("1", payee=to, issued=older), payment("01", claim(paid=1), payee=to)))
    found = proved(world, number="1", tin=TIN, npi=NPI)
    assert found is not None
    assert (found.payee_id, found.number, found.paid_on) == (payee.id, "1", DAY)
    by_date = proved(world, number="1", tin=TIN, npi=NPI, paid_on=older)
    assert by_date is not None
    assert (by_date.amount, by_date.paid_on) == (8000, older)
    assert proved(world, number="1", tin=TIN, npi=NPI, paid_on=older, amount=1) is None


def test_what_proves_nothing(world: World) -> None:
    world.payee(TIN, NPI, vendor_number="V77")
    world.payee(OTHER_TIN, OTHER_NPI)
    paid_to(world, TIN, NPI, "9407")
    paid_to(world, "000000003", make_npi(3), "9408")  # payee not on record
    assert proved(world, number="9407") is None
    assert proved(world, number="9407", tin=OTHER_TIN) is None
    assert proved(world, number="9407", tin=TIN, npi=OTHER_NPI) is None
    assert proved(world, number="9407", tin=TIN, vendor_number="V78") is None
    assert proved(world, number="9407", vendor_number="V77") is None
    assert proved(world, number="9999", tin=TIN) is None
    assert proved(world, number="", tin=TIN) is None
    assert proved(world, number="9408", tin="000000003") is None
    assert proved(world, number="9407", tin=TIN, without_npi=True) is None, "the payee has an NPI"
    with world.session() as session:
        session.execute(sa.update(Payment).values(set_aside="voided"))
    assert proved(world, number="9407", tin=TIN, npi=NPI) is None, "it counts no more"


def test_a_number_of_two_payees_proves_neither(world: World) -> None:
    first, _ = world.payee(TIN, NPI), world.payee(TIN, OTHER_NPI)
    paid_to(world, TIN, NPI, "1")
    import_835(world, file_of(payment("01", claim(paid=1), payee=replace(CLINIC, tin=TIN, npi=OTHER_NPI))))
    assert proved(world, number="1", tin=TIN) is None
    assert proved(world, number="1", tin=TIN, npi=NPI) == led_to(first.id, "1")


def test_a_proof_sees_beyond_the_organization_that_asks(world: World) -> None:
    payee = world.payee(TIN, NPI)
    paid_to(world, TIN, NPI, "1")
    with world.session_of(world.organization()) as session:
        with scopes.whole(session, "the core asks the hook"):
            assert verify_payment(session, PaymentProof("1", tin=TIN)) == led_to(payee.id, "1")
        assert session.scalars(sa.select(Payment.id)).all() == []
