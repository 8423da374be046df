"""The web server against clients that are silent, slow, or up to something: real processes, bytes on the wire."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psutil
import pytest

from hp_portal.serving import free_port
from tests.support.processes import Started, wait_for
from tests.support.small_app import LARGE
from tests.support.wire import Wire, answers_in, get, read_to_end, request, serve_in_process, status_of

SILENT = 200
SLOW = 20


@pytest.fixture(scope="module")
def server() -> Iterator[Wire]:
    started = Started()
    yield serve_in_process(started)
    started.end()


def still_answers(server: Wire) -> bool:
    return status_of(server.get("/healthz")) == 200


# ---- nobody keeps a thread by doing nothing


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"GET / HTT",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 10\r\n\r\na",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\na\r\nb",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    ],
    ids=["nothing", "half a line", "a body of one byte", "half a chunk", "asks to go on"],
)
def test_silent_clients_hold_nobody_up(server: Wire, said: bytes) -> None:
    with ExitStack() as held:
        for _ in range(SILENT):
            connection = held.enter_context(closing(server.connect()))
            connection.sendall(said)
        assert still_answers(server)


def test_slow_readers_of_large_answers_hold_nobody_up(server: Wire) -> None:
    with ExitStack() as held:
        readers = [held.enter_context(closing(server.connect())) for _ in range(SLOW)]
        for reader in readers:
            reader.sendall(get("/large", connection="close"))
        assert still_answers(server)
        assert len(read_to_end(readers[0]).partition(b"\r\n\r\n")[2]) == LARGE, "who reads gets everything"


# ---- a request has one reading

PREFIX = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
DOUBTFUL = {
    "length and chunks": PREFIX + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": PREFIX + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": PREFIX + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
    "the same length twice": PREFIX + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "lengths in a list": PREFIX + b"Content-Length: 0, 44\r\n\r\n",
    "a length with a sign": PREFIX + b"Content-Length: +0\r\n\r\n",
    "a negative length": PREFIX + b"Content-Length: -1\r\n\r\n",
    "a length of many digits": PREFIX + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n",
    "an empty length": PREFIX + b"Content-Length:\r\n\r\n",
    "two encodings": PREFIX + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "an unknown encoding": PREFIX + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "an encoding after a vertical tab": PREFIX + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a space before the colon": PREFIX + b"Content-Length : 44\r\n\r\n",
    "a folded line": PREFIX + b"X-One: a\r\n b\r\n\r\n",
    "a folded length": PREFIX + b"Content-Length:\r\n 44\r\n\r\n",
    "a folded first line": b"GET / HTTP/1.1\r\n Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n",
    "a bare line feed": PREFIX + b"X-One: a\nContent-Length: 44\r\n\r\n",
    "a bare carriage return": PREFIX + b"X-One: a\rContent-Length: 44\r\n\r\n",
    "a zero byte": PREFIX + b"X-One: a\x00b\r\n\r\n",
    "no colon": PREFIX + b"Nonsense\r\n\r\n",
    "a chunk of no size": PREFIX + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk with a sign": PREFIX + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n",
    "a chunk that goes on": PREFIX + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello!!\r\n0\r\n\r\n",
    "an endless chunk extension": PREFIX + b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 10_000,
    "an endless trailer": PREFIX + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"x: y\r\n" * 2_000,
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "no host in HTTP/1.0": b"GET / HTTP/1.0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    "the same host twice": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nhost: 127.0.0.1\r\n\r\n",
    "another host in the address": b"GET http://evil.example/ HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "an address without a path": b"GET evil.example HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "no version": b"GET /\r\nHost: 127.0.0.1\r\n\r\n",
    "another version": b"GET / HTTP/3.0\r\nHost: 127.0.0.1\r\n\r\n",
    "HTTP/2 at once": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a method in lower case": b"get / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "headers without end": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n" + b"X-One: y\r\n" * 5_000,
    "one endless header": b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-One: " + b"y" * 50_000,
}


@pytest.mark.parametrize("doubtful", DOUBTFUL.values(), ids=list(DOUBTFUL))
def test_what_has_two_readings_is_refused_and_ends_the_connection(server: Wire, doubtful: bytes) -> None:
    answer = server.say(doubtful, SMUGGLED)
    assert status_of(answer) in (400, 431, 501, 505)
    assert answers_in(answer) == 1, "what came behind it was not answered"
    assert b"smuggled" not in answer
    assert b"Connection: close" in answer
    assert b"X-Content-Type-Options: nosniff" in answer


def test_an_upgrade_to_http_2_without_tls_is_not_made(server: Wire) -> None:
    asked = get("/", connection="Upgrade, HTTP2-Settings, close", upgrade="h2c", http2_settings="AAMAAABkAARAAAAA")
    assert server.say(asked).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_name_with_an_underscore_does_not_stand_for_one_with_a_hyphen(server: Wire) -> None:
    with closing(server.connect()) as connection:
        connection.sendall(
            b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-For: 198.51.100.7\r\n"
            b"X_Other: 1\r\nConnection: close\r\n\r\n"
        )
        answer = read_to_end(connection).decode()
    assert "HTTP_X_FORWARDED_FOR=198.51.100.7\n" in answer
    assert "6.6.6.6" not in answer
    assert "HTTP_X_OTHER" not in answer


def test_requests_one_after_the_other_are_answered_in_order(server: Wire) -> None:
    body = request("POST", "/second", b"5\r\nhello\r\n0\r\n\r\n", transfer_encoding="chunked")
    answer = server.say(get("/first") + body + get("/third", connection="close"))
    assert answers_in(answer) == 3
    assert answer.index(b"GET /first 0") < answer.index(b"POST /second 5") < answer.index(b"GET /third 0")


# ---- bodies are small; the portal's own limits are in test_bodies.py


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_arrives_whole(server: Wire, chunked: bool) -> None:
    body = b"z" * 900_000
    if chunked:
        pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:70_000], body[70_000:]))
        sent = request("POST", "/", pieces + b"0\r\n\r\n", transfer_encoding="chunked", connection="close")
    else:
        sent = request("POST", "/", body, content_length=str(len(body)), connection="close")
    assert b"POST / 900000\n" in server.say(sent)


# ---- everything ends


def limited(start_program: Started, limits: str) -> Wire:
    return serve_in_process(start_program, supervised=False, limits=limits)


def test_headers_that_drip_end(start_program: Started) -> None:
    server = limited(start_program, "head_seconds=1")
    with closing(server.connect()) as connection, closing(server.connect()) as silent:
        drip(connection, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-One: ")
        assert status_of(read_to_end(connection)) == 408
        assert read_to_end(silent) == b"", "a connection on which nothing comes is closed without a word"
    assert still_answers(server)


def test_a_body_that_drips_ends(start_program: Started) -> None:
    server = limited(start_program, "grace=1")
    with closing(server.connect()) as connection:
        drip(connection, PREFIX + b"Content-Length: 1000000\r\n\r\n")
        assert status_of(read_to_end(connection)) == 408


def drip(connection: socket.socket, first: bytes) -> None:
    """Send one byte after the other for as long as the server reads, and return when it has answered."""
    connection.sendall(first)
    connection.settimeout(0.05)
    while True:
        try:
            if connection.recv(1, socket.MSG_PEEK) or True:
                break
        except TimeoutError:
            connection.sendall(b"x")
    connection.settimeout(None)


def test_a_reader_that_does_not_read_ends(start_program: Started) -> None:
    server = limited(start_program, "grace=1")
    with closing(server.connect()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(get("/large"))
        wait_for(lambda: not has_connections(server), server.process, "the reader's end")


def test_a_connection_that_is_kept_for_nothing_ends(start_program: Started) -> None:
    server = limited(start_program, "idle_seconds=1")
    with closing(server.connect()) as connection:
        connection.sendall(get("/first"))
        assert b"GET /first" in read_to_end(connection)


def has_connections(server: Wire) -> bool:
    """Has the process a connection that is established?"""
    return any(
        one.status == psutil.CONN_ESTABLISHED for one in psutil.Process(server.process.pid).net_connections("tcp")
    )


def test_one_too_many_takes_the_place_of_the_one_that_waits_longest(start_program: Started) -> None:
    server = limited(start_program, "connections=5")
    with ExitStack() as held:
        waiting = [held.enter_context(closing(server.connect())) for _ in range(5)]
        waiting[0].sendall(b"GET / HTT")
        assert still_answers(server)
        assert read_to_end(waiting[0]) == b""
        waiting[4].sendall(get("/kept", connection="close"))
        assert b"GET /kept" in read_to_end(waiting[4])


# ---- starting, stopping, and what happens in between


def test_what_is_being_answered_when_it_stops_is_finished(start_program: Started, tmp_path: Path) -> None:
    server = serve_in_process(start_program)
    goes_on = tmp_path / "go-on"
    with closing(server.connect()) as connection, closing(server.connect()) as idle:
        idle.sendall(get("/before"))
        before = b""
        while b"HTTP_HOST" not in before:
            before += idle.recv(65536)
        connection.sendall(get(f"/wait?{goes_on}"))
        wait_for(goes_on.with_suffix(".begun").exists, server.process, "the request's beginning")
        server.process.send_signal(signal.SIGTERM)
        assert read_to_end(idle) == b"", "kept connections are closed at once"
        goes_on.touch()
        answer = read_to_end(connection)
        assert answer.endswith(b"waited")
        assert b"Connection: close" in answer
    assert server.process.wait() == 0


def test_a_process_that_is_killed_is_replaced(start_program: Started) -> None:
    server = serve_in_process(start_program)
    first = int(server.get("/process").split()[-1])
    os.kill(first, signal.SIGKILL)
    second = int(server.get("/process").split()[-1])
    assert first != second
    assert server.stop() == 0


def test_a_failure_is_logged_without_the_request_s_path(start_program: Started) -> None:
    server = serve_in_process(start_program, stderr=subprocess.PIPE)
    assert status_of(server.get("/raise/secret-token")) == 500
    server.stop()
    assert server.process.stderr is not None
    said = server.process.stderr.read()
    assert "on purpose" in said
    assert "secret-token" not in said


def test_the_server_s_lines_are_lines_of_the_portal_s_log(start_program: Started, tmp_path: Path) -> None:
    server = serve_in_process(start_program, threads=1, stderr=subprocess.PIPE)
    goes_on = tmp_path / "go-on"
    with ExitStack() as held:
        connections = [held.enter_context(closing(server.connect())) for _ in range(20)]
        connections[0].sendall(get(f"/wait?{goes_on}", connection="close"))
        wait_for(goes_on.with_suffix(".begun").exists, server.process, "the request's beginning")
        for connection in connections[1:]:
            connection.sendall(get("/raise/later", connection="close"))
        goes_on.touch()
        assert [status_of(read_to_end(connection)) for connection in connections] == [200] + [500] * 19
    server.stop()
    assert server.process.stderr is not None
    lines = [json.loads(line) for line in server.process.stderr.read().splitlines()]
    assert [(line["event"], line["level"], line["logger"]) for line in lines] == [("server", "error", "waitress")] * 19
    assert all("on purpose" in line["exception"] for line in lines)


def test_several_processes_share_the_port(start_program: Started) -> None:
    server = serve_in_process(start_program, workers=3)
    assert len(psutil.Process(server.process.pid).children()) == 3
    assert still_answers(server)


def test_processes_end_with_their_supervisor(start_program: Started) -> None:
    server = serve_in_process(start_program)
    (child,) = psutil.Process(server.process.pid).children()
    server.process.kill()
    server.process.wait()
    child.wait()
    assert not child.is_running()


def test_an_application_that_cannot_be_loaded_stops_the_server(start_program: Started) -> None:
    call = (
        f"from hp_portal.serving import serve; serve('127.0.0.1', {free_port('127.0.0.1')}, 1, 1, 'no_such_module:app')"
    )
    process = start_program([sys.executable, "-c", call], environment=dict(os.environ), stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait() == 1
    assert "end as soon as they are started" in said
