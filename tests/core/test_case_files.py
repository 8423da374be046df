"""Files that come with a case: both sides attach them, and open them once they are checked."""

from __future__ import annotations

import datetime as dt
import io
import re

import pytest
import sqlalchemy as sa

from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.web.listing import PAGE
from tests.conftest import MakeApp
from tests.support.attaching import attached_file, check_files
from tests.support.cases import tax_id_case
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.messages import mails
from tests.support.public_cases import run_job
from tests.support.world import World


@pytest.fixture
def portal(database_url: str, make_app: MakeApp) -> World:
    return World(make_app(database_url))


def attach(client: PortalClient, path: str, *files: tuple[bytes, str]) -> tuple[int, str]:
    sent = [(io.BytesIO(body), name) for body, name in files]
    read = re.findall(r'name="read" value="([^"]*)"', client.get(path).text)[:1] if path.startswith("/staff") else []
    data = {"files": sent, "read": read[0] if read else ""}
    answer = client.post(f"{path}/attach", data, content_type="multipart/form-data")
    return answer.status_code, answer.text


def downloads(client: PortalClient, path: str) -> list[str]:
    links = [link.get("href") or "" for link in tree_of(client.get(path)).iter("a")]
    return [link for link in links if re.search(r"/files/\d+$", link)]


def test_whoever_left_the_page_is_told_of_a_file_that_went_wrong(portal: World, clock: Clock) -> None:
    clock.set(dt.datetime.now(dt.UTC))
    harbor = portal.organization("Harbor Clinic")
    portal.person("a.clerk", organization=harbor)
    portal.staff("w.worker", permissions=["staff:console:open", "staff:attachments:check"])
    with portal.session() as session:
        case_id = tax_id_case(session, harbor).case_id
    office, path = portal.sign_in("a.clerk"), f"/cases/{case_id}"
    assert attach(office, path, (b"%PDF-1.4 broken", "one.pdf"), (b"%PDF-1.4 broken too", "two.pdf"))[0] == 303
    clock.advance(minutes=16)
    staff = portal.sign_in("w.worker")
    assert "2 attached files wait to be checked, and no worker looks at them" in text_of(tree_of(staff.get("/staff/")))
    assert "Start a worker" in staff.get("/staff/attachments").text
    check_files(portal)
    assert "no worker looks at" not in text_of(tree_of(staff.get("/staff/")))
    run_job(portal, "attachments.tell")
    assert mails(portal, "files_wrong") == [], "whoever is still there sees it"
    clock.advance(minutes=6)
    office = portal.sign_in("a.clerk")
    [one, _other] = re.findall(r"/files/(\d+)/remove", office.get(path).text)
    assert office.post(f"{path}/files/{one}/remove").status_code == 303
    for _ in range(2):
        run_job(portal, "attachments.tell")
    [(to, told)] = mails(portal, "files_wrong")
    assert to == "a.clerk@office.example"
    assert told["lines"] == ["1 file: not accepted"]
    assert told["link"].endswith(path)
    assert ".pdf" not in str(told), "a name may tell of a patient"


def test_files_that_went_wrong_count(database_url: str, make_app: MakeApp) -> None:
    portal = World(make_app(database_url, attachments_most=2))
    harbor = portal.organization("Harbor Clinic")
    portal.person("a.clerk", organization=harbor)
    with portal.session() as session:
        path = f"/cases/{tax_id_case(session, harbor).case_id}"
    office = portal.sign_in("a.clerk")
    attach(office, path, (b"%PDF-1.4 broken", "one.pdf"), (b"%PDF-1.4 broken too", "two.pdf"))
    check_files(portal)
    status, said = attach(office, path, (b"A letter.", "letter.txt"))
    assert status == 422
    assert "there are 2 files already, which is the most. Remove those that went wrong first." in said
    office.post(f"{path}/files/{re.findall(r'/files/([0-9]+)/remove', office.get(path).text)[0]}/remove")
    assert attach(office, path, (b"A letter.", "letter.txt"))[0] == 303


def test_files_of_a_case_are_opened_by_both_sides_and_nobody_else(portal: World) -> None:
    harbor = portal.organization("Harbor Clinic")
    portal.person("a.clerk", organization=harbor)
    portal.person("s.stranger")
    portal.staff("w.worker", permissions=["staff:console:open", "staff:cases:work", "staff:tax-ids:manage"])
    portal.staff("o.other", permissions=["staff:cases:work"])
    with portal.session() as session:
        path = f"/cases/{tax_id_case(session, harbor).case_id}"
    office, staff, stranger = (portal.sign_in(name) for name in ("a.clerk", "w.worker", "s.stranger"))
    assert attach(office, path)[0] == 422, "no file"
    status, told = attach(office, path, (b"The letter of the practice.", "letter.txt"), (b"MZ\x90\0", "virus.exe"))
    assert status == 422
    assert "“virus.exe” was not attached" in told
    assert "letter.txt" in told, "what could be attached is"
    assert downloads(office, path) == [], "nobody opens it before it is checked"
    assert "1 case has a new message" in text_of(tree_of(staff.get("/staff/")))
    check_files(portal)
    [link] = downloads(office, path)
    assert office.get(link).data == b"The letter of the practice."
    assert office.get(link).headers["Content-Disposition"].startswith("attachment")
    [theirs] = downloads(staff, f"/staff{path}")
    assert staff.get(theirs).data == b"The letter of the practice."
    for client, where in ((stranger, link), (stranger, theirs), (portal.sign_in("o.other"), theirs)):
        assert client.get(where).status_code == 404
    assert attach(stranger, path, (b"Mine.", "mine.txt"))[0] == 404
    assert attach(stranger, f"/staff{path}", (b"Mine.", "mine.txt"))[0] == 404

    assert attach(staff, f"/staff{path}", (b"Our answer.", "answer.txt"))[0] == 303
    assert "new message" not in text_of(tree_of(staff.get("/staff/")))
    check_files(portal)
    answer = next(one for one in downloads(office, path) if one != link)
    assert office.get(answer).data == b"Our answer."
    page = text_of(tree_of(office.get(path)))
    assert "Attached files" in page
    assert "answer.txt" in page
    with portal.session() as session:
        other = tax_id_case(session, harbor).case_id
    assert office.get(link.replace(path, f"/cases/{other}")).status_code == 404, "a file of another case"


def test_a_file_that_went_wrong_is_in_nobodys_way(portal: World) -> None:
    """It can be taken away and sent again, though it came with the case; what is all right stays."""
    harbor = portal.organization("Harbor Clinic")
    portal.person("a.clerk", organization=harbor)
    portal.staff("w.worker", permissions=["staff:console:open", "staff:cases:work", "staff:tax-ids:manage"])
    with portal.session() as session:
        path = f"/cases/{tax_id_case(session, harbor).case_id}"
    office, staff = (portal.sign_in(name) for name in ("a.clerk", "w.worker"))
    broken = b"Dear Sirs" * 1000 + b"\0"
    assert attach(office, path, (broken, "broken.txt"), (b"A letter.", "letter.txt"))[0] == 303
    assert "was not attached: the same file is attached already" in attach(office, path, (broken, "again.txt"))[1]
    assert "Remove broken.txt" not in office.get(path).text, "it may still be all right"
    check_files(portal)
    assert attach(office, path, (broken, "again.txt"))[0] == 303
    check_files(portal)
    for client, where in ((office, path), (staff, f"/staff{path}")):
        page = client.get(where).text
        assert "Remove letter.txt" not in page
        [broken_one] = re.findall(r'action="([^"]+)"[^>]*>(?:(?!</form>).)*Remove broken.txt', page, re.DOTALL)[:1]
        assert "stays with it" in client.post(f"{where}/files/2/remove", follow_redirects=True).text
        assert "The file was removed." in client.post(broken_one, follow_redirects=True).text
        assert client.post(broken_one).status_code == 404, "it is gone"
        if client is office:
            assert attach(office, path, (broken, "broken.txt"))[0] == 303
            check_files(portal)
    with portal.session() as session:
        names = session.scalars(sa.select(AttachedFile.state).order_by(AttachedFile.id)).all()
        removed = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "attachment.file.removed")).all()
        assert (list(names), len(removed)) == (["ready", "refused"], 2)


def test_staff_find_the_case_of_a_file_with_a_virus_and_remove_it(portal: World) -> None:
    harbor = portal.organization("Harbor Clinic")
    check, work = "staff:attachments:check", ["staff:cases:work", "staff:tax-ids:manage"]
    portal.staff("g.guard", permissions=["staff:console:open", check])
    portal.staff("w.worker", permissions=["staff:console:open", check, *work])
    with portal.session() as session:
        case_id = tax_id_case(session, harbor).case_id
        number = show_number(session.get_one(Case, case_id).number)
        held = attached_file(session, f"case:{case_id}", harbor, state="quarantined").id
        attached_file(session, "case:99", harbor, state="failed")
        for _ in range(PAGE):
            attached_file(session, "sample:1", harbor, state="failed")
    guard, worker = portal.sign_in("g.guard"), portal.sign_in("w.worker")
    first, second = guard.get("/staff/attachments").text, guard.get("/staff/attachments?page=2").text
    assert "1–25 of 27 files" in first
    assert "sample:1" in first
    assert f"Case {number}" in second
    assert f'href="/staff/cases/{case_id}"' not in second, "whoever may not work on it is not led there"
    assert "case:99" in second, "a case that is gone"
    assert f'<a href="/staff/cases/{case_id}">Case {number}</a>' in worker.get("/staff/attachments?page=2").text
    assert f"/staff/attachments/{held + 1}/remove" not in second, "it may be all right"
    assert worker.post(f"/staff/attachments/{held + 1}/remove").status_code == 404
    assert worker.post(f"/staff/attachments/{held}/remove").status_code == 303
    with portal.session() as session:
        assert session.get(AttachedFile, held) is None
        assert session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "attachment.file.removed")).one()
