"""Payments that have the number of another one: stored beside it, said in the report, put before the staff."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from hp_portal import migrations, row_security
from hp_portal.database import changing_schema
from hp_portal.migrations import comparing
from hp_portal_plugins.remittance.intake import importing, reports
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.models import Payment
from tests.conftest import MakeApp
from tests.plugins.remittance.import_files import CLINIC, DAY, claim, file_of, import_835, many_payments, payment
from tests.support.databases import DATA_KEY, as_owner, data_key, database_of
from tests.support.identifiers import make_npi
from tests.support.world import World

pytestmark = pytest.mark.either_database

SECOND_PAYEE = replace(CLINIC, name="OTHER SAMPLE CLINIC", tin="000000002", npi=make_npi(2))
FIRST = payment("4512", claim("A", "C1"))
CHANGED: dict[str, tuple[Any, list[str]]] = {
    "another payee": (payment("4512", claim("A", "C1"), payee=SECOND_PAYEE), ["payee"]),
    "another TIN of the same NPI": (payment("4512", claim("A", "C1"), payee=replace(CLINIC, tin="000000003")), ["payee"]),
    "the Tax ID alone": (payment("4512", claim("A", "C1"), payee=replace(CLINIC, npi="")), ["payee"]),
    "other claims, as one EFT in two files": (payment("4512", claim("B", "C2")), ["contents"]),
    "one cent moved between claims": (payment("4512", claim("A", "C1", charged=10001)), ["contents"]),
    "another name in the file": (payment("4512", claim("A", "C1"), payee=replace(CLINIC, name="SAMPLE CLINIC II")), ["contents"]),
    "another date": (payment("4512", claim("A", "C1"), issued=DAY + dt.timedelta(days=1)), ["date"]),
    "another method": (payment("4512", claim("A", "C1"), method="CHK"), ["method"]),
    "another amount": (payment("4512", claim("A", "C1", paid=7000)), ["amount"]),
    "leading zeros": (payment("00004512", claim("A", "C1")), ["contents"]),
}  # fmt: skip


def pairs(world: World) -> list[tuple[int, int, str, str]]:
    """What waits for staff: the later payment, the earlier one, what differs, the state."""
    with world.session() as session:
        found = session.execute(
            sa.select(SameNumber.payment_id, SameNumber.earlier_id, SameNumber.differs, SameNumber.state).order_by(
                SameNumber.id
            )
        )
        return [(row.payment_id, row.earlier_id, row.differs, row.state) for row in found]


def marks(world: World) -> list[bool]:
    """Which payments are in question, in the order in which they came."""
    with world.session() as session:
        return list(session.scalars(sa.select(Payment.in_question).order_by(Payment.id)))


@pytest.mark.parametrize("how", CHANGED)
def test_other_contents_under_a_known_number_are_stored_and_put_before_the_staff(world: World, how: str) -> None:
    other, differs = CHANGED[how]
    import_835(world, file_of(FIRST))
    report = import_835(world, file_of(other, control=2))
    assert (report.outcome, report.payments, report.already_known) == (reports.IMPORTED, 1, [])
    assert [(one.number, one.differs) for one in report.same_number] == [(other.number, differs)]
    assert report.same_number_count == 1
    assert pairs(world) == [(2, 1, " ".join(differs), "waits")]
    assert marks(world) == [True, True]


@pytest.mark.parametrize("how", CHANGED)
def test_two_of_one_number_in_one_file_are_both_stored(world: World, how: str) -> None:
    other, differs = CHANGED[how]
    report = import_835(world, file_of(FIRST, other))
    assert (report.payments, report.same_number_count) == (2, 1)
    assert pairs(world) == [(2, 1, " ".join(differs), "waits")]
    assert marks(world) == [True, True]


def test_the_earlier_one_may_come_in_another_batch_of_the_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 5)
    report = import_835(world, file_of(FIRST, *many_payments(6), CHANGED["another payee"][0], FIRST))
    assert (report.payments, report.already_known, report.same_number_count) == (8, ["4512"], 1)
    assert pairs(world) == [(8, 1, "payee", "waits")]


RESENT: dict[str, Callable[[bytes], bytes]] = {
    "other control numbers": lambda data: data.replace(b"*0001~", b"*0077~").replace(b"ST*835*0001", b"ST*835*0077"),
    "other separators": lambda data: data.replace(b"*", b"|").replace(b":", b">").replace(b"~\n", b"'"),
    "no line ends": lambda data: data.replace(b"~\n", b"~"),
    "CR and LF": lambda data: data.replace(b"~\n", b"~\r\n"),
    "line ends for terminators": lambda data: data.replace(b"~\n", b"\n"),
    "among others": lambda data: file_of(payment("1"), FIRST, control=9),
    "ST03": lambda data: data.replace(b"ST*835*0001~", b"ST*835*0001*005010X221A1~"),
}


@pytest.mark.parametrize("how", RESENT)
def test_the_same_contents_again_are_known_in_whatever_envelope_they_come(world: World, how: str) -> None:
    import_835(world, file_of(FIRST))
    again = RESENT[how](file_of(FIRST, control=2))
    report = import_835(world, again)
    assert report.already_known == ["4512"], report
    assert (report.same_number_count, pairs(world)) == (0, [])


def test_a_date_left_out_is_said(world: World) -> None:
    """Without BPR16 a second payment appeared without a word."""
    data = file_of(FIRST)
    import_835(world, data)
    report = import_835(world, data.replace(b"*000000*20260302~", b"*000000~"))
    assert [(one.number, one.differs) for one in report.same_number] == [("4512", ["date"])]
    assert pairs(world) == [(2, 1, "date", "waits")]


def test_the_number_of_another_payer_is_another_number(world: World) -> None:
    data = file_of(FIRST)
    import_835(world, data)
    report = import_835(world, data.replace(b"*1000000098", b"*1000000097"))
    assert (report.payments, report.same_number_count) == (1, 0)


def test_a_third_one_is_compared_with_the_payment_of_its_own_payee(world: World) -> None:
    import_835(world, file_of(FIRST, CHANGED["another payee"][0]))
    import_835(world, file_of(payment("4512", claim("B", "C2")), control=2))
    assert pairs(world) == [(2, 1, "payee", "waits"), (3, 1, "contents", "waits")]
    import_835(world, file_of(payment("4512", claim("D", "C4")), control=3))
    assert pairs(world)[-1] == (4, 3, "contents", "waits")


def test_a_payment_is_compared_with_every_earlier_one_whose_claim_it_has(world: World) -> None:
    """Not with the latest of its number alone: both parts of a payment may be sent again as a whole."""
    first, second = payment("4512", claim("A", "C1")), payment("4512", claim("B", "C2"))
    import_835(world, file_of(first))
    import_835(world, file_of(second, control=2))
    day = DAY + dt.timedelta(days=1)
    import_835(world, file_of(replace(first, issued=day), control=3))
    assert pairs(world) == [(2, 1, "contents", "waits"), (3, 2, "date", "waits"), (3, 1, "date", "waits")]
    import_835(world, file_of(payment("4514", claim("A", "C1"), claim("B", "C2")), control=4))
    with world.session() as session:
        session.execute(sa.update(Payment).where(Payment.id == 1).values(set_aside="voided"))
        session.commit()
    import_835(world, file_of(payment("4512", claim("A", "C1"), claim("B", "C2"), issued=day), control=5))
    assert [pair[:2] for pair in pairs(world)[3:]] == [(5, 3), (5, 2)], "neither of another number nor voided"
    with world.session() as session:
        repeated = session.scalars(sa.select(Payment.repeated).order_by(Payment.id)).all()
        overlaps = session.scalars(sa.select(SameNumber.overlaps).order_by(SameNumber.id)).all()
    assert repeated == [True, True, True, False, False]
    assert overlaps == [False, False, True, True, True]


def test_who_the_payee_is_is_told_by_the_record_and_without_it_by_what_the_files_say(world: World) -> None:
    """The Tax ID alone is the payee's who is the only one with it; where a file names neither number, the name tells."""
    nameless = replace(CLINIC, tin="", npi="")
    for number, to in (("1", nameless), ("1", replace(nameless, name="OTHER SAMPLE CLINIC"))):
        import_835(world, file_of(payment(number, claim("A", "C1"), payee=to)))
    world.payee(CLINIC.tin, CLINIC.npi)
    import_835(world, file_of(FIRST, payment("4512", claim("B", "C2"), payee=replace(CLINIC, npi=""))))
    assert pairs(world) == [(2, 1, "payee", "waits"), (4, 3, "contents", "waits")]


def test_the_payee_is_known_under_a_new_data_key(world: World, database_url: str, make_app: MakeApp) -> None:
    """By the Tax ID alone, whose hash is made with the data key: before `keys rotate` makes it anew."""
    rotating = World(make_app(database_url, data_key=f"{data_key('rotated')},{DATA_KEY}"))
    for number, portal in enumerate((world, rotating)):
        one = payment("4512", claim(f"A{number}", f"C{number}"), payee=replace(CLINIC, npi=""))
        import_835(portal, file_of(one, control=number))
    assert pairs(world) == [(2, 1, "contents", "waits")]


def notice(*claims: Any, **facts: Any) -> Any:
    return payment("0000", *(replace_paid(one) for one in claims), method="NON", **facts)


def replace_paid(one: Any) -> Any:
    """The claim with everything taken off: a notice pays nothing."""
    line = one.services[0]
    return replace(one, services=(replace(line, reasons=(replace(line.reasons[0], amount=line.charged),)),))


NOTICES: dict[str, tuple[Any, list[str] | None]] = {
    "of another payee": (notice(claim("A", "C1"), payee=SECOND_PAYEE), None),
    "of another day": (notice(claim("B", "C2"), issued=DAY + dt.timedelta(days=7)), None),
    "of another day, about the same claim": (notice(claim("A", "C1"), issued=DAY + dt.timedelta(days=7)), ["date"]),
    "of the same day": (notice(claim("B", "C2")), ["contents"]),
}


@pytest.mark.parametrize("how", NOTICES)
def test_a_notice_s_number_may_be_a_placeholder(world: World, how: str) -> None:
    """Where nothing is paid, the same number says something only for the same payee, of one day or about one claim."""
    other, differs = NOTICES[how]
    for in_one_file in (False, True):
        number = f"77{int(in_one_file)}"
        one, two = replace(notice(claim("A", "C1")), number=number), replace(other, number=number)
        files = [file_of(one, two)] if in_one_file else [file_of(one), file_of(two, control=2)]
        found = [import_835(world, data) for data in files]
        assert sum(report.payments for report in found) == 2
        assert [one.differs for report in found for one in report.same_number] == ([differs] if differs else [])


def test_no_check_of_a_file_is_lost_to_a_placeholder(world: World) -> None:
    """Six checks with three numbers, as in de-identified files: three of them were taken for checks that were there."""
    checks = [
        payment("999999", claim("A", "C1")),
        payment("999999", claim("B", "C2")),
        payment("1001", claim("C", "C3")),
        payment("999999", claim("C", "C4"), payee=SECOND_PAYEE),
        payment("1001", claim("D", "C5")),
        payment("1002", claim("E", "C6")),
    ]
    data = file_of(*checks)
    report = import_835(world, data)
    assert (report.payments, report.claims, report.already_known_count, report.same_number_count) == (6, 6, 0, 3)
    again = import_835(world, data, "again.835")
    assert (again.payments, again.already_known_count, again.same_number_count) == (0, 6, 0)


BEFORE = "1795831201"


def test_an_upgrade_works_out_the_digests_from_the_kept_texts(world: World) -> None:
    """A database of an earlier version knows its payments again; one whose text cannot be opened is asked about."""
    data = file_of(FIRST, *many_payments(3))
    import_835(world, data)
    with world.session() as session:
        digests = list(session.scalars(sa.select(Payment.identity).order_by(Payment.id)))
    app = world.app
    with as_owner(app) as engine:
        chain = migrations.chains_of(app)["remittance"]
        with changing_schema(engine) as connection:
            connection.info["hp_portal.vault"] = database_of(app).vault
            if connection.dialect.name == "postgresql":
                row_security.lift(connection, chain.prefix)  # as before every upgrade
            command.downgrade(chain.config(connection=connection), BEFORE)
            for number in range(1, 5):
                old = sa.text("UPDATE remittance_payment SET identity = :old WHERE id = :id")
                connection.execute(old, {"old": bytes([number]) * 32, "id": number})
            connection.execute(
                sa.text("UPDATE remittance_text SET sealed = :broken WHERE payment_id = 2"), {"broken": b"x"}
            )
        assert migrations.upgrade(app).failed == {}
    assert comparing.differences(app) == []
    with world.session() as session:
        upgraded = list(session.scalars(sa.select(Payment.identity).order_by(Payment.id)))
    assert upgraded == [digests[0], bytes([2]) * 32, *digests[2:]]
    report = import_835(world, data.replace(b"*000000001*0*P", b"*000000002*0*P"))
    assert (report.payments, report.already_known_count) == (1, 3)
    assert [one.differs for one in report.same_number] == [["contents"]]


def test_many_of_one_number_are_a_row_each(world: World) -> None:
    report = import_835(world, file_of(*(payment("4512", claim(f"A{place}", f"C{place}")) for place in range(250))))
    assert (report.payments, report.same_number_count, len(report.same_number)) == (250, 249, reports.MOST_NUMBERS)
    assert pairs(world) == [(place + 1, place, "contents", "waits") for place in range(1, 250)]
