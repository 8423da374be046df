"""The national registry of NPIs: its file is loaded, forms say what does not go with it, and staff see what it has."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from hp_portal import cli
from hp_portal_plugins.profiles.nppes.models import RegistryEntry
from hp_portal_plugins.profiles.nppes.reading import Entry, last_day_of, read_entries
from hp_portal_plugins.profiles.nppes.saying import as_written, registry_doubts
from hp_portal_plugins.profiles.record.models import Specialty
from tests.core.test_staff_console import recorded
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.wizards import path_of
from tests.support.world import World

from .forms import Office
from .test_adding import PRACTICE, WHO
from .test_changing import checked, proposed

PERSON, GROUP, GONE, ELSEWHERE = (make_npi(number) for number in (801, 802, 803, 804))
COLUMNS = """NPI|Entity Type Code|Provider Organization Name (Legal Business Name)|Provider Last Name (Legal Name)|
Provider First Name|Provider Middle Name|Provider Other Last Name|Provider Business Practice Location Address State Name|
Provider Enumeration Date|NPI Deactivation Date|NPI Reactivation Date|Healthcare Provider Taxonomy Code_1|
Provider License Number_1|Provider License Number State Code_1|Healthcare Provider Primary Taxonomy Switch_1|
Healthcare Provider Taxonomy Code_2|Provider License Number_2|Provider License Number State Code_2|
Healthcare Provider Primary Taxonomy Switch_2"""
NAMES = [name.strip() for name in COLUMNS.split("|")]
ROWS: list[dict[str, str]] = [
    {
        "NPI": PERSON,
        "Entity Type Code": "1",
        "Provider Last Name (Legal Name)": "O'SAMPLE-JONES",
        "Provider First Name": "ROBIN",
        "Provider Other Last Name": "BORN",
        "Provider Business Practice Location Address State Name": "MN",
        "Healthcare Provider Taxonomy Code_1": "208D00000X",
        "Healthcare Provider Primary Taxonomy Switch_1": "N",
        "Healthcare Provider Taxonomy Code_2": "207Q00000X",
        "Healthcare Provider Primary Taxonomy Switch_2": "Y",
        "Provider License Number_2": "47110",
        "Provider License Number State Code_2": "MN",
    },
    {
        "NPI": GROUP,
        "Entity Type Code": "2",
        "Provider Organization Name (Legal Business Name)": "SAMPLE GROUP LLC",
        "Provider Business Practice Location Address State Name": "MN",
    },
    {"NPI": GONE, "NPI Deactivation Date": "01/05/2026"},
    {
        "NPI": ELSEWHERE,
        "Entity Type Code": "1",
        "Provider Last Name (Legal Name)": "FAR",
        "Provider First Name": "AL",
        "Provider Business Practice Location Address State Name": "AK",
        "NPI Deactivation Date": "01/05/2020",
        "NPI Reactivation Date": "02/05/2020",
    },
]
Load = Callable[..., Result]


def table(rows: list[dict[str, str]], names: list[str] = NAMES) -> str:
    """A file as it is published: everything in quotes."""
    out = io.StringIO()
    writer = csv.DictWriter(out, names, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def load(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """`load(rows, …)`: the command with a file of these rows, or of this text."""

    def load(
        rows: list[dict[str, str]] | str, *options: str, name: str = "npidata_pfile_20050523-20260510.csv"
    ) -> Result:
        text = rows if isinstance(rows, str) else table(rows)
        path = tmp_path / name
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr("npidata_pfile_20050523-20260510_fileheader.csv", "NPI\n")
                archive.writestr("npidata_pfile_20050523-20260510.csv", text)
        else:
            path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(cli, "_app", [world.app])
        return CliRunner().invoke(cli.cli, ["profiles", "nppes-import", str(path), *options])

    return load


def entries(world: World) -> dict[str, RegistryEntry]:
    with world.session() as session:
        return {one.npi: one for one in session.scalars(sa.select(RegistryEntry))}


def test_the_file_is_loaded_and_brought_up_to_date(world: World, load: Load) -> None:
    """All of it or a part; what cannot be used is named; later files count, earlier ones do not; the same one changes nothing."""
    bad = [{"NPI": "1234567890", "Entity Type Code": "1"}, {"NPI": make_npi(9), "Entity Type Code": "3"}]
    late = {**ROWS[1], "NPI": make_npi(10), "NPI Deactivation Date": "2026-01-05"}
    tried = load([*ROWS, *bad, late], "--dry-run")
    assert tried.exit_code == 3
    assert "as of May 10, 2026: 7 rows read, 0 left out, 3 refused; 4 new entries" in tried.output
    assert "Nothing was loaded" in tried.output
    assert re.findall(r"line (\d): ([^:.]*)", tried.stderr) == [
        ("6", "NPI"),
        ("7", "Entity Type Code"),
        ("8", "2026-01-05 is no day such as 01/31/2026"),
    ]
    assert entries(world) == {}
    known = load(ROWS, "--known")
    assert "No NPI is on record yet" in known.output
    assert known.exit_code == 1
    world.payee(npi=ELSEWHERE)
    for options, kept in (
        (("--known",), {ELSEWHERE}),
        (("--state", "mn"), {PERSON, GROUP, ELSEWHERE}),
        ((), {PERSON, GROUP, GONE, ELSEWHERE}),
    ):
        loaded = load(ROWS, *options, name="npidata_pfile_20050523-20260510.zip")
        assert loaded.exit_code == 0, loaded.output
        assert entries(world).keys() == kept
    assert "0 new entries, 0 changed, 4 unchanged" in load(ROWS).output, "the same file changes nothing"
    person, gone = entries(world)[PERSON], entries(world)[GONE]
    assert (person.last_name, person.other_last_name, person.taxonomies) == (
        "O'SAMPLE-JONES",
        "BORN",
        "207Q00000X 208D00000X",
    )
    assert (person.licenses, person.as_of, person.deactivated_on) == ("MN 47110", dt.date(2026, 5, 10), None)
    assert (gone.kind, gone.deactivated_on) == ("", dt.date(2026, 1, 5))
    weekly = "npidata_pfile_20260511-20260517.csv"
    moved = load(
        [{**ROWS[0], "Provider First Name": "ROBERTA"}, {"NPI": GROUP, "NPI Deactivation Date": "05/12/2026"}],
        name=weekly,
    )
    assert "2 changed, 0 unchanged, 1 of them deactivated" in moved.output
    assert "4 kept" not in moved.output
    old = load(ROWS)
    assert "2 kept as they are, from a later day" in old.output
    found = entries(world)
    assert (found[PERSON].first_name, found[GROUP].name) == ("ROBERTA", "SAMPLE GROUP LLC"), (
        "what is gone keeps its name"
    )
    report = f'"NPPES Deactivated NPI Report"\n"NPI","NPPES Deactivation Date"\n"{PERSON}","05/20/2026"\n'
    assert "give --as-of" in load(report, name="report.csv").output
    assert "1 of them deactivated" in load(report, "--as-of", "2026-05-20", name="report.csv").output
    assert entries(world)[PERSON].deactivated_on == dt.date(2026, 5, 20)
    assert len(recorded(world, "profiles.registry.loaded")) == 7


def test_what_is_none_of_its_files_is_named(load: Load, tmp_path: Path) -> None:
    for text, words in (
        ("a,b\n1,2\n", "The first line must name the columns"),
        ('"NPI","Entity Type Code"\n', "columns of the registry’s file are missing: NPI Deactivation Date"),
        (table(ROWS) + '"broken', "not a readable CSV file"),
    ):
        refused = load(text)
        assert (refused.exit_code, words in refused.output) == (1, True), refused.output
    assert "use the two letters of a state" in load(ROWS, "--state", "Minnesota").output
    (tmp_path / "x.zip").write_bytes(b"PK\x03\x04 and nothing else")
    assert last_day_of("NPPES_Data_Dissemination_110826_111426_Weekly_V2.zip") is None
    assert last_day_of("npidata_pfile_20261109-20261115.csv") == dt.date(2026, 11, 15)


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """The monthly file has gigabytes, nearly all of it empty cells: no more than a row is held."""
    wide = [*NAMES, *(f"Other Provider Identifier_{number}" for number in range(300))]
    head, line = table(ROWS[:1], wide).encode().splitlines(keepends=True)
    path = tmp_path / "npidata.csv"
    path.write_bytes(head + line * 1_000)
    with path.open("rb") as file:
        tracemalloc.start()
        count = sum(isinstance(one, Entry) for _, one in read_entries(file))
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (count, peak < len(line) * count / 4) == (1_000, True)


@pytest.fixture
def office(world: World, clock: Clock, load: Load) -> Office:
    found = Office(world, clock)
    with world.session() as session:
        session.add(Specialty(code="207Q00000X", classification="Family Medicine", specialization=""))
    return found


def test_forms_say_what_does_not_go_with_the_registry(world: World, office: Office, load: Load) -> None:
    """Nothing while nothing is loaded. Then while typing, as doubts on the review, and to staff, who see what it has;
    and the form fills in what is empty, without a script."""
    client, draft = office.client, office.begin("practitioners/add")
    check, step = f"{draft}/steps/who/check?field=npi", f"{draft}/steps/who"
    assert checked(client.post(check, {"npi": GROUP, "first": "Robin", "last": "Sample"}, fragment=True))["npi"] == ""
    assert "national registry" not in words_of(client.get(step))
    load(ROWS)
    for typed, words in (
        ({"npi": GROUP}, "By the national registry (NPPES) this is the NPI of an organization, Sample Group Llc."),
        ({"npi": GONE}, "this NPI was deactivated on Jan 5, 2026."),
        (
            {"npi": PERSON, "first": "Robin", "last": "Sample"},
            "this NPI is that of Robin O'Sample-Jones: another name than here.",
        ),
        ({"npi": PERSON, "first": "R.", "last": "O’Sample Jones"}, ""),
        ({"npi": PERSON, "first": "Robin", "last": "Sample", "former": "Born"}, ""),
        ({"npi": PERSON}, ""),
        ({"npi": make_npi(899), "last": "Sample"}, ""),
    ):
        said = checked(client.post(check, typed, fragment=True))["npi"]
        assert words in said if words else said == "", typed
    assert 'value="fill"' in client.get(step).text
    for npi, words in (
        ("", "Enter the NPI first."),
        (make_npi(899), "Nothing of this NPI is known here"),
        (GROUP, "organization"),
    ):
        office.save(draft, "who", {"npi": npi, "last": "Typed"}, go="fill")
        assert words in words_of(client.get(step))
    assert office.save(draft, "who", {"npi": PERSON, "last": "Typed"}, go="fill").headers["Location"].endswith("#npi")
    shown = office.shown(draft, "who")
    assert (shown["first"], shown["last"], shown["middle"]) == ("Robin", "Typed", ""), "what was typed stays"
    assert (shown["licenses-0-state"], shown["licenses-0-number"]) == ("MN", "47110")
    office.save(draft, "who", {**WHO, **shown, "licenses-0-expires": "2027-12-31", "last": "Typed"})
    page = client.get(f"{draft}/steps/practice")
    assert "The specialties are those of the national registry (NPPES) for Robin O'Sample-Jones." in words_of(page)
    shown = office.shown(draft, "practice")
    assert (shown["specialties-0-name"], shown["specialties-0-taxonomy"]) == ("Family Medicine", "207Q00000X")
    uncoded = {"specialties-1-name": "Rare Medicine", "specialties-1-taxonomy": ""}
    office.save(draft, "practice", {**PRACTICE, **uncoded})
    office.save(draft, "where", {**office.shown(draft, "where"), "effective": "2026-06-15", "places-0-here": "y"})
    office.attach(draft, "papers")
    review = words_of(client.get(f"{draft}/review"))
    told = ("this NPI is that of Robin O'Sample-Jones", "“Rare Medicine” is not in our list of specialties.")
    assert all(words in review for words in told)
    case = path_of(office.send(draft))
    assert [fact.item for fact in proposed(office, case).facts if fact.field == "specialty"] == ["207Q00000X"]
    world.staff("a.staff", permissions=("staff:console:open", "staff:cases:work", "profiles:change:work"))
    number = case.rpartition("/")[2]
    said = words_of(world.sign_in("a.staff").get(f"/staff/profiles/changes/{number}"))
    expected = (
        "By the national registry of NPIs (NPPES)",
        "Another name",
        "Family Medicine (207Q00000X)208D00000X",
        "MN 47110",
    )
    assert all(words in said for words in (*told, *expected)), said


def test_names_go_together_as_people_write_them() -> None:
    assert [as_written(one) for one in ("O'SAMPLE-JONES", "MCDONALD JR", "de la Cruz", "")] == [
        "O'Sample-Jones",
        "Mcdonald Jr",
        "de la Cruz",
        "",
    ]
    entry = RegistryEntry(
        npi=PERSON, kind="1", first_name="JOSÉ", middle_name="", last_name="GARCÍA JR", other_last_name="", name=""
    )
    for first, last, same in (
        ("Jose", "Garcia", True),
        ("J", "García", True),
        ("Ann", "Garcia", False),
        ("Jose", "Gomez", False),
    ):
        assert (list(registry_doubts(entry, first, [last])) == []) is same
    assert list(registry_doubts(None, "Ann", ["Sample"])) == []
