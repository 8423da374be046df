"""Answers that their readers do not take: what lies on the disk for all of them together is bounded, and pages go on."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.support.live import DEADLINE, LiveServer, wait_until
from tests.support.small_app import LARGE, app
from tests.support.wire import answers_in, get, read_to_end, request, status_of


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """Two large answers find room, a third does not."""
    live = LiveServer(app, waiting_bytes=2 * LARGE + 1024 * 1024)
    yield live
    live.stop()


def connect(server: LiveServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)


def ask(server: LiveServer, sent: bytes) -> bytes:
    with closing(connect(server)) as connection:
        connection.sendall(sent)
        return read_to_end(connection)


def test_answers_that_nobody_reads_do_not_fill_the_disk(server: LiveServer) -> None:
    large, waiting = get("/large", connection="close"), server.server.waiting
    with ExitStack() as held:
        readers = [held.enter_context(closing(connect(server))) for _ in range(2)]
        for reader in readers:
            reader.sendall(large)
        wait_until(lambda: waiting.taken == 2 * LARGE)
        refused = ask(server, large)
        assert status_of(refused) == 503
        assert b"Retry-After: 60" in refused
        assert b"Content-Security-Policy: " in refused
        assert refused.endswith(
            b"\r\n\r\nThe portal is sending too many large files at the moment. Try again in a minute.\n"
        )
        assert waiting.taken == 2 * LARGE
        assert status_of(ask(server, get("/page", connection="close"))) == 200
        assert len(read_to_end(readers[0]).partition(b"\r\n\r\n")[2]) == LARGE, "who reads gets everything"
        wait_until(lambda: waiting.taken == LARGE)
        assert len(ask(server, large).partition(b"\r\n\r\n")[2]) == LARGE, "and makes room for others"
    wait_until(lambda: waiting.taken == 0)


def test_the_connection_of_a_refused_answer_goes_on(server: LiveServer) -> None:
    server.server.waiting.take(server.server.waiting.most)
    both = ask(server, get("/large") + get("/page", connection="close"))
    assert answers_in(both) == 2
    assert status_of(both) == 503
    assert b"\r\n\r\nGET /page 0\n" in both


def test_answers_to_a_client_that_asks_without_reading_count_together(server: LiveServer) -> None:
    with closing(connect(server)) as connection:
        connection.sendall(get("/large") * 4)
        wait_until(lambda: server.server.waiting.taken > LARGE)
        time.sleep(0.2)
        assert server.server.waiting.taken <= server.server.waiting.most
    wait_until(lambda: server.server.waiting.taken == 0)


def test_one_alone_may_be_larger_and_what_has_no_body_needs_no_room() -> None:
    live = LiveServer(app, waiting_bytes=1)
    try:
        assert len(ask(live, get("/large", connection="close")).partition(b"\r\n\r\n")[2]) == LARGE
        wait_until(lambda: live.server.waiting.taken == 0)
        live.server.waiting.take(1)
        assert status_of(ask(live, request("HEAD", "/large", connection="close"))) == 200
        assert status_of(ask(live, get("/large", connection="close"))) == 503
    finally:
        live.stop()


def test_a_connection_that_stays_gives_back_what_its_answer_took() -> None:
    """Whether the thread itself sends the end of it, or the server later on."""
    live = LiveServer(app, answer_in_memory=1000)
    waiting = live.server.waiting
    try:
        with closing(connect(live)) as connection:
            for sent in (get("/page", long="x" * 3000), get("/large")):
                connection.sendall(sent)
                if b"/large" in sent:
                    wait_until(lambda: waiting.taken == LARGE)
                    wait_until(lambda: not next(iter(live.server.active_channels.values())).requests)
                head = b""
                while b"\r\n\r\n" not in head:
                    head += connection.recv(1)
                left = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
                assert left > 3000
                while left:
                    left -= len(connection.recv(min(left, 1 << 20)))
                wait_until(lambda: waiting.taken == 0)
    finally:
        live.stop()


def test_a_server_that_has_ended_can_be_stopped_all_the_same() -> None:
    """As where it ends between hearing of the stop and being woken."""
    live = LiveServer(app)
    live.stop()
    live.stop()
