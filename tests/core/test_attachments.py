"""Files that people attach, through the pages of the sample plugin: what is taken, what becomes of it, and who gets it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pikepdf
import pytest
import sqlalchemy as sa
from werkzeug.datastructures import FileStorage

from hp_portal.core.attachments import attaching, states
from hp_portal.core.attachments.models import AttachedFile
from hp_portal.core.files.models import StoredFile, StoredPiece
from hp_portal.core.files.sweeping import KEPT, sweep
from hp_portal.database import PortalSession, lock
from hp_portal.session import Who
from tests import sample_plugin
from tests.conftest import MakeApp
from tests.support.attaching import check_files
from tests.support.clock import Clock
from tests.support.databases import DATA_KEY, Databases, data_key
from tests.support.noted import NOTE, attach, events, noted, said, sample, scripted_pdf
from tests.support.world import World


def test_files_are_attached_checked_and_given_out(sample_world: World, clock: Clock) -> None:
    world = sample_world
    client = noted(world)
    assert "No file is attached." in said(client)
    assert "Choose one file or more." in client.post(f"{NOTE}/attach", {}).text

    answer = attach(client, ("run.bat", b"Dear Sirs"), ("scan.exe", scripted_pdf()), ("program.pdf", b"MZ\x90\x00"))
    assert answer.status_code == 422
    assert "“program.pdf” was not attached: its contents are of no kind that can be attached." in answer.text
    assert answer.text.count(">Being checked<") == 2, "what can be attached is"
    assert f'data-hx-get="{NOTE}/files"' in answer.text, "the list asks for itself"
    assert [client.get(f"{NOTE}/files/{number}", check=False).status_code for number in (1, 2)] == [404, 404]
    again = attach(client, ("other.txt", b"Dear Sirs"))
    assert "“other.txt” was not attached: the same file is attached already." in again.text

    check_files(world)
    part = client.get(f"{NOTE}/files", fragment=True).text
    told = 'data-announce="All attached files have been checked."'
    assert told in part
    assert told not in said(client), "not anew on every page"
    assert part.count(">Ready<") == 2
    assert "data-hx-get" not in part
    assert "<h1>" not in part
    text, pdf = client.get(f"{NOTE}/files/1"), client.get(f"{NOTE}/files/2")
    assert (text.data, text.headers["Content-Type"]) == (b"Dear Sirs", "text/plain; charset=utf-8")
    assert text.headers["Content-Disposition"] == 'attachment; filename="run.bat.txt"'
    assert pdf.headers["Content-Disposition"] == 'attachment; filename="scan.exe.pdf"'
    assert (pdf.headers["Cache-Control"], pdf.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    with pikepdf.open(io.BytesIO(pdf.data)) as cleaned:
        assert (len(cleaned.pages), "/OpenAction" in cleaned.Root) == (1, False)

    assert client.post(f"{NOTE}/files/2/remove").status_code == 303
    with world.session() as session:
        assert len(session.scalars(sa.select(StoredFile)).all()) == 1, "original and copy of the PDF are gone"
        assert not any(b"Sirs" in piece.sealed for piece in session.scalars(sa.select(StoredPiece)))
    client.post(f"{NOTE}/send")
    assert 'aria-label="Remove run.bat"' not in said(client)
    assert "stays with it" in client.post(f"{NOTE}/files/1/remove", follow_redirects=True).text
    assert client.get(f"{NOTE}/files/1").data == b"Dear Sirs"
    assert [event for event, _ in events(world)] == [
        "file.sent",
        "file.sent",
        "file.checked",
        "file.checked",
        "file.downloaded",
        "file.downloaded",
        "file.removed",
        "file.downloaded",
    ]
    assert "Attached a text file" in client.get("/my-activity").text

    stranger = noted(world, "birch")
    for path in (NOTE, f"{NOTE}/files", f"{NOTE}/files/1", "/apps/sample/notes/2/files/1"):
        assert stranger.get(path).status_code == 404, path
    assert attach(stranger, ("a.txt", b"x")).status_code == 404
    assert stranger.post(f"{NOTE}/files/1/remove").status_code == 404
    clock.advance(KEPT * 2)
    with world.session() as session:
        assert sweep(session).problems == []
        assert len(session.scalars(sa.select(StoredFile)).all()) == 1, "a file that is attached stays"


def noting(locked: list[str]) -> Callable[[PortalSession, str], None]:
    """The lock, which also says what was locked."""

    def noted_lock(session: PortalSession, name: str) -> None:
        locked.append(name)
        lock(session, name)

    return noted_lock


def test_nothing_is_left_of_files_that_are_removed_while_others_work(
    sample_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker has stored a copy since a session has read of the file; a note goes while somebody attaches to it."""
    world = sample_world
    client = noted(world)
    attach(client, ("a.pdf", scripted_pdf()), ("b.pdf", scripted_pdf() + b"%b"))
    about = "sample.note:1"
    with world.app.app_context(), world.session() as session:
        before = attaching.attached_files(session, about)
        assert [one.cleaned_id for one in before] == [None, None]
        check_files(world)
        assert attaching.remove_attached(session, 1, about)
        session.commit()
        assert attaching.forget_attached(session, about) == 1
    with world.session() as session:
        assert session.scalars(sa.select(StoredFile.id)).all() == []

    # A worker that gives one its copy is waited for: the rows are held before anything of them goes.
    attach(client, ("held.txt", b"held"))
    with world.app.app_context(), world.session() as session:
        statements: list[str] = []
        engine = session.get_bind()
        note = lambda _c, _u, statement, *_: statements.append(statement)  # noqa: E731 # taken off again below
        sa.event.listen(engine, "before_cursor_execute", note)
        assert attaching.forget_attached(session, about) == 1
        sa.event.remove(engine, "before_cursor_execute", note)
        read = [one for one in statements if one.startswith("SELECT") and "FROM attached_file" in one]
        assert all("FOR UPDATE" in one for one in read) or engine.dialect.name == "sqlite"

    locked: list[str] = []

    def removed_before(session: Any, name: str) -> None:
        if not locked:
            locked.append(name)
            assert client.post(f"{NOTE}/throw-away").status_code == 303
        lock(session, name)

    monkeypatch.setattr(attaching, "lock", removed_before)
    assert attach(client, ("c.txt", b"c")).status_code == 404
    locked.clear()
    with world.app.app_context(), world.session() as session:
        monkeypatch.setattr(attaching, "lock", noting(locked))
        upload = FileStorage(io.BytesIO(b"A letter"), "letter.txt")
        said = attaching.attach_files(session, [upload], owner=Who(), about=about, alive=lambda: False)
        assert said == ["“letter.txt” was not attached: what it belongs to was removed in the meantime."]
        attaching.keep_attached(session, "draft:1", "case:7")
        assert locked[1:] == ["attachments case:7", "attachments draft:1"], "those of both words"
    with world.session() as session:
        assert session.scalars(sa.select(StoredFile.id)).all() == []


def test_nobody_waits_while_a_file_is_read(sample_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with it, its size and what is in it are known before the lock."""
    done: list[str] = []

    class Told(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            piece = super().read(size)
            done.append("read" if piece else "end")
            return piece

    monkeypatch.setattr(attaching, "lock", noting(done))
    with sample_world.app.app_context(), sample_world.database.new_session() as session:

        def given(body: bytes) -> list[str]:
            done.clear()
            return attaching.attach_files(session, [FileStorage(Told(body), "a.txt")], owner=Who(), about="draft:1")

        assert given(b"A letter") == []
        assert done[:3] == ["read", "end", "attachments draft:1"]
        assert given(b"MZ\x90\x00") != []
        assert "attachments draft:1" not in done
        with monkeypatch.context() as patch:
            patch.setattr(attaching, "settings", lambda: SimpleNamespace(attachment_mb=0))
            assert "it is larger than 0 MB" in given(b"x")[0]
        assert "attachments draft:1" not in done
        session.rollback()


def test_a_file_that_is_damaged_where_it_is_stored_is_said_to_be(sample_world: World) -> None:
    world = sample_world
    client = noted(world)
    attach(client, ("a.txt", b"a"))
    check_files(world)
    with world.session() as session:
        session.execute(sa.update(StoredPiece).values(sealed=b"nothing"))
    for _ in range(2):  # the page asks for it again where a script could not save it
        answer = client.get(f"{NOTE}/files/1")
        assert answer.status_code == 410
        assert "What is stored of this file is damaged" in answer.text
    assert said(client).count(">Could not be checked<") == 1
    with world.session() as session:
        assert session.scalars(sa.select(AttachedFile.found)).one() == states.DAMAGED
    assert [event for event, _ in events(world)] == ["file.sent", "file.checked", "file.checked"]


def test_what_is_stored_tells_neither_a_name_nor_what_could_be_guessed(
    database_url: str, make_app: MakeApp, databases: Databases
) -> None:
    """Neither is the same file attached twice while the data key is changed."""
    world = sample(database_url, make_app, databases)
    client = noted(world)
    attach(client, ("path/to/Jane Roe.txt", b"yes"))
    check_files(world)
    with world.session() as session:
        rows = [*session.execute(sa.select(AttachedFile.__table__)), *session.execute(sa.select(StoredFile.__table__))]
        everything = repr([tuple(row) for row in rows])
    assert "Roe" not in everything
    assert hashlib.sha256(b"yes").hexdigest() not in everything
    assert repr(hashlib.sha256(b"yes").digest())[2:-1] not in everything
    assert client.get(f"{NOTE}/files/1").headers["Content-Disposition"] == 'attachment; filename="Jane Roe.txt"'
    later = World(
        make_app(database_url, extra_plugins={"sample": sample_plugin}, data_key=f"{data_key('later')},{DATA_KEY}")
    )
    with later.app.app_context(), later.session() as session:
        upload = FileStorage(io.BytesIO(b"yes"), "again.txt")
        told = attaching.attach_files(session, [upload], owner=Who(), about="sample.note:1")
        assert told == ["“again.txt” was not attached: the same file is attached already."]
        assert [one.name for one in attaching.attached_files(session, "sample.note:1")] == ["Jane Roe.txt"]


def test_files_of_somebody_without_an_account_go_along(sample_world: World) -> None:
    """A public page has no scope: the word that the files are attached to is what it knows. A draft becomes a case."""
    world = sample_world
    with world.app.app_context(), world.database.new_session() as session:
        upload = FileStorage(io.BytesIO(b"A letter"), "letter.txt")
        assert attaching.attach_files(session, [upload], owner=Who(), about="draft:1") == []
        session.commit()
        assert attaching.attached_files(session, "draft:2") == []
        assert attaching.keep_attached(session, "draft:1", "case:7") == 1
        session.commit()
        [found] = attaching.attached_files(session, "case:7")
        assert attaching.find_attached(session, found.id, "draft:1") is None
        with pytest.raises(attaching.CannotRemove):
            attaching.remove_attached(session, found.id, "case:7")
        session.rollback()
    check_files(world)
    with world.app.app_context(), world.database.new_session() as session:
        [found] = attaching.attached_files(session, "case:7")
        assert (found.state, found.organization_id, found.person_id) == ("ready", None, None)
        assert attaching.forget_attached(session, "case:7") == 1
        session.commit()
    with world.session() as session:
        assert session.scalars(sa.select(StoredFile.id)).all() == []
