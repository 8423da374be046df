"""Letters wait to be printed, are in one print run, count as sent once posted, and can come back."""

from __future__ import annotations

import csv
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.letters import Letter, add_letter, letters_of, make_print_run
from hp_portal.core.delivery.models import Message, MessageAttempt
from hp_portal.core.delivery.outbox import cancel_messages
from tests.support.client import PortalClient
from tests.support.pdf import TaggedPdf, spots
from tests.support.processes import PATIENCE
from tests.support.world import World

ADDRESS = ["Harbor Lantern Clinic", "Attn: Front office", "100 Main Street", "Duluth, MN 55802"]
CODE = "7KQM4XPD"


def write(world: World, name: str = ADDRESS[0], about: str = "test:1") -> int:
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
            ),
        )


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff(
        "a.staff",
        permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage", "staff:letters:print"},
    )
    return world.sign_in("a.staff")


def state(world: World, number: int) -> str:
    with world.session() as session:
        return session.get_one(Message, number).state


def print_run(staff: PortalClient) -> None:
    assert staff.post("/staff/letters/print-runs").status_code == 303


def test_a_print_run_is_printed_listed_and_posted(world: World, staff: PortalClient) -> None:
    first, second = write(world), write(world, "Second Clinic")
    assert "2 letters to print or to post" in staff.get("/staff/").text
    print_run(staff)
    assert (state(world, first), state(world, second)) == ("printed", "printed")
    answer = staff.get("/staff/letters/print-runs/1/pdf")
    assert answer.status_code == 200, answer.text
    pdf = TaggedPdf(answer.data)
    assert len(pdf.file.pages) == 2
    text = pdf.tree.whole_text
    for words in (*ADDRESS, "Second Clinic", CODE, "Enter the code.", "https://portal.example/pin"):
        assert words in text
    rows = list(csv.reader(io.StringIO(staff.get("/staff/letters/print-runs/1/csv").text.removeprefix("\ufeff"))))
    assert [row[1] for row in rows] == ["Address line 1", ADDRESS[0], "Second Clinic"]
    assert "2 letters marked as posted." in staff.post("/staff/letters/print-runs/1/posted", follow_redirects=True).text
    assert "posted before" in staff.post("/staff/letters/print-runs/1/posted", follow_redirects=True).text
    assert (state(world, first), state(world, second)) == ("sent", "sent")
    with world.session() as session:
        assert session.scalars(sa.select(MessageAttempt.said)).all() == ["The letter was posted."] * 2


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
    print_run(staff)
    staff.post("/staff/letters/print-runs/1/posted")
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
