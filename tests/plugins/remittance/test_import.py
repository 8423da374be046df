"""Importing: everything of a file or nothing, every check once, and what is kept of it."""

from __future__ import annotations

import datetime as dt
import io
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import oxedi
import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.vault import SealBroken
from hp_portal_plugins.remittance.intake import importing, kept_text, loading, reports
from hp_portal_plugins.remittance.intake.reading import ReadAhead
from hp_portal_plugins.remittance.keys import number_key
from hp_portal_plugins.remittance.models import (
    PAYEE_TIN,
    Adjustment,
    Claim,
    Line,
    Payment,
    PaymentText,
    RemittanceFile,
)
from tests.plugins.remittance.import_files import (
    CLINIC,
    DAY,
    SURNAME,
    claim,
    file_of,
    import_835,
    many_payments,
    payment,
)
from tests.plugins.remittance.stored import SAMPLES, stored, transactions
from tests.support.identifiers import make_npi
from tests.support.world import World
from tests.tools.gen835 import generate


def test_what_is_stored_is_what_an_independent_reader_finds(world: World) -> None:
    data = generate(bytes=150_000, seed=7)
    report = import_835(world, data)
    found = stored(world)
    oracle = oxedi.parse(data)
    assert found["payments"] == len(oracle.tables["payments"]) == report.payments
    assert found["claims"] == oracle.count_claims() == report.claims
    assert found["lines"] == len(oracle.tables["services"]) == report.lines
    assert found["adjustments"] == len(oracle.tables["adjustments"]) == report.adjustments
    assert found["provider_adjustments"] == len(oracle.tables["provider_adjustments"]) == report.provider_adjustments
    assert found["amount"] == round(oracle.sum_payments() * 100) == report.amount
    assert found["charged"] - found["adjusted"] == found["claims_paid"] == report.claims_paid
    assert report.outcome == reports.IMPORTED
    assert not report.unbalanced


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_samples_are_stored_as_they_are_read(world: World, path: Path) -> None:
    data = path.read_bytes()
    report = import_835(world, data, path.name)
    good = [one for one in transactions(data) if one.importable]
    assert report.payments == len(good) > 0
    assert stored(world)["amount"] == sum(int(one.fact("amount") or 0) for one in good) == report.amount
    assert report.claims == sum(len(one.rows.claims) for one in good)
    assert report.adjustments == sum(len(one.rows.adjustments) for one in good)
    assert report.unbalanced_count == sum(not one.balanced for one in good)


def test_a_payments_facts_are_stored(world: World) -> None:
    payee = world.payee("000000001", "1999800008")
    import_835(world, file_of(payment("000940-0007", claim("acct 01", "cl-0099"), off_by=100)))
    with world.session() as session:
        row = session.scalars(sa.select(Payment)).one()
        one = session.scalars(sa.select(Claim)).one()
        line = session.scalars(sa.select(Line)).one()
        tin = session.vault.open_text(row.payee_tin_sealed or b"", PAYEE_TIN(row.id))
        assert row.payee_tin_hash == session.vault.digest("000000001", "tin")
    assert (row.trace_number, row.number_key, row.method, row.amount) == ("000940-0007", "9400007", "ACH", 8100)
    assert (row.effective_on, row.produced_on, row.payee_npi, tin) == (DAY, DAY, "1999800008", "000000001")
    assert (row.payee_id, one.payee_id, row.balanced, one.balanced) == (payee.id, payee.id, False, True)
    assert (row.claim_count, row.line_count, row.adjustment_count, row.claims_paid) == (1, 1, 1, 8000)
    assert (one.patient_control_number, one.patient_control_key, one.payer_control_key) == (
        "acct 01",
        "ACCT01",
        "CL0099",
    )
    assert (one.member_id, one.patient_last_name, one.patient_first_name) == ("M0000001", "TESTPATIENT", "ANN")
    assert (one.charged, one.paid) == (10000, 8000)
    assert (line.procedure, line.charged, line.paid, line.allowed, line.units) == ("99213", 10000, 8000, 8000, "1")
    assert line.service_from == DAY - dt.timedelta(days=20)


def test_positions_count_within_the_payment(world: World) -> None:
    import_835(world, file_of(payment("1", claim("A"), claim("B")), payment("2")))
    with world.session() as session:
        found = session.execute(
            sa.select(
                Adjustment.payment_id, Adjustment.position, Adjustment.claim, Adjustment.level, Adjustment.line
            ).order_by(Adjustment.payment_id, Adjustment.position)
        ).all()
    first = found[0].payment_id
    assert [tuple(row) for row in found] == [(first, 1, 1, "L", 1), (first, 2, 2, "L", 1), (first + 1, 1, 1, "L", 1)]


def test_the_same_file_again_changes_nothing_and_says_so(world: World) -> None:
    data = file_of(payment("1"), payment("2"))
    import_835(world, data)
    before = stored(world)
    report = import_835(world, data, "again.835")
    assert stored(world) == before
    assert (report.outcome, report.payments, report.already_known) == (reports.UNCHANGED, 0, ["1", "2"])
    assert report.message == "This very file was imported before."


def test_the_same_check_in_another_file_changes_nothing(world: World) -> None:
    import_835(world, file_of(payment("1", claim("A")), payment("2")))
    report = import_835(world, file_of(payment("2"), payment("3"), control=2))
    assert (report.outcome, report.payments, report.already_known) == (reports.IMPORTED, 1, ["2"])
    assert stored(world)["payments"] == 3
    for _ in range(2):
        # The second time, too: a file in which nothing was new has not been imported itself.
        report = import_835(world, file_of(payment("3"), control=3))
        assert report.message == "Every payment in this file was imported before."


@pytest.mark.parametrize(
    "other",
    [payment("2"), payment("1", issued=DAY + dt.timedelta(days=1)), payment("1", claim(paid=7900))],
    ids=["number", "date", "amount"],
)
def test_a_check_that_differs_in_its_identity_is_another(world: World, other: Any) -> None:
    import_835(world, file_of(payment("1")))
    assert import_835(world, file_of(other, control=2)).payments == 1


def test_a_check_twice_in_a_file_is_stored_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 5)  # the second one comes in a later batch
    report = import_835(world, file_of(payment("1"), payment("1"), *many_payments(6), payment("1")))
    assert (report.payments, report.already_known) == (7, ["1", "1"])


def test_batches_make_no_difference(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 10)
    data = file_of(*many_payments(30))
    report = import_835(world, data)
    assert (report.payments, report.claims) == (30, 90)
    with world.session() as session:
        ids = session.scalars(sa.select(Payment.id).order_by(Payment.id)).all()
    assert list(ids) == list(range(ids[0], ids[0] + 30))


def test_the_report_is_kept_and_reads_back(world: World) -> None:
    report = import_835(world, file_of(payment("1", off_by=5)))
    with world.session() as session:
        row = session.scalars(sa.select(RemittanceFile)).one()
    assert reports.from_json(row.report) == report
    assert (row.sha256, row.id) == (report.sha256, report.file_id)


def test_an_import_is_audited(world: World) -> None:
    person = world.person("importer")
    with world.session() as session:
        importing.import_file(session, io.BytesIO(file_of(payment("1"))), "a.835", person_id=person.id)
    with world.session() as session:
        event = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "remittance.file.imported")).one()
    assert (event.person_id, json.loads(event.fields)["payments"]) == (person.id, 1)


def test_the_kept_text_is_sealed_and_makes_a_whole_interchange(world: World) -> None:
    data = file_of(payment("1"), payment("2", claim("OTHER")))
    import_835(world, data)
    with world.session() as session:
        second = session.scalars(sa.select(Payment.id).where(Payment.trace_number == "2")).one()
        sealed = session.scalars(sa.select(PaymentText.sealed).where(PaymentText.payment_id == second)).one()
        text = kept_text.kept_interchange(session, second)
        assert kept_text.kept_interchange(session, second + 99) is None
    assert SURNAME.encode() not in sealed
    assert text is not None
    (whole,) = transactions(text)
    (*_, original) = transactions(data)
    assert (whole.raw, whole.importable, whole.diagnostics) == (original.raw, True, ())


def test_no_more_is_read_than_was_read_ahead_while_the_database_is_busy() -> None:
    data, waited = bytes(range(256)) * 20_000, []
    stream = io.BytesIO(data)
    source = ReadAhead(stream, wait=lambda: waited.append(stream.tell()))
    source.fill()
    ahead = stream.tell()
    read = b""
    while len(read) < ahead:
        read += source.read(300_000)
    assert (ahead, waited) == (4 << 20, [])
    while block := source.read(300_000):
        read += block
    assert waited[0] == ahead
    assert read == data


def test_progress_is_told(world: World) -> None:
    data = file_of(*many_payments(50))
    told: list[tuple[int, int]] = []
    with world.session() as session:
        importing.import_file(
            session, io.BytesIO(data), "a", progress=lambda read, payments: told.append((read, payments))
        )
    assert told[-1] == (len(data), told[-1][1])
    assert all(before <= after for before, after in itertools.pairwise(told))


def test_reader_and_tables_agree() -> None:
    assert loading.LINES.columns[:3] == ("payment_id", "claim", "line")
    with pytest.raises(ValueError, match="no_such_column"):
        loading.target(Payment, ["id", "no_such_column"])


def test_number_keys_forgive_what_people_type() -> None:
    assert {number_key(text) for text in ("0012-345", " 12345 ", "12 345", "00012345")} == {"12345"}
    assert number_key("np 000123") == number_key("NP123") == "NP123"
    assert len(number_key("9" * 5_000)) == 100
    assert CLINIC.npi == number_key(CLINIC.npi)


def test_notices_of_no_payment_with_one_placeholder_are_told_apart_by_their_payee(world: World) -> None:
    first, second = (
        file_of(
            payment(
                "0000", claim(paid=0), payee=replace(CLINIC, tin=f"00000000{place}", npi=make_npi(place)), method="NON"
            )
        )
        for place in (1, 2)
    )
    assert import_835(world, first).payments == 1
    assert import_835(world, second).payments == 1
    assert import_835(world, second.replace(b"*000000001*0*P", b"*000000002*0*P")).already_known == ["0000"]


def test_a_kept_text_opens_for_its_own_payment_alone(world: World) -> None:
    import_835(world, file_of(payment("0001", claim("a", "c1")), payment("0002", claim("b", "c2"))))
    with world.session() as session:
        one, other = session.scalars(sa.select(PaymentText).order_by(PaymentText.payment_id)).all()
        one.sealed, other.sealed = other.sealed, one.sealed
        session.flush()
        for row in (one, other):
            with pytest.raises(SealBroken, match="moved from another place"):
                kept_text.kept_interchange(session, row.payment_id)
        first, second = session.scalars(sa.select(Payment).order_by(Payment.id)).all()
        assert first.payee_tin_sealed is not None
        with pytest.raises(SealBroken):
            session.vault.open(first.payee_tin_sealed, PAYEE_TIN(second.id))
