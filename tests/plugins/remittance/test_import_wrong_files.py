"""Importing what is wrong: what does not balance, is cut off, refused, odd or too large; and what the report says of it."""

from __future__ import annotations

import io

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.intake import importing, reports
from hp_portal_plugins.remittance.models import (
    Claim,
    Line,
    Payment,
    RemittanceFile,
)
from tests.plugins.remittance.import_files import (
    SURNAME,
    claim,
    file_of,
    import_835,
    many_payments,
    payment,
)
from tests.plugins.remittance.stored import TABLES, counts, stored
from tests.support.world import World


def test_what_does_not_balance_is_imported_and_marked(world: World) -> None:
    report = import_835(world, file_of(payment("1"), payment("2", off_by=-1)))
    assert (report.outcome, report.payments, report.unbalanced) == (reports.IMPORTED, 2, ["2"])
    assert report.diagnostics_by_rule == {"balance.check": 1}
    assert report.diagnostics[0].payment == "2"
    with world.session() as session:
        marks = dict(session.execute(sa.select(Payment.trace_number, Payment.balanced)).all())
    assert marks == {"1": True, "2": False}


def test_a_payment_without_amount_is_left_out_and_the_others_go_in(world: World) -> None:
    data = file_of(payment("1"), payment("2"), payment("3"))
    second = data.index(b"BPR*I*80", data.index(b"ST*835*0002"))
    report = import_835(world, data[:second] + b"BPR*I*8O" + data[second + 8 :])
    assert (report.outcome, report.payments, report.skipped) == (reports.PARTIAL, 2, 1)
    with world.session() as session:
        assert set(session.scalars(sa.select(Payment.trace_number))) == {"1", "3"}


def test_a_truncated_check_is_left_out_and_comes_with_the_whole_file(world: World) -> None:
    data = file_of(payment("1"), payment("2"))
    cut = data[: data.index(b"SE*", data.index(b"ST*835*0002"))]
    assert (import_835(world, cut).payments, import_835(world, data).payments) == (1, 1)
    assert stored(world)["payments"] == 2


REFUSED = {
    "empty": (b"", "The file is empty."),
    "blank": (b" \r\n\r\n", "The file is empty."),
    "pdf": (b"%PDF-1.7\n1 0 obj\n", "This is a PDF, not an 835 remittance."),
    "837": (
        file_of(payment("1")).replace(b"ST*835*0001~", b"ST*837*0001~").replace(b"GS*HP*", b"GS*HC*"),
        "This is an X12 837 (health care claim), not an 835 remittance.",
    ),
    "text": (b"Dear payer,\nplease find enclosed nothing.\n", "This is not an 835 remittance"),
    "no good payment": (file_of(payment("1")).replace(b"TRN*1*1*", b"TRN*1**"), "No payment in this file can be imported."),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_a_refused_file_leaves_its_report_and_nothing_else(world: World, kind: str) -> None:
    data, message = REFUSED[kind]
    report = import_835(world, data, "bad.835")
    assert report.outcome == reports.REFUSED
    assert report.message.startswith(message)
    with world.session() as session:
        assert counts(session) == [0] * len(TABLES)
        row = session.scalars(sa.select(RemittanceFile)).one()
    assert (row.outcome, row.name, row.size) == (reports.REFUSED, "bad.835", len(data))


def test_a_refused_file_can_be_imported_when_it_is_sent_whole(world: World) -> None:
    import_835(world, REFUSED["no good payment"][0])
    assert import_835(world, file_of(payment("1"))).payments == 1


def test_reports_name_no_patient(world: World) -> None:
    data = file_of(payment("1", claim("ACCT", "CTRL"), off_by=1))
    broken = data.replace(b"CLP*ACCT*1*100*", f"CLP*ACCT*1*{SURNAME}*".encode())
    broken = broken.replace(b"DTM*472*", f"DTM*472*{SURNAME}".encode(), 1).replace(
        b"NM1*QC", f"XYZ*{SURNAME}~\nNM1*QC".encode()
    )
    broken += f"{SURNAME}*AFTER~\n".encode()
    report = import_835(world, broken, "odd.835")
    assert report.payments == 1
    assert report.diagnostics_count >= 4
    assert SURNAME not in report.as_json()


def test_findings_are_capped_and_counted(world: World) -> None:
    bad = [payment(f"{number}", off_by=1) for number in range(1, 400)]
    report = import_835(world, file_of(*bad))
    assert report.diagnostics_by_rule == {"balance.check": 399}
    assert len(report.diagnostics) == reports.MOST_OF_A_RULE
    assert (len(report.unbalanced), report.unbalanced_count) == (reports.MOST_NUMBERS, 399)


def damaged() -> dict[str, bytes]:
    """Files that a database could choke on."""
    good = file_of(payment("1", claim("ACCT", "CTRL")))
    long = b"X" * 5_000
    return {
        "nul": good.replace(SURNAME.encode(), b"TEST\0PATIENT")
        .replace(b"TRN*1*1*", b"TRN*1*1\0*")
        .replace(b"ACCT*", b"A\0*"),
        "not utf-8": good.replace(SURNAME.encode(), b"P\xc9REZ\x81\xff"),
        "backslashes": good.replace(SURNAME.encode(), b"TEST\\N\tPATIENT\\").replace(b"ACCT*", b"\\.*"),
        "long numbers": good.replace(b"ACCT", long)
        .replace(b"CTRL", long)
        .replace(b"TRN*1*1*", b"TRN*1*" + long + b"*"),
        "long names": good.replace(SURNAME.encode(), long).replace(b"ANN", long).replace(b"M0000001", long),
        "huge amounts": good.replace(b"*80*", b"*9999999999999.99*").replace(b"CO*45*20", b"CO*45*" + b"9" * 40),
        "impossible dates": good.replace(b"*20260302", b"*20261399").replace(b"DTM*232*2026", b"DTM*232*0000"),
    }


@pytest.mark.parametrize("kind", damaged())
def test_odd_text_is_stored_not_choked_on(world: World, kind: str) -> None:
    report = import_835(world, damaged()[kind])
    assert (report.outcome, report.payments) == (reports.IMPORTED, 1)
    assert stored(world)["claims"] == 1


def test_sums_that_no_database_integer_holds_are_not_stored(world: World) -> None:
    largest = "9999999999999.99"
    good = file_of(payment("1")).decode()
    triplets = "".join(f"CAS*CO*45*{largest}~\n" for _ in range(9_300))
    report = import_835(world, good.replace("CAS*CO*45*20~\n", triplets).encode())
    assert (report.payments, report.adjustments) == (1, 9_300)
    with world.session() as session:
        assert session.scalars(sa.select(Claim.adjusted)).one() is None
        assert session.scalars(sa.select(Line.adjusted)).one() is None


def test_a_stream_that_breaks_leaves_nothing(world: World) -> None:
    class Breaking(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 50_000:
                raise OSError("the disk is gone")
            return super().read(20_000)

    with world.database.new_session() as session, pytest.raises(OSError, match="gone"):
        importing.import_file(session, Breaking(file_of(*many_payments(300))), "a.835")
    with world.session() as session:
        assert counts(session) == [0] * len(TABLES)
        assert session.scalar(sa.select(sa.func.count()).select_from(RemittanceFile)) == 0
