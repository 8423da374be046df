"""Mail that comes back marks its message, is told to the person, and is never thrown away unread."""

from __future__ import annotations

import json
import mailbox
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal import cli
from hp_portal.core.delivery import returns
from hp_portal.core.delivery.bounces import AUTOMATIC, DELAYED, FAILED, OTHER, read_return
from hp_portal.core.delivery.mailbox import Mailbox
from hp_portal.core.delivery.models import Message, MessageAttempt, ReturnedMail
from hp_portal.core.delivery.outbox import SENT, Outgoing, add_message, note_attempt, send_again
from hp_portal.core.delivery.returns import collect_returns, take_return
from hp_portal.core.delivery.sending import send_all
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.delegates import NOON
from tests.support.world import World

TOKEN = "0123456789abcdef" * 2


def report(token: str = "", action: str = "failed", status: str = "5.1.1", to: str = "a.clerk@clinic.example") -> bytes:
    """A report of RFC 3464, as Postfix writes them."""
    return f"""\
Return-Path: <>
From: MAILER-DAEMON@mx.example (Mail Delivery System)
To: portal{"+" + token if token else ""}@plan.example
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; {to}
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} no such user

--b
Content-Type: message/rfc822

From: portal@plan.example
To: {to}
Subject: Hello

--b--
""".encode()


def plain(sender: str, subject: str, text: str = "", **headers: str) -> bytes:
    more = "".join(f"{name.replace('_', '-')}: {value}\n" for name, value in headers.items())
    return f"From: {sender}\nTo: portal+{TOKEN}@plan.example\nSubject: {subject}\n{more}\n{text}\n".encode()


@pytest.mark.parametrize(
    ("raw", "kind", "said"),
    [
        (report(TOKEN), FAILED, "550 5.1.1 no such user"),
        (report(TOKEN, "delayed", "4.4.1"), DELAYED, "550 4.4.1 no such user"),
        (report(TOKEN, "delivered", "2.0.0"), OTHER, "550 2.0.0 no such user"),
        (plain("a.clerk@clinic.example", "Away", Auto_Submitted="auto-replied"), AUTOMATIC, "Away"),
        (plain("a.clerk@clinic.example", "Re: Hello", "Who are you?"), OTHER, "Re: Hello"),
        (plain("MAILER-DAEMON@old.example", "Sorry"), FAILED, "Sorry"),
        (plain("x@old.example", "Mail could not be delivered", Return_Path="<>"), FAILED, "Mail could not be delivered"),
    ],
)  # fmt: skip
def test_what_came_back_is_read(raw: bytes, kind: str, said: str) -> None:
    read = read_return(raw)
    assert (read.token, read.kind, read.said) == (TOKEN, kind, said)


def test_the_token_may_stand_in_the_envelope_or_in_the_returned_message() -> None:
    assert read_return(report(), f"portal+{TOKEN}@plan.example").token == TOKEN
    assert (
        read_return(report().replace(b"Subject: Hello", f"Message-ID: <{TOKEN}@plan.example>".encode())).token == TOKEN
    )


def test_an_old_server_s_words_are_understood() -> None:
    """qmail writes no report."""
    text = (
        "Hi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message.\n\n"
        "<a.clerk@clinic.example>:\nno such user\n"
    )
    read = read_return(plain("x@mx.example", "failure notice", text))
    assert (read.kind, read.addresses) == (FAILED, ("a.clerk@clinic.example",))


def test_an_address_with_a_nul_in_it_is_taken(world: World) -> None:
    raw = plain("x@mx.example", "failure notice", X_Failed_Recipients="a.cl\0erk@clinic.example")
    assert take(world, raw.replace(TOKEN.encode(), b"")) == "kept"


@settings(max_examples=200)
@given(st.binary(max_size=400), st.integers(0, 900))
def test_nothing_that_comes_in_is_too_odd_to_be_read(noise: bytes, at: int) -> None:
    raw = report(TOKEN)
    for mail in (noise, raw[:at] + noise + raw[at:], raw[:at]):
        assert read_return(mail).kind in (FAILED, DELAYED, AUTOMATIC, OTHER)


def written(world: World, to: str = "a.clerk@clinic.example") -> tuple[int, str]:
    """A message that has been sent: its id and token."""
    with world.session() as session:
        number = add_message(session, Outgoing(to, "test", "Hello", "test:1", {"asked_at": "March 2"}))
        message = session.get_one(Message, number)
        message.state, message.ended_at = SENT, message.created_at
        return number, message.token


def take(world: World, raw: bytes, to: str = "") -> str:
    with world.session() as session:
        return take_return(session, raw, to)


def state(world: World, number: int) -> tuple[str, str]:
    with world.session() as session:
        message = session.get_one(Message, number)
        return message.state, message.problem


def test_a_message_that_came_back_is_marked_once_and_its_person_is_told(world: World) -> None:
    clerk = world.person("a.clerk")
    number, token = written(world, clerk.email)
    assert take(world, report(token)) == "marked"
    assert take(world, report(token)) == "known"
    assert state(world, number) == ("returned", "550 5.1.1 no such user")
    client = world.sign_in(clerk.username)
    assert f"We could not reach {clerk.email}" in client.get("/").text
    world.staff("a.staff", permissions={"staff:console:open", "staff:people:search", "staff:deliveries:read"})
    staff = world.sign_in("a.staff")
    assert "Mail to this address came back" in staff.get(f"/staff/people/{clerk.id}").text
    assert "1 message came back" in staff.get("/staff/").text
    assert "550 5.1.1 no such user" in staff.get(f"/staff/deliveries/{number}").text


def test_what_comes_back_a_second_time_after_it_was_sent_again_is_marked_again(world: World) -> None:
    number, token = written(world)
    assert take(world, report(token)) == "marked"
    with world.session() as session:
        assert send_again(session, number)
        note_attempt(session, number, "sent", "The mail server has taken it.")
        session.get_one(Message, number).state = SENT
    assert take(world, report(token)) == "marked"
    assert state(world, number)[0] == "returned"


def test_an_address_is_told_about_until_a_message_has_stayed_away(
    database_url: str, make_app: MakeApp, tmp_path: Path, clock: Clock
) -> None:
    clock.set(NOON)
    world = World(make_app(database_url))
    clerk = world.person("a.clerk")
    _, token = written(world, clerk.email)
    assert take(world, report(token)) == "marked"
    clock.advance(minutes=1)
    with world.session() as session:
        add_message(session, Outgoing(clerk.email, "test", "Hello again", "test:1", {"asked_at": "March 3"}))
    mailed = make_app(database_url, mail_from="portal@plan.example")
    with mailed.app_context(), world.session() as session:
        assert send_all(session, World(mailed).settings, {"email": Mailbox(tmp_path / "box")}) == 1
    (job,) = (job for job in core_jobs(world.settings) if job.key == "delivery.forget-returns")
    for days, told in ((1, True), (4, False)):
        clock.advance(days=days)
        assert run_job(world.app, job)
        assert ("We could not reach" in world.sign_in(clerk.username).get("/").text) is told


def test_a_delay_and_an_absence_are_noted_and_change_nothing(world: World) -> None:
    number, token = written(world)
    assert take(world, report(token, "delayed", "4.4.1")) == "noted"
    assert (
        take(world, plain("a@b.example", "Away", Auto_Submitted="auto-replied"), f"p+{token}@plan.example") == "noted"
    )
    assert state(world, number) == ("sent", "")
    with world.session() as session:
        assert session.scalars(sa.select(MessageAttempt.outcome).order_by(MessageAttempt.id)).all() == [
            "delayed",
            "automatic",
        ]


def test_without_a_token_staff_decide(world: World) -> None:
    """Anybody can write that an address does not work."""
    other, _ = written(world, "b.clerk@clinic.example")
    number, _ = written(world, "a.clerk@clinic.example")
    assert take(world, report(to="A.Clerk@clinic.example")) == "kept"
    assert (state(world, number)[0], state(world, other)[0]) == ("sent", "sent")
    world.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    staff = world.sign_in("a.staff")
    page = staff.get("/staff/deliveries/returned").text
    assert ("the message to a.clerk@clinic.example" in page, f"/staff/deliveries/{number}" in page) == (True, True)
    mark = re.search(r"/staff/deliveries/returned/\d+/message", page)
    assert mark
    for words in ("The message is marked as returned.", "It was settled before"):
        assert words.lower() in staff.post(mark[0], follow_redirects=True).text.lower()
    assert (state(world, number)[0], state(world, other)[0]) == ("returned", "sent")
    assert "Nothing waits" in staff.get("/staff/deliveries/returned").text


def nested(kind: str, depth: int) -> bytes:
    head = b"From: a@b.example\nSubject: Deep\n"
    if kind == "message":
        return head + b"Content-Type: message/rfc822\n\n" * depth + b"Subject: x\n\nhi\n"
    parts = (b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(depth))
    return head + b"".join(parts) + b"\nhi\n"


@pytest.mark.parametrize(
    "raw",
    [
        nested("message", 1_000),
        nested("multipart", 1_000),
        b"Subject: " + b"=?utf-8?q?a?= " * 20_000 + b"\n\nhi\n",
        b"Subject: Many\nTo: " + b"<a@b.example>, " * 20_000 + b"\n\nhi\n",
        b"Subject: Odd\nContent-Type: multipart/mixed; boundary*=idna'en'x%FFyz\n\nhi\n",
        b"Subject: Odd\nContent-Type: multipart/mixed; boundary*=a\0b'en'xyz\n\nhi\n",
    ],
    ids=["messages", "parts", "words", "addresses", "idna", "nul"],
)
def test_what_takes_its_reader_apart_keeps_nothing_behind_it_waiting(world: World, tmp_path: Path, raw: bytes) -> None:
    number, token = written(world)
    box = mailbox.mbox(tmp_path / "returns")
    for mail in (raw, report(token)):
        box.add(mail)
    box.close()
    with world.session() as session:
        assert collect_returns(session, tmp_path / "returns") == {"kept": 1, "marked": 1}
    assert state(world, number)[0] == "returned"
    world.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:manage"})
    assert world.sign_in("a.staff").get("/staff/deliveries/returned").status_code == 200


def test_a_mail_that_cannot_be_dealt_with_is_kept(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("odd")

    number, token = written(world)
    monkeypatch.setattr(returns, "read_return", fail)
    box = mailbox.mbox(tmp_path / "returns")
    box.add(report(token))
    box.close()
    with world.session() as session:
        assert collect_returns(session, tmp_path / "returns") == {"kept": 1}
    monkeypatch.undo()
    assert state(world, number)[0] == "sent"


def test_what_fits_no_message_is_read_by_somebody(world: World) -> None:
    mails = [report(TOKEN), plain("a.clerk@clinic.example", "Re: Hello", "<b>Who</b> are you?"), b"\x00\xff"]
    assert [take(world, mail) for mail in (*mails, mails[0])] == ["kept", "kept", "kept", "known"]
    world.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    staff = world.sign_in("a.staff")
    assert "3 e-mails came in that fit no message" in words_of(staff.get("/staff/"))
    page = staff.get("/staff/deliveries/returned").text
    assert "&lt;b&gt;Who&lt;/b&gt; are you?" in page
    with world.session() as session:
        first = session.scalars(sa.select(ReturnedMail.id).order_by(ReturnedMail.id)).first()
    assert "It is settled." in staff.post(f"/staff/deliveries/returned/{first}", follow_redirects=True).text
    assert "It was settled before." in staff.post(f"/staff/deliveries/returned/{first}", follow_redirects=True).text
    assert "2 e-mails came in" in words_of(staff.get("/staff/"))


@pytest.mark.parametrize("folder", [False, True], ids=["mbox", "Maildir"])
def test_a_mailbox_is_emptied(world: World, tmp_path: Path, folder: bool) -> None:
    number, token = written(world)
    path = tmp_path / "returns"
    box = mailbox.Maildir(path) if folder else mailbox.mbox(path)
    for mail in (report(token), plain("a.clerk@clinic.example", "Re: Hello", "From here")):
        box.add(mail)
    box.close()
    with world.session() as session:
        assert collect_returns(session, path) == {"marked": 1, "kept": 1}
    with world.session() as session:
        assert collect_returns(session, path) == {}
    assert state(world, number)[0] == "returned"


def test_a_mail_server_pipes_what_comes_back(world: World, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    number, token = written(world)
    monkeypatch.setattr(cli, "_app", [app])
    done = CliRunner().invoke(cli.cli, ["delivery", "bounce", "--json"], input=report(token))
    assert json.loads(done.output) == {"marked": 1, "noted": 0, "known": 0, "kept": 0}
    assert state(world, number)[0] == "returned"
