"""Messages leave side by side with being put together and marked: a batch loses none, and a kill doubles a known few."""

from __future__ import annotations

import email.policy
import functools
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any, cast

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from hp_portal.core.delivery import sender, sending, smtp
from hp_portal.core.delivery.attaching import Attachment
from hp_portal.core.delivery.mail import write_mail
from hp_portal.core.delivery.models import Message, MessageAttempt
from hp_portal.core.delivery.outbox import cancel_message
from hp_portal.core.delivery.sender import MOST_UNMARKED, Sender
from tests.core.test_delivery import mailing, message, said, server, work, write
from tests.support.clock import Clock
from tests.support.mail_server import MailServer
from tests.support.processes import PATIENCE
from tests.support.world import World

__all__ = ["mailing", "server"]

# Seconds: a server that never answers makes every wait of the sender the same to the test.
SOON = 0.2


def write_many(world: World, count: int) -> list[int]:
    return [write(world, f"clerk{number}@clinic.example") for number in range(count)]


def taken_ids(server: MailServer) -> Counter[str]:
    return Counter(str(taken.text["Message-ID"]) for taken in server.taken)


class Killed(Exception):
    """The process ends here."""


def test_a_kill_doubles_no_more_than_were_not_marked_yet(
    mailing: World, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = write_many(mailing, sending.BATCH)

    with monkeypatch.context() as patch:
        # What is taken and not marked when the process ends: marking for the second time never comes to its end.
        patch.setattr(sending._Channel, "_mark_sent", killed_at_the_second(sending._Channel._mark_sent))
        patch.setattr(sender, "AHEAD", sending.BATCH)  # all are ready: only what is not marked holds them back
        with pytest.raises(Killed):
            work(mailing)
    with mailing.session() as session:
        was = session.scalar(sa.select(sa.func.count(Message.id)).where(Message.state == "sent")) or 0
    assert 0 < len(server.taken) - was <= MOST_UNMARKED
    before = len(server.taken)
    assert work(mailing) == 0, "the dead worker's leases run out first"
    clock.advance(minutes=6)
    work(mailing)
    ids = taken_ids(server)
    assert len(ids) == len(numbers)
    assert sum(ids.values()) - len(ids) == before - was, "doubled are those alone"
    assert {message(mailing, number).state for number in numbers} == {"sent"}


def killed_at_the_second(mark: Any) -> Any:
    calls = []

    def marked(channel: Any, results: Any) -> None:
        calls.append(results)
        if len(calls) == 2:
            time.sleep(0.3)  # nothing else tells that no more leaves
            raise Killed
        mark(channel, results)

    return marked


def test_two_workers_send_nothing_twice_and_note_every_attempt(mailing: World, server: MailServer) -> None:
    numbers, together = write_many(mailing, 60), threading.Barrier(2)

    def turn(_: int) -> int:
        together.wait(PATIENCE)
        return work(mailing)

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(turn, range(2))) == len(numbers)
    assert set(taken_ids(server).values()) == {1}
    with mailing.session() as session:
        noted = session.scalars(sa.select(MessageAttempt.message_id).order_by(MessageAttempt.message_id)).all()
    assert list(noted) == numbers


def test_what_is_canceled_while_those_before_it_are_sent_does_not_leave(
    mailing: World, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = write_many(mailing, 3)
    canceled, looked = threading.Event(), threading.Event()
    look = sending._Channel._look

    def look_and_tell(channel: Any, sending_by: Sender) -> None:
        after = canceled.is_set()
        look(channel, sending_by)
        if after:
            looked.set()

    def cancel() -> None:
        if not canceled.is_set():
            with mailing.session() as session:
                assert cancel_message(session, second)
            canceled.set()
            assert looked.wait(PATIENCE)

    monkeypatch.setattr(sending, "LOOK", 0.05)
    monkeypatch.setattr(sending._Channel, "_look", look_and_tell)
    server.answer = cancel
    assert work(mailing) == 2
    assert [taken.recipient for taken in server.taken] == ["clerk0@clinic.example", "clerk2@clinic.example"]
    assert [message(mailing, number).state for number in (first, second, third)] == ["sent", "canceled", "sent"]
    assert said(mailing, second) == []


def test_a_server_that_says_nothing_is_not_waited_for_without_end(
    mailing: World, server: MailServer, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = write_many(mailing, 2)
    monkeypatch.setattr(smtp, "connect", functools.partial(smtp.connect, timeout=SOON))
    silent = threading.Event()
    server.answer = lambda: None if silent.wait(PATIENCE) else "451 the test hangs"
    try:
        assert work(mailing) == 0
    finally:
        silent.set()
    problem = "The mail server did not answer in time."
    assert [(message(mailing, number).problem, message(mailing, number).failures) for number in (first, second)] == [
        (problem, 1),
        (problem, 0),
    ]
    monkeypatch.undo()
    clock.advance(minutes=2)
    assert work(mailing) == 2
    assert {message(mailing, number).state for number in (first, second)} == {"sent"}


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), max_size=300)
LINE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=120)


@settings(max_examples=60)
@given(TEXT, TEXT, LINE, st.binary(max_size=200), LINE)
def test_what_is_written_is_read_again(text: str, html: str, subject: str, body: bytes, name: str) -> None:
    file = Attachment(name.replace('"', "").replace("\\", "") or "x", "application/pdf", body)
    heads = {"From": "portal@plan.example", "To": "a@clinic.example", "Subject": subject}
    raw = write_mail(heads, text, html or "<p>", [file])
    assert all(len(line) < 1000 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    mail = BytesParser(policy=email.policy.default).parsebytes(raw)
    plain = cast(EmailMessage, mail.get_body(("plain",)))
    shown = cast(EmailMessage, mail.get_body(("html",)))
    assert plain.get_content().removesuffix("\n") == text.removesuffix("\n")
    assert shown.get_content().removesuffix("\n") == (html or "<p>").removesuffix("\n")
    assert " ".join(str(mail["Subject"]).split()) == " ".join(subject.split())
    [found] = mail.iter_attachments()
    assert found.get_content() == body
