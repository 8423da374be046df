"""The demo's mailbox has every e-mail, letter and fax as it would arrive, with links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.letters import Letter, add_letter, make_print_run
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.delivery.sending import send_due
from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import Databases
from tests.support.messages import waiting_fax
from tests.support.pdf import TaggedPdf
from tests.support.world import World


@pytest.fixture
def demo(databases: Databases, tmp_path: Path, make_app: MakeApp) -> World:
    url = databases.new_sqlite(tmp_path / "demo.sqlite")
    where = {"instance_path": tmp_path / "instance", "public_url": "http://127.0.0.1:8350"}
    return World(make_app(url, demo=True, mail_from="portal@northstar.example", **where))


@pytest.fixture
def staff(demo: World) -> PortalClient:
    demo.staff("a.staff", permissions={"staff:console:open", "staff:letters:print", "staff:faxes:send"})
    return demo.sign_in("a.staff")


def only_message(demo: World) -> tuple[str, str]:
    """The page of the one message in the mailbox, and its address."""
    client = demo.client()
    [address] = re.findall(r'href="(/demo/mailbox/[0-9a-f]{32})"', client.get("/demo/mailbox/").text)
    return client.get(address).text, address


def test_an_e_mail_and_what_goes_along(demo: World) -> None:
    with demo.session() as session:
        file = Attachment("note.txt", "text/plain", b"A note.\n")
        values = {"asked_at": "today"}
        add_message(session, Outgoing("a@clinic.example", "test", "Hello", "test:1", values, attachments=(file,)))
    with demo.app.app_context(), demo.session() as session:
        send_due(session)
    page, address = only_message(demo)
    assert '<a href="http://127.0.0.1:8350/"' in page, "links are live"
    assert "With it: note.txt" in page
    client = demo.client()
    assert client.get(f"{address}/files/0").data.split() == [b"A", b"note."]
    assert client.get(f"{address}/files/1").status_code == 404
    assert '<a href="http://127.0.0.1:8350/">' in client.get(f"{address}/html", check=False).text


def test_a_letter_arrives_when_it_is_posted_with_its_code(demo: World, staff: PortalClient) -> None:
    with demo.session() as session:
        letter = Letter(["A Clinic", "100 Main Street"], "Your code", "test:1", ["Here."], code="7KQM4XPD", secret=True)
        add_letter(session, letter)
        make_print_run(session)
    assert "The mailbox is empty" in demo.client().get("/demo/mailbox/").text
    assert staff.get("/staff/letters/print-runs/1/pdf").status_code == 200
    staff.post("/staff/letters/print-runs/1/posted")
    page, address = only_message(demo)
    assert ("Letter" in page, "<dd>A Clinic</dd>" in page, "From" in page) == (True, True, False)
    assert "7KQM4XPD" in TaggedPdf(demo.client().get(f"{address}/files/0").data).tree.whole_text
    assert demo.client().get(f"{address}/html").status_code == 404


def test_a_fax_arrives_when_it_is_sent_by_hand(demo: World, staff: PortalClient) -> None:
    staff.post(f"/staff/faxes/{waiting_fax(demo)}/sent")
    page, address = only_message(demo)
    assert ("952-555-0100" in page, "As it arrives: fax.pdf" in page) == (True, True)
    assert "Confidential" in TaggedPdf(demo.client().get(f"{address}/files/0").data).tree.whole_text
