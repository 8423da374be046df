"""`hp-portal remittance import` and `… codes load`."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from hp_portal import cli
from hp_portal_plugins.remittance.codes.models import Code
from hp_portal_plugins.remittance.intake import importing
from hp_portal_plugins.remittance.intake.reports import ImportReport
from hp_portal_plugins.remittance.models import Payment
from tests.plugins.remittance.import_files import SURNAME, claim, file_of, payment
from tests.plugins.remittance.test_import_crash import environment
from tests.support.processes import PATIENCE, Started
from tests.support.world import World

Run = Callable[..., Result]


@pytest.fixture
def run(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(cli, "_app", [app])

    def run_it(*arguments: str | Path) -> Result:
        return CliRunner().invoke(cli.cli, ["remittance", *map(str, arguments)], catch_exceptions=False)

    return run_it


def keep(folder: Path, **files: bytes) -> list[Path]:
    paths = [folder / f"{name}.835" for name in files]
    for path, data in zip(paths, files.values(), strict=True):
        path.write_bytes(data)
    return paths


def test_other_contents_under_a_known_number_are_said(world: World, run: Run, tmp_path: Path) -> None:
    first, second = keep(
        tmp_path, first=file_of(payment("4512")), second=file_of(payment("4512", claim(paid=7000)), control=2)
    )
    run("import", first)
    said = run("import", second).stdout
    assert "1 stored with the number of another payment: 4512 (other amount)" in said
    report = json.loads(run("import", "--json", second).stdout)
    assert (report["totals"]["same_number_count"], report["totals"]["already_known_count"]) == (0, 1)


def test_the_json_report_counts_every_file(world: World, run: Run, tmp_path: Path) -> None:
    first, second, bad = keep(
        tmp_path,
        first=file_of(payment("1"), payment("2", off_by=1)),
        second=file_of(payment("2", off_by=1), control=2),
        bad=b"%PDF-1.4",
    )
    result = run("import", "--json", first, tmp_path / "missing.835", second, bad)
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [one["outcome"] for one in report["files"]] == ["imported", "failed", "unchanged", "refused"]
    one = report["files"][0]
    assert (one["file"], one["payments"], one["claims"], one["lines"], one["adjustments"]) == ("first.835", 2, 2, 2, 2)
    assert (one["amount"], one["claims_paid"], one["unbalanced"], one["unknown_payees"]) == (16001, 16000, ["2"], 2)
    assert one["diagnostics"][0]["rule"] == "balance.check"
    assert report["files"][1]["message"] == "The file cannot be read: No such file or directory."
    assert report["files"][2]["already_known"] == ["2"]
    assert report["totals"]["payments"] == 2
    assert report["totals"]["files"] == {"imported": 1, "failed": 1, "unchanged": 1, "refused": 1}
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(Payment)) == 2


def test_it_ends_well_when_every_file_is_imported_or_unchanged(world: World, run: Run, tmp_path: Path) -> None:
    (path,) = keep(tmp_path, one=file_of(payment("1")))
    first, second = run("import", path), run("import", path)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "one.835: imported." in first.output
    assert "1 payment ($80.00), 1 claim, 1 line, 1 adjustment, 0 provider-level adjustments" in first.output
    assert "unchanged. This very file was imported before." in second.output


def test_a_file_imported_in_part_is_no_success(world: World, run: Run, tmp_path: Path) -> None:
    whole = file_of(payment("1"), payment("2"))
    cut, good, bad = keep(tmp_path, cut=whole[: whole.index(b"ST*835*0002") + 30], good=whole, bad=b"%PDF-1.4")
    result = run("import", cut)
    assert result.exit_code == 3
    assert "cut.835: imported in part. 1 payment could not be imported: the findings say why." in result.output
    assert "error: There is no TRN: the payment's number is not known." in result.output
    result = run("import", "--json", cut, good)
    report = json.loads(result.stdout)
    assert result.exit_code == 3
    assert [(one["outcome"], one["payments"], one["skipped"]) for one in report["files"]] == [
        ("partial", 0, 1),
        ("imported", 1, 0),
    ]
    assert report["totals"]["files"] == {"partial": 1, "imported": 1}
    assert (report["totals"]["skipped"], report["totals"]["payments"]) == (1, 1)
    assert run("import", cut, bad).exit_code == 1, "a file that did not go in at all weighs more"


def test_output_names_no_patient(world: World, run: Run, tmp_path: Path) -> None:
    broken = file_of(payment("1", claim("ACCT"))).replace(b"CLP*ACCT*1*100*", f"CLP*ACCT*1*{SURNAME}*".encode())
    (path,) = keep(tmp_path, one=broken)
    output = run("import", path).output + run("import", "--json", path).output
    assert "element.amount" in output
    assert SURNAME not in output


def test_a_database_that_refuses_one_file_takes_the_others(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = keep(tmp_path, first=file_of(payment("1")), second=file_of(payment("2"), control=2))

    def refuse(_session: Any, report: ImportReport, _person_id: int | None) -> None:
        if report.file == "first.835":
            raise sa.exc.OperationalError("INSERT", {}, Exception(SURNAME))

    monkeypatch.setattr(importing, "_tell", refuse)
    result = run("import", first, second)
    assert result.exit_code == 1
    assert "first.835: failed. The database refused: OperationalError." in result.output
    assert SURNAME not in result.output
    with world.session() as session:
        assert session.scalars(sa.select(Payment.trace_number)).all() == ["2"]


def test_a_terminal_sees_a_bar(
    world: World, database_url: str, tmp_path: Path, start_program: Started, terminal: tuple[io.FileIO, io.FileIO]
) -> None:
    (path,) = keep(tmp_path, one=file_of(payment("1")))
    ours, theirs = terminal
    command = [sys.executable, "-m", "hp_portal", "remittance", "import", str(path)]
    process = start_program(command, environment=environment(database_url, tmp_path), stdout=theirs, stderr=theirs)
    theirs.close()
    shown = b""
    while True:
        try:
            piece = ours.read(4096)
        except OSError:  # Linux's way to say that the other side has closed
            break
        if not piece:
            break
        shown += piece
    assert process.wait(PATIENCE) == 0
    assert b"100%" in shown


def test_codes_are_loaded(world: World, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("Code,Description\nZ01,An invented reason\n", encoding="utf-8")
    result = run("codes", "load", "carc", path)
    assert (result.exit_code, result.output) == (0, "CARC: 1 row (1 new, 0 changed, 0 no longer there).\n")
    with world.session() as session:
        assert session.scalars(sa.select(Code.text)).one() == "An invented reason"


def test_an_unusable_list_is_explained(world: World, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("Code,Description\nZ01,\n", encoding="utf-8")
    result = run("codes", "load", "CARC", path)
    assert result.exit_code == 1
    assert "Row 2: Z01 has no description." in result.output
