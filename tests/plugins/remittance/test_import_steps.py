"""Imports in steps: nobody sees anything before the file is there as a whole, nobody waits, and the dead leave nothing."""

from __future__ import annotations

import datetime as dt
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
import sqlalchemy as sa

from hp_portal import worker
from hp_portal.api import PaymentProof
from hp_portal.core.audit.models import AuditEvent
from hp_portal.database import Base, PortalSession, is_postgresql
from hp_portal.scopes import WrittenInSteps, with_unfinished
from hp_portal_plugins.remittance.intake import importing, loading, matching, proofs, reports, steps
from hp_portal_plugins.remittance.intake.importing import import_file, import_in_steps
from hp_portal_plugins.remittance.intake.steps import Busy, Steps
from hp_portal_plugins.remittance.models import (
    NOTHING_HIDDEN,
    Adjustment,
    Claim,
    HiddenFrom,
    Line,
    Payment,
    PaymentText,
    ProviderAdjustment,
    RemittanceFile,
)
from tests.plugins.remittance.import_files import claim, file_of, many_payments, payee_text, payment
from tests.plugins.remittance.inquiry import Office
from tests.support.clock import Clock
from tests.support.world import World

MODELS = (Payment, Claim, Line, Adjustment, ProviderAdjustment, PaymentText)
TARGETS = (
    loading.PAYMENTS, loading.CLAIMS, loading.LINES, loading.ADJUSTMENTS, loading.PROVIDER_ADJUSTMENTS, loading.TEXTS,
)  # fmt: skip
URL = "/staff/remittance/"
STAFF = [
    "staff:console:open", "staff:people:search", "remittance:import:run", "remittance:import:read", "remittance:payment:inspect",
]  # fmt: skip


def run(world: World, data: bytes, name: str = "large.835") -> reports.ImportReport:
    with world.session() as session:
        return import_in_steps(session, io.BytesIO(data), name, size=len(data))


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 20)
    monkeypatch.setattr(importing, "_AT_ONCE", 0)


@contextmanager
def between_steps(monkeypatch: pytest.MonkeyPatch, look: Callable[[Steps, int], object]) -> Iterator[None]:
    """Have `look` called after each step but the last, with how many there were."""
    leave, count = Steps.leave, 0

    def watched(self: Steps) -> None:
        nonlocal count
        leave(self)
        count += 1
        look(self, count)

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "leave", watched)
        yield


def counts(session: PortalSession) -> list[int]:
    return [session.scalar(sa.select(sa.func.count()).select_from(model)) or 0 for model in MODELS]


def hidden_rows(world: World) -> int:
    with world.session() as session, with_unfinished(session):
        return sum(counts(session))


def changed(session: PortalSession, statement: sa.Update | sa.Delete) -> int:
    """How many rows it changes."""
    return cast("sa.CursorResult[Any]", session.execute(statement)).rowcount


def test_whatever_an_import_stores_is_written_in_steps() -> None:
    """A table that a file's rows go into must not show them before the file is whole."""
    models = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    for target in TARGETS:
        assert issubclass(models[target.table], WrittenInSteps), target.table


def test_the_criterion_stands_once_in_a_statement(world: World) -> None:
    """Twice it says the same, and the database plans and asks everything twice."""
    seen: list[str] = []
    with world.session_of(world.organization()) as session:
        sa.event.listen(
            session.get_bind(), "before_cursor_execute", lambda _connection, _cursor, text, *_: seen.append(text)
        )
        session.execute(sa.select(Payment.id, Payment.amount)).all()
    assert seen[-1].count("remittance_hidden") == seen[-1].count("ended_at IS NULL") * 2 == 2, seen[-1]


@pytest.mark.usefixtures("small_steps")
def test_nobody_sees_anything_before_the_file_is_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    office = Office(world)
    earlier = office.paid("9400000001", claim("A-EARLIER"))
    world.staff("a.staff", permissions=STAFF)
    staff = world.sign_in("a.staff")
    new = [payment(f"95{n:08}", claim(f"ACCT-{n}", f"CTRL{n}"), payee=office.payee_text) for n in range(1, 41)]
    stranger = payment("9600000001", payee=payee_text(world.payee("000000001", "1999800008"), "000000001"))
    unknown = payment("9700000001", payee=office.payee_text.__class__("NOBODY KNOWS", "000000077", "", ""))
    looked: list[int] = []

    def look(step: Steps, number: int) -> None:
        if number != 6:
            return
        looked.append(number)
        assert hidden_rows(world) > 20, "they are there"
        with world.session() as session:  # a whole scope: staff, jobs, proofs
            assert counts(session)[0] == 1
            assert session.scalars(sa.select(Payment.id)).all() == [earlier]
            assert session.get(Payment, earlier + 1) is None
            assert session.scalars(sa.select(Claim.payment_id).join(Payment, Payment.id == Claim.payment_id)).all() == [
                earlier
            ]
            inside = sa.select(sa.func.count()).select_from(sa.select(Payment.id).where(Payment.amount > 0).subquery())
            assert session.scalar(inside) == 1
            assert changed(session, sa.update(Claim).values(lx="9")) == 1
            assert changed(session, sa.delete(PaymentText)) == 1
            session.rollback()
            assert matching.match_unknown(session).payments == 0
            proof = PaymentProof(number="9500000001", tin=office.payee_text.tin, npi=office.payee_text.npi)
            assert proofs.verify_payment(session, proof) is None
        with world.session_of(office.organization) as session:
            assert counts(session) == [1, 1, 1, 1, 0, 1]
            if is_postgresql(session):
                raw: Any = session.connection().connection.dbapi_connection
                for model in MODELS:  # behind the criteria, row-level security says the same
                    key = "id" if model is Payment else "payment_id"
                    found = raw.execute(f"SELECT count(*) FROM {model.__tablename__} WHERE {key} > {earlier}")
                    assert found.fetchone()[0] == 0, model
        assert "No results" in office.client.get("/apps/remittance/?number=9500000001").text
        assert office.client.get(f"/apps/remittance/payments/{earlier + 1}").status_code == 404
        assert office.client.get(f"/apps/remittance/payments/{earlier}").status_code == 200
        assert "950000" not in office.client.get("/apps/remittance/").text
        assert "NOBODY KNOWS" not in staff.get(f"{URL}payees-not-on-record").text
        answer = staff.post(f"{URL}inspect", {"number": "9500000001", "reason": "a test"})
        assert answer.status_code != 303

    with between_steps(monkeypatch, look):
        report = run(world, file_of(unknown, stranger, *new))
    assert looked == [6]
    assert report.payments == 42
    with world.session() as session:
        assert counts(session)[0] == 43
        assert session.scalars(sa.select(HiddenFrom.from_id)).one() == NOTHING_HIDDEN
    assert "9500000001" in office.client.get("/apps/remittance/").text or office.client.get(
        "/apps/remittance/?number=9500000001"
    ).status_code in (200, 303)
    assert "NOBODY KNOWS" in staff.get(f"{URL}payees-not-on-record").text


@pytest.mark.usefixtures("small_steps")
def test_what_is_stored_is_the_same_as_in_one_transaction(world: World) -> None:
    data = file_of(*many_payments(40))
    report = run(world, data)
    assert (report.outcome, report.payments, report.claims) == (reports.IMPORTED, 40, 120)
    with world.session() as session:
        assert counts(session) == [40, 120, 120, 120, 0, 40]
        row = session.scalars(sa.select(RemittanceFile)).one()
        assert reports.from_json(row.report) == report
        assert (row.outcome, row.bytes_read, row.payments_read) == (reports.IMPORTED, len(data), 40)
        assert (row.lease_token, row.leased_until) == (None, None)
        event = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "remittance.file.imported")).one()
    assert json.loads(event.fields)["payments"] == 40
    again = run(world, data)
    assert (again.outcome, again.message) == (reports.UNCHANGED, "This very file was imported before.")


def test_a_small_file_is_stored_in_one_transaction(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []

    def watched(session: PortalSession, name: str, *rest: Any) -> Steps:
        begun.append(name)
        return steps.begin(session, name, *rest)

    monkeypatch.setattr(importing, "begin", watched)
    data = file_of(*many_payments(20))
    assert run(world, data).payments == 20
    with world.session() as session:
        assert counts(session)[0] == 20
        assert session.scalars(sa.select(HiddenFrom)).all() == []
        events = session.scalars(sa.select(AuditEvent.id).where(AuditEvent.event == "remittance.file.imported"))
        assert len(events.all()) == 1
    assert begun == []
    monkeypatch.setattr(importing, "_AT_ONCE", len(data) - 1)
    assert run(world, data, "larger.835").outcome == reports.UNCHANGED
    assert begun == ["larger.835"]


@pytest.mark.usefixtures("small_steps")
def test_others_write_between_the_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite there is one writer at a time: none of the steps keeps it."""
    written = []

    def look(_step: Steps, number: int) -> None:
        with world.session() as session:
            if not is_postgresql(session):
                session.connection().exec_driver_sql("PRAGMA busy_timeout(0)")
            session.execute(sa.update(RemittanceFile).values(name=f"written {number}"))
            session.commit()
            if not is_postgresql(session):
                session.connection().exec_driver_sql("PRAGMA busy_timeout(30000)")
        written.append(number)

    with between_steps(monkeypatch, look):
        run(world, file_of(*many_payments(20)))
    assert len(written) >= 8


def test_one_large_payment_is_stored_in_several_steps(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "_BETWEEN_BREATHS", 100)
    monkeypatch.setattr(steps, "_LONGEST", 0.0)
    monkeypatch.setattr(importing, "_AT_ONCE", 0)
    left: list[int] = []
    with between_steps(monkeypatch, lambda _steps, number: left.append(number)):
        run(world, file_of(payment("1", *(claim(f"A{n}", f"C{n}") for n in range(1_000)))))
    with world.session() as session:
        assert counts(session)[1] == 1_000
        assert len(left) > (0 if is_postgresql(session) else 30)


@pytest.mark.usefixtures("small_steps")
def test_an_import_that_fails_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_steps: Steps, number: int) -> None:
        if number == 4:
            raise loading.CannotStore("remittance_claim", ValueError())

    with between_steps(monkeypatch, fail), pytest.raises(loading.CannotStore), world.database.new_session() as session:
        import_in_steps(session, io.BytesIO(file_of(*many_payments(30))), "a.835", size=1)
    assert hidden_rows(world) == 0
    with world.session() as session:
        assert session.scalars(sa.select(RemittanceFile)).all() == []
        if not is_postgresql(session):
            assert session.connection().exec_driver_sql("PRAGMA synchronous").scalar() == 2
    assert run(world, file_of(*many_payments(30))).payments == 30


@pytest.fixture
def dead(world: World, monkeypatch: pytest.MonkeyPatch) -> int:
    """An import that died after four steps; the id of its file."""
    monkeypatch.setattr(importing, "_BATCH_ROWS", 20)
    monkeypatch.setattr(importing, "_AT_ONCE", 0)

    class Died(BaseException):
        pass

    def die(_steps: Steps, number: int) -> None:
        if number == 4:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(importing, "give_up", lambda _steps: None)
        with between_steps(monkeypatch, die), pytest.raises(Died), world.database.new_session() as session:
            import_in_steps(session, io.BytesIO(file_of(*many_payments(30))), "dead.835", size=1_000_000)
    with world.session() as session:
        return session.scalars(sa.select(RemittanceFile.id)).one()


def clean_up(world: World) -> None:
    with world.app.app_context():
        assert worker.run_job(world.app, steps.JOB)


def test_what_a_dead_import_left_is_removed_and_said(world: World, dead: int, clock: Clock) -> None:
    clean_up(world)
    assert hidden_rows(world) > 0, "it may be alive"
    clock.advance(steps.LEASE + dt.timedelta(seconds=1))
    clean_up(world)
    assert hidden_rows(world) == 0
    world.staff("a.staff", permissions=STAFF)
    staff = world.sign_in("a.staff")
    assert "Interrupted" in staff.get(URL).text
    page = staff.get(f"{URL}files/{dead}").text
    assert "Interrupted: nothing was imported" in page
    assert "import the file again" in page
    with world.session() as session:
        event = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "remittance.file.interrupted")).one()
        assert json.loads(event.fields) == {"file": dead}
        assert session.scalars(sa.select(HiddenFrom.from_id)).one() == NOTHING_HIDDEN
    clean_up(world)
    assert run(world, file_of(*many_payments(30))).payments == 30


def test_the_next_import_cleans_up_first(world: World, dead: int, clock: Clock) -> None:
    clock.advance(steps.LEASE + dt.timedelta(seconds=1))
    assert run(world, file_of(*many_payments(30))).payments == 30
    with world.session() as session:
        outcomes = session.scalars(sa.select(RemittanceFile.outcome).order_by(RemittanceFile.id)).all()
        assert counts(session)[:2] == [30, 90]
    assert list(outcomes) == [reports.INTERRUPTED, reports.IMPORTED]


def test_a_second_import_is_told_that_another_goes_on(world: World, dead: int) -> None:
    """Dead or not: nobody knows before its lease has run out."""
    data = file_of(payment("1"))
    with world.database.new_session() as session, pytest.raises(Busy, match=r"dead\.835 is being imported"):
        import_file(session, io.BytesIO(data), "second.835")
    with world.database.new_session() as session, pytest.raises(Busy, match=r"dead\.835 is being imported"):
        import_in_steps(session, io.BytesIO(data), "second.835", size=len(data))
    with world.session() as session:
        assert session.scalars(sa.select(RemittanceFile.id)).all() == [dead]


def test_the_list_and_the_report_say_how_far_it_is(world: World, dead: int) -> None:
    world.staff("a.staff", permissions=STAFF)
    staff = world.sign_in("a.staff")
    listed = staff.get(URL).text
    assert "Being imported" in listed
    assert 'data-hx-trigger="every 1s"' in listed
    page = staff.get(f"{URL}files/{dead}").text
    assert "Importing, " in page
    assert "Look again" in page
    with world.session() as session:
        assert (
            session.scalars(sa.select(AuditEvent.id).where(AuditEvent.event == "remittance.report.viewed")).all() == []
        )
