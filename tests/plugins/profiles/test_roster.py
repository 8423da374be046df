"""The roster: down, changed, up, what would change, and the case that it becomes."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal.core.cases.models import Case
from hp_portal_plugins.profiles.loading.importing import load_file
from hp_portal_plugins.profiles.loading.rows import COLUMNS
from hp_portal_plugins.profiles.loading.specialties import load_specialties
from hp_portal_plugins.profiles.proposing.proposals import NewAffiliation, NewPractitioner, proposal_of
from hp_portal_plugins.profiles.proposing.settling import Choice, open_lines, settle
from hp_portal_plugins.profiles.record.applying import Stated, apply_change, new_location, saying
from hp_portal_plugins.profiles.record.models import Location
from hp_portal_plugins.profiles.roster.models import RosterRow, RosterUpload
from tests.core.test_sent_tables import link
from tests.core.test_staff_console import rows_of
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.public_cases import run_job
from tests.support.world import World

TODAY = dt.datetime(2026, 9, 15, 17, tzinfo=dt.UTC)
ALDER, BASIL, CEDAR, DAISY = "1234567893", make_npi(7001), make_npi(7002), make_npi(7003)
RECORD = f"""
,HERE,standing,,open,2026-01-01,,{make_tin(41)},{make_npi(41)}
,HERE,name,,Aspen Site,2026-01-01
,HERE,street,,1 First Street,2026-01-01
,HERE,zip,,01234,2026-01-01
,HERE,state,,MN,2026-01-01
,HERE,phone,,9525550100,2026-01-01
,NEAR,name,,Near Site,2026-01-01,,{make_tin(41)},{make_npi(41)}
,NEAR,state,,WI,2026-01-01
,THERE,name,,Birch Site,2026-01-01,,{make_tin(42)},{make_npi(42)}
A,,last_name,,Alder,2026-01-01
A,,first_name,,Ann,2026-01-01
A,,npi,,{ALDER},2026-01-01
A,,specialty,207Q00000X,primary,2026-01-01
A,,license_number,MN,000123,2026-01-01
A,,license_expires,MN,2027-10-01,2026-01-01
A,,dea_number,,SECRETDEA,2026-01-01
A,,birth_date,,1970-02-03,2026-01-01
A,,language,Spanish,yes,2026-01-01
A,,language,Hmong,yes,2026-01-01
B,,last_name,,Basil,2026-01-01
B,,first_name,,Bo,2026-01-01
B,,npi,,{BASIL},2026-01-01
C,,last_name,,Cedarsecret,2026-01-01
C,,first_name,,Cy,2026-01-01
C,,npi,,{CEDAR},2026-01-01
A,HERE,standing,,active,2026-01-01
A,HERE,primary,,yes,2026-01-01
A,HERE,accepting,,existing,2026-01-01
A,NEAR,standing,,active,2026-01-01
B,HERE,standing,,active,2026-01-01
B,HERE,standing,,ended,2026-12-01
B,HERE,reason,,Retired,2026-12-01
C,THERE,standing,,active,2026-01-01
"""


@pytest.fixture
def clerk(world: World, clock: Clock) -> PortalClient:
    """Somebody of the office that is granted the first payee, not the second."""
    clock.set(TODAY)
    office = world.organization("Aspen Clinic")
    world.grant(office, world.payee(make_tin(41), make_npi(41)))
    world.payee(make_tin(42), make_npi(42))
    world.person("a.clerk", organization=office)
    with world.session() as session:
        load_specialties(session, io.BytesIO(b"code,classification\n207Q00000X,Family medicine\n207R00000X,Internal\n"))
        assert not load_file(session, io.BytesIO((",".join(COLUMNS) + RECORD).encode()), "record.csv").refused
    return world.sign_in("a.clerk")


def downloaded(client: PortalClient) -> Any:
    answer = client.get("/apps/profiles/roster/download/xlsx")
    assert answer.status_code == 200
    return openpyxl.load_workbook(io.BytesIO(answer.data))


def packed(book: Any) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def send(world: World, client: PortalClient, body: bytes, name: str = "roster.xlsx", **values: str) -> str:
    """Send a file and have it compared; the address of its page."""
    form = {"effective_on": "2026-09-15", **values, "file": (io.BytesIO(body), name)}
    answer = client.post("/apps/profiles/roster/send", data=form, content_type="multipart/form-data")
    assert answer.status_code == 303, words_of(answer)
    run_job(world, "profiles.compare-rosters")
    return str(answer.headers["Location"])


def outcomes(client: PortalClient, url: str, show: str = "all") -> list[list[str]]:
    """Row, outcome and what is different, of each row."""
    return [[row[0], row[2], row[3]] for row in rows_of(client.get(url, query_string={"show": show}), "roster-rows")]


def day(*numbers: int) -> dt.datetime:
    """As openpyxl reads a day."""
    return dt.datetime.combine(dt.date(*numbers), dt.time())


def cell(sheet: Any, row: int, heading: str) -> Any:
    column = [one.value for one in sheet[1]].index(heading) + 1
    return sheet.cell(row=row, column=column)


def test_the_roster_comes_as_a_workbook_with_lists_and_locked_keys(clerk: PortalClient) -> None:
    book = downloaded(clerk)
    sheet = book["Roster"]
    heads = [one.value for one in sheet[1]]
    rows = [dict(zip(heads, [one.value for one in row], strict=True)) for row in sheet.iter_rows(min_row=2)]
    assert [(row["Last name"], row["Location number"]) for row in rows] == [
        ("Alder", "HERE"), ("Alder", "NEAR"), ("Basil", "HERE"),
    ]  # fmt: skip
    first = rows[0]
    assert first["Practitioner NPI"] == ALDER
    assert first["Primary specialty"] == "Family medicine (207Q00000X)"
    assert (first["License number"], first["License expires"]) == ("000123", day(2027, 10, 1))
    assert rows[1]["License number"] is None, "the license of the state in which the location is"
    assert first["Languages"] == "Hmong; Spanish"
    assert first["Accepting patients"] == "Existing patients only"
    assert (rows[2]["Left on"], rows[2]["Reason for leaving"]) == (day(2026, 12, 1), "Retired")
    every = " ".join(str(one.value) for sheet in book for row in sheet.iter_rows() for one in row)
    for secret in ("SECRETDEA", "1970", "Birch", "Cedarsecret"):
        assert secret not in every
    assert sheet.protection.sheet
    assert sheet.freeze_panes == "A2"
    assert cell(sheet, 2, "Practitioner NPI").protection.locked
    assert cell(sheet, 2, "Location number").protection.locked
    assert not cell(sheet, 2, "Last name").protection.locked
    assert not cell(sheet, 2, "Middle name").protection.locked, "also where it is empty"
    lists = {str(one.sqref).partition(":")[0]: one.formula1 for one in sheet.data_validations.dataValidation}
    assert lists[cell(sheet, 2, "Accepting patients").coordinate].startswith("Choices!")
    assert {one.value for one in book["Choices"]["A"] if one.value} == {"Location number", "HERE", "NEAR"}
    assert book.sheetnames[1] == "Columns"
    text = clerk.get("/apps/profiles/roster/download/csv")
    assert text.data.decode("utf-8-sig").count("\r\n") == 4


def test_the_same_file_changes_nothing_and_edited_cells_are_the_differences(world: World, clerk: PortalClient) -> None:
    book = downloaded(clerk)
    same = send(world, clerk, packed(book))
    assert outcomes(clerk, same) == [[f"Row {number}", "Unchanged", "—"] for number in (2, 3, 4)]
    assert "Nothing to send" in words_of(clerk.get(same))
    text = clerk.get("/apps/profiles/roster/download/csv")
    assert {row[1] for row in outcomes(clerk, send(world, clerk, text.data, "roster.csv"))} == {"Unchanged"}
    sheet = book["Roster"]
    cell(sheet, 2, "Accepting patients").value = "Closed to patients"
    for rows, heading, value in (
        ((2, 3), "Languages", "Spanish; Somali"),
        ((2, 4), "Location telephone", "(952) 555-0199"),
    ):
        for row in rows:
            cell(sheet, row, heading).value = value
    cell(sheet, 3, "Left on").value = "10/1/2026"
    cell(sheet, 3, "Reason for leaving").value = "Moved away"
    cell(sheet, 4, "Left on").value = "None"
    cell(sheet, 4, "Reason for leaving").value = None
    new = {"Practitioner NPI": DAISY, "Last name": "Daisy", "First name": "Di", "Location number": "HERE"}
    for heading, value in new.items():
        cell(sheet, 5, heading).value = value
    url = send(world, clerk, packed(book))
    assert outcomes(clerk, url) == [
        [
            "Row 2",
            "Changed",
            "Languages: before Hmong; Spanish → after Somali; Spanish from Sep 15, 2026"
            "Accepting patients: before Existing patients only → after Closed to patients from Sep 15, 2026"
            "Location telephone: before 952-555-0100 → after 952-555-0199 from Sep 15, 2026",
        ],
        [
            "Row 3",
            "Ended",
            "Languages: before Hmong; Spanish → after Somali; Spanish from Sep 15, 2026"
            "Left on: before nothing → after Oct 1, 2026 from Oct 1, 2026",
        ],
        [
            "Row 4",
            "Changed",
            "Location telephone: before 952-555-0100 → after 952-555-0199 from Sep 15, 2026"
            "Left on: before Dec 1, 2026 → after nothing from Dec 1, 2026",
        ],
        [
            "Row 5",
            "Added",
            f"Works there from: before nothing → after Sep 15, 2026 from Sep 15, 2026"
            f"Practitioner NPI: before nothing → after {DAISY} from Sep 15, 2026"
            "Last name: before nothing → after Daisy from Sep 15, 2026"
            "First name: before nothing → after Di from Sep 15, 2026",
        ],
    ]  # fmt: skip
    assert [row[0] for row in outcomes(clerk, url, "added")] == ["Row 5"]
    assert "Read another sheet" not in words_of(clerk.get(url)), "the other sheets are ours"
    answer = clerk.post(f"{url}/propose")
    assert answer.status_code == 303
    case_page = clerk.get(answer.headers["Location"])
    assert "Roster: 1 added, 2 changed, 1 ended" in words_of(case_page)
    with world.session() as session:
        case = session.scalars(sa.select(Case).where(Case.kind == "profiles.roster")).one()
        proposal = proposal_of(session, case.id)
        assert proposal
        assert {type(one) for one in proposal.new} == {NewPractitioner, NewAffiliation}
        settle(session, case.id, Choice(open_lines(session, case.id)))
    again = send(world, clerk, packed(book))
    assert {row[1] for row in outcomes(clerk, again)} == {"Unchanged"}, "the same file twice changes nothing"
    sent_twice = clerk.post(f"{url}/propose", follow_redirects=True)
    assert "has been sent" in words_of(sent_twice)


def test_rows_left_out_are_not_sent(world: World, clerk: PortalClient) -> None:
    book = downloaded(clerk)
    cell(book["Roster"], 2, "Primary location").value = "No"
    cell(book["Roster"], 4, "Degree").value = "DO"
    url = send(world, clerk, packed(book))
    page = clerk.get(url)
    shown = re.findall(r'name="shown" value="(\d+)"', page.text)
    assert len(shown) == 2
    clerk.post(f"{url}/choose", data={"shown": shown, "row": shown[1:]})
    assert "1 row would be sent" in words_of(clerk.get(url))
    assert [row[0] for row in outcomes(clerk, url, "left")] == ["Row 2"]
    clerk.post(f"{url}/choose", data={"none": "changed"})
    assert "nothing would be sent" in words_of(clerk.get(url))
    assert "Choose at least one row" in words_of(clerk.post(f"{url}/propose", follow_redirects=True))
    clerk.post(f"{url}/choose", data={"all": ""})
    clerk.post(f"{url}/choose", data={"shown": shown, "row": shown[:1]})
    clerk.post(f"{url}/propose")
    with world.session() as session:
        case = session.scalars(sa.select(Case).where(Case.kind == "profiles.roster")).one()
        proposal = proposal_of(session, case.id)
        assert proposal
        assert [(fact.field, fact.value) for fact in proposal.facts] == [("primary", "no")]


def test_what_contradicts_itself_or_is_not_theirs_is_said(world: World, clerk: PortalClient) -> None:
    rows = [
        f"{ALDER},Alder,Ann,HERE,Aspen Site,,,MD,",
        f"{ALDER},Alder,Ann,NEAR,Near Site,,,DO,",
        f"{BASIL},Basil,Bo,HERE,Another Name,,,,",
        f"{BASIL},Basil,Bo,THERE,,,,,",
        f"{CEDAR},Sample,Sy,HERE,,,,,",
        f"{DAISY},,Di,HERE,,,,,",
        f"{DAISY},Daisy,Di,,Aspen Site,1 first street,1234,,",
        "1234567890,Wrong,Npi,HERE,,,,,",
        f"{BASIL},Basil,Bo,HERE,,,,,Retired",
        f"{BASIL},Basil,Bo,NOWHERE,,,,,",
    ]
    heads = "NPI,Last name,First name,Location number,Site name,Address,ZIP,Degree,Reason"
    url = send(world, clerk, "\n".join([heads, *rows]).encode(), "ours.csv")
    found = outcomes(clerk, url)
    assert [row[1] for row in found] == [
        *("Contradictory", "Contradictory", "Contradictory", "Cannot be read", "Added"),
        *("Cannot be read", "Contradictory", "Cannot be read", "Contradictory", "Cannot be read"),
    ]
    assert "row 3 says something else" in found[0][2]
    assert "Location HERE is Aspen Site, 1 First Street, MN 01234 on record" in found[2][2]
    assert found[3][2] == found[9][2], "another group’s location is none, like one that is not there"
    assert "on record already, and not at a location of yours" in found[4][2]
    page = clerk.get(url, query_string={"show": "all"})
    for secret in ("Cedarsecret", "Birch"):
        assert secret not in page.text
    assert "needed for somebody who is not on record" in found[5][2]
    assert "as in row 7" in found[6][2]
    back = clerk.get(f"{url}/problems").data.decode("utf-8-sig").splitlines()
    assert back[0].endswith("What we did")
    assert len(back) == 10
    assert "Problem. " in back[4]
    clerk.post(f"{url}/propose")
    with world.session() as session:
        case = session.scalars(sa.select(Case).where(Case.kind == "profiles.roster")).one()
        proposal = proposal_of(session, case.id)
        assert proposal
        assert [one.id for one in proposal.new if isinstance(one, NewPractitioner)] == [-1]
        assert any("on record already" in doubt for doubt in proposal.doubts)


def test_who_is_missing_is_ended_only_when_the_file_is_complete(world: World, clerk: PortalClient) -> None:
    book = downloaded(clerk)
    book["Roster"].delete_rows(3)
    url = send(world, clerk, packed(book))
    assert [row[1] for row in outcomes(clerk, url)] == ["Unchanged"] * 2
    form = {"file": (io.BytesIO(packed(book)), "r.xlsx"), "complete": "y"}
    wrong = clerk.post("/apps/profiles/roster/send", data=form, content_type="multipart/form-data")
    assert wrong.status_code == 422
    assert "Say since when" in words_of(wrong)
    whole = {"complete": "y", "complete_on": "2026-10-01"}
    url = send(world, clerk, packed(book), **whole)
    assert outcomes(clerk, url, "ended") == [
        ["Not in the file", "Ended", "Left on: before nothing → after Oct 1, 2026 from Oct 1, 2026"]
    ]
    cell(book["Roster"], 2, "Practitioner NPI").value = "12345"
    url = send(world, clerk, packed(book), **whole)
    assert outcomes(clerk, url, "ended") == []
    assert "1 row cannot be matched" in words_of(clerk.get(url))


def test_columns_are_asked_once_and_remembered(world: World, clerk: PortalClient) -> None:
    body = f"Person,Familyname,Loc\n{ALDER},Alderson,HERE\n".encode()
    url = send(world, clerk, body, "own.csv")
    assert "Which column is which?" in words_of(clerk.get(url))
    asked = clerk.get(f"{url}/columns", follow_redirects=True)
    table = re.search(r'name="table"[^>]*value="([^"]+)"', asked.text)
    assert table
    chosen = {"table": table[1], "column_0": "npi", "column_1": "last_name", "column_2": "location_number"}
    twice = clerk.post(f"{url}/columns/use", data={**chosen, "column_1": "npi"})
    assert twice.status_code == 422
    clerk.post(f"{url}/columns/use", data=chosen)
    run_job(world, "profiles.compare-rosters")
    assert [row[1] for row in outcomes(clerk, url)] == ["Changed"], words_of(clerk.get(url))
    assert [row[1] for row in outcomes(clerk, send(world, clerk, body, "own.csv"))] == ["Changed"]


def test_bad_files_have_clear_words(world: World, clerk: PortalClient) -> None:
    book = downloaded(clerk)
    body = packed(book)
    cut = send(world, clerk, body[: len(body) // 2])
    assert "could not be compared" in words_of(clerk.get(cut))
    empty = send(world, clerk, b"NPI,Location number\n", "empty.csv")
    assert "no row below" in words_of(clerk.get(empty))
    assert clerk.post("/apps/profiles/roster/send", data={}).status_code == 422
    assert "The roster was given up" in words_of(clerk.post(f"{cut}/give-up", follow_redirects=True))
    assert clerk.get(cut).status_code == 404
    with world.session() as session:
        assert session.scalar(
            sa.select(sa.func.count()).select_from(RosterUpload).where(RosterUpload.state == "failed")
        )
        assert not session.scalar(sa.select(sa.func.count()).select_from(RosterRow))


def test_a_location_that_is_not_on_record_leads_to_adding_it(world: World, clerk: PortalClient) -> None:
    rows = [
        f"{ALDER},,Maple Site,12 Maple Street,55401-1234",
        f"{BASIL},,maple  site,12 Maple Street.,55401-1234",
        f"{BASIL},NOWHERE,,,",
    ]
    heads = "NPI,Location number,Site name,Address,ZIP"
    url = send(world, clerk, "\n".join([heads, *rows]).encode(), "ours.csv")
    page = clerk.get(url)
    assert "Maple Site, 12 Maple Street, 55401-1234 in 2 rows" in words_of(page), "however its rows write it"
    assert "Location number NOWHERE in 1 row" in words_of(page)
    forms = [one for one in tree_of(page).iter("form") if (one.get("action") or "").endswith("/locations/add/begin")]
    assert len(forms) == 2
    filled = {one.get("name") or "": one.get("value") for one in forms[0].iter("input")}
    begun = clerk.post(forms[0].get("action") or "", data=filled)
    form = clerk.get(begun.headers["Location"])
    typed = {one.get("name"): one.get("value") for one in tree_of(form).iter("input")}
    assert (typed["name"], typed["street"], typed["zip"]) == ("Maple Site", "12 Maple Street", "55401-1234")
    assert typed["effective"] == "2026-09-15"
    with world.session() as session:
        payee = session.scalars(sa.select(Location.payee_id).where(Location.reference == "HERE")).one()
        assert payee
        place = new_location(session, payee, "MAPLE")
        said = {("name", ""): "Maple Site", ("street", ""): "12 Maple Street", ("zip", ""): "55401-1234"}
        facts = saying("location", place.id, TODAY.date(), {**said, ("standing", ""): "open"})
        apply_change(session, Stated("location-added", "asked"), list(facts))
    clerk.post(f"{url}/again")
    run_job(world, "profiles.compare-rosters")
    assert [row[1] for row in outcomes(clerk, url)] == ["Added", "Added", "Cannot be read"]


def test_another_sheet_of_the_workbook_is_read_where_it_is_asked_for(world: World, clerk: PortalClient) -> None:
    book = downloaded(clerk)
    spring = book["Roster"]
    fall = book.copy_worksheet(spring)
    spring.title, fall.title = "Spring", "Fall"
    cell(fall, 2, "Accepting patients").value = "Closed to patients"
    notes = book.create_sheet("Notes")
    notes.append(["Practitioner NPI"])
    url = send(world, clerk, packed(book))
    asked = clerk.get(f"{url}/columns", follow_redirects=True)
    assert "“Fall” looks like the table as much as “Spring” does." in words_of(asked)
    token = re.search(r'name="table"[^>]*value="([^"]+)"', asked.text)
    assert token
    wrong = clerk.post(f"{url}/columns/use", data={"table": token[1], "read_sheet": "1", "sheet": "Winter"})
    assert wrong.status_code == 400
    clerk.post(f"{url}/columns/use", data={"table": token[1], "read_sheet": "1", "sheet": "Fall"})
    run_job(world, "profiles.compare-rosters")
    page = clerk.get(url)
    assert "The sheet “Fall” was read, and not “Spring”" in words_of(page)
    assert [row[:2] for row in outcomes(clerk, url)] == [
        ["Row 2", "Changed"],
        *(["Row 3", "Unchanged"], ["Row 4", "Unchanged"]),
    ]
    other = link(page, "/columns?table=")
    assert "Sheet of the workbook" in words_of(clerk.get(other))
    token = re.search(r'name="table"[^>]*value="([^"]+)"', clerk.get(other).text)
    assert token
    clerk.post(f"{url}/columns/use", data={"table": token[1], "read_sheet": "1", "sheet": "Notes"})
    run_job(world, "profiles.compare-rosters")
    failed = clerk.get(url)
    assert "The table has headings, and no row below them." in words_of(failed)
    assert "Read another sheet" in words_of(failed)
