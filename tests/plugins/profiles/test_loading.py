"""Loading and exporting the record as files of facts: `hp-portal profiles import`, `hp-portal profiles export`."""

from __future__ import annotations

import csv
import datetime as dt
import io
import stat
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from hp_portal import cli
from hp_portal.api import csv_file
from hp_portal.core.payees.models import Payee
from hp_portal_plugins.profiles.loading.exporting import fact_rows
from hp_portal_plugins.profiles.loading.rows import COLUMNS, OPTIONAL, REQUIRED, FactRow, read_row
from hp_portal_plugins.profiles.loading.specialties import specialty_words
from hp_portal_plugins.profiles.loading.tables import read_table
from hp_portal_plugins.profiles.record.facts import Key, values_on
from hp_portal_plugins.profiles.record.fields import FIELDS, read_value
from hp_portal_plugins.profiles.record.models import Change, Location, Practitioner
from hp_portal_plugins.profiles.record.timeline import Told
from tests.core.test_staff_console import recorded
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

TIN, NPI = make_tin(41), make_npi(41)
HEAD = ",".join(COLUMNS)
ROWS = f"""
,L1,name,,"=Sample Site, north",2026-01-01,,{TIN},{NPI}
,L1,phone,,(952) 555-0100,2026-01-01
,L1,hours,Monday,08:00-17:00,2026-01-01
P1,L1,standing,,active,2026-01-01
P1,,last_name,,Sample,2026-01-01
P1,,npi,,{make_npi(7)},2026-01-01
P1,,dea_number,,AB1234563,2026-01-01
P1,,license_number,mn,12345,2026-01-01
P1,,language,Sample speech,yes,2026-01-01
P1,,language,Sample speech,,2026-06-01
"""
Run = Callable[..., Result]


@pytest.fixture
def payee(world: World) -> Payee:
    return world.payee(TIN, NPI)


@pytest.fixture
def run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("import", text, …)`: the command with a file of these rows, or with a path."""

    def run(command: str, file: str | Path, *options: str, head: str = HEAD) -> Result:
        if isinstance(file, str):
            (tmp_path / "facts.csv").write_text(head + "\n" + file.lstrip("\n"), encoding="utf-8")
            file = tmp_path / "facts.csv"
        monkeypatch.setattr(cli, "_app", [world.app])
        return CliRunner().invoke(cli.cli, ["profiles", command, str(file), *options])

    return run


def test_a_file_is_loaded_exported_and_loaded_again(world: World, payee: Payee, run: Run, tmp_path: Path) -> None:
    tried = run("import", ROWS, "--dry-run")
    assert tried.exit_code == 0, tried.output
    assert "10 new facts, 0 corrected, 0 unchanged; 1 new practitioner, 1 new location; 0 rows refused" in tried.output
    assert "Nothing was loaded" in tried.output
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Practitioner.id))) == 0
    loaded = run("import", ROWS)
    assert loaded.exit_code == 0, loaded.output
    assert "0 new facts, 0 corrected, 10 unchanged" in run("import", ROWS).output, "the same file changes nothing"
    with world.session() as session:
        (change,) = session.scalars(sa.select(Change))
        assert (change.kind, change.why, change.organization_id) == ("loaded", "facts.csv", None)
        assert session.scalars(sa.select(Location.payee_id)).all() == [payee.id]
    out = tmp_path / "out.csv"
    assert "10 facts written" in run("export", out).output
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    written = list(csv.reader(io.StringIO(out.read_text(encoding="utf-8-sig"))))
    assert tuple(written[0]) == COLUMNS
    assert ["", "L1", "name", "", "'=Sample Site, north", "2026-01-01", "", "", ""] in written
    assert ["P1", "", "dea_number", "", "AB1234563", "2026-01-01", "", "", ""] in written
    assert [row[-2:] for row in written[1:] if row[-2]] == [[TIN, NPI]], "once for a location"
    again = run("import", out)
    assert "0 new facts, 0 corrected, 10 unchanged" in again.output
    assert again.exit_code == 0
    others = out.read_text(encoding="utf-8-sig").replace("P1,", "P2,").replace("L1,", "L2,")
    assert "10 new facts" in run("import", others.partition("\n")[2]).output
    run("export", out)
    lines = out.read_text(encoding="utf-8-sig").splitlines()[1:]
    of_others = [line.replace("P2,", "P1,").replace("L2,", "L1,") for line in lines if "P2," in line or "L2," in line]
    assert of_others == [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in written[1:]]
    delta = "P1,,last_name,,Sampleton,2026-09-01\nP1,,dea_number,,AB1234563,2026-01-01\nP1,,npi,,,2026-01-01,withdraw\n"
    assert "1 new fact, 1 corrected, 1 unchanged" in run("import", delta).output
    assert [event["kind"] for event in recorded(world, "profiles.record.changed")] == ["loaded"] * 3
    assert recorded(world, "profiles.record.exported") == [{"facts": 10}, {"facts": 20}]


def test_rows_that_are_refused_are_listed_and_the_others_loaded(world: World, payee: Payee, run: Run) -> None:
    wrong = f"""
,,name,,Nothing,2026-01-01
P1,,last_name,,Sample,2026-01-01
P1,,last_name,,Again,2026-01-01
P1,,npi,,1234567890,2026-01-01
P1,,npi,,{make_npi(7)},January
P1,,nonsense,,x,2026-01-01
P1,,language,,yes,2026-01-01
P1,,first_name,,Ann,2026-01-01,delete
P1,,first_name,,Ann,2026-01-01,withdraw
P1,,first_name,,Ann,2026-01-01,,{TIN},{NPI}
P2,L1,standing,,active,2026-01-01
P1,L9,standing,,active,2026-01-01
,L9,name,,Nowhere,2026-01-01
,L8,name,,Nowhere,2026-01-01,,{make_tin(40)},{NPI}
,L1,name,,Site,2026-01-01,,12,
,L1,phone,,9525550100,2026-01-01,,,{NPI}
,L1,fax,,9525550101,2026-01-01,,{TIN},{NPI}
{"P" * 41},,last_name,,Long,2026-01-01
"""
    done = run("import", wrong)
    assert done.exit_code == 3
    assert "2 new facts" in done.output
    assert "16 rows refused" in done.output
    told = [line.partition("line ")[2] for line in done.stderr.splitlines()]
    expected = (
        "2, practitioner: The row names neither",
        "4, fact: Line 3 says the same fact",
        "5, value: This NPI’s check digit".replace("’", "'"),
        "6, from: Write a day",
        "7, fact: Nothing is called 'nonsense'",
        "8, item: Language needs an item",
        "9, action: Leave this empty",
        "10, value: A fact that is withdrawn",
        "11, tin: Only rows of a location",
        "12, practitioner: No practitioner P2",
        "13, tin: Location L9 is new",
        "14, tin: Location L9 is new",
        "15, tin: No payee with this Tax ID",
        "16, tin: A Tax ID has 9 digits",
        "17, tin: Write the Tax ID beside",
        "19, practitioner: At most 40",
    )
    for line, start in zip(told, expected, strict=True):
        assert line.startswith(start)
    other = world.payee(make_tin(42), make_npi(42))
    moved = run("import", f",L1,fax,,9525550102,2026-02-01,,{make_tin(42)},{other.npi}\n")
    assert "belongs to another payee" in moved.stderr
    for text, head, said in (
        ("x\n", "practitioner,location", "fact, item, value, from missing"),
        ('"x\n', HEAD, "not a readable CSV file"),
        ("x\n", HEAD + ",fact", "Two columns are called fact"),
    ):
        unusable = run("import", text, head=head)
        assert unusable.exit_code == 1
        assert said in unusable.stderr


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)
WORTH = st.one_of(
    TEXT, st.sampled_from(["=1+1", "'=1", "''=1", "+1 952", '"', ",", "-", "@x", "#N/A", "\ufeff=1", "a\nb"])
)
DAYS = st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 9))
FACTS = st.dictionaries(
    st.sampled_from([("last_name", ""), ("former_name", ""), ("insurance_carrier", "")]),
    st.lists(st.tuples(DAYS, WORTH, st.booleans()), max_size=5),
)


@given(FACTS)
def test_what_was_exported_and_is_read_again_is_the_same_on_any_day(
    facts: dict[Key, list[tuple[dt.date, str, bool]]],
) -> None:
    told = {
        key: [
            Told(order, day, "" if gone else read_value(FIELDS["practitioner", key[0]], "", value)[1], gone)
            for order, (day, value, gone) in enumerate(of_key)
        ]
        for key, of_key in facts.items()
    }
    rows = list(fact_rows(("P1", ""), told))
    body = csv_file(COLUMNS, (row.cells() for row in rows))
    again: list[FactRow] = [read_row(values) for _, values in read_table(io.BytesIO(body), REQUIRED, OPTIONAL)]
    assert again == rows
    read: dict[Key, list[Told]] = {}
    for order, row in enumerate(again):
        read.setdefault((row.field, row.item), []).append(Told(order, row.holds_from, row.value, row.withdrawn))
    for number in range(11):
        day = dt.date(2025, 12, 31) + dt.timedelta(days=number)
        assert values_on(read, day) == values_on(told, day)


def test_specialties_are_loaded_as_a_whole_or_not_at_all(world: World, run: Run) -> None:
    head = "code,classification,specialization"
    assert (
        "2 specialties loaded"
        in run("specialties", "207q00000x,Family,\n207RC0000X,Internal,heart\n", head=head).output
    )
    for text, said in (
        ("207Q00000X,Family,\n2,Short,\n", "Line 3: A specialty is a taxonomy code"),
        ("207Q00000X,Family,\n207Q00000X,Again,\n", "Line 3: 207Q00000X stands in the file twice"),
        ("207Q00000X,,\n", "needs a code and a classification"),
        ("", "no specialties"),
    ):
        refused = run("specialties", text, head=head)
        assert refused.exit_code == 1
        assert said in refused.stderr
    with world.session() as session:
        assert specialty_words(session) == {"207Q00000X": "Family", "207RC0000X": "Internal, heart"}
    assert run("specialties", "207Q00000X,Family practice,\n", head=head).exit_code == 0
    with world.session() as session:
        assert specialty_words(session) == {"207Q00000X": "Family practice"}


def test_a_workbook_is_loaded_like_csv_and_unused_columns_are_named(
    world: World, payee: Payee, run: Run, tmp_path: Path
) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet
    sheet.append([*COLUMNS, "Remark"])
    sheet.append([None, "L-1", "name", None, "Sample Site", dt.date(2026, 1, 1), None, make_tin(41), int(make_npi(41))])
    sheet.append(["P-1", None, "license_number", "MN", 12345, "2026-01-01", None, None, None, "seen"])
    out = io.BytesIO()
    book.save(out)
    path = tmp_path / "facts.xlsx"
    path.write_bytes(out.getvalue())
    result = run("import", path)
    assert result.exit_code == 0, result.output
    assert "2 new facts" in result.output
    assert "Columns that are not used: Remark." in result.output
    path.write_bytes(out.getvalue()[:-200])
    assert run("import", path).exit_code == 1
    book.copy_worksheet(sheet).title = "Old"
    book.save(path)
    asked = run("import", path)
    assert asked.exit_code == 1
    assert "Name the one to read with --sheet." in asked.output
    assert f"The sheet “Old” was read, and not “{sheet.title}”." in run("import", path, "--sheet", "Old").output
