"""What becomes of attached files on their way: the virus scanner, processes that fail, and what the staff do about it."""

from __future__ import annotations

import gc
import json
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.attachment_settings import read_scanner
from hp_portal.core.attachments import attaching, checking, states
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.attachments.owners import explains
from hp_portal.core.attachments.scanning import NotScanned, ScannerAway, ScannerSlow, find_virus
from hp_portal.core.documents.limited import DocumentError
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.settings import ConfigurationError, load_settings
from tests.conftest import MakeApp, cannot_run
from tests.sample_plugin.notes import Note
from tests.support.attaching import attached_file, check_files
from tests.support.clock import Clock
from tests.support.databases import Databases
from tests.support.noted import NOTE, STAFF, attach, events, noted, said, sample
from tests.support.processes import Started
from tests.support.virus import EICAR, NAME, clamd, start_scanner
from tests.support.world import World


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short name: the path of a socket may not be long."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_what_is_too_much_and_what_has_a_virus(
    database_url: str,
    make_app: MakeApp,
    databases: Databases,
    clock: Clock,
    place: Path,
    start_program: Started,
) -> None:
    program = clamd() or cannot_run("clamd is not installed: apt-get install clamav-daemon")
    world = sample(
        database_url, make_app, databases, attachment_mb=2, attachments_most=4, clamd=f"unix:{place}/clamd.ctl"
    )
    client = noted(world)
    answer = attach(client, ("large.txt", b"x" * ((2 << 20) + 1)), ("empty.pdf", b""))
    assert "“large.txt” was not attached: it is larger than 2 MB. Save it smaller, or split it." in answer.text
    assert "“empty.pdf” was not attached: it is empty." in answer.text
    # The connection breaks off: what has come is no form, and nothing of it stays.
    begun = b"--x\r\nContent-Disposition: form-data; name=files; filename=d.txt\r\n\r\n" + b"d" * 999
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # werkzeug leaves such a beginning to the garbage collector
        cut = client.flask.post(f"{NOTE}/attach", data=begun, content_type="multipart/form-data; boundary=x")
        gc.collect()
    assert cut.status_code == 400
    with world.session() as session:
        assert session.scalars(sa.select(StoredFile.id)).all() == []

    long = ("long.txt", b"A letter. " * 150_000)  # more than this scanner looks at
    answer = attach(client, ("letter.txt", b"A letter"), ("test.com", EICAR), long, ("a.txt", b"a"), ("b.txt", b"b"))
    assert "“b.txt” was not attached: there are 4 files already, which is the most." in answer.text
    client.post(f"{NOTE}/files/4/remove")
    check_files(world)
    text = said(client)
    assert text.count(">Waits for its check<") == 3
    assert "The file is kept, and is checked as soon as that is possible." in text
    assert [client.get(f"{NOTE}/files/{number}", check=False).status_code for number in (1, 2)] == [404, 404]
    world.staff("guard", permissions=STAFF)
    staff = world.sign_in("guard")
    assert "3 attached files wait for what checks or keeps them, which does not answer" in staff.get("/staff/").text
    assert "The virus scanner does not answer: " in staff.get("/staff/attachments").text

    start_scanner(start_program, place, program)
    check_files(world)
    assert said(client).count(">Waits for its check<") == 3, "asked again after a while alone"
    clock.advance(checking.RETRY)
    check_files(world)
    text = said(client)
    assert text.count(">Ready<") == text.count(">Contains a virus<") == text.count(">Could not be checked<") == 1
    assert "Ask whoever it came from to send it again" in text
    assert client.get(f"{NOTE}/files/1").data == b"A letter"
    assert [client.get(f"{NOTE}/files/{number}", check=False).status_code for number in (2, 3)] == [404, 404]

    console = staff.get("/staff/").text
    assert "1 attached file contains a virus" in console
    assert "1 attached file could not be checked" in console
    held = staff.get("/staff/attachments").text
    assert NAME in held
    assert "size limit exceeded" in held
    assert "Aspen Clinic" in held
    assert "letter.txt" not in held
    assert staff.post("/staff/attachments/1/again").status_code == 404, "what is ready is not held"
    assert staff.post("/staff/attachments/2/again").status_code == 303
    assert said(client).count(">Being checked<") == 1
    check_files(world)
    assert said(client).count(">Contains a virus<") == 1, "it is still in it"
    found = [fields for event, fields in events(world) if event == "file.quarantined"]
    assert len(found) == 2
    assert NAME in found[0]
    ends = [json.loads(fields) for event, fields in events(world) if event == "file.checked"]
    assert sorted((end["state"], end["scanned"]) for end in ends) == [("failed", False), ("ready", True)]
    assert all(json.loads(one)["scanned"] for one in found)
    assert "have been checked" not in client.get(f"{NOTE}/files", fragment=True).text, "not all of them are all right"
    assert "A virus was found in a text file that was attached" in client.get("/my-activity").text


def test_a_file_that_cannot_be_looked_at_is_the_staffs(sample_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever ends the process, or the worker, ends neither for the others."""
    world = sample_world
    client = noted(world)

    def broken(*_: object) -> tuple[str, bytes | None]:
        raise DocumentError("a file (text): Broken")

    attach(client, ("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c"), ("d.txt", b"d"))
    with monkeypatch.context() as patch:
        patch.setattr(checking, "clean_apart", broken)
        with world.app.app_context(), world.session() as session:
            checking.check_next(session)  # a.txt: the process fails
        with world.session() as session:
            b, c, d = session.scalars(sa.select(AttachedFile).where(AttachedFile.id > 1).order_by(AttachedFile.id))
            b.attempts = checking.MOST_ATTEMPTS
            session.execute(sa.delete(StoredPiece).where(StoredPiece.file_id == c.original_id))
            about = d.about
        with world.app.app_context(), world.session() as session:
            checking.check_next(session)  # b.txt: its worker ended three times
            checking.check_next(session)  # c.txt: what is stored is damaged

        def removed(*_: object) -> tuple[str, bytes | None]:
            with world.app.app_context(), world.session() as other:
                assert attaching.remove_attached(other, 4, about)
            return "text", b"cleaned"

        patch.setattr(checking, "clean_apart", removed)
        with world.app.app_context(), world.session() as session:
            checking.check_next(session)  # d.txt: taken away while it was looked at
            assert not checking.check_next(session)
    text = said(client)
    assert text.count(">Could not be checked<") == 3
    assert "d.txt" not in text
    with world.session() as session:
        found = session.scalars(sa.select(AttachedFile.found).order_by(AttachedFile.id)).all()
        assert found == ["a file (text): Broken", checking.GIVEN_UP, states.DAMAGED]
        assert len(session.scalars(sa.select(StoredFile.id)).all()) == 3
        # Staff have the first one looked at again, and now it can be.
    world.staff("guard", permissions=STAFF)
    world.sign_in("guard").post("/staff/attachments/1/again")
    check_files(world)
    assert said(client).count(">Ready<") == 1


def test_a_process_that_was_killed_is_no_fault_of_the_file(
    sample_world: World, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    """What ends it may be another's: the file is tried again, and at last the staff's, but never refused."""
    world = sample_world
    client = noted(world)
    attach(client, ("a.txt", b"a"))
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    start = subprocess.Popen

    def killed(_arguments: object, **options: Any) -> Any:
        return start([sys.executable, "-c", kill], **options)

    with monkeypatch.context() as patch:
        patch.setattr("hp_portal.core.documents.limited.subprocess.Popen", killed)
        for _ in range(checking.MOST_ATTEMPTS - 1):
            check_files(world)
            assert said(client).count(">Being checked<") == 1
            clock.advance(checking.RETRY * 2)
    check_files(world)
    assert said(client).count(">Ready<") == 1, "the third time it went well"
    attach(client, ("b.txt", b"b"))
    with monkeypatch.context() as patch:
        patch.setattr("hp_portal.core.documents.limited.subprocess.Popen", killed)
        for _ in range(checking.MOST_ATTEMPTS):
            check_files(world)
            clock.advance(checking.RETRY * 2)
    assert said(client).count(">Could not be checked<") == 1


def test_a_virus_stays_locked_away_when_there_is_no_scanner_any_more(sample_world: World) -> None:
    world = sample_world
    clinic = world.organization("Birch Clinic")
    with world.session() as session:
        number = attached_file(session, "sample:1", clinic, state="quarantined").id
        attached_file(session, "sample:1", clinic, state="failed")
        note = Note(organization_id=clinic.id, text="A note")
        session.add(note)
        session.flush()
        attached_file(session, f"sample.note:{note.id}", clinic, state="failed")
        attached_file(session, "sample.note:99", clinic, state="failed")
    world.staff("guard", permissions=STAFF)
    staff = world.sign_in("guard")
    shown = staff.get("/staff/attachments").text
    assert "Sample note 1" in shown, "the plugin says what its word means"
    assert "sample.note:99" in shown, "there is no such note"
    with pytest.raises(ValueError, match=r"explains 'sample\.note' already"):
        explains("sample.note")(lambda _session, _key: None)
    assert f"/staff/attachments/{number}/again" not in shown
    assert f"/staff/attachments/{number + 1}/again" in shown, "what has no virus is cleaned without a scanner"
    told = staff.post(f"/staff/attachments/{number}/again", follow_redirects=True).text
    assert "no virus scanner is set up that could look at it again" in told
    with world.session() as session:
        row = session.get_one(AttachedFile, number)
        assert row.state == "quarantined"
        row.state = "waiting"  # asked to be checked again while there was a scanner
    check_files(world)
    with world.session() as session:
        row = session.get_one(AttachedFile, number)
        assert (row.state, row.cleaned_id, row.found) == ("quarantined", None, checking.NO_SCANNER)


def test_files_wait_for_the_scanner_in_order_and_not_for_ever(
    database_url: str, make_app: MakeApp, databases: Databases, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = sample(database_url, make_app, databases, clamd="tcp:127.0.0.1:1")
    client = noted(world)
    attach(client, ("slow.txt", b"slow"), ("away.txt", b"away"))
    asked: list[bytes] = []

    def find(_scanner: object, body: bytes) -> str:
        asked.append(body)
        if body == b"slow":
            raise ScannerSlow("It came to no end.")
        if body == b"away":
            raise ScannerAway("Nobody is there.")
        return ""

    monkeypatch.setattr(checking, "find_virus", find)
    check_files(world)
    assert asked == [b"slow"], "a round ends where the scanner does"
    check_files(world)
    assert asked == [b"slow", b"away"]
    attach(client, ("new.txt", b"new"), ("newer.txt", b"newer"))
    pauses = []
    for _ in range(3):
        asked.clear()
        with world.session() as session:
            rows = session.scalars(sa.select(AttachedFile).where(AttachedFile.state == "waiting"))
            due = {row.name: row.retry_at for row in rows}
        latest = max(at for at in due.values() if at is not None)
        pauses.append(latest - clock.now())
        clock.advance(latest - clock.now())
        check_files(world)
        check_files(world)
        if "new.txt" in due:
            assert asked == [b"new", b"newer", b"slow", b"away"], "what was never looked at comes first"
    assert pauses[0] < pauses[1] < pauses[2], "each pause is longer"
    text = said(client)
    assert text.count(">Ready<") == 2
    assert text.count(">Could not be checked<") == 1, "three times, and then the staff's"
    assert text.count(">Waits for its check<") == 1, "what nobody has looked at waits on"
    with world.session() as session:
        slow = session.scalars(sa.select(AttachedFile).where(AttachedFile.state == "failed")).one()
        assert (slow.found, slow.attempts) == ("It came to no end.", checking.MOST_ATTEMPTS)

    for error in (ScannerAway, ScannerSlow):

        def gone(_scanner: object, _body: bytes, error: type[ScannerAway] = error) -> str:
            with world.app.app_context(), world.session() as other:
                held = other.scalars(sa.select(AttachedFile).where(AttachedFile.lease_token.is_not(None))).one()
                assert attaching.remove_attached(other, held.id, "sample.note:1")
            raise error("Too late.")

        attach(client, (f"{error.__name__}.txt", error.__name__.encode()))
        monkeypatch.setattr(checking, "find_virus", gone)
        check_files(world)
        assert error.__name__ not in said(client), "taken away while the scanner was asked"

    # What a virus was found in waits by itself, and a round ends all the same where the scanner is away.
    attach(client, ("away.txt", b"away "), ("away too.txt", b"away  "))
    with world.session() as session:
        mine = sa.select(AttachedFile).where(AttachedFile.retry_at.is_(None), AttachedFile.state == "waiting")
        for row in session.scalars(mine):
            row.quarantined_at = clock.now()
    asked.clear()

    def away(_scanner: object, body: bytes) -> str:
        asked.append(body)
        raise ScannerAway("Nobody is there.")

    monkeypatch.setattr(checking, "find_virus", away)
    check_files(world)
    assert asked == [b"away "], "nobody is asked again in the same round"


def test_a_scanner_that_says_nothing_is_slow_and_one_that_is_not_there_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        scanner = read_scanner(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        assert scanner is not None
        with pytest.raises(ScannerSlow, match="did not come to an end with this file"):
            find_virus(scanner, b"x", 0.1)
    with pytest.raises(ScannerAway) as away:
        find_virus(scanner, b"x")
    assert not isinstance(away.value, ScannerSlow)


@pytest.mark.parametrize("value", ["localhost:3310", "unix:clamd.ctl", "tcp:localhost", "tcp:a:99999", "tcp:a b:1"])
def test_a_scanner_that_cannot_be_is_refused_at_the_start(value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"HP_PORTAL_CLAMD: .*unix:/run/clamav/clamd\.ctl or tcp:"):
        load_settings(clamd=value)


@pytest.mark.parametrize(
    "answer",
    [
        b"stream: OK\0",
        b"stream: Some.Virus FOUND\0",
        b"",
        b"UNKNOWN COMMAND\0",
        b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0",
    ],
)
def test_a_scanner_by_tcp_is_asked_and_believed_only_word_for_word(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        scanner = read_scanner(f"tcp:127.0.0.1:{server.getsockname()[1]}")
        assert scanner is not None

        def serve() -> bytes:
            line, _ = server.accept()
            with line, line.makefile("rb") as heard:
                command = heard.read(10)
                body = b""
                while size := int.from_bytes(heard.read(4)):
                    body += heard.read(size)
                line.sendall(answer)
            return command + body

        heard = pool.submit(serve)
        if answer.endswith((b"OK\0", b"Virus FOUND\0")):
            assert find_virus(scanner, b"x" * 200_000) == ("" if b"OK" in answer else "Some.Virus")
        else:
            with pytest.raises(NotScanned if answer else ScannerAway):
                find_virus(scanner, b"x" * 200_000)
        assert heard.result() == b"zINSTREAM\0" + b"x" * 200_000
