"""Cases of people who have no account: the form, its confirmation, the status by number and address, the page behind a link."""

from __future__ import annotations

import datetime as dt
import io
import re
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import draw_number, show_number
from hp_portal.core.cases.public_models import CaseForm, CasePass, CaseSubmitter
from hp_portal.core.web.bodies import SMALL, largest_body
from tests.conftest import MakeApp
from tests.support.attaching import check_files
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.messages import mails
from tests.support.people import recorded
from tests.support.public_cases import Letterbox, Sender, another, given, run_job
from tests.support.world import World

MONDAY = dt.datetime(2026, 11, 16, 16, tzinfo=dt.UTC)
STAFF = ["staff:console:open", "staff:cases:work", "letterbox:letter:decide"]


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    clock.set(MONDAY)
    world = World(make_app(database_url, extra_plugins={"letterbox": Letterbox()}))
    world.staff("w.worker", permissions=STAFF)
    return world


def count(world: World, model: type) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def test_from_the_form_to_the_answer(portal: World, clock: Clock) -> None:
    sender = Sender(portal)
    assert sender.send().location == "/case-status/sent"
    assert "nothing has been sent to us yet" in words_of(sender.client.get("/case-status/sent"))
    assert count(portal, Case) == 0, "nobody has confirmed it"
    link = sender.link("case_public_confirm")
    assert sender.client.get(link).status_code == 303
    assert count(portal, Case) == 0, "scanners of mail follow links, too"
    assert "Duluth" in words_of(sender.client.get("/case-status/confirm"))
    case = sender.confirm()
    number = show_number(case.number)
    assert case.title == "Letter from Duluth"
    page = words_of(sender.client.get("/case-status/case"))
    assert number in page
    assert "You hear from us by Nov 19, 2026" in page
    assert "We answer within 3 days." in page
    [(to, told)] = mails(portal, "case_public_opened")
    assert (to, told["number"]) == ("sam@office.example", number)
    assert sender.client.get(link).status_code == 303
    assert sender.client.get("/case-status/confirm").status_code == 410, "the link works once"

    staff = portal.sign_in("w.worker")
    path = f"/staff/cases/{case.id}"
    shown = words_of(staff.get(path))
    assert "Sam Sample" in shown
    assert "sam@office.example" in shown
    assert "218-555-0142" in shown
    assert "Somebody without an account" in words_of(staff.get("/staff/cases"))
    assert staff.post(f"{path}/step", {"step": "ask", "seen": "received", "words": "Which street?"}).status_code == 303
    to, told = mails(portal, "case_public_told")[-1]
    assert to == "sam@office.example"
    assert "street" not in str(told), "what was written is read in the portal alone"
    page = words_of(sender.client.get("/case-status/case"))
    assert "Which street?" in page
    assert sender.client.post("/case-status/case/step", {"step": "done", "seen": "question"}).status_code == 404
    sent = {"step": "reply", "seen": "question", "words": "Lantern Street."}
    assert sender.client.post("/case-status/case/step", sent).status_code == 303
    assert sender.client.post("/case-status/case/comment", {"comment": "And thank you."}).status_code == 303
    shown = words_of(staff.get(path))
    assert "Replied" in shown
    assert "Lantern Street. " in shown
    assert "And thank you." in shown
    assert "Sam Sample, Nov 16" in shown, "the history says who it was"
    assert "The provider has written" in shown
    assert staff.post(f"{path}/comment", {"comment": "You are welcome."}).status_code == 303
    assert "welcome" not in str(mails(portal, "case_public_told")[-1])
    assert "You are welcome." in words_of(sender.client.get("/case-status/case"))


def test_number_and_address_show_where_it_stands_and_no_more(portal: World) -> None:
    sender = Sender(portal)
    case = sender.send_and_confirm()
    sender.client.post("/case-status/case/comment", {"comment": "A word to you."})
    visitor = another(portal)
    found = visitor.look(case, email=sender.email.upper())
    assert found.status_code == 200
    assert "Received" in words_of(found)
    assert "by Nov 19, 2026" in words_of(found)
    for secret in ("Duluth", "Sam Sample", "A word to you.", "218-555"):
        assert secret not in words_of(found)
    # One answer for a number that there is not, and for an address that is another one's.
    wrong = [visitor.look(case), visitor.look(case, number=draw_number(), email=sender.email)]
    assert [one.status_code for one in wrong] == [422, 422]
    assert len({re.findall(r"We have no case with this number.*?opened\.", words_of(one))[0] for one in wrong}) == 1
    lengths = {len(re.sub(r'value="[^"]*"|Request \w+', "", one.text)) for one in wrong}
    assert len(lengths) == 1, "nothing else on the page differs"
    assert visitor.client.get("/case-status/case").status_code == 410

    # A link goes to the confirmed address alone, whoever asks, and the answer is the same.
    assert visitor.look(case, "/case-status/link").location == "/case-status/mailed"
    assert mails(portal, "case_public_link") == []
    assert visitor.look(case, "/case-status/link", email=sender.email).location == "/case-status/mailed"
    [(to, _)] = mails(portal, "case_public_link")
    assert to == sender.email
    reader = Sender(portal)
    assert reader.client.get(sender.link("case_public_link")).status_code == 303
    assert "A word to you." in words_of(reader.client.get("/case-status/case"))


def test_a_link_ends_by_time_and_by_hand(portal: World, clock: Clock) -> None:
    sender = Sender(portal)
    case = sender.send_and_confirm()
    for _ in range(3):  # it works on while it is used
        clock.advance(minutes=50)
        assert sender.client.get("/case-status/case").status_code == 200
    clock.advance(minutes=61)
    gone = sender.client.post("/case-status/case/comment", {"comment": "A long letter."})
    assert gone.status_code == 410
    assert "A long letter." in words_of(gone), "it can be copied"
    assert sender.look(case, "/case-status/link").status_code == 303
    sender.client.get(sender.link("case_public_link"))
    assert sender.client.get("/case-status/case").status_code == 200
    assert sender.client.post("/case-status/case/done").status_code == 303
    sender.client.get(sender.link("case_public_link"))
    assert sender.client.get("/case-status/case").status_code == 410
    clock.advance(days=1)
    run_job(portal, "identity.forget-attempts")
    assert count(portal, CasePass) == 0


def test_one_sender_never_sees_the_case_of_another(portal: World) -> None:
    sam, kim = Sender(portal), another(portal)
    of_sam, of_kim = sam.send_and_confirm(), kim.send_and_confirm()
    sam.client.post("/case-status/case/comment", {"comment": "From Sam."})
    assert "From Sam." not in words_of(kim.client.get("/case-status/case"))
    assert show_number(of_sam.number) not in words_of(kim.client.get("/case-status/case"))
    assert kim.look(of_sam).status_code == 422
    assert kim.look(of_kim).status_code == 200
    office = portal.organization()
    portal.person("a.clerk", organization=office)
    clerk = portal.sign_in("a.clerk")
    assert clerk.get(f"/cases/{of_sam.id}").status_code == 404
    assert "Letter from" not in words_of(clerk.get("/cases/?show=all"))


def test_what_nobody_confirms_is_counted_and_forgotten(portal: World, clock: Clock) -> None:
    sender, stranger = Sender(portal), another(portal)
    sender.send()
    stranger.send()
    stranger.client.get(stranger.link("case_public_confirm"))
    assert stranger.client.post("/case-status/not-me").status_code == 303
    link = sender.link("case_public_confirm")
    clock.advance(hours=25)
    sender.client.get(link)
    assert sender.client.post("/case-status/confirm").status_code == 410
    run_job(portal, "identity.forget-attempts")
    with portal.session() as session:
        rows = session.scalars(sa.select(CaseForm).order_by(CaseForm.id)).all()
        assert [(row.outcome, row.values_sealed) for row in rows] == [("forgotten", None), ("disowned", None)]
    assert (count(portal, Case), count(portal, CaseSubmitter)) == (0, 0)
    figures = words_of(portal.sign_in("w.worker").get("/staff/cases/figures"))
    assert "forgotten1" in figures


def test_a_strangers_mailbox_is_not_filled(portal: World) -> None:
    sender = Sender(portal)
    answers = [sender.send(environ_overrides={"REMOTE_ADDR": f"198.51.{n}.7"}).status_code for n in range(5)]
    assert answers == [303, 303, 303, 429, 429]
    assert len(mails(portal, "case_public_confirm")) == 3
    # And from one address not many mailboxes.
    many = [another(portal).send(environ_overrides={"REMOTE_ADDR": "203.0.113.9"}).status_code for _ in range(12)]
    assert many[:10] == [303] * 10
    assert many[10:] == [429, 429]


def test_guessing_is_limited(portal: World) -> None:
    sender = Sender(portal)
    case = sender.send_and_confirm()
    kim = another(portal)
    answers = [kim.look(case, number=draw_number()).status_code for _ in range(21)]
    assert answers == [422] * 20 + [429]
    # From many networks at one number; who sent it is somewhere else, and gets through.
    for n in range(20):
        address = {"REMOTE_ADDR": f"198.{51 + n}.100.7"}
        kim.client.post(
            "/case-status/",
            {"number": case.number, "email": f"k{n}@a.example"},
            environ_overrides=address,
        )
    data = {"number": case.number, "email": sender.email}
    own = {"REMOTE_ADDR": "192.0.2.77"}
    assert sender.client.post("/case-status/", data, environ_overrides=own).status_code == 200


def attach(sender: Sender, *files: tuple[bytes, str], **options: Any) -> TestResponse:
    data = {"files": [(io.BytesIO(body), name) for body, name in files]}
    return sender.client.post("/case-status/case/attach", data, content_type="multipart/form-data", **options)


def test_files_come_with_a_case_and_nobody_else_opens_them(portal: World) -> None:
    sender, kim = Sender(portal), another(portal)
    case = sender.send_and_confirm()
    assert attach(sender, (b"The letter.", "letter.txt")).status_code == 303
    check_files(portal)
    page = sender.client.get("/case-status/case")
    assert "letter.txt" in words_of(page)
    [path] = re.findall(r'href="(/case-status/case/files/\d+)"', page.text)
    assert sender.client.get(path).data == b"The letter."
    assert kim.client.get(path).status_code == 410
    kim.send_and_confirm()
    assert kim.client.get(path).status_code == 404, "of another case"
    assert kim.client.post(f"{path}/remove").status_code == 404
    staff = portal.sign_in("w.worker")
    assert "letter.txt" in words_of(staff.get(f"/staff/cases/{case.id}"))
    assert "1 case has a new message" in words_of(staff.get("/staff/"))
    assert attach(another(portal), (b"A letter.", "a.txt")).status_code == 410


def test_files_are_counted_by_address_and_in_all(portal: World, clock: Clock) -> None:
    portal.app.extensions["hp_portal.settings"].__dict__["public_files_per_day"] = 3
    try:
        sender, kim = Sender(portal), another(portal)
        sender.send_and_confirm()
        kim.send_and_confirm()
        assert attach(sender, *((f"Letter {n}.".encode(), f"{n}.txt") for n in range(2))).status_code == 303
        assert attach(kim, (b"Letter 3.", "3.txt")).status_code == 303
        refused = attach(kim, (b"Letter 4.", "4.txt"))
        assert refused.status_code == 429
        assert "no more are taken for now" in words_of(refused)
        clock.advance(days=1)
        kim.look(kim.send_and_confirm())
        assert attach(kim, (b"Letter 4.", "4.txt")).status_code == 303
    finally:
        portal.app.extensions["hp_portal.settings"].__dict__["public_files_per_day"] = 200


def test_more_than_a_megabyte_only_from_who_has_opened_a_link(portal: World, clock: Clock) -> None:
    sender = Sender(portal)

    def largest(path: str = "/case-status/case/attach") -> int:
        cookie = portal.app.config["SESSION_COOKIE_NAME"]
        kept = sender.client.flask.get_cookie(cookie)
        environ = {
            "PATH_INFO": path,
            "REQUEST_METHOD": "POST",
            "HTTP_COOKIE": f"{cookie}={kept.value}" if kept else "",
            "wsgi.url_scheme": "http",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "wsgi.input": io.BytesIO(),
        }
        return largest_body(portal.app, environ)

    assert sender.send().status_code == 303
    assert largest() == SMALL
    sender.confirm()
    sender.client.get("/case-status/case")
    assert largest() > 10 * SMALL
    assert largest("/case-status/case/comment") == SMALL
    assert largest("/letterbox/form") == SMALL
    clock.advance(hours=2)
    assert largest() == SMALL
    sender.look(sender.send_and_confirm())
    sender.client.get("/case-status/case")
    assert largest() > SMALL
    sender.client.post("/case-status/case/done")
    assert largest() == SMALL


def test_staff_link_it_to_a_payee_and_to_an_organization(portal: World) -> None:
    sender = Sender(portal)
    case = sender.send_and_confirm()
    attach(sender, (b"The letter.", "letter.txt"))
    check_files(portal)
    office, elsewhere = portal.organization("Harbor Clinic"), portal.organization("Elsewhere Clinic")
    payee = portal.payee(make_tin(4711), make_npi(4711), name="Harbor Clinic")
    portal.grant(office, payee)
    portal.person("a.clerk", organization=office)
    portal.person("e.clerk", organization=elsewhere)
    clerk, other, staff = portal.sign_in("a.clerk"), portal.sign_in("e.clerk"), portal.sign_in("w.worker")
    path, own = f"/staff/cases/{case.id}", f"/cases/{case.id}"
    assert staff.post(f"{path}/organization", {"organization": str(office.id)}).status_code == 422, "no payee yet"
    wrong = staff.post(f"{path}/payee", {"tin": make_tin(99)})
    assert wrong.status_code == 422
    assert "No payee on record" in words_of(wrong)
    assert clerk.get(own).status_code == 404
    assert staff.post(f"{path}/payee", {"tin": make_tin(4711), "npi": make_npi(4711)}).status_code == 303
    assert "Harbor Clinic" in words_of(staff.get(path))
    assert make_tin(4711) not in staff.get(path).text
    assert staff.post(f"{path}/organization", {"organization": str(elsewhere.id)}).status_code == 422
    assert staff.post(f"{path}/organization", {"organization": str(office.id)}).status_code == 303
    assert given[case.id] == office.id
    page = clerk.get(own)
    assert page.status_code == 200
    assert "Somebody without an account" in words_of(page)
    assert "Sam Sample" not in words_of(page), "an organization is not told who it was"
    [file] = re.findall(rf'href="({own}/files/\d+)"', page.text)
    assert clerk.get(file).data == b"The letter."
    assert other.get(own).status_code == 404
    assert clerk.post(f"{own}/comment", {"comment": "We know of it."}).status_code == 303
    shown = sender.client.get("/case-status/case")
    assert "letter.txt" in words_of(shown), "its sender has it still"
    assert "We know of it." in words_of(shown)
    assert recorded(portal, "case.linked.payee") == [{"case": case.id, "payee": payee.id}]
    assert recorded(portal, "case.linked.organization") == [{"case": case.id, "organization": office.id}]
    # A mistake is set right.
    assert staff.post(f"{path}/organization", {"organization": ""}).status_code == 303
    assert given[case.id] is None
    assert clerk.get(own).status_code == 404
    assert clerk.get(file).status_code == 404
    assert "letter.txt" in words_of(sender.client.get("/case-status/case"))


def test_whoever_is_signed_in_acts_here_as_the_sender(portal: World) -> None:
    office = portal.organization()
    portal.person("a.clerk", name="Anna Clerk", organization=office)
    sender = Sender(portal)
    sender.client = portal.sign_in("a.clerk")
    case = sender.send_and_confirm()
    assert case.person_id is None
    sender.client.post("/case-status/case/comment", {"comment": "A word."})
    page = words_of(portal.sign_in("w.worker").get(f"/staff/cases/{case.id}"))
    assert "Anna Clerk" not in page
    assert "A word." in page
