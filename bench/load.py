"""A load of HTTP requests from a process of its own: keep-alive connections, one thread each, prepared bytes."""

from __future__ import annotations

import multiprocessing
import socket
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection


@dataclass(frozen=True)
class Load:
    """What came back: answers per second, and the 95th percentile of their times in milliseconds."""

    per_second: float
    p95_ms: float
    answers: int


def request(path: str, headers: dict[str, str]) -> bytes:
    """A GET as bytes on the wire."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _answer(connection: socket.socket, rest: bytes) -> tuple[bytes, bytes]:
    """Read one answer; returns its head and what came after it."""
    data = rest
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head, body[length:]


def _client(port: int, requests: Sequence[bytes], first: int, step: int, until: float, times: list[float]) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        index, rest = first, b""
        while (began := time.perf_counter()) < until:
            connection.sendall(requests[index % len(requests)])
            head, rest = _answer(connection, rest)
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise RuntimeError(f"answered {head[:200]!r}")
            times.append(time.perf_counter() - began)
            index += step


def _process(port: int, requests: Sequence[bytes], connections: int, seconds: float, out: Connection) -> None:
    times: list[float] = []
    until = time.perf_counter() + seconds
    threads = [
        threading.Thread(target=_client, args=(port, requests, number, connections, until, times))
        for number in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p95 = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else 0.0
    out.send(Load(len(times) / seconds, p95 * 1000, len(times)))


def load(port: int, requests: Sequence[bytes], *, connections: int = 4, seconds: float = 3.0) -> Load:
    """Send `requests` round and round for a while. Raises RuntimeError when the client fails."""
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=_process, args=(port, requests, connections, seconds, sender)
    )
    process.start()
    try:
        if not receiver.poll(seconds + 60):
            raise RuntimeError("the load did not end")
        result: Load = receiver.recv()
    finally:
        process.join()
    if result.answers == 0:
        raise RuntimeError("no request was answered")
    return result
