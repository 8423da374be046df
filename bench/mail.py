"""Mail: messages a second through the outbox against bare smtplib over one connection, and what is lost and doubled when the
processes that send are killed, and how long a message waits while the same worker imports a large file.

`python -m bench.mail [--messages 10000] [--kills 10] [--mb 200]`
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import random
import smtplib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from flask import Flask

from bench.data import fill, settings_for
from bench.figures import Figure, show
from bench.importing import make_file
from bench.requests import databases, environment
from hp_portal.app import create_app
from hp_portal.core.delivery import sending
from hp_portal.core.delivery.mail import compose
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import EMAIL, SENT, Outgoing, add_message, values_of
from hp_portal.core.delivery.sender import MOST_UNMARKED
from hp_portal.core.delivery.smtp import Smtp
from hp_portal.core.delivery.transports import ComposedMail
from hp_portal.core.identity.models import Person
from hp_portal.database import Database
from hp_portal.scopes import WholeScope
from hp_portal.settings import Settings
from hp_portal_plugins.remittance.intake.models import Upload
from hp_portal_plugins.remittance.intake.uploads import receive
from tests.support.databases import runtime_url

MESSAGES = 500
ROUNDS = 5
BOUND = "≥ 0.5"
LEASE = 4  # seconds, after which another takes what a killed one held
# A mail server that notes the Message-ID of what it takes, a line each. In a process of its own: it is not what is measured.
SERVER = """
import re, sys, time
from aiosmtpd.controller import Controller
class Noting:
    async def handle_DATA(self, server, session, envelope):
        found = re.search(rb"^Message-ID: *<([^>]+)>", envelope.content, re.M)
        noted.write(found[1].decode() + "\\n"); noted.flush()
        return "250 taken"
class Told(Controller):
    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()
noted = open(sys.argv[1], "w")
controller = Told(Noting(), hostname="127.0.0.1", port=0)
controller.start()
print(controller.port, flush=True)
sys.stdin.read()
controller.stop()
"""
# What a worker's job does, again and again, with a short lease.
SENDER = f"""
import datetime as dt, time
from hp_portal.app import create_app
from hp_portal.core.delivery import sending
from hp_portal.scopes import WholeScope
sending.LEASE = sending.ATTEMPT = dt.timedelta(seconds={LEASE})
app = create_app()
with app.app_context():
    while True:
        with app.extensions["hp_portal.database"].new_session(WholeScope("bench")) as session:
            sending.send_due(session)
        time.sleep(0.2)
"""


@contextlib.contextmanager
def mail_server(noted: Path) -> Iterator[int]:
    """A mail server's port, for the length of a block."""
    command = [sys.executable, "-c", SERVER, str(noted)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline())
        finally:
            server.kill()


def mailing(url: str, folder: Path, port: int) -> Settings:
    wanted = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "portal@plan.example"}
    return Settings(**{**settings_for(url, folder).model_dump(), **wanted})


def write(app: Flask, count: int) -> None:
    database: Database = app.extensions["hp_portal.database"]
    with database.new_session(WholeScope("bench")) as session:
        for number in range(count):
            values = {"asked_at": "March 2, 2026"}
            add_message(session, Outgoing(f"clerk{number}@clinic.example", "test", "A message", "bench", values))
        session.commit()


def usual(composed: ComposedMail) -> EmailMessage:
    """The same e-mail as the standard library's `EmailMessage`, which is what smtplib is given mostly."""
    mail, made = BytesParser(policy=SMTP).parsebytes(composed.raw), EmailMessage(policy=SMTP)
    for name in ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"):
        made[name] = str(mail[name])
    text, html = mail.iter_parts()
    made.set_content(text.get_content())
    made.add_alternative(html.get_content(), subtype="html")
    return made


def bare(app: Flask, settings: Settings, port: int, *, written: bool) -> float:
    """Messages a second that smtplib sends over one connection, composed before; `written`: as bytes already."""
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        messages = session.scalars(sa.select(Message).limit(MESSAGES)).all()
        composed = [compose(settings, message, values_of(session, message)) for message in messages]
    mails = [] if written else [(one, usual(one)) for one in composed]
    began = time.perf_counter()
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for one, mail in mails:
            smtp.send_message(mail, one.sender, [one.recipient])
        for one in composed if written else ():
            smtp.sendmail(one.sender, [one.recipient], one.raw)
    return len(composed) / (time.perf_counter() - began)


def through_outbox(app: Flask, settings: Settings) -> float:
    """Messages a second that leave the outbox: taken with a lease, composed, sent, noted."""
    write(app, MESSAGES)
    database: Database = app.extensions["hp_portal.database"]
    with app.app_context(), database.new_session(WholeScope("bench")) as session:
        began = time.perf_counter()
        sent = sending.send_all(session, settings, {EMAIL: Smtp(settings)})
        return sent / (time.perf_counter() - began)


def rate(engine: str, url: str, folder: Path) -> list[Figure]:
    """The median of what the outbox reaches of bare smtplib, in rounds that alternate."""
    fill(url, folder, 100)
    with mail_server(folder / "noted.txt") as port:
        settings = mailing(runtime_url(url), folder, port)
        app = create_app(settings)
        through_outbox(app, settings)
        rounds = [
            (through_outbox(app, settings), *(bare(app, settings, port, written=written) for written in (False, True)))
            for _ in range(ROUNDS)
        ]
    ratio = statistics.median(ours / theirs for ours, theirs, _ in rounds)
    of_bytes = statistics.median(ours / theirs for ours, _, theirs in rounds)
    return [
        Figure(f"mail through the outbox, of bare smtplib, {engine}", ratio, target=BOUND),
        Figure(f"  of smtplib with mails that are bytes already, {engine}", of_bytes),
        Figure(f"  messages a second, {engine}", statistics.median(ours for ours, *_ in rounds), "/s"),
    ]


def killed(engine: str, url: str, folder: Path, messages: int, kills: int) -> list[Figure]:
    """Two processes send side by side and are killed again and again: how many messages were lost, and how often one was sent
    twice. Twice is right only where the kill fell between the server's answer and our mark: a kill doubles at most so many as a
    process sends before they are marked."""
    fill(url, folder, 100)
    noted = folder / "noted.txt"
    with mail_server(noted) as port:
        wanted = mailing(runtime_url(url), folder, port)
        app = create_app(wanted)
        write(app, messages)
        database: Database = app.extensions["hp_portal.database"]
        variables = _variables(wanted, folder, port)
        senders = [_sender(variables) for _ in range(2)]
        done, left = 0, messages
        try:
            while left:
                time.sleep(0.5)
                with database.new_session(WholeScope("bench")) as session:
                    left = session.scalar(sa.select(sa.func.count(Message.id)).where(Message.state != SENT)) or 0
                # Kills are spread over the whole work.
                if done < kills and left < messages * (kills - done) / (kills + 1):
                    place = random.randrange(2)
                    senders[place].kill()
                    senders[place].wait()
                    senders[place] = _sender(variables)
                    done += 1
        finally:
            for sender in senders:
                sender.kill()
                sender.wait()
    taken = collections.Counter(noted.read_text().split())
    return [
        Figure(f"of {messages:,} messages lost, {done} times killed, {engine}", messages - len(taken), target="≤ 0"),
        Figure(f"  sent twice, {engine}", sum(taken.values()) - len(taken), target=f"≤ {done * MOST_UNMARKED}"),
    ]


def during_import(engine: str, url: str, folder: Path, megabytes: int) -> list[Figure]:
    """How long messages wait, one after the other, while one worker imports a file as well: from the commit that adds one until
    it is marked as sent."""
    fill(url, folder, 100)
    large = folder.parent / "large.835"
    if not large.exists():
        make_file(large, megabytes)
    waits: list[float] = []
    with mail_server(folder / "noted.txt") as port:
        wanted = mailing(runtime_url(url), folder, port)
        app = create_app(wanted)
        database: Database = app.extensions["hp_portal.database"]
        with database.new_session(WholeScope("bench")) as session, large.open("rb") as stream:
            owner = SimpleNamespace(organization_id=None, person_id=session.scalars(sa.select(Person.id)).first())
            upload = receive(session, stream, "large.835", owner).id
            session.commit()
        command = [sys.executable, "-m", "hp_portal", "worker"]
        worker = subprocess.Popen(
            command, env=_variables(wanted, folder, port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while _state_of(database, Upload, upload) == "waiting":
                time.sleep(0.1)
            while _state_of(database, Upload, upload) == "saving":
                before = time.perf_counter()
                with database.new_session(WholeScope("bench")) as session:
                    outgoing = Outgoing("clerk@clinic.example", "test", "A message", "bench", {"asked_at": "March 2"})
                    message = add_message(session, outgoing)
                    session.commit()
                began = time.perf_counter()
                while _state_of(database, Message, message) != SENT:
                    time.sleep(0.05)
                waits.append(time.perf_counter() - began)
                time.sleep(max(0.0, 1 - (time.perf_counter() - before)))
            ended = _state_of(database, Upload, upload)
        finally:
            worker.terminate()
            worker.wait()
    assert ended == "done", f"the import is {ended}"
    return [
        Figure(
            f"longest of {len(waits)} messages during an import of {megabytes} MB, {engine}", max(waits), "s", "≤ 5"
        ),
        Figure(f"  median, {engine}", statistics.median(waits), "s"),
    ]


def _state_of(database: Database, model: Any, row_id: int) -> str:
    with database.new_session(WholeScope("bench")) as session:
        return str(session.scalars(sa.select(model.state).where(model.id == row_id)).one())


def _variables(settings: Settings, folder: Path, port: int) -> dict[str, str]:
    return environment(settings.database_url, folder) | {
        "HP_PORTAL_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "HP_PORTAL_MAIL_FROM": "portal@plan.example",
        "HP_PORTAL_LOG_FORMAT": "json",
    }


def _sender(variables: dict[str, str]) -> subprocess.Popen[bytes]:
    quiet = subprocess.DEVNULL
    return subprocess.Popen([sys.executable, "-c", SENDER], env=variables, stdout=quiet, stderr=quiet)


def run(messages: int = 2000, kills: int = 4, megabytes: int = 0) -> list[Figure]:
    """The figures of this bench; see docs/figures.md. Without megabytes nothing is imported, which takes minutes."""
    figures: list[Figure] = []
    parts: list[Callable[[str, str, Path], list[Figure]]] = [
        rate,
        lambda engine, url, folder: killed(engine, url, folder, messages, kills),
    ]
    if megabytes:
        parts.append(lambda engine, url, folder: during_import(engine, url, folder, megabytes))
    for part in parts:
        with tempfile.TemporaryDirectory(prefix="hp-portal-bench-") as name, databases(Path(name)) as urls:
            for engine, url in urls.items():
                folder = Path(name) / "instance" / engine
                folder.mkdir(parents=True)
                figures += part(engine, url, folder)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--mb", type=int, default=200, help="the file that is imported while messages are sent")
    chosen = parser.parse_args()
    show(run(chosen.messages, chosen.kills, chosen.mb))


if __name__ == "__main__":
    main()
