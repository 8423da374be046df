"""Rosters when something goes wrong: a worker that is killed, two at once, files that are none."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.cases.models import Case
from hp_portal.core.jobs.models import JobRun
from hp_portal.scopes import of_organization
from hp_portal_plugins.profiles.proposing.settling import Choice, open_lines, settle
from hp_portal_plugins.profiles.record.models import Change
from hp_portal_plugins.profiles.roster import uploads
from hp_portal_plugins.profiles.roster.models import RosterRow, RosterUpload
from hp_portal_plugins.profiles.roster.sending import send_roster
from hp_portal_plugins.profiles.roster.uploads import RosterMoved
from tests.plugins.profiles.test_roster import ALDER, BASIL, cell, downloaded, outcomes, packed, send
from tests.plugins.profiles.test_roster import clerk as clerk
from tests.support.client import PortalClient, words_of
from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.processes import PATIENCE, Started
from tests.support.public_cases import run_job
from tests.support.world import World

SEND = "/apps/profiles/roster/send"
PROGRAM = """
import sys
from hp_portal.cli import the_app
from hp_portal import worker
def stop(*_args, **_values):
    print("stopped", flush=True)
    sys.stdin.read()
app, what = the_app(), sys.argv[1]
with app.app_context():
    if what == "compare":
        from hp_portal_plugins.profiles.roster import working
        working.release_lease = stop
        worker.run_job(app, next(one for one in worker.all_jobs(app) if one.key == "profiles.compare-rosters"))
    else:
        from hp_portal.scopes import WholeScope
        from hp_portal_plugins.profiles.proposing.settling import Choice, open_lines, settle
        with app.extensions["hp_portal.database"].new_session(WholeScope("test")) as session:
            settle(session, int(what), Choice(open_lines(session, int(what))))
            session.flush()
            stop()
"""


@pytest.fixture
def kill_in(start_program: Started, database_url: str, tmp_path: Path) -> Callable[[str], None]:
    """Do something in a process of its own, and kill that when all is written and nothing is committed."""

    def kill(what: str) -> None:
        process = start_program(
            [sys.executable, "-c", PROGRAM, what],
            environment={
                **os.environ,
                "HP_PORTAL_DATABASE_URL": database_url,
                "HP_PORTAL_SECRET_KEY": SECRET_KEY,
                "HP_PORTAL_DATA_KEY": DATA_KEY,
                "HP_PORTAL_INSTANCE_PATH": str(tmp_path / "instance"),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line == "stopped\n":
                break
        assert said[-1:] == ["stopped\n"], said
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)

    return kill


def count(world: World, model: Any) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def let_leases_run_out(world: World) -> None:
    with world.session() as session:
        over = sa.update(RosterUpload).where(RosterUpload.leased_until.is_not(None))
        session.execute(over.values(leased_until=clock.now() - dt.timedelta(seconds=1)))
        session.execute(sa.update(JobRun).values(leased_until=None))


def test_a_process_that_is_killed_loses_nothing_and_doubles_nothing(
    world: World, clerk: PortalClient, kill_in: Callable[[str], None]
) -> None:
    book = downloaded(clerk)
    cell(book["Roster"], 2, "Accepting patients").value = "Closed to patients"
    form = {"effective_on": "2026-09-15", "file": (io.BytesIO(packed(book)), "roster.xlsx")}
    url = clerk.post(SEND, data=form, content_type="multipart/form-data").headers["Location"]
    kill_in("compare")
    assert count(world, RosterRow) == 0, "nothing half is to be seen"
    assert "You can leave this page" in words_of(clerk.get(url))
    run_job(world, "profiles.compare-rosters")
    assert "You can leave this page" in words_of(clerk.get(url)), "it is still leased to the dead one"
    let_leases_run_out(world)
    run_job(world, "profiles.compare-rosters")
    assert [row[1] for row in outcomes(clerk, url)] == ["Changed", "Unchanged", "Unchanged"]
    clerk.post(f"{url}/propose")
    changes = count(world, Change)
    with world.session() as session:
        case_id = session.scalars(sa.select(Case.id).where(Case.kind == "profiles.roster")).one()
    kill_in(str(case_id))
    assert count(world, Change) == changes
    with world.session() as session:
        settle(session, case_id, Choice(open_lines(session, case_id)))
    assert count(world, Change) == changes + 1
    again = send(world, clerk, packed(book))
    assert {row[1] for row in outcomes(clerk, again)} == {"Unchanged"}
    with world.session() as session:
        upload = session.scalars(sa.select(RosterUpload).order_by(RosterUpload.id.desc()).limit(1)).one()
        upload.state, upload.attempts = "waiting", 3
    run_job(world, "profiles.compare-rosters")
    assert "begun three times and never came to an end" in words_of(clerk.get(again))


def test_two_uploads_at_once_are_compared_and_sent_once_each(world: World, clerk: PortalClient) -> None:
    pages = []
    for degree in ("MD", "DO"):
        body = f"NPI,Location number,Degree\n{ALDER},HERE,{degree}\n{BASIL},HERE,{degree}\n".encode()
        form = {"effective_on": "2026-09-15", "file": (io.BytesIO(body), "ours.csv")}
        pages.append(clerk.post(SEND, data=form, content_type="multipart/form-data").headers["Location"])
    _at_once([lambda: run_job(world, "profiles.compare-rosters")] * 2)
    for _ in pages:
        run_job(world, "profiles.compare-rosters")
    assert count(world, RosterRow) == 4
    for page, degree in zip(pages, ("MD", "DO"), strict=True):
        assert [row[1] for row in outcomes(clerk, page)] == ["Changed", "Changed"]
        assert degree in outcomes(clerk, page)[0][2]
    with world.session() as session:
        [first, _], [office] = (
            list(session.scalars(sa.select(RosterUpload.id))),
            set(session.scalars(sa.select(RosterUpload.organization_id))),
        )
    moved: list[int] = []

    def propose() -> None:
        with world.app.app_context(), world.session() as session, of_organization(session, office):
            try:
                send_roster(session, first)
            except RosterMoved:
                session.rollback()
                moved.append(1)

    _at_once([propose] * 3)
    assert len(moved) == 2
    assert count(world, Case) == 1
    assert clerk.post(f"{pages[1]}/propose").status_code == 303
    assert count(world, Case) == 2, "each roster is a case of its own"


def _at_once(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)


def workbook(book: Any, sheet: Callable[[bytes], bytes]) -> bytes:
    """A workbook whose first sheet is made into another one."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed(book))) as read, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name in read.namelist():
            text = read.read(name)
            made.writestr(name, sheet(text) if name == "xl/worksheets/sheet1.xml" else text)
    return out.getvalue()


def empty_rows(text: bytes) -> bytes:
    """Rows with a format and nothing in them, to the end of what Excel can have."""
    return text.replace(b"</sheetData>", b'<row s="1" customFormat="1"/>' * 1_000_000 + b"</sheetData>")


def test_files_that_are_none_or_too_much_have_clear_words(
    world: World, clerk: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for body, words in (
        (b"", "This file is empty."),
        (b"%PDF-1.7\n", "neither a CSV file nor an Excel workbook"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "neither a CSV file nor an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "of the old kind (.xls), or one with a password"),
    ):
        form = {"effective_on": "2026-10-07", "file": (io.BytesIO(body), "roster.xlsx")}
        refused = clerk.post(SEND, data=form, content_type="multipart/form-data")
        assert refused.status_code == 422
        assert words in words_of(refused)
        assert 'value="10/07/2026"' in refused.text or 'value="2026-10-07"' in refused.text, "what was typed stays"
    with monkeypatch.context() as smaller:
        smaller.setattr(uploads, "LARGEST", 10)
        large = clerk.post(SEND, data={"file": (io.BytesIO(b"NPI,Location number"), "roster.csv")})
    assert large.status_code == 422
    assert "larger than a roster may be" in words_of(large)
    assert count(world, RosterUpload) == 0
    book = downloaded(clerk)
    bomb = workbook(book, lambda text: text.replace(b"</sheetData>", b" " * (300 << 20) + b"</sheetData>"))
    assert len(bomb) < 1 << 20
    for body, words in (
        (bomb, "too large once it is unpacked"),
        (packed(book)[:-300], "it is damaged, or a part of it is missing"),
    ):
        url = send(world, clerk, body)
        assert "The roster could not be compared" in words_of(clerk.get(url))
        assert words in words_of(clerk.get(url))
    assert count(world, RosterRow) == 0
    long = send(world, clerk, workbook(book, empty_rows))
    assert [row[1] for row in outcomes(clerk, long)] == ["Unchanged"] * 3
