"""Listens, and keeps as many processes answering as were asked for."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

from hp_portal.serving.limits import ServerLimits

TARGET = "hp_portal.wsgi:app"
# A process that ends sooner than this, in seconds, cannot serve; after some such ends in a row nothing is tried again.
TOO_SOON = 5.0
TRIES = 5


def serve(host: str, port: int, workers: int, threads: int, target: str = TARGET) -> None:
    """Serve until SIGTERM or Ctrl-C. The settings come from the environment, as every process reads them itself.

    A process that ends is replaced; the others go on accepting meanwhile, because all share one listening socket. Raises
    OSError when the address cannot be listened on, SystemExit when processes end as soon as they are started.
    """
    _allow_connections(ServerLimits().connections)
    with _listen(host, port) as listening:
        Supervisor(listening, threads, target).run(workers)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _allow_connections(count: int) -> None:
    """As many open files as connections, their temporary files and the database need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * count + 500
    if soft != resource.RLIM_INFINITY and soft < wanted:
        limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


class Supervisor:
    """Starts processes on one listening socket, replaces those that end, and stops all of them."""

    def __init__(self, listening: socket.socket, threads: int, target: str) -> None:
        self.listening = listening
        self.threads = threads
        self.target = target
        # The processes hold the reading end: when this process is gone, however it ended, they read the end of the file.
        self.lifeline, self._alive = os.pipe()
        self.stopping = False
        self._soon = 0
        self._processes = 1

    def run(self, workers: int) -> None:
        """Keep `workers` processes running until told to stop."""
        self._processes = workers
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        processes = [self._start() for _ in range(workers)]
        try:
            while not self.stopping:
                time.sleep(0.2)
                processes = [one if one[0].poll() is None else self._replace(one) for one in processes]
        finally:
            _end([process for process, _ in processes])
            os.close(self._alive)
            os.close(self.lifeline)

    def _stop(self, *_: object) -> None:
        self.stopping = True

    def _start(self) -> tuple[subprocess.Popen[bytes], float]:
        numbers = (self.listening.fileno(), self.lifeline)
        command = [
            sys.executable, "-P", "-m", "hp_portal.serving.process", "--socket", str(numbers[0]), "--lifeline", str(numbers[1]),
            "--target", self.target, "--threads", str(self.threads),
            "--processes", str(self._processes),
        ]  # fmt: skip
        return subprocess.Popen(command, pass_fds=numbers), time.monotonic()  # noqa: S603 - this very program

    def _replace(self, ended: tuple[subprocess.Popen[bytes], float]) -> tuple[subprocess.Popen[bytes], float]:
        process, began = ended
        if self.stopping:
            return ended
        self._soon = self._soon + 1 if time.monotonic() - began < TOO_SOON else 0
        print(f"hp-portal: a web process ended ({process.returncode}) and is replaced.", file=sys.stderr)  # noqa: T201
        if self._soon >= TRIES:
            raise SystemExit("hp-portal: web processes end as soon as they are started; see the messages above.")
        return self._start()


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    until = time.monotonic() + ServerLimits().stop_seconds + 5
    for process in processes:
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
