"""Payments of an earlier version, which worked out less of them, are read again from their kept text."""

from __future__ import annotations

import datetime as dt
import json
import struct
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from hp_portal import api, migrations, row_security
from hp_portal.database import changing_schema
from hp_portal.worker import run_once
from hp_portal_plugins.remittance.demo.writing import FileText, PaymentText
from hp_portal_plugins.remittance.intake import reading_again
from hp_portal_plugins.remittance.intake.models import ReadingAgain
from hp_portal_plugins.remittance.models import KEPT_TEXT, Claim, Payment
from hp_portal_plugins.remittance.models import PaymentText as KeptText
from tests.support.clock import Clock
from tests.support.databases import as_owner
from tests.support.world import World

from .import_files import import_835
from .inquiry import DAY, PAYER, Office, claim, events, url_of
from .test_same_number_decisions import READ, text_of

ODD = "The remittance says that the patient owes"


def as_an_earlier_version_left_it(office: Office) -> list[int]:
    """Two payments of which nothing odd is known, though the first one's claim says otherwise what the patient owes."""
    payment = PaymentText("4801", "ACH", DAY, office.payee_text, (claim(1),))
    file = FileText(PAYER, "1999999999", dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC), 1, [payment]).encoded()
    import_835(office.world, file.replace(b"*150*20*", b"*150*99*", 1))
    plain = office.paid("4802", claim(2))
    odd = plain - 1
    with office.world.session() as session:
        assert session.scalar(sa.select(Payment.marks).where(Payment.id == odd)) == '{"owed":1}'
        session.execute(sa.update(Payment).values(marks=None))
        session.execute(sa.update(Claim).values(patient_adjusted=None))
    return [odd, plain]


def ask(world: World) -> None:
    """As the upgrade does."""
    with world.session() as session:
        reading_again.ask(session)
        session.commit()


def asked(world: World) -> list[ReadingAgain]:
    with world.session() as session:
        return list(session.scalars(sa.select(ReadingAgain).order_by(ReadingAgain.id)))


def marks(world: World) -> list[Any]:
    with world.session() as session:
        return list(session.scalars(sa.select(Payment.marks).order_by(Payment.id)))


def test_the_worker_reads_what_an_upgrade_asks_for_and_staff_see_how_far_it_is(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = office.world
    odd, _ = as_an_earlier_version_left_it(office)
    assert ODD not in text_of(office.client, url_of(odd, 1))
    ask(world)
    world.staff("a.staff", permissions=["staff:console:open", READ])
    staff = world.sign_in("a.staff")
    monkeypatch.setattr(reading_again, "_LONGEST", 0.0)
    assert "0 of 2 payments that an earlier version imported" in text_of(staff, "/staff/remittance/")
    assert run_once(world.app, ["long"])
    assert asked(world)[0].state == "waiting", "a little at a time: imports wait in the same lane"
    monkeypatch.setattr(reading_again, "_LONGEST", 20.0)
    assert run_once(world.app, ["long"])
    assert marks(world) == ['{"owed":1}', None]
    assert ODD in text_of(office.client, url_of(odd, 1))
    (run,) = asked(world)
    assert (run.state, run.done, run.changed, run.unreadable) == ("done", 2, 1, 0)
    assert events(world, "remittance.payments.read-again") == [{"payments": 2, "changed": 1, "unreadable": 0}]
    assert "that an earlier version imported" not in text_of(staff, "/staff/remittance/")


def damage(world: World, payment: int) -> bytes:
    """The payment's text opens and is no text: the reader raises. Returns what was kept."""
    with world.session() as session:
        kept = session.get_one(KeptText, payment).sealed
        sealed = session.vault.seal(b"SECRETNAME, packed by nobody", KEPT_TEXT(payment))
    keep(world, payment, sealed)
    return kept


def keep(world: World, payment: int, sealed: bytes) -> None:
    with as_owner(world.app) as engine, engine.begin() as connection:
        put = sa.text("UPDATE remittance_text SET sealed = :sealed WHERE payment_id = :payment")
        assert connection.execute(put, {"sealed": sealed, "payment": payment}).rowcount == 1


def test_a_payment_at_which_the_reader_fails_keeps_no_other_waiting_and_is_put_before_staff(
    office: Office, clock: Clock
) -> None:
    world = office.world
    first = office.paid("4800", claim(9))
    as_an_earlier_version_left_it(office)
    kept = damage(world, first)
    ask(world)
    world.staff("a.staff", permissions=["staff:console:open", READ])
    assert run_once(world.app, ["long"]), "the job does not fail"
    assert marks(world) == [None, '{"owed":1}', None]
    (run,) = asked(world)
    assert (run.state, run.done, run.changed, run.unreadable) == ("done", 3, 1, 1)
    assert events(world, "remittance.payments.read-again") == [{"payments": 3, "changed": 1, "unreadable": 1}]
    staff = world.sign_in("a.staff")
    assert "1 payment cannot be read again" in text_of(staff, "/staff/")
    shown = text_of(staff, "/staff/remittance/")
    assert "1 payment could not be read again" in shown
    assert (
        f"4800 (id {first}): its kept text is damaged, or the reader fails at it (error in kept_text.py, line" in shown
    )
    assert "SECRETNAME" not in shown
    assert run_once(world.app, ["long"])
    assert [one.attempts for one in asked(world)] == [1], "it is not tried again"
    clock.advance(days=8)
    assert "could not be read again" not in text_of(world.sign_in("a.staff"), "/staff/remittance/")
    command = world.app.test_cli_runner()
    assert command.invoke(args=["remittance", "read-again"]).exit_code == 3
    assert "could not be read again" in text_of(world.sign_in("a.staff"), "/staff/remittance/")
    keep(world, first, kept)
    assert command.invoke(args=["remittance", "read-again"]).exit_code == 0
    assert "could not be read again" not in text_of(world.sign_in("a.staff"), "/staff/remittance/")


def test_a_text_that_is_no_payment_any_more_is_named(office: Office) -> None:
    world = office.world
    ids = [office.paid("4805", claim(5)), office.paid("4806", claim(6))]
    for payment, text in zip(ids, (b"ST*835*0001~LX*1~SE*3*0001~", b"ST*837*0001~BHT*1~SE*3*0001~"), strict=True):
        with world.session() as session:
            packed = zlib.compress(struct.pack(">II", 0, 0) + text)
            sealed = session.vault.seal(packed, KEPT_TEXT(payment))
        keep(world, payment, sealed)
    result = world.app.test_cli_runner().invoke(args=["remittance", "read-again"])
    why = "its kept text has no payment in it that can be imported"
    assert result.output.splitlines()[1:] == [
        f"  payment {number} (id {payment}): {why}" for number, payment in zip(("4805", "4806"), ids, strict=True)
    ]


def test_what_is_asked_for_is_done_once_by_one_at_a_time_and_goes_on_where_it_was(
    office: Office, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    world = office.world
    odd, plain = as_an_earlier_version_left_it(office)
    ask(world)
    ask(world)
    assert [(run.of, run.until_id) for run in asked(world)] == [(2, plain)], "asked for twice, done once"
    late = office.paid("4807", claim(7))
    with world.session() as session:
        session.execute(sa.update(Claim).where(Claim.payment_id == late).values(patient_adjusted=1))
        held = api.take_lease(session, ReadingAgain, lasts=dt.timedelta(minutes=2))
        assert held is not None
    busy = world.app.test_cli_runner().invoke(args=["remittance", "read-again"])
    assert (busy.exit_code, "at the moment" in busy.output) == (1, True)
    clock.advance(minutes=3)

    really = reading_again._store

    def fails_at_the_second(session: Any, found: Any) -> int:
        if [row.id for row, _ in found] == [plain]:
            raise RuntimeError("the database is away, say")
        return really(session, found)

    def overtaken(*_: Any, **__: Any) -> None:
        raise api.LeaseLost

    monkeypatch.setattr(reading_again, "_STEP", 1)
    with monkeypatch.context() as now:
        now.setattr(api, "renew_lease", overtaken)
        assert run_once(world.app, ["long"]), "another worker has it: that is no failure"
    assert marks(world)[0] is None
    clock.advance(minutes=3)
    with monkeypatch.context() as now:
        now.setattr(reading_again, "_store", fails_at_the_second)
        assert not run_once(world.app, ["long"])
    assert [(run.done, run.last_id, run.changed) for run in asked(world)] == [(1, odd, 1)]
    clock.advance(minutes=3)
    assert run_once(world.app, ["long"])
    assert [(run.state, run.done, run.changed) for run in asked(world)] == [("done", 2, 1)]
    with world.session() as session:
        left = session.scalars(sa.select(Claim.patient_adjusted).where(Claim.payment_id == late)).one()
    assert left == 1, "what came later was read by this version"


def test_a_command_does_it_at_once_and_says_what_it_could_not_read(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = office.world
    odd, plain = as_an_earlier_version_left_it(office)
    lost, broken = office.paid("4803", claim(3)), office.paid("4804", claim(4))
    with world.session() as session:
        session.execute(sa.delete(KeptText).where(KeptText.payment_id == lost))
        session.execute(sa.update(KeptText).where(KeptText.payment_id == broken).values(sealed=b"not a seal"))
    monkeypatch.setattr(reading_again, "_STEP", 1)
    result = world.app.test_cli_runner().invoke(args=["remittance", "read-again"])
    assert result.exit_code == 3, result.output
    assert result.output.splitlines() == [
        "4 payments read again: 1 changed, 2 cannot be read any more and stay as they are.",
        f"  payment 4803 (id {lost}): no text of it is kept",
        f"  payment 4804 (id {broken}): its kept text does not open",
    ]
    assert marks(world)[0] == '{"owed":1}'
    monkeypatch.setattr(reading_again, "MOST_NAMED", 1)
    again = world.app.test_cli_runner().invoke(args=["remittance", "read-again", "--json"])
    assert again.exit_code == 3
    named = {"id": lost, "number": "4803", "why": "no text of it is kept"}
    assert json.loads(again.output) == {
        "payments": 4,
        "changed": 0,
        "unreadable": 2,
        "unreadable_payments": [named],
    }
    assert [run.state for run in asked(world)] == ["done", "done"]
    assert plain == odd + 1


def stored(world: World) -> list[dict[str, Any]]:
    """Every column of the payments and claims."""
    with world.session() as session:
        payments = session.execute(sa.text("SELECT * FROM remittance_payment ORDER BY id")).mappings().all()
        claims = session.execute(sa.text("SELECT * FROM remittance_claim ORDER BY payment_id")).mappings().all()
    return [dict(row) for row in (*payments, *claims)]


BEFORE = "1795605201"
"""The revision before payments had marks and claims what the patient owes by their adjustments."""


def test_a_filled_database_is_upgraded_and_read_again_as_if_imported_today(office: Office) -> None:
    world = office.world
    odd = PaymentText("4801", "ACH", DAY, office.payee_text, (claim(1),), off_by=500)
    file = FileText(PAYER, "1999999999", dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC), 1, [odd]).encoded()
    import_835(world, file.replace(b"*150*20*", b"*150*99*", 1))
    office.paid("4802", claim(2))
    today = stored(world)
    assert today[0]["marks"] == '{"owed":1}'
    with as_owner(world.app) as engine:
        chain = migrations.chains_of(world.app)["remittance"]
        with changing_schema(engine) as connection:
            connection.info["hp_portal.vault"] = world.database.vault
            if connection.dialect.name == "postgresql":
                row_security.lift(connection, chain.prefix)  # as before every upgrade
            command.downgrade(chain.config(connection=connection), BEFORE)
            left = {column["name"] for column in sa.inspect(connection).get_columns("remittance_payment")}
            connection.execute(sa.text("UPDATE remittance_payment SET balanced = :yes"), {"yes": True})
            connection.execute(sa.text("UPDATE remittance_claim SET balanced = :no"), {"no": False})
        assert "marks" not in left
        assert migrations.upgrade(world.app).failed == {}
    assert marks(world) == [None, None], "the upgrade itself reads nothing"
    world.staff("a.staff", permissions=["staff:console:open", "remittance:import:read"])
    home = world.sign_in("a.staff").get("/staff/").text
    assert "payments wait to be read again after an upgrade" in home
    assert run_once(world.app, ["long"])
    assert stored(world) == today
    (run,) = asked(world)
    assert (run.state, run.of, run.done, run.changed, run.unreadable) == ("done", 2, 2, 2, 0)


def test_nothing_else_of_a_payment_is_touched(office: Office) -> None:
    world = office.world
    as_an_earlier_version_left_it(office)

    def rest() -> list[Any]:
        changes = {"marks", "patient_adjusted"}
        return [{name: value for name, value in row.items() if name not in changes} for row in stored(world)]

    before = rest()
    world.app.test_cli_runner().invoke(args=["remittance", "read-again"])
    assert rest() == before
    with world.session() as session:
        assert session.scalars(sa.select(Claim.patient_adjusted).order_by(Claim.payment_id)).all() == [2000, None]
