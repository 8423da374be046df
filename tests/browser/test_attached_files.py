"""Files are attached in a browser: how much has been sent is shown, what is refused is said, the list goes on by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import FilePayload, Route, expect

from tests import sample_plugin
from tests.browser.conftest import axe, sign_in
from tests.conftest import MakeApp
from tests.support.attaching import check_files
from tests.support.databases import Databases, prepare_database
from tests.support.live import LiveServer
from tests.support.world import World


def file(name: str, body: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": body}


def answers(status: int) -> Callable[[Route], None]:
    """A server in front of the portal, which answers in its place."""
    return lambda route: route.fulfill(status=status, body="<h1>No</h1>")


def test_files_are_sent_with_a_bar_and_a_broken_connection_loses_no_choice(
    databases: Databases, make_app: MakeApp, new_context: Any, request: Any, tmp_path: Any
) -> None:
    app = make_app(
        databases.new_sqlite(tmp_path / "portal.sqlite"), extra_plugins={"sample": sample_plugin}, max_upload_mb=1
    )
    prepare_database(app)
    server, world = LiveServer(app), World(app)
    request.addfinalizer(server.stop)
    world.person("aspen")
    world.sign_in("aspen").post("/apps/sample/", {"text": "A note"})
    page = new_context(size="phone").new_page()
    sign_in(page, server.url, "aspen")
    page.goto(f"{server.url}/apps/sample/notes/1")
    main = page.get_by_role("main")
    choose, send = page.get_by_label("Files", exact=True), main.get_by_role("button", name="Attach")
    chosen = [file("letter.txt", b"A letter"), file("program.pdf", b"MZ\x90\x00")]

    choose.set_input_files(chosen)
    page.route("**/attach", lambda route: route.abort())
    send.click()
    expect(main.get_by_role("alert")).to_contain_text("The connection broke off before everything was sent.")
    assert choose.evaluate("field => field.files.length") == 2, "still chosen"
    page.unroute("**/attach")
    # What a server in front of the portal says is no page: the form stays as it is.
    for status, words in ((413, "larger than can be sent at once"), (503, "cannot be reached"), (500, "error 500")):
        page.route("**/attach", answers(status))
        send.click()
        expect(main.get_by_role("alert")).to_contain_text(words)
        expect(main.get_by_role("alert")).to_contain_text("still here")
        assert choose.evaluate("field => field.files.length") == 2, "still chosen"
        page.unroute("**/attach")
    expect(main.get_by_text("1 MB sent at once")).to_be_visible()
    choose.set_input_files([*chosen, file("large.txt", b"x" * (3 << 19))])
    send.click()
    expect(main.get_by_role("alert")).to_contain_text("The files together have 1.6 MB, and 1 MB can be sent at once.")
    choose.set_input_files(chosen)
    bars = "bar = document.querySelector('[data-upload-progress] progress'); window.seen = []; "
    page.evaluate(
        f"() => {{ const {bars} new MutationObserver(() => window.seen.push(bar.value)).observe(bar, {{attributes: true}}) }}"
    )
    send.click()
    expect(main.get_by_role("link", name="“program.pdf” was not attached")).to_be_visible()
    expect(main.get_by_text("Being checked")).to_have_count(1)
    assert 100 in page.evaluate("window.seen"), "the bar was full"
    axe(page)
    check_files(world)
    # The page says so by itself, without being loaded again.
    expect(main.get_by_text("Ready", exact=True)).to_be_visible()
    with page.expect_download() as download:
        main.get_by_role("link", name="letter.txt").click()
    assert download.value.suggested_filename == "letter.txt"

    choose.set_input_files([file("second.txt", b"Another letter")])
    send.click()
    expect(main.get_by_text("Attached. Each file is checked before anybody can open it.")).to_be_visible()
    main.get_by_role("button", name="Remove letter.txt").click()
    expect(main.get_by_text("letter.txt")).to_have_count(0)
