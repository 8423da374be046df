"""The pages of imports: who sees them, the list of files, what a report says."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.intake.models import Upload
from hp_portal_plugins.remittance.models import RemittanceFile
from tests.plugins.remittance.import_files import file_of, import_835, payment
from tests.plugins.remittance.inquiry import Office, claim
from tests.plugins.remittance.uploading import INSPECT, READ, RUN, URL, count, upload
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("importer", permissions=[RUN, READ])
    return world.sign_in("importer")


def test_nothing_chosen_is_explained(world: World, staff: PortalClient) -> None:
    answer = staff.post(URL, {})
    assert answer.status_code == 422
    assert "Choose one file or more." in answer.text
    assert count(world, Upload) == 0


def test_readers_see_imports_but_do_not_upload(world: World) -> None:
    world.staff("reader", permissions=[READ])
    client = world.sign_in("reader")
    import_835(world, file_of(payment("1")))
    page = client.get(URL).text
    assert 'type="file"' not in page
    assert "sample.835" in page
    assert "by command" in page
    assert upload(client, file_of(payment("2"))).status_code == 403
    assert client.get(f"{URL}codes").status_code == 403
    assert count(world, Upload) == 0


def test_people_of_organizations_find_no_staff_pages(world: World) -> None:
    world.person("visitor")
    client = world.sign_in("visitor")
    for path in ("", "progress", "files/1", "payees-not-on-record", "codes"):
        assert client.get(URL + path).status_code == 404


def test_payments_in_a_report_are_links_for_staff_who_may_open_them(world: World, staff: PortalClient) -> None:
    office = Office(world)
    wanted = office.paid("12 34/5", claim(1), off_by=100)
    with world.session() as session:
        report = f"{URL}files/{session.scalars(sa.select(RemittanceFile.id)).one()}"
    link = "/staff/remittance/inspect?number=12+34/5"
    page = staff.get(report).text
    assert "Payments that do not balance" in page
    assert "12 34/5" in page
    assert link not in page, "without the permission, the number alone"
    world.staff("opener", permissions=[READ, INSPECT])
    opener = world.sign_in("opener")
    assert f'href="{link}"' in opener.get(report).text
    form = opener.get(link)
    assert 'value="12 34/5"' in form.text
    answer = opener.post("/staff/remittance/inspect", {"number": "12 34/5", "reason": "does not balance"})
    assert str(answer.location).startswith(f"/staff/remittance/inspect/{wanted}?why=")


def test_the_list_of_files_says_what_to_look_at(world: World, staff: PortalClient) -> None:
    whole = file_of(payment("1"), payment("2"))
    import_835(world, whole[: whole.index(b"ST*835*0002") + 30], "cut.835")
    import_835(world, file_of(payment("3", off_by=1), control=2), "odd.835")
    world.payee("000000001", "1999800008")
    import_835(world, file_of(payment("4"), control=3), "good.835")
    import_835(world, file_of(payment("4", claim(7))), "other.835")
    rows = {
        str(text_of(row[0])): text_of(row[2])
        for row in (list(line) for line in tree_of(staff.get(URL)).iter("tr"))
        if row[0].get("scope") == "row"
    }
    assert rows["good.835"] == "Imported"
    assert rows["other.835"] == "Imported1 payment has the number of another one"
    assert rows["odd.835"] == "Imported1 payment does not balance1 payment to a payee not on record1 error"
    assert rows["cut.835"].startswith("Imported in part1 payment not importable1 payment to a payee not on record")
    with world.session() as session:
        cut = session.scalars(sa.select(RemittanceFile.id).where(RemittanceFile.name == "cut.835")).one()
    page = staff.get(f"{URL}files/{cut}").text
    assert "Imported in part" in page
    assert "The file breaks off" in page
    assert "There is no TRN: the payment&#39;s number is not known." in page


KEEPS_EVERY_RULE = "The file keeps every rule that is checked"


def test_a_report_says_that_every_rule_is_kept_only_when_that_was_checked(world: World, staff: PortalClient) -> None:
    data = {"good": file_of(payment("1")), "odd": file_of(payment("2", off_by=1), control=2)}
    pages = []
    for name in ("good", "good", "odd", "odd"):
        file_id = import_835(world, data[name]).file_id
        pages.append(staff.get(f"{URL}files/{file_id}").text)
    assert [KEEPS_EVERY_RULE in page for page in pages] == [True, True, False, False]
    assert "Every payment in this file was imported before." in pages[3] or "This very file" in pages[3]
    with world.session() as session:
        row = session.get_one(RemittanceFile, file_id)
        earlier = json.loads(row.report) | {"diagnostics": [], "diagnostics_by_rule": {}}
        del earlier["known_checked"]
        row.report = json.dumps(earlier)
    page = staff.get(f"{URL}files/{file_id}").text
    assert KEEPS_EVERY_RULE not in page
    assert "Payments that were imported before were not checked again." in page


def test_the_page_says_how_much_it_takes(world: World, staff: PortalClient) -> None:
    assert f"At most {world.settings.max_upload_mb} MB in one upload" in staff.get(URL).text


def test_reports_of_no_file_are_not_found(staff: PortalClient) -> None:
    assert staff.get(f"{URL}files/12345").status_code == 404


def test_imports_are_listed_by_pages(world: World, staff: PortalClient) -> None:
    for number in range(30):
        import_835(world, b"%PDF", f"file-{number:02}.pdf")
    first, second = staff.get(URL).text, staff.get(f"{URL}?page=2").text
    assert "file-29.pdf" in first
    assert "file-04.pdf" not in first
    assert "file-04.pdf" in second
