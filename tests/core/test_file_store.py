"""Contents of files in an S3-compatible store: a real one, whose objects say nothing and cannot be exchanged."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.storing import PIECE
from hp_portal.settings import ConfigurationError, load_settings
from hp_portal.worker import FILES_SWEPT, all_jobs, run_job
from tests import sample_plugin
from tests.conftest import MakeApp, cannot_run
from tests.plugins.remittance.import_files import file_of, payment
from tests.plugins.remittance.uploading import READ, RUN, URL, run_worker, the_upload, upload
from tests.support.attaching import check_files
from tests.support.clock import Clock
from tests.support.databases import Databases
from tests.support.noted import NOTE, STAFF, attach, events, noted, said, sample
from tests.support.object_store import ObjectStore, start_store, swift
from tests.support.processes import Started
from tests.support.world import World

pytestmark = pytest.mark.xdist_group("file store")
LONG = b"A letter that is longer than a piece. " * (PIECE // 30)


@pytest.fixture(scope="module")
def running_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    if not swift():
        cannot_run("Swift is not installed: apt-get install swift-proxy swift-account swift-container swift-object")
    started = Started()
    try:
        yield start_store(started, tmp_path_factory.mktemp("store"))
    finally:
        started.end()


@pytest.fixture
def store(running_store: ObjectStore) -> ObjectStore:
    running_store.empty()
    return running_store


def run(app: Flask, key: str) -> bool:
    """Has the worker of an app done a job?"""
    job = next(job for job in all_jobs(app) if job.key == key)
    with app.app_context():
        return run_job(app, job)


@pytest.fixture
def stored_world(store: ObjectStore, database_url: str, make_app: MakeApp, databases: Databases) -> World:
    return sample(database_url, make_app, databases, **store.settings())


def test_a_file_is_in_the_store_and_the_store_can_neither_read_nor_change_it(
    stored_world: World, store: ObjectStore, database_url: str, make_app: MakeApp
) -> None:
    client = noted(stored_world)
    attach(client, ("long.txt", LONG), ("short.txt", b"A short letter"))
    check_files(stored_world)
    assert client.get(f"{NOTE}/files/1").data == LONG
    assert client.get(f"{NOTE}/files/2").data == b"A short letter"
    objects = store.objects()
    with stored_world.session() as session:
        pieces = session.scalars(sa.select(StoredPiece)).all()
        assert len(objects) == len(pieces) == 3
        assert all(len(piece.sealed) < 300 for piece in pieces), "the database has no contents"
        tokens = dict(session.execute(sa.select(StoredFile.id, StoredFile.token)).all())
    assert all(name.startswith("hp-portal/") and tokens[int(name.split("/")[1])] in name for name in objects)
    assert not any(b"letter" in body or b"txt" in body for body in objects.values())

    first, second = (name for name in sorted(objects) if name.split("/")[1] == "1")
    damages: list[Callable[[], None]] = [
        lambda: store.write(first, objects[second]),
        lambda: store.write(first, objects[first][:-1] + bytes([objects[first][-1] ^ 1])),
        lambda: store.client.delete_object(Bucket="files", Key=first),
    ]
    stored_world.staff("guard", permissions=STAFF)
    guard = stored_world.sign_in("guard")
    for damage in damages:
        damage()
        assert client.get(f"{NOTE}/files/1", check=False).status_code == 410
        assert "could not be checked" in guard.get("/staff/").text
        store.write(first, objects[first])
        guard.post("/staff/attachments/1/again")
        check_files(stored_world)
        assert client.get(f"{NOTE}/files/1").data == LONG

    # What is in the store is opened by a portal that keeps new files in its database, as long as it knows the store's name.
    nowhere = make_app(database_url, extra_plugins={"sample": sample_plugin})
    answer = stored_world.sign_in("aspen", nowhere).get(f"{NOTE}/files/1", check=False)
    assert answer.status_code == 503
    assert "Files can neither be stored nor opened at the moment" in answer.text


def test_what_the_store_does_not_take_is_told_and_waits(
    stored_world: World, store: ObjectStore, database_url: str, make_app: MakeApp, clock: Clock
) -> None:
    client = noted(stored_world)
    attach(client, ("kept.txt", b"A letter that waits"))
    before = len(store.objects())
    away = {**store.settings(), "files_endpoint": "http://127.0.0.1:1"}
    without = make_app(database_url, extra_plugins={"sample": sample_plugin}, **away)
    lost = stored_world.sign_in("aspen", without)
    answer = attach(lost, ("a.txt", b"A letter"), ("b.txt", b"Another"))
    assert "“a.txt” was not attached: files cannot be stored at the moment. Try again in a few minutes." in answer.text
    assert answer.text.count("“b.txt” was not attached") == answer.text.count("“a.txt” was not attached")
    stored_world.staff("guard", permissions=STAFF)
    guard = stored_world.sign_in("guard", without)
    assert run(without, "attachments.check")
    assert ">Waits for its check<" in said(lost)
    assert "The store of files does not answer: " in guard.get("/staff/attachments").text
    assert "1 attached file waits for what checks or keeps it, which does not answer" in guard.get("/staff/").text
    clock.advance(dt.timedelta(minutes=1))
    check_files(stored_world)
    assert ">Ready<" in said(client)
    assert lost.get(f"{NOTE}/files/1", check=False).status_code == 503
    assert client.get(f"{NOTE}/files/1").data == b"A letter that waits"
    assert len(store.objects()) == before, "a text is not stored twice"
    with stored_world.session() as session:
        assert session.scalar(sa.select(sa.func.count()).select_from(StoredFile)) == 1, "nothing of the others stays"
    assert [event for event, _ in events(stored_world)].count("file.sent") == 1


def test_an_uploaded_remittance_waits_for_the_store(
    stored_world: World, store: ObjectStore, database_url: str, make_app: MakeApp
) -> None:
    away = {**store.settings(), "files_endpoint": "http://127.0.0.1:1"}
    without = make_app(database_url, **away)
    stored_world.staff("importer", permissions=[RUN, READ])
    lost = stored_world.sign_in("importer", without)
    assert upload(lost, file_of(payment("1"))).status_code == 503
    staff = stored_world.sign_in("importer")
    assert upload(staff, file_of(payment("1"))).status_code == 303
    for _ in range(7):  # more often than an import is begun
        assert not run(without, "remittance.import-uploads")
    assert the_upload(stored_world).state == "waiting"
    assert run_worker(stored_world)
    assert "1 payment" in staff.get(URL).text


def test_the_store_keeps_what_no_file_needs_for_some_days_alone(
    stored_world: World, store: ObjectStore, clock: Clock
) -> None:
    client = noted(stored_world)
    attach(client, ("a.txt", b"A letter"), ("b.txt", b"Another letter"))
    gone, kept = sorted(store.objects())
    client.post(f"{NOTE}/files/1/remove")
    others = ("hp-portal/readme.txt", "another/1/abc/0", f"hp-portal/{'9' * 30}/abc/0", "hp-portal/1/abc/x")
    for name in others:
        store.write(name, b"not the portal's")

    def sweep() -> set[str]:
        assert run(stored_world.app, FILES_SWEPT)
        return set(store.objects())

    # The store's own time is today's; the portal's is the test's.
    clock.set(dt.datetime.now(dt.UTC) + dt.timedelta(days=29))
    assert sweep() == {gone, kept, *others}
    clock.advance(dt.timedelta(days=2))
    assert sweep() == {kept, *others}
    with stored_world.session() as session:
        removed = sa.select(AuditEvent.fields).where(AuditEvent.event == "files.objects.removed")
        assert [json.loads(fields) for fields in session.scalars(removed)] == [{"objects": 1}]


@pytest.mark.parametrize(
    ("values", "said_of_it"),
    [
        ({"files_endpoint": "http://store.example"}, "https://"),
        ({"files_prefix": "/"}, "no other portal uses"),
        ({"files_key_id": "one"}, "go together"),
        ({"files_secret": "one"}, "go together"),
    ],
)
def test_a_store_that_cannot_be_is_refused_at_the_start(
    values: dict[str, Any], said_of_it: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in values.items():
        monkeypatch.setenv(f"HP_PORTAL_{name.upper()}", value)
    with pytest.raises(ConfigurationError, match=said_of_it):
        load_settings()


def test_without_the_client_the_portal_does_not_start(monkeypatch: pytest.MonkeyPatch, make_app: MakeApp) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ConfigurationError, match=r"install hp-portal\[s3\]"):
        make_app("sqlite://", files_bucket="files")
