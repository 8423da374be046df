"""Messages leave once they are committed, wait while nothing works, and are given up to the staff: nothing is lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery import sending
from hp_portal.core.delivery.models import Message, MessageAttempt
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages, send_again, values_of
from hp_portal.core.delivery.smtp import Smtp
from hp_portal.core.leases.leasing import take_leases
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.mail_server import MailServer, mail_server
from tests.support.world import World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
TO = "a.clerk@clinic.example"


@pytest.fixture
def server() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


@pytest.fixture
def mailing(database_url: str, make_app: MakeApp, server: MailServer, clock: Clock) -> World:
    clock.set(NOW)
    url = f"smtp://127.0.0.1:{server.port}"
    return World(make_app(database_url, smtp_url=url, mail_from="portal@plan.example"))


def write(world: World, to: str = TO, about: str = "test:1") -> int:
    with world.session() as session:
        return add_message(session, Outgoing(to, "test", "A test & more", about, {"asked_at": "March 2"}))


def work(world: World) -> int:
    """The worker's turn: how many messages left."""
    with world.app.app_context(), world.session() as session:
        return sending.send_all(session, world.settings, {"email": Smtp(world.settings)})


def message(world: World, message_id: int) -> Message:
    with world.session() as session:
        return session.get_one(Message, message_id)


def said(world: World, message_id: int) -> list[tuple[str, str]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(MessageAttempt.outcome, MessageAttempt.said)
            .where(MessageAttempt.message_id == message_id)
            .order_by(MessageAttempt.id)
        )
        return [(row.outcome, row.said) for row in rows]


def test_a_message_leaves_as_text_and_html(mailing: World, server: MailServer) -> None:
    number = write(mailing)
    assert work(mailing) == 1
    assert work(mailing) == 0, "once"
    sent = message(mailing, number)
    assert (sent.state, sent.ended_at, sent.problem) == ("sent", NOW, "")
    assert said(mailing, number) == [("sent", "The mail server has taken it.")]
    [taken] = server.taken
    assert (taken.sender, taken.recipient) == (f"portal+{sent.token}@plan.example", TO)
    head = {name: str(taken.text[name]) for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted")}
    assert head == {
        "From": f"{mailing.settings.payer.name} <portal@plan.example>",
        "To": TO,
        "Subject": "A test & more",
        "Message-ID": f"<{sent.token}@plan.example>",
        "Auto-Submitted": "auto-generated",
    }
    parts = {part.get_content_type(): part.get_content() for part in taken.text.iter_parts()}
    assert list(parts) == ["text/plain", "text/html"]
    assert "asked for this message on March 2" in parts["text/plain"]
    assert "<h1" in parts["text/html"]
    assert "A test &amp; more" in parts["text/html"]
    with mailing.session() as session:
        assert b"March" not in session.scalars(sa.select(Message.values_sealed)).one()


@pytest.mark.parametrize(
    ("address", "found"),
    [("https://portal.plan.example/", "https://portal.plan.example/"), ("", "http://other.plan.example/")],
)
def test_links_lead_to_the_address_of_the_settings(
    database_url: str, make_app: MakeApp, server: MailServer, clock: Clock, address: str, found: str
) -> None:
    """The worker writes them, without a request; a page asked for by another name writes the same ones."""
    clock.set(NOW)
    smtp = {"smtp_url": f"smtp://127.0.0.1:{server.port}", "mail_from": "portal@plan.example"}
    hosts = "other.plan.example,portal.plan.example,localhost"
    world = World(make_app(database_url, public_url=address, hosts=hosts, **smtp))
    write(world)
    assert work(world) == 1
    parts = [part.get_content() for part in server.taken[0].text.iter_parts()]
    assert f", {found}. Answers" in parts[0]
    assert f'<a href="{found}">' in parts[1]
    clerk = world.person("a.clerk")
    world.staff("a.staff", permissions={"staff:console:open", "staff:people:search", "staff:password-links:make"})
    page = world.sign_in("a.staff").post(f"/staff/people/{clerk.id}/password-link").text
    assert f"{address or 'http://localhost/'}set-password/" in page


def test_what_is_rolled_back_is_not_told(mailing: World, server: MailServer) -> None:
    with mailing.session() as session:
        add_message(session, Outgoing(TO, "test", "No", "test:1"))
        session.rollback()
    assert (work(mailing), server.taken) == (0, [])


def test_many_messages_need_one_connection(mailing: World, server: MailServer) -> None:
    for _ in range(5):
        write(mailing)
    assert work(mailing) == 5
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        ("451 try later", "waiting", "The mail server said: 451 try later"),
        ("554 no thanks", "failed", "The mail server said: 554 no thanks"),
    ],
)
def test_a_refusal_is_for_now_or_for_good(
    mailing: World, server: MailServer, clock: Clock, answer: str, state: str, words: str
) -> None:
    """Neither keeps other messages waiting."""
    refused, other = write(mailing), write(mailing)
    answers = iter([answer])
    server.answer = lambda: next(answers, None)
    assert work(mailing) == 1
    assert (message(mailing, refused).state, message(mailing, refused).problem) == (state, words)
    assert message(mailing, other).state == "sent"
    assert said(mailing, refused) == [("refused" if state == "failed" else "again", words)]
    clock.advance(minutes=2)
    assert work(mailing) == (state == "waiting")
    assert len({str(taken.text["Message-ID"]) for taken in server.taken}) == len(server.taken)


def test_an_unknown_address_is_given_up_at_once_and_can_be_sent_again(mailing: World, server: MailServer) -> None:
    number = write(mailing)
    server.at_recipient = lambda: "550 no such user"
    assert work(mailing) == 0
    assert (message(mailing, number).state, message(mailing, number).ended_at) == ("failed", NOW)
    server.at_recipient = lambda: None
    with mailing.session() as session:
        assert send_again(session, number)
        assert not send_again(session, number), "it waits already"
    assert work(mailing) == 1


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ("550 sender not authorized", ["waiting", "waiting"]),
        ("530 sign in first", ["waiting", "waiting"]),
        ("552 too large", ["failed", "sent"]),
    ],
)
def test_a_server_that_will_have_nothing_from_us_keeps_everything_waiting(
    mailing: World, server: MailServer, clock: Clock, answer: str, states: list[str]
) -> None:
    numbers = [write(mailing), write(mailing)]
    answers = iter([answer])
    server.at_sender = lambda: next(answers, None)
    work(mailing)
    assert [message(mailing, number).state for number in numbers] == states
    assert said(mailing, numbers[0])[0][1].endswith(answer)
    clock.advance(minutes=2)
    work(mailing)
    assert message(mailing, numbers[1]).state == "sent"


def test_a_server_that_is_away_keeps_everything_waiting_and_sends_it_when_it_is_back(
    mailing: World, server: MailServer, clock: Clock
) -> None:
    numbers = [write(mailing) for _ in range(3)]
    server.answer = lambda: "421 going away"
    assert work(mailing) == 0
    assert [message(mailing, number).failures for number in numbers] == [1, 0, 0], "the others were not tried"
    assert {message(mailing, number).state for number in numbers} == {"waiting"}
    assert message(mailing, numbers[2]).problem == "The mail server said: 421 going away"
    server.answer = lambda: None
    assert work(mailing) == 0, "not at once"
    clock.advance(hours=1)
    assert work(mailing) == 3
    assert [message(mailing, number).problem for number in numbers] == ["", "", ""]


def test_a_connection_cut_after_the_message_sends_it_a_second_time_under_the_same_id(
    mailing: World, server: MailServer, clock: Clock
) -> None:
    number = write(mailing)
    answers = iter(["cut"])
    server.answer = lambda: next(answers, None)
    assert work(mailing) == 0
    assert message(mailing, number).problem == "The mail server ended the connection."
    clock.advance(minutes=2)
    assert work(mailing) == 1
    first, second = (str(taken.text["Message-ID"]) for taken in server.taken)
    assert first == second


def test_attempts_grow_rarer_and_end(
    mailing: World, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "MOST_FAILURES", 7)
    number, pauses = write(mailing), []
    server.answer = lambda: "451 not now"
    for _ in range(sending.MOST_FAILURES - 1):
        work(mailing)
        found = message(mailing, number)
        pauses.append(found.due_at - clock.now())
        assert (found.state, found.leased_until) == ("waiting", None)
        clock.set(found.due_at)
    minutes = [1, 4, 16, 64, 256, 360]
    assert all(
        dt.timedelta(minutes=least) <= pause <= dt.timedelta(minutes=least * 1.2)
        for least, pause in zip(minutes, pauses, strict=True)
    )
    work(mailing)
    assert message(mailing, number).state == "failed"
    clock.advance(days=9)
    assert work(mailing) == 0


def test_what_has_lost_its_purpose_is_not_sent(mailing: World, server: MailServer) -> None:
    write(mailing, about="registration:7")
    kept = write(mailing, about="registration:70")
    with mailing.session() as session:
        assert cancel_messages(session, "registration:7") == 1
        assert cancel_messages(session, "registration:7") == 0
    assert work(mailing) == 1
    assert message(mailing, kept).state == "sent"


def test_the_secret_of_an_e_mail_is_gone_when_it_has_left(mailing: World, server: MailServer) -> None:
    """Staff do not see it before, and nobody can have it sent again after."""
    office, mark = mailing.organization(), "word-that-opens-something"
    with mailing.session_of(office) as session:  # an organization's page writes messages, too
        outgoing = Outgoing(TO, "test", "A link", "test:9", {"asked_at": mark}, secrets=("asked_at",))
        number = add_message(session, outgoing)
        session.commit()
    mailing.staff("a.staff", permissions={"staff:console:open", "staff:deliveries:read", "staff:deliveries:manage"})
    staff = mailing.sign_in("a.staff")
    assert mark not in staff.get(f"/staff/deliveries/{number}").text
    assert work(mailing) == 1
    assert mark in str(server.taken[0].text)
    with mailing.session() as session:
        found = session.get_one(Message, number)
        assert values_of(session, found) == {"asked_at": ""}
        found.state = "returned"
    assert "Its code is no longer kept" in staff.get(f"/staff/deliveries/{number}").text
    assert "make a new one" in staff.post(f"/staff/deliveries/{number}/again", follow_redirects=True).text
    assert work(mailing) == 0


def test_without_a_mail_server_everything_waits(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    clock.set(NOW)
    world = World(make_app(database_url))
    number = write(world)
    assert work(world) == 0
    found = message(world, number)
    assert (found.state, found.failures, found.problem) == ("waiting", 0, "No mail server is set up.")
    assert said(world, number) == []


def test_a_worker_that_died_leaves_its_messages_to_the_next(mailing: World, server: MailServer, clock: Clock) -> None:
    number = write(mailing)
    with mailing.session() as session:
        held = take_leases(session, Message, Message.state == "waiting", lasts=sending.LEASE, most=9)
        assert [lease.id for lease in held] == [number]
    assert work(mailing) == 0, "held"
    clock.advance(minutes=6)
    assert work(mailing) == 1


@pytest.mark.parametrize("text", ["a@b.example\nBcc: c@d.example", "", "  ", "a\x00"])
def test_a_recipient_is_one_line(mailing: World, text: str) -> None:
    with mailing.session() as session, pytest.raises(ValueError, match="not a line of text"):
        add_message(session, Outgoing(text, "test", "Subject", "test:1"))


@pytest.mark.parametrize(("host", "goes"), [("127.1", False), ("127.1:{}?encryption=none", True), ("localhost", True)])
def test_messages_leave_this_machine_encrypted_unless_the_settings_say_otherwise(
    database_url: str, make_app: MakeApp, server: MailServer, host: str, goes: bool
) -> None:
    """127.1 is another name of this machine that does not look like it."""
    where = host.format(server.port) if "{}" in host else f"{host}:{server.port}"
    world = World(make_app(database_url, smtp_url=f"smtp://{where}", mail_from="portal@plan.example"))
    number = write(world)
    assert work(world) == goes
    assert goes or "it offers no encryption" in message(world, number).problem


def test_a_password_does_not_leave_without_encryption(
    database_url: str, make_app: MakeApp, server: MailServer, clock: Clock
) -> None:
    clock.set(NOW)
    url = f"smtp://portal:word-of-the-portal@127.0.0.1:{server.port}"
    world = World(make_app(database_url, smtp_url=url, mail_from="portal@plan.example"))
    number = write(world)
    assert work(world) == 0
    assert "the password does not leave without it" in message(world, number).problem
    assert server.taken == []


def test_a_message_that_cannot_be_put_together_keeps_no_other_waiting(mailing: World, server: MailServer) -> None:
    with mailing.session() as session:
        broken = add_message(session, Outgoing(TO, "no-such-template", "No", "test:1"))
    other = write(mailing)
    assert work(mailing) == 1
    assert message(mailing, other).state == "sent"
    assert (message(mailing, broken).state, message(mailing, broken).problem) == (
        "failed",
        "The message could not be put together.",
    )
