"""How large a request may be: a megabyte, and more where a view takes files; decided before the body is read."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from hp_portal.core.web.bodies import SMALL
from hp_portal.serving.limits import ServerLimits
from hp_portal.serving.temporary import with_budgets_of
from hp_portal_plugins.remittance.intake.models import Upload
from tests.conftest import MakeApp
from tests.plugins.remittance.import_files import file_of, payment
from tests.support.client import PortalClient, tree_of
from tests.support.databases import Databases
from tests.support.html import text_of
from tests.support.live import DEADLINE, LiveServer, wait_until
from tests.support.wire import answers_in, get, read_to_end, request, status_of
from tests.support.world import World

UPLOADS = "/staff/remittance/"
CODES = "/staff/remittance/codes"
FORM = "application/x-www-form-urlencoded"
MOST = 3


@pytest.fixture
def world(databases: Databases, tmp_path: Path, make_app: MakeApp) -> World:
    return World(make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), max_upload_mb=MOST))


@pytest.fixture
def server(world: World) -> Iterator[LiveServer]:
    live = LiveServer(world.app)
    yield live
    live.stop()


Announce = Callable[..., bytes]


def say(server: LiveServer, sent: bytes) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)) as connection:
        connection.sendall(sent)
        return read_to_end(connection)


def announced(path: str, size: int, **headers: str) -> bytes:
    """The headers of a request with a body of `size` bytes, and one byte of it."""
    return request("POST", path, b"x", content_length=str(size), content_type=FORM, connection="close", **headers)


def in_chunks(path: str, size: int, **headers: str) -> bytes:
    """A chunked request with more than `size` bytes that does not end."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    body = chunk * (size // 0x10000 + 1)
    return request("POST", path, body, transfer_encoding="chunked", content_type=FORM, connection="close", **headers)


@pytest.mark.parametrize("path", ["/sign-in", "/set-password", "/nowhere", "/contact"])
@pytest.mark.parametrize("send", [announced, in_chunks])
def test_more_than_a_megabyte_is_refused_in_words_before_it_is_there(
    server: LiveServer, path: str, send: Announce
) -> None:
    answer = say(server, send(path, SMALL + 1))
    assert answers_in(answer) == 1
    assert b"Connection: close" in answer
    if path in ("/sign-in", "/set-password"):
        assert status_of(answer) == 413
        assert b"too large" in answer
        assert b"Content-Security-Policy" in answer
    else:
        assert status_of(answer) in (404, 405, 413)


def test_a_request_that_goes_on_behind_a_refused_one_is_not_answered(server: LiveServer) -> None:
    behind = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    assert answers_in(say(server, announced("/sign-in", SMALL + 1) + behind)) == 1


def staff_cookie(world: World) -> tuple[str, PortalClient]:
    world.staff("importer", permissions=["remittance:import:run", "remittance:import:read", "remittance:codes:manage"])
    return cookie_of(world, "importer")


def cookie_of(world: World, username: str) -> tuple[str, PortalClient]:
    """The cookie as it is after one page, which tells in it to which views this person may send files."""
    client = world.sign_in(username)
    client.csrf_token()
    assert client.get("/contact").status_code == 200
    name = world.app.config["SESSION_COOKIE_NAME"]
    kept = client.flask.get_cookie(name)
    assert kept is not None
    return f"{name}={kept.value}", client


@pytest.mark.parametrize("send", [announced, in_chunks])
def test_a_large_upload_without_a_sign_in_leads_there_and_is_not_received(server: LiveServer, send: Announce) -> None:
    answer = say(server, send(UPLOADS, SMALL + 1))
    assert status_of(answer) in (302, 303)
    assert b"/sign-in" in answer


@pytest.mark.parametrize("send", [announced, in_chunks])
def test_a_large_upload_is_not_received_from_whoever_may_not_upload(
    server: LiveServer, world: World, send: Announce
) -> None:
    """Neither from a person of an organization nor from staff without the permission; the gate answers as it always does."""
    world.person("clerk")
    world.staff("reader", permissions=["remittance:import:read", "remittance:codes:manage"])
    for username, status in (("clerk", 404), ("reader", 403)):
        cookie, _ = cookie_of(world, username)
        answer = say(server, send(UPLOADS, SMALL + 1, cookie=cookie))
        assert status_of(answer) == status


@pytest.mark.parametrize("send", [announced, in_chunks])
def test_an_upload_over_its_own_limit_is_refused(server: LiveServer, world: World, send: Announce) -> None:
    cookie, _ = staff_cookie(world)
    answer = say(server, send(UPLOADS, MOST * 1024 * 1024 + 1, cookie=cookie))
    assert status_of(answer) == 413
    assert b"too large" in answer
    assert b"page takes at most 3 MB at a time" in answer


@pytest.mark.parametrize("chunked", [False, True])
def test_an_upload_of_more_than_a_megabyte_arrives(server: LiveServer, world: World, chunked: bool) -> None:
    cookie, client = staff_cookie(world)
    text = file_of(payment("1")) + b"\n" * (2 * SMALL)
    body = b"".join(
        (
            b'--b\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n', client.csrf_token().encode(),
            b'\r\n--b\r\nContent-Disposition: form-data; name="files"; filename="march.835"\r\n\r\n', text, b"\r\n--b--\r\n",
        )
    )  # fmt: skip
    kind = "multipart/form-data; boundary=b"
    if chunked:
        pieces = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:50], body[50:])) + b"0\r\n\r\n"
        sent = request(
            "POST", UPLOADS, pieces, transfer_encoding="chunked", content_type=kind, cookie=cookie, connection="close"
        )
    else:
        size = str(len(body))
        sent = request("POST", UPLOADS, body, content_length=size, content_type=kind, cookie=cookie, connection="close")
    assert status_of(say(server, sent)) == 303
    with world.session() as session:
        assert session.scalars(sa.select(Upload.name)).all() == ["march.835"]


def test_any_other_server_is_held_to_the_same_limits(world: World) -> None:
    _, client = staff_cookie(world)
    large = {"username": "x" * (SMALL + 1)}
    answer = client.post("/sign-in", large)
    assert answer.status_code == 413
    said = "The form you sent has 1.1 MB, and this page takes at most 1 MB at a time. Go back, shorten what you entered"
    assert said in answer.text
    assert "file" not in text_of(tree_of(answer)), "there is none in that form"
    answer = client.post(UPLOADS, {"username": "x" * (MOST * SMALL + 1)})
    assert answer.status_code == 413
    assert "What you sent has 3.1 MB, and this page takes at most 3 MB at a time. Choose a smaller file" in answer.text
    assert client.post(UPLOADS, large | {"files": []}).status_code == 422, "a form of an upload may be larger"


def test_static_files_come_compressed_and_are_not_sent_twice(server: LiveServer, world: World) -> None:
    with world.app.test_request_context():
        sheet = world.app.jinja_env.globals["asset"]("portal.bundle.css")  # type: ignore[operator] # globals have no types
    first = say(server, get(sheet, accept_encoding="br", connection="close"))
    head, _, body = first.partition(b"\r\n\r\n")
    assert status_of(first) == 200
    assert b"Content-Encoding: br" in head
    assert f"Content-Length: {len(body)}\r\n".encode() in head + b"\r\n"
    modified = head.partition(b"Last-Modified: ")[2].partition(b"\r\n")[0].decode()
    again = say(server, get(sheet, accept_encoding="br", if_modified_since=modified, connection="close"))
    assert status_of(again) == 304
    assert again.endswith(b"\r\n\r\n")
    only_head = say(server, request("HEAD", sheet, accept_encoding="br", connection="close"))
    assert f"Content-Length: {len(body)}\r\n".encode() in only_head
    assert only_head.endswith(b"\r\n\r\n")


# ---- all together


def test_uploads_at_once_do_not_fill_the_disk(world: World) -> None:
    """What has arrived counts, whoever sent it and however slowly; it counts no longer when a client is gone."""
    budget = 3 * SMALL
    server = LiveServer(world.app, temporary_bytes=budget)
    arriving = announced("/sign-in", SMALL) + b"x" * (SMALL - 100)

    def connect() -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
        connection.sendall(arriving)
        return connection

    temporary = server.server.temporary
    try:
        with ExitStack() as held:
            clients = [held.enter_context(closing(connect())) for _ in range(3)]
            wait_until(lambda: temporary.taken > budget - SMALL // 2)
            answer = read_to_end(held.enter_context(closing(connect())))
            assert status_of(answer) == 503
            assert b"Retry-After: 60" in answer
            assert b"too many uploads at the moment. Try again in a minute" in answer
            assert temporary.taken <= budget
            assert status_of(say(server, get("/healthz", connection="close"))) == 200
            assert status_of(say(server, get("/sign-in", connection="close"))) == 200
            clients[0].sendall(b"x" * 100)  # one that is through is answered, and makes room
            assert status_of(read_to_end(clients[0])) == 400
            wait_until(lambda: temporary.taken <= budget - SMALL // 2)
        wait_until(lambda: temporary.taken == 0)
    finally:
        server.stop()


def test_web_processes_share_what_uploads_may_take(world: World) -> None:
    settings = world.app.extensions["hp_portal.settings"]
    assert (settings.uploads_at_once_mb, settings.downloads_at_once_mb, settings.max_upload_mb) == (2048, 2048, MOST)

    def budgets(application: object, processes: int) -> tuple[int, int]:
        found = with_budgets_of(application, processes, ServerLimits(temporary_bytes=7, waiting_bytes=8))
        return found.temporary_bytes, found.waiting_bytes

    assert budgets(world.app, 4) == (512 * SMALL, 512 * SMALL)
    assert budgets(world.app, 4096) == ((MOST + 1) * SMALL, SMALL), "one largest upload has room in each"
    assert budgets(object(), 4) == (7, 8)
