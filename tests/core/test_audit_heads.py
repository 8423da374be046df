"""Heads of the chain outside of the database: published by the worker, compared by `audit verify --heads`."""

from __future__ import annotations

import datetime as dt
import json
import socketserver
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from flask import Flask

from hp_portal import cli
from hp_portal.core.activity.heads import publish, read_heads
from hp_portal.core.audit.models import AuditSeal
from hp_portal.core.audit.reports import record_state
from hp_portal.settings import ConfigurationError
from hp_portal.worker import run_once
from tests.conftest import MakeApp
from tests.support.clock import Clock
from tests.support.tampering import check, end_connections, own, seal_all, write
from tests.support.tls import Told, https_server
from tests.support.world import World

NOW = dt.datetime(2026, 11, 3, 15, 0, tzinfo=dt.UTC)
CUT_BACK = (
    "DELETE FROM audit_sealed_row WHERE seal_id = 2",
    "DELETE FROM audit_seal WHERE id = 2",
    "DELETE FROM audit_event WHERE id > 2",
)


@pytest.fixture
def time(clock: Clock) -> Clock:
    clock.set(NOW)
    return clock


def publish_now(world: World) -> None:
    with world.session() as session:
        publish(session, world.settings)


def problems(world: World) -> tuple[str, ...]:
    with world.session() as session:
        return record_state(session).problems


def newest(world: World) -> str:
    with world.session() as session:
        return bytes(session.scalars(sa.select(AuditSeal.digest).order_by(AuditSeal.id.desc())).first() or b"").hex()


@pytest.fixture
def kept(database_url: str, make_app: MakeApp, tmp_path: Path, time: Clock) -> tuple[World, Path]:
    path = tmp_path / "elsewhere" / "heads.log"
    path.parent.mkdir()
    return World(make_app(database_url, audit_heads=f"file:{path}")), path


def test_a_file_gets_each_head_once(kept: tuple[World, Path]) -> None:
    world, path = kept
    publish_now(world)
    assert not path.exists(), "there is no seal yet"
    write(world, 2)
    assert run_once(world.app)
    publish_now(world)
    first = newest(world)
    assert path.read_text() == f"2026-11-03T15:00:00Z seal 1 {first}\n"
    assert path.stat().st_mode & 0o777 == 0o600
    write(world, 1)
    assert seal_all(world) is None
    publish_now(world)
    assert read_heads(path.read_text()) == {1: first, 2: newest(world)}
    with world.session() as session:
        state = record_state(session)
    assert (state.seal, state.published, state.problems) == (2, 2, ())
    assert state.verified_at == NOW


def test_a_record_that_was_cut_back_shows_beside_the_file(kept: tuple[World, Path]) -> None:
    world, path = kept
    for _ in range(2):
        write(world, 2)
        seal_all(world)
        publish_now(world)
    published = read_heads(path.read_text())
    end_connections(world)
    own(world, *CUT_BACK)
    assert check(world).broken is None, "the database alone does not tell"
    assert check(world, published).broken == "seal 2 was published and is gone: the end of the chain has been cut off"
    write(world, 1)
    seal_all(world)
    assert check(world, published).broken == "seal 2 is another than the one that was published"
    publish_now(world)
    assert len(read_heads(path.read_text())) == 2, "the file is left as evidence"
    assert "the record has been cut back" in problems(world)[0]
    staff = world.staff("o.auditor", permissions=["staff:console:open", "staff:activity:search"])
    assert staff
    client = world.sign_in("o.auditor")
    assert "problem with the audit record" in client.get("/staff/").text
    assert "the record has been cut back" in client.get("/staff/activity").text


def test_what_cannot_be_published_is_told_tried_again_and_keeps_nothing_from_being_sealed(
    kept: tuple[World, Path],
) -> None:
    world, path = kept
    path.parent.rmdir()
    write(world, 1)
    assert run_once(world.app), "no job fails for it"
    assert check(world).unsealed == 0
    assert "No such file" in problems(world)[0]
    path.parent.mkdir()
    publish_now(world)
    assert problems(world) == ()
    assert list(read_heads(path.read_text())) == [1]


def test_the_staff_page_shows_the_state_of_the_record(world: World, time: Clock) -> None:
    world.staff("o.auditor", permissions=["staff:console:open", "staff:activity:search"])
    write(world, 1)
    assert run_once(world.app)
    text = world.sign_in("o.auditor").get("/staff/activity").text
    assert "State of the record" in text
    assert newest(world)[:16] in text or "seal 1" in text
    own(world, "UPDATE audit_event SET address = 'x' WHERE id = 1")
    assert not run_once(world.app), "the verification of the record raises the alarm"
    assert problems(world) == ("Verification found: event 1 has been altered.",)


def test_an_alarm_of_sealing_stays_until_it_is_mended(world: World, time: Clock) -> None:
    write(world, 1)
    own(world, "UPDATE audit_event SET address = 'x'")
    assert not run_once(world.app)
    assert problems(world)[0] == "Sealing found: event 1 has been altered."
    own(world, "UPDATE audit_event SET address = ''")
    assert run_once(world.app)
    assert problems(world) == ()


class _Mail(socketserver.StreamRequestHandler):
    """As much of a mail server as a client needs to send one message."""

    def handle(self) -> None:
        got: list[str] = self.server.got  # type: ignore[attr-defined]
        self.wfile.write(b"220 ready\r\n")
        while line := self.rfile.readline():
            word = line[:4].upper()
            if word == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                text = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    text += line
                got.append(text.decode())
            self.wfile.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")


@pytest.fixture
def mail() -> Iterator[tuple[int, list[str]]]:
    with socketserver.TCPServer(("127.0.0.1", 0), _Mail) as server:
        got: list[str] = []
        server.got = got  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield server.server_address[1], got
        server.shutdown()
        thread.join()


def test_heads_by_mail(database_url: str, make_app: MakeApp, time: Clock, mail: tuple[int, list[str]]) -> None:
    port, got = mail
    where: dict[str, Any] = {"smtp_url": f"smtp://127.0.0.1:{port}", "mail_from": "portal@plan.example"}
    world = World(make_app(database_url, audit_heads="mailto:auditor@plan.example", **where))
    for minutes in (0, 59, 1):
        time.advance(minutes=minutes)
        write(world, 1)
        seal_all(world)
        publish_now(world)
    assert problems(world) == ()
    assert [list(read_heads(text)) for text in got] == [[1], [3]], "at most one an hour"
    assert "To: auditor@plan.example" in got[0]


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Told]:
    with https_server(tmp_path) as told:
        yield told


def test_heads_to_an_address(
    database_url: str, make_app: MakeApp, time: Clock, elsewhere: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(make_app(database_url, audit_heads=elsewhere.address))
    write(world, 1)
    seal_all(world)
    publish_now(world)
    assert "CERTIFICATE_VERIFY_FAILED" in problems(world)[0], "nobody vouches for whoever answers there"
    assert elsewhere.posted == []
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere.certificate))
    elsewhere.status = 500
    publish_now(world)
    assert problems(world) == ("The newest head could not be published: HTTP Error 500: Internal Server Error.",)
    elsewhere.status = 204
    publish_now(world)
    assert problems(world) == ()
    assert elsewhere.posted[1]["seal"] == 1
    assert read_heads(elsewhere.posted[1]["head"]) == {1: newest(world)}
    write(world, 1)
    seal_all(world)
    publish_now(world)
    assert len(elsewhere.posted) == 2, "at most one a minute"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_no_delivery(
    status: int, sqlite_app: Flask, make_app: MakeApp, elsewhere: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows one would ask for a page without the head, and take its 200 for a yes."""
    monkeypatch.setenv("SSL_CERT_FILE", str(elsewhere.certificate))
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    world = World(make_app(url, audit_heads=elsewhere.address))
    elsewhere.status, elsewhere.location = status, "/elsewhere"
    write(world, 1)
    seal_all(world)
    publish_now(world)
    assert f"HTTP Error {status}" in problems(world)[0]
    assert elsewhere.asked == ["POST /heads"]


def verify_by_command(world: World, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Result:
    monkeypatch.setattr(cli, "_app", [world.app])
    return CliRunner().invoke(cli.cli, ["audit", "verify", *(str(one) for one in arguments)])


def test_the_command_compares_with_published_heads(
    kept: tuple[World, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, path = kept
    for _ in range(2):
        write(world, 2)
        seal_all(world)
        publish_now(world)
    good = verify_by_command(world, monkeypatch, "--heads", path)
    assert (good.exit_code, good.output) == (0, f"4 events sealed, 0 waiting for a seal. Head: {newest(world)}\n")
    missing = verify_by_command(world, monkeypatch, "--heads", tmp_path / "nowhere.log")
    assert missing.exit_code == 2
    assert "does not exist" in missing.output
    (tmp_path / "other.log").write_text("nothing of it\n")
    other = verify_by_command(world, monkeypatch, "--heads", tmp_path / "other.log")
    assert (other.exit_code, "it has no head" in other.output) == (1, True)
    forged = tmp_path / "forged.log"
    forged.write_text(path.read_text().replace(newest(world), "0" * 64))
    assert (
        "seal 2 is another than the one that was published"
        in verify_by_command(world, monkeypatch, "--heads", forged).output
    )
    end_connections(world)
    own(world, *CUT_BACK)
    assert verify_by_command(world, monkeypatch).exit_code == 0, "the database alone does not tell"
    cut = verify_by_command(world, monkeypatch, "--heads", path)
    assert cut.exit_code == 1
    assert cut.output == "BROKEN: seal 2 was published and is gone: the end of the chain has been cut off\n"
    told = json.loads(verify_by_command(world, monkeypatch, "--heads", path, "--json").output)
    assert "seal 2" in told["broken"]


def test_heads_in_whatever_was_kept() -> None:
    one, two = "a" * 64, "b" * 64
    assert read_heads(f"Subject: x\n> 2026-11-03T15:00:00Z seal 7 {one}\r\nseal 9 {two} bye") == {7: one, 9: two}
    with pytest.raises(ValueError, match="no head"):
        read_heads("seal 7 of nothing")
    with pytest.raises(ValueError, match="two different heads of seal 7"):
        read_heads(f"seal 7 {one}\nseal 7 {two}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"audit_heads": "http://log.plan.example/"},
        {"audit_heads": "file:relative.log"},
        {"audit_heads": "mailto:nobody"},
        {"audit_heads": "mailto:auditor@plan.example"},
        {"smtp_url": "mail.plan.example"},
    ],
)
def test_a_place_that_cannot_be_is_refused_at_the_start(
    database_url: str, make_app: MakeApp, wrong: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError):
        make_app(database_url, **wrong)
