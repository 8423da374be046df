"""Letters wait to be printed, are in one print run, count as sent once posted, and can come back."""

from __future__ import annotations

import csv
import io
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.letters import Letter, add_letter, letters_of, make_print_run
from hp_portal.core.delivery.models import Message, MessageAttempt
from hp_portal.core.delivery.outbox import cancel_messages, values_of
from hp_portal.core.delivery.states import messages_about
from hp_portal.core.downloads.making import make_next
from hp_portal.core.downloads.models import DocumentRequest
from hp_portal.core.files.models import StoredFile
from hp_portal.core.staff import letter_views
from tests.support.client import PortalClient
from tests.support.paper import codes_on, page_picture
from tests.support.pdf import TaggedPdf, spots
from tests.support.processes import PATIENCE
from tests.support.world import World

pytestmark = pytest.mark.either_database

ADDRESS = ["Harbor Lantern Clinic", "Attn: Front office", "100 Main Street", "Duluth, MN 55802"]
CODE = "7KQM4XPD"


def write(world: World, name: str = ADDRESS[0], about: str = "test:1", secret: bool = False) -> int:
    with world.session() as session:
        return add_letter(
            session,
            Letter(
                [name, *ADDRESS[1:]],
                "Your code",
                about,
                ["This code opens the account."],
                ["Go to the address below.", "Enter the code."],
                CODE,
                "Your code",
                "https://portal.example/pin",
                secret,
            ),
        )


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff(
        "a.staff",
        permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage", "staff:letters:print"},
    )
    return world.sign_in("a.staff")


def kept_code(world: World, number: int) -> str:
    with world.session() as session:
        return str(values_of(session, session.get_one(Message, number))["code"])


def printed(staff: PortalClient, address: str) -> str:
    answer = staff.get(address)
    assert answer.status_code == 200, answer.text
    return TaggedPdf(answer.data).tree.whole_text


def state(world: World, number: int) -> str:
    with world.session() as session:
        return session.get_one(Message, number).state


def print_run(staff: PortalClient) -> None:
    assert staff.post("/staff/letters/print-runs").status_code == 303


def print_and_post(staff: PortalClient) -> None:
    print_run(staff)
    assert staff.get("/staff/letters/print-runs/1/pdf").status_code == 200
    assert staff.post("/staff/letters/print-runs/1/posted").status_code == 303


def test_a_print_run_is_printed_listed_and_posted(world: World, staff: PortalClient) -> None:
    first, second = write(world), write(world, "Second Clinic")
    assert "2 letters to print or mail" in staff.get("/staff/").text
    print_run(staff)
    assert (state(world, first), state(world, second)) == ("printed", "printed")
    assert "Mark as mailed" not in staff.get("/staff/letters").text
    early = staff.post("/staff/letters/print-runs/1/posted", follow_redirects=True).text
    assert "download the letters and print them first" in early
    assert (state(world, first), kept_code(world, first)) == ("printed", CODE), "what nobody printed is not in the mail"
    answer = staff.get("/staff/letters/print-runs/1/pdf")
    assert answer.status_code == 200, answer.text
    pdf = TaggedPdf(answer.data)
    assert len(pdf.file.pages) == 2
    text = pdf.tree.whole_text
    for words in (*ADDRESS, "Second Clinic", CODE, "Enter the code.", "https://portal.example/pin"):
        assert words in text
    rows = list(csv.reader(io.StringIO(staff.get("/staff/letters/print-runs/1/csv").text.removeprefix("\ufeff"))))
    assert [row[1] for row in rows] == ["Address line 1", ADDRESS[0], "Second Clinic"]
    assert "2 letters marked as mailed." in staff.post("/staff/letters/print-runs/1/posted", follow_redirects=True).text
    assert "already marked as mailed" in staff.post("/staff/letters/print-runs/1/posted", follow_redirects=True).text
    assert (state(world, first), state(world, second)) == ("sent", "sent")
    with world.session() as session:
        assert session.scalars(sa.select(MessageAttempt.said)).all() == ["The letter was mailed."] * 2


def test_a_telephone_reads_where_to_go_from_the_letter(world: World, staff: PortalClient) -> None:
    number = write(world)
    page = page_picture(staff.get(f"/staff/letters/{number}/pdf").data, dots=150)
    assert codes_on(page) == ["https://portal.example/pin"]


def test_a_letter_is_in_one_print_run_and_none_when_canceled(world: World, staff: PortalClient) -> None:
    write(world), write(world, "Second Clinic", "test:2")
    print_run(staff)
    assert "No letter waits" in staff.post("/staff/letters/print-runs", follow_redirects=True).text
    write(world, "Third Clinic")
    print_run(staff)
    with world.session() as session:
        assert cancel_messages(session, "test:2") == 1
    text = TaggedPdf(staff.get("/staff/letters/print-runs/1/pdf").data).tree.whole_text
    assert (ADDRESS[0] in text, "Second Clinic" in text, "Third Clinic" in text) == (True, False, False)


def test_two_print_runs_at_once_share_nothing(world: World) -> None:
    numbers = [write(world) for _ in range(3)]
    together = threading.Barrier(2)

    def make(_: int) -> int | None:
        with world.session() as session:
            together.wait(PATIENCE)
            return make_print_run(session)

    with ThreadPoolExecutor(2) as pool:
        made = [run for run in pool.map(make, range(2)) if run is not None]
    with world.session() as session:
        in_runs = [message.id for run in made for message in letters_of(session, run)]
    assert sorted(in_runs) == numbers


def test_what_comes_back_is_marked_and_can_be_printed_again(world: World, staff: PortalClient) -> None:
    number = write(world)
    back = f"/staff/letters/{number}/returned"
    assert "Nothing was changed" in staff.post(back, {"reason": "Vacant"}, follow_redirects=True).text, (
        "it is not posted"
    )
    print_and_post(staff)
    assert "Nothing was changed" in staff.post(back, {"reason": "no such reason"}, follow_redirects=True).text
    page = staff.post(back, {"reason": "Vacant"}, follow_redirects=True).text
    assert "The mail brought it back: Vacant" in page
    assert state(world, number) == "returned"
    assert staff.post(f"/staff/deliveries/{number}/again").status_code == 303
    assert state(world, number) == "waiting"
    print_run(staff)
    assert ADDRESS[0] in TaggedPdf(staff.get("/staff/letters/print-runs/2/pdf").data).tree.whole_text


def test_staff_read_a_letter_but_not_its_code(world: World, staff: PortalClient) -> None:
    number = write(world)
    text = staff.get(f"/staff/deliveries/{number}").text
    assert "This code opens the account." in text
    assert CODE not in text
    assert CODE in TaggedPdf(staff.get(f"/staff/letters/{number}/pdf").data).tree.whole_text


def test_a_secret_code_is_printed_once_and_gone_when_it_is_posted(world: World, staff: PortalClient) -> None:
    number, canceled = write(world, secret=True), write(world, "Second Clinic", "test:2", secret=True)
    print_run(staff)
    assert CODE in printed(staff, "/staff/letters/print-runs/1/pdf")
    assert CODE not in printed(staff, f"/staff/letters/{number}/pdf"), "staff do not look it up"
    assert CODE not in staff.get(f"/staff/deliveries/{number}").text
    with world.session() as session:
        assert cancel_messages(session, "test:2") == 1
    assert (kept_code(world, number), kept_code(world, canceled)) == (CODE, "")
    staff.post("/staff/letters/print-runs/1/posted")
    assert kept_code(world, number) == ""
    assert CODE not in printed(staff, "/staff/letters/print-runs/1/pdf")
    page = staff.get(f"/staff/deliveries/{number}").text
    assert ("Its code is no longer kept" in page, "Print again" in page) == (True, False)
    again = staff.post(f"/staff/deliveries/{number}/again", follow_redirects=True).text
    assert "whoever wrote it has to make a new one" in again.lower()
    staff.post(f"/staff/letters/{number}/returned", {"reason": "Vacant"})
    staff.post(f"/staff/deliveries/{number}/again")
    assert state(world, number) == "returned"


def test_a_secret_letter_that_is_not_posted_yet_is_printed_again(world: World, staff: PortalClient) -> None:
    number = write(world, secret=True)
    print_run(staff)
    staff.post(f"/staff/deliveries/{number}/again")
    print_run(staff)
    assert CODE in printed(staff, "/staff/letters/print-runs/2/pdf")


def test_a_large_print_run_that_the_worker_made_is_gone_when_it_is_posted(
    world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its file is kept for whoever asked; neither a canceled letter nor a posted code is handed over from it."""
    monkeypatch.setattr(letter_views, "_SMALL", 1)
    write(world, secret=True), write(world, "Second Clinic", "test:2", secret=True), write(world, "Third Clinic")
    print_run(staff)
    files = []
    for about in ("", "test:2"):
        with world.session() as session:
            assert cancel_messages(session, about) == bool(about)
        files.append(staff.get("/staff/letters/print-runs/1/pdf").headers["Location"] + "/file")
        with world.app.app_context(), world.session() as session:
            make_next(session)
    assert staff.get(files[0]).status_code == 404, "one of its letters is canceled"
    assert CODE in printed(staff, files[1])
    staff.post("/staff/letters/print-runs/1/posted")
    assert staff.get(files[1]).status_code == 404
    with world.session() as session:
        assert session.scalars(sa.select(DocumentRequest.id)).all() == []
        assert session.scalars(sa.select(StoredFile.id)).all() == []


@pytest.mark.parametrize("address", [["Only a name"], ["Name", "x" * 46], ["Name", *"abcd"]])
def test_an_address_that_the_window_cannot_show_is_refused(
    world: World, staff: PortalClient, address: list[str]
) -> None:
    with world.session() as session, pytest.raises(ValueError, match="an address has"):
        add_letter(session, Letter(address, "No", "test:1", ["No"]))
    answer = staff.post("/staff/letters/test", {"address": "\n".join(address)})
    assert answer.status_code == 422
    assert address[-1] in answer.text
    assert staff.post("/staff/letters/test", {"address": "\n".join(ADDRESS)}).status_code == 303


def test_the_window_of_the_envelope_shows_the_address_wherever_the_sheet_lies(
    world: World, staff: PortalClient
) -> None:
    """From 0.9 to 4.3 inches across and 2.45 to 3.15 inches down: see letters.typ."""
    number = write(world)
    pdf = TaggedPdf(staff.get(f"/staff/letters/{number}/pdf").data)
    at = {text.strip(): (across / 72, down / 72) for text, across, down in spots(pdf.file.pages[0])}
    places = [at[line] for line in ADDRESS]
    assert all(0.89 <= across <= 4.3 and 2.45 < down < 3.15 for across, down in places), places


def test_whom_a_letter_concerns_reads_what_became_of_it(world: World, staff: PortalClient) -> None:
    number, office = write(world), world.organization()

    def told() -> list[str]:
        with world.app.app_context(), world.session_of(office) as session:
            return [one.words for one in messages_about(session, "test:1")]

    assert told() == ["The letter waits to be printed."]
    print_run(staff)
    assert told() == ["The letter is printed and will be mailed soon."]
    staff.get("/staff/letters/print-runs/1/pdf")
    staff.post("/staff/letters/print-runs/1/posted")
    assert re.fullmatch(r"The letter was mailed on \w+ \d+, \d{4}\.", told()[0])
    staff.post(f"/staff/letters/{number}/returned", {"reason": "Vacant"})
    assert told() == ["The letter came back: it could not be delivered."]
