"""Of an import that is killed nobody sees anything; two at once do not double anything."""

from __future__ import annotations

import datetime as dt
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.api import Who
from hp_portal.core.jobs.models import JobRun
from hp_portal_plugins.remittance.intake import importing, uploads
from hp_portal_plugins.remittance.intake.models import Upload
from hp_portal_plugins.remittance.models import Claim, Payment, RemittanceFile
from tests.plugins.remittance.import_files import file_of, many_payments
from tests.support.databases import DATA_KEY, SECRET_KEY
from tests.support.processes import PATIENCE, Started
from tests.support.world import World

PROGRAM = """
import sys
from hp_portal_plugins.remittance.intake import importing, loading
importing._BATCH_ROWS, importing._AT_ONCE = 200, 0
stop_after, batches = int(sys.argv.pop(1)), 0
flush = importing._Import.flush
def watched(self):
    global batches
    flush(self)
    batches += 1
    if batches == stop_after:
        print("stopped", flush=True)
        sys.stdin.read()
importing._Import.flush = watched
from hp_portal.cli import main
main()
"""


def environment(url: str, folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HP_PORTAL_DATABASE_URL": url,
        "HP_PORTAL_SECRET_KEY": SECRET_KEY,
        "HP_PORTAL_DATA_KEY": DATA_KEY,
        "HP_PORTAL_INSTANCE_PATH": str(folder / "instance"),
        "HP_PORTAL_LOG_FORMAT": "text",
    }


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(start_program: Started, database_url: str, tmp_path: Path) -> Start:
    """A command in a process of its own; it stops and says so when `stop_after` batches are stored."""

    def start_it(*command: str | Path, stop_after: int = 0) -> subprocess.Popen[str]:
        return start_program(
            [sys.executable, "-c", PROGRAM, str(stop_after), *map(str, command)],
            environment=environment(database_url, tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    return start_it


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=PATIENCE)
    return output


def kill_when_stopped(process: subprocess.Popen[str]) -> None:
    """Let it come to where it stops, and kill it there."""
    assert process.stdout is not None
    assert process.stdin is not None
    assert any(line == "stopped\n" for line in process.stdout)
    process.send_signal(signal.SIGKILL)
    process.wait(PATIENCE)


def stored(world: World) -> tuple[int, int, int]:
    """Files, payments, claims."""
    with world.session() as session:
        found = [
            session.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for table in (RemittanceFile, Payment, Claim)
        ]
    return found[0], found[1], found[2]


def outcomes(world: World) -> list[str]:
    with world.session() as session:
        return list(session.scalars(sa.select(RemittanceFile.outcome).order_by(RemittanceFile.id)))


def let_leases_run_out(world: World) -> None:
    with world.session() as session:
        for leased in (RemittanceFile, Upload):
            over = sa.update(leased).where(leased.leased_until.is_not(None))
            session.execute(over.values(leased_until=clock.now() - dt.timedelta(seconds=1)))
        session.execute(sa.update(JobRun).values(leased_until=None))  # the job is leased as well


@pytest.mark.parametrize("stop_after", [1, 6], ids=["first batch", "before the end"])
def test_a_killed_import_shows_nothing_and_the_next_one_works(
    world: World, start: Start, tmp_path: Path, stop_after: int
) -> None:
    file = tmp_path / "sample.835"
    file.write_bytes(file_of(*many_payments(120)))
    kill_when_stopped(start("remittance", "import", file, stop_after=stop_after))
    assert stored(world) == (1, 0, 0)
    let_leases_run_out(world)
    assert "120 payments" in finish(start("remittance", "import", file))
    assert stored(world) == (2, 120, 360)
    assert outcomes(world) == ["interrupted", "imported"]


def test_a_killed_workers_upload_is_imported_once_by_the_next(world: World, start: Start) -> None:
    person = world.staff("importer")
    with world.session() as session:
        uploads.receive(session, io.BytesIO(file_of(*many_payments(120))), "sample.835", Who(person.id))
    kill_when_stopped(start("worker", "--once", stop_after=2))
    assert stored(world) == (1, 0, 0)
    finish(start("worker", "--once"))
    assert stored(world) == (1, 0, 0)  # still leased to the dead one
    let_leases_run_out(world)
    finish(start("worker", "--once"))
    assert stored(world) == (2, 120, 360)
    finish(start("worker", "--once"))
    assert stored(world) == (2, 120, 360)
    assert outcomes(world) == ["interrupted", "imported"]


def test_two_imports_of_one_file_at_once_store_it_once(world: World, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "sample.835"
    file.write_bytes(file_of(*many_payments(120)))
    first = start("remittance", "import", file, stop_after=2)
    assert first.stdout is not None
    assert first.stdout.readline() == "stopped\n"
    second = start("remittance", "import", file)
    assert second.stdout is not None
    assert second.stdout.readline().startswith("sample.835: waits for the import of sample.835 (")
    outputs = [finish(first), finish(second)]
    assert "imported" in outputs[0]
    assert "unchanged" in outputs[1]
    assert stored(world) == (2, 120, 360)


def test_imports_at_once_in_one_process_share_no_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 50)
    # Neighbours overlap by half.
    files = [file_of(*many_payments(40, first=1 + 20 * place), control=place + 1) for place in range(4)]
    errors: list[BaseException] = []

    def run(data: bytes) -> None:
        try:
            with world.session() as session:
                importing.import_file(session, io.BytesIO(data), "sample.835")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(data,)) for data in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert errors == []
    assert stored(world) == (4, 100, 300)
