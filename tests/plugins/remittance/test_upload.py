"""Uploading through the page, and the worker that imports: progress, leases, failures."""

from __future__ import annotations

import datetime as dt
import io
import re
import sqlite3
import traceback
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import pytest
import sqlalchemy as sa

from hp_portal.api import LeaseLost
from hp_portal.core.access.rules import rule_of
from hp_portal.core.files import storing
from hp_portal.core.files.models import StoredPiece
from hp_portal.database import lock
from hp_portal.scopes import with_unfinished
from hp_portal_plugins.remittance.intake import importing, loading, reading, uploads
from hp_portal_plugins.remittance.intake.steps import LEASE, Steps, begin, give_up
from hp_portal_plugins.remittance.models import Claim, Payment, RemittanceFile
from hp_portal_plugins.remittance.x12 import reader
from tests.plugins.remittance.import_files import SURNAME, file_of, many_payments, payment
from tests.plugins.remittance.uploading import READ, RUN, URL, count, run_worker, the_upload, upload
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("importer", permissions=[RUN, READ])
    return world.sign_in("importer")


def test_uploaded_files_are_imported_by_the_worker(world: World, staff: PortalClient) -> None:
    answer = upload(staff, file_of(payment("1"), payment("2", off_by=1)), b"%PDF-1.4")
    assert (answer.status_code, answer.location) == (303, URL)
    page = staff.get(URL).text
    assert "2 files uploaded" in page
    assert page.count("Waiting for the worker") == 2
    assert 'data-hx-trigger="every 1s"' in page
    assert run_worker(world)
    assert run_worker(world)
    assert (count(world, Payment), count(world, StoredPiece)) == (2, 0)
    page = staff.get(URL).text
    assert "every 1s" not in page
    assert "Staff Importer" in page
    with world.session() as session:
        files = session.scalars(sa.select(RemittanceFile).order_by(RemittanceFile.id)).all()
    assert [(file.name, file.outcome) for file in files] == [("file0.835", "imported"), ("file1.835", "refused")]
    good, bad = (staff.get(f"{URL}files/{file.id}").text for file in files)
    assert "Payments that do not balance" in good
    assert "balance.check" in good
    assert "This is a PDF, not an 835 remittance." in bad
    assert the_upload(world).state == uploads.DONE


def test_a_file_name_is_kept_as_one_line(world: World, staff: PortalClient) -> None:
    """PostgreSQL stores no NUL."""
    answer = staff.post(URL, {"files": [(io.BytesIO(file_of(payment("1"))), "a\0b" + "c" * 400)]})
    assert answer.status_code == 303
    assert run_worker(world)
    with world.session() as session:
        assert session.scalars(sa.select(RemittanceFile.name)).one() == "a b" + "c" * 297


def test_an_upload_is_imported_in_its_uploaders_name(world: World, staff: PortalClient) -> None:
    upload(staff, file_of(payment("1")))
    run_worker(world)
    with world.session() as session:
        row = session.scalars(sa.select(RemittanceFile)).one()
    assert row.imported_by_id == the_upload(world).uploaded_by_id


def test_pieces_are_kept_sealed(world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storing, "PIECE", 1_000)
    data = file_of(*many_payments(3))
    upload(staff, data)
    with world.session() as session:
        pieces = session.scalars(sa.select(StoredPiece.sealed)).all()
        stream = uploads.open_file(session, the_upload(world).stored_file_id or 0)
        read = b"".join(iter(lambda: stream.read(333), b""))
    assert len(pieces) == -(-len(data) // 1_000)
    assert not any(SURNAME.encode() in piece for piece in pieces)
    assert read == data
    assert run_worker(world)
    assert count(world, Payment) == 3


def test_importing_tells_how_far_it_is(world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_BATCH_ROWS", 20)
    monkeypatch.setattr(importing, "_AT_ONCE", 0)
    for module in (reader, reading):
        monkeypatch.setattr(module, "BLOCK", 4096)
    monkeypatch.setattr(importing, "read", partial(reader.read, block=4096))
    upload(staff, file_of(*many_payments(60)))
    shown: list[tuple[str, str]] = []
    leave = Steps.leave

    def watch(steps: Steps) -> None:
        leave(steps)
        report = staff.get(f"{URL}files/{steps.file_id}/progress", fragment=True).text
        shown.append((staff.get(URL + "progress", fragment=True).text, report))

    monkeypatch.setattr(Steps, "leave", watch)
    assert run_worker(world)
    assert len(shown) > 5
    for page, report in shown:
        assert "Importing, " in page
        assert "Importing, " in report
        assert 'data-hx-trigger="every 1s"' in report
    told = [int(re.findall(r'<progress[^>]* value="(\d+)"', report)[0]) for _, report in shown]
    assert told == sorted(told)
    assert len(set(told)) > 3
    file_id = the_upload(world).file_id
    done = staff.get(f"{URL}files/{file_id}/progress", fragment=True).text
    assert "every 1s" not in done
    assert "SHA-256" in done


def test_progress_asks_for_itself_without_keeping_anybody_signed_in(world: World) -> None:
    for view in ("progress", "file_progress"):
        rule = rule_of(world.app.view_functions[f"remittance_staff.{view}"])
        assert rule is not None
        assert rule.passive


def test_a_dead_workers_upload_is_taken_up_after_its_lease(world: World, staff: PortalClient, clock: Clock) -> None:
    upload(staff, file_of(payment("1")))
    with world.session() as session:
        dead = uploads.take(session)  # and is never heard of again
    assert dead is not None
    assert run_worker(world)
    assert count(world, Payment) == 0
    clock.advance(LEASE + dt.timedelta(seconds=1))
    assert run_worker(world)
    assert count(world, Payment) == 1
    # The dead one comes back to life: it may not do anything any more.
    with world.session() as session:
        with pytest.raises(LeaseLost):
            uploads.save(session, dead)
        session.rollback()
    assert (count(world, RemittanceFile), the_upload(world).state) == (1, uploads.DONE)


def test_a_file_that_ends_every_worker_is_given_up(world: World, staff: PortalClient, clock: Clock) -> None:
    upload(staff, file_of(payment("1")))
    for _ in range(uploads.MOST_ATTEMPTS):
        with world.session() as session:
            assert uploads.take(session) is not None
        clock.advance(LEASE + dt.timedelta(seconds=1))
    with world.session() as session:
        assert uploads.take(session) is None
    row = the_upload(world)
    assert (row.state, row.error) == (uploads.FAILED, uploads.GIVEN_UP)
    assert count(world, StoredPiece) == 0
    assert count(world, Payment) == 0


def test_an_import_whose_lease_has_run_out_gives_way(
    world: World, staff: PortalClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was thought dead, and whoever has taken over imports the file once."""
    monkeypatch.setattr(importing, "_BATCH_ROWS", 20)
    monkeypatch.setattr(importing, "_AT_ONCE", 0)
    upload(staff, file_of(*many_payments(20)))
    leave, left = Steps.leave, 0

    def slowly(steps: Steps) -> None:
        nonlocal left
        leave(steps)
        left += 1
        if left == 2:
            clock.advance(LEASE + dt.timedelta(seconds=1))
            with world.session() as session:
                uploads.import_uploads(session)

    monkeypatch.setattr(Steps, "leave", slowly)
    assert run_worker(world)
    assert left > 4
    with world.session() as session:
        outcomes = session.scalars(sa.select(RemittanceFile.outcome).order_by(RemittanceFile.id)).all()
    assert list(outcomes) == ["interrupted", "imported"]
    assert (the_upload(world).state, count(world, Payment), count(world, Claim)) == (uploads.DONE, 20, 60)


def test_an_upload_waits_while_another_file_is_imported(
    world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(staff, file_of(payment("1")))
    with world.session() as session, with_unfinished(session):
        steps = begin(session, "large.835", 100, None, lambda *_: None)
    assert run_worker(world)
    assert "Waits for the import of large.835 (0%)" in staff.get(URL).text
    waits = the_upload(world)
    assert (waits.state, waits.attempts, waits.leased_until, count(world, Payment)) == (uploads.WAITING, 0, None, 0)
    with world.session() as session, with_unfinished(session):
        steps.session = session
        give_up(steps)
    assert run_worker(world)
    assert (the_upload(world).state, count(world, Payment)) == (uploads.DONE, 1)


def test_one_upload_is_taken_by_one_worker(world: World, staff: PortalClient) -> None:
    upload(staff, file_of(payment("1")))
    with world.session() as session:
        assert uploads.take(session) is not None
    with world.session() as session:
        assert uploads.take(session) is None


def test_an_import_that_dies_leaves_the_upload_for_the_next(
    world: World, staff: PortalClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload(staff, file_of(payment("1")))

    def die(*_arguments: object, **_options: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("the database is gone"))

    with monkeypatch.context() as patch:
        patch.setattr(uploads, "import_in_steps", die)
        assert not run_worker(world)
    assert (the_upload(world).state, count(world, Payment)) == (uploads.SAVING, 0)
    clock.advance(LEASE + dt.timedelta(seconds=1))
    assert run_worker(world)
    assert (the_upload(world).state, count(world, Payment)) == (uploads.DONE, 1)


def test_an_upload_that_cannot_be_stored_says_so_without_quoting_it(
    world: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    upload(staff, file_of(payment("1")))

    def refuse(*_arguments: object, **_options: object) -> None:
        raise loading.CannotStore("remittance_claim", sqlite3.IntegrityError(SURNAME))

    monkeypatch.setattr(uploads, "import_in_steps", refuse)
    assert not run_worker(world)
    row = the_upload(world)
    assert (row.state, count(world, Payment), count(world, StoredPiece)) == (uploads.FAILED, 0, 0)
    assert row.error is not None
    assert row.error.startswith("CannotStore. Please upload the file again")
    page = staff.get(URL).text
    assert row.error in page
    output = capfd.readouterr()
    assert SURNAME not in output.out + output.err + page


def load_beside(loader: loading.Loader, pool: Executor, rows: list[loading.LoadedRow]) -> None:
    """Load claims as an import does: the database inserts them while something else is done."""
    loader.load(loading.CLAIMS, rows)
    loader.start(pool)
    loader.finish()


def test_what_a_database_says_of_a_row_is_not_repeated(world: World) -> None:
    """PostgreSQL quotes the value it cannot read, SQLite finds the payment missing; neither may reach a log."""
    row = dict.fromkeys(loading.CLAIMS.columns, None) | {
        "payment_id": 999,
        "claim": 1,
        "line_count": 0,
        "balanced": True,
        "patient_last_name": SURNAME,
        "service_from": SURNAME,
    }
    with world.session() as session:
        lock(session, "a test")
        with pytest.raises(loading.CannotStore) as caught, ThreadPoolExecutor(1) as pool:
            load_beside(loading.loader(session), pool, [tuple(row.values())])
        session.rollback()
    assert not caught.value.passing
    assert SURNAME not in "".join(traceback.format_exception(caught.value))


def test_an_altered_piece_fails_the_upload(world: World, staff: PortalClient) -> None:
    upload(staff, file_of(payment("1")))
    with world.session() as session:
        piece = session.scalars(sa.select(StoredPiece)).one()
        piece.sealed = piece.sealed[:-1] + bytes([piece.sealed[-1] ^ 1])
    assert not run_worker(world)
    assert (the_upload(world).state, count(world, Payment)) == (uploads.FAILED, 0)
