"""Faxes leave by a gateway, by sendfax, by a plugin's way, or by hand: with a cover sheet by which they are found again."""

from __future__ import annotations

import io
import re
import stat
import threading
from pathlib import Path

import pikepdf
import pytest

import tests.sample_plugin as sample
from hp_portal.core.delivery import fax_transports
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.faxes import Fax, add_fax, parse_fax_number
from hp_portal.core.delivery.sending import send_all
from hp_portal.core.delivery.states import messages_about
from hp_portal.core.delivery.ways import ways_out
from hp_portal.core.jobs.failures import write_outcomes
from hp_portal.worker import Worker
from tests.conftest import MakeApp
from tests.core.test_delivery import NOW, message, said, server
from tests.core.test_delivery import write as write_mail
from tests.sample_plugin import faxing
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.mail_server import MailServer
from tests.support.paper import codes_on, faxed, page_picture
from tests.support.pdf import TaggedPdf
from tests.support.processes import PATIENCE
from tests.support.world import World

__all__ = ["server"]
NUMBER = "952-555-0100"


def two_pages() -> Attachment:
    out = io.BytesIO()
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.add_blank_page()
        pdf.save(out)
    return Attachment("agreement.pdf", "application/pdf", out.getvalue())


def write(world: World, document: Attachment | None = None) -> int:
    with world.session() as session:
        fax = Fax("(952) 555-0100", "Harbor Lantern Clinic", "Your agreement", "test:1", ["Please sign it."], document)
        return add_fax(session, fax)


def work(world: World) -> int:
    """The worker's turn: how many messages left."""
    with world.app.app_context(), world.session() as session:
        return send_all(session, world.settings, ways_out())


def told(world: World) -> str:
    with world.app.app_context(), world.session() as session:
        return messages_about(session, "test:1")[0].words


@pytest.fixture
def by_hand(world: World) -> World:
    return world


@pytest.fixture
def staff(by_hand: World) -> PortalClient:
    wanted = {"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage", "staff:faxes:send"}
    by_hand.staff("a.staff", permissions=wanted)
    return by_hand.sign_in("a.staff")


@pytest.mark.parametrize("text", [NUMBER, "(952) 555-0100", "9525550100", "+1 952 555 0100", "1-952-555-0100"])
def test_a_fax_number_is_read_as_it_is_typed(text: str) -> None:
    assert parse_fax_number(text) == "+19525550100"


@pytest.mark.parametrize("text", ["", "555-0100", "front desk", "952-055-0100", "+44 20 7946 0958", "952-555-0100 x7"])
def test_what_is_no_fax_number_of_the_united_states_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="ten digits"):
        parse_fax_number(text)


def test_without_a_way_faxes_are_sent_by_hand(by_hand: World, staff: PortalClient) -> None:
    number = write(by_hand, two_pages())
    assert work(by_hand) == 0
    assert told(by_hand) == "The fax waits to be sent."
    assert "1 fax to send by hand" in staff.get("/staff/").text
    page = staff.get("/staff/faxes").text
    reference = message(by_hand, number).reference or ""
    assert re.fullmatch(r"[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){2}", reference)
    assert ("952-555-0100: Your agreement" in page, reference in page) == (True, True)
    pdf = TaggedPdf(staff.get(f"/staff/faxes/{number}/pdf").data, joined=True)
    assert len(pdf.file.pages) == 3
    text = pdf.tree.whole_text
    for words in (
        "Harbor Lantern Clinic",
        NUMBER,
        "3, this one included",
        reference,
        "Confidential",
        "Please sign it.",
    ):
        assert words in text
    refused = staff.post(f"/staff/faxes/{number}/failed")
    assert (refused.status_code, "Say in a few words" in refused.text) == (422, True)
    staff.post(f"/staff/faxes/{number}/failed", {f"fax-{number}-reason": "Busy all day"})
    assert (message(by_hand, number).state, told(by_hand)) == ("failed", "The fax could not be sent.")
    assert "Busy all day" in staff.get("/staff/faxes").text
    assert "marked as sent" in staff.post(f"/staff/faxes/{number}/sent", follow_redirects=True).text
    assert said(by_hand, number) == [("refused", "Busy all day"), ("sent", "Somebody of the staff sent it by hand.")]
    assert "No fax waits for you" in staff.get("/staff/faxes").text
    assert "Nothing was changed" in staff.post(f"/staff/faxes/{number}/sent", follow_redirects=True).text
    found = staff.get("/staff/deliveries", query_string={"recipient": reference.lower()}).text
    assert f"/staff/deliveries/{number}" in found, "a page that came back tells its fax"


def test_a_cover_sheet_alone_is_tagged_and_has_its_code_twice(by_hand: World, staff: PortalClient) -> None:
    wrong = staff.post("/staff/faxes/test", {"to": "A Clinic", "number": "952-555-010"})
    assert (wrong.status_code, 'value="952-555-010"' in wrong.text) == (422, True)
    staff.post("/staff/faxes/test", {"to": "A Clinic", "number": NUMBER})
    pdf = TaggedPdf(staff.get("/staff/faxes/1/pdf").data)
    assert len(pdf.file.pages) == 1
    reference = message(by_hand, 1).reference
    found = {
        str(one.Alt) for one in pdf.file.objects if isinstance(one, pikepdf.Dictionary) and one.get("/S") == "/Figure"
    }
    assert found == {f"QR code of the reference {reference}", "The same code once more"}


@pytest.mark.parametrize("skew", [0.0, 3.0, -4.0])
def test_the_code_is_read_from_a_page_that_was_faxed(by_hand: World, staff: PortalClient, skew: float) -> None:
    number = write(by_hand, two_pages())
    page = page_picture(staff.get(f"/staff/faxes/{number}/pdf").data)
    reference = message(by_hand, number).reference
    assert codes_on(page) == [reference] * 2
    assert set(codes_on(faxed(page, skew=skew, noise=0.01))) == {reference}


@pytest.mark.parametrize(
    ("pattern", "to"),
    [
        ("{number}@fax.example", "9525550100@fax.example"),
        ("FAX={e164}@fax.example", "FAX=+19525550100@fax.example"),
    ],
)
def test_a_gateway_gets_faxes_by_e_mail(
    database_url: str, make_app: MakeApp, server: MailServer, clock: Clock, pattern: str, to: str
) -> None:
    clock.set(NOW)
    smtp = {"smtp_url": f"smtp://127.0.0.1:{server.port}", "mail_from": "portal@plan.example"}
    world = World(make_app(database_url, fax_address=pattern, **smtp))
    number = write(world, two_pages())
    assert work(world) == 1
    [taken] = server.taken
    sent = message(world, number)
    assert (taken.recipient, taken.sender) == (to, f"portal+{sent.token}@plan.example")
    [file] = taken.text.iter_attachments()
    with pikepdf.open(io.BytesIO(file.get_content())) as pdf:
        assert len(pdf.pages) == 3
    assert said(world, number) == [("sent", "The mail server has taken it. It is faxed by fax.example.")]
    assert told(world) == "The fax was sent on Mar 2, 2026."


SENDFAX = """#!/bin/sh
case "$4" in *.pdf) head -c 5 "$4" > "$0.got";; esac
echo "$1 $2 $3" >> "$0.got"
env >> "$0.env"
{then}
"""


@pytest.fixture
def sendfax(tmp_path: Path) -> Path:
    """A real program in the place of HylaFAX's, which is told what to do by `then`."""
    path = tmp_path / "send fax"
    program(path, 'echo "request id is 7 (group id 7) for host localhost (1 file)"')
    return path


def program(path: Path, then: str) -> None:
    path.write_text(SENDFAX.replace("{then}", then))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_hylafax_gets_faxes(
    database_url: str, make_app: MakeApp, clock: Clock, sendfax: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HP_PORTAL_SECRET", "of the portal")
    clock.set(NOW)
    world = World(make_app(database_url, fax_command=f"'{sendfax}'"))
    first = write(world)
    assert work(world) == 1
    assert Path(f"{sendfax}.got").read_text() == "%PDF--n -d +19525550100\n"
    assert "of the portal" not in Path(f"{sendfax}.env").read_text()
    job = "sendfax said: request id is 7 (group id 7) for host localhost (1 file)"
    assert said(world, first) == [("sent", job)]
    program(sendfax, "echo 'no carrier' >&2; exit 1")
    second = write(world)
    assert work(world) == 0
    assert (message(world, second).state, message(world, second).problem) == ("waiting", "sendfax said: no carrier")
    program(sendfax, "sleep 30")
    monkeypatch.setattr(fax_transports, "TIME_LIMIT", 0.2)
    third = write(world)
    assert work(world) == 0
    assert message(world, third).problem == "sendfax did not come to an end in time."
    sendfax.unlink()
    clock.advance(hours=1)
    assert work(world) == 0
    assert message(world, third).problem == "sendfax could not be started: No such file or directory"


def test_a_plugin_s_way_comes_before_the_settings(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    clock.set(NOW)
    world = World(make_app(database_url, extra_plugins={"sample": sample}, fax_command="/nowhere/sendfax"))
    faxing.faxed.clear()
    faxing.problems.clear()
    first = write(world, two_pages())
    assert work(world) == 1
    [faxed] = faxing.faxed
    sent = message(world, first)
    assert (faxed.recipient, faxed.key, faxed.reference) == ("+19525550100", sent.token, sent.reference)
    assert faxed.pdf.startswith(b"%PDF")
    assert said(world, first) == [("sent", "The sample line has faxed it.")]


def test_a_plugin_that_fails_loses_no_fax(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    clock.set(NOW)
    world = World(make_app(database_url, extra_plugins={"sample": sample}))
    faxing.faxed.clear()
    number = write(world)
    faxing.problems[:] = [ConnectionError()]
    assert work(world) == 0
    assert (message(world, number).problem, message(world, number).failures) == ("The sample line is not there.", 0)
    faxing.problems[:] = [SystemExit("out")]
    clock.advance(minutes=2)
    assert work(world) == 0
    write_outcomes(world.app)
    assert message(world, number).problem == "Sample line failed: an error in the plugin."
    world.staff("a.staff", permissions={"staff:console:open", "staff:plugins:read", "staff:faxes:send"})
    staff = world.sign_in("a.staff")
    assert "portal_transports, fax" in staff.get("/staff/plugins").text
    assert "Faxes leave by themselves" in staff.get("/staff/faxes").text
    clock.advance(minutes=10)
    assert work(world) == 1
    write_outcomes(world.app)
    assert "portal_transports, fax" not in staff.get("/staff/plugins").text


def test_what_a_fax_goes_along_with_is_a_pdf_that_can_be_read(world: World) -> None:
    for document in (Attachment("a.txt", "text/plain", b"text"), Attachment("a.pdf", "application/pdf", b"%PDF-x")):
        with pytest.raises(ValueError, match="PDF"):
            write(world, document)


def test_a_fax_that_takes_long_keeps_no_e_mail_waiting(
    database_url: str, make_app: MakeApp, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp = {"smtp_url": f"smtp://127.0.0.1:{server.port}", "mail_from": "portal@plan.example"}
    world = World(make_app(database_url, extra_plugins={"sample": sample}, **smtp))
    faxing_now, arrived, done, stop = (threading.Event() for _ in range(4))

    def send(_line: object, _fax: object) -> str:
        faxing_now.set()
        assert done.wait(PATIENCE)
        return "Faxed at last."

    monkeypatch.setattr(faxing.Line, "send", send)
    fax = write(world)
    running = threading.Thread(target=Worker(world.app, {"mail"}).run, args=[stop])
    running.start()
    try:
        assert faxing_now.wait(PATIENCE)
        server.answer = arrived.set
        write_mail(world)
        assert arrived.wait(PATIENCE)
        assert message(world, fax).state == "waiting"
    finally:
        done.set()
        stop.set()
        running.join()
    assert message(world, fax).state == "sent"
