"""A long form in a browser: it saves by itself while somebody types and when they leave, and Enter goes on."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests import sample_plugin
from tests.browser.conftest import axe, sign_in
from tests.conftest import MakeApp
from tests.support.databases import Databases, prepare_database
from tests.support.live import LiveServer, wait_until
from tests.support.world import World


def test_what_is_typed_is_saved_by_itself(
    databases: Databases, make_app: MakeApp, new_context: Any, request: Any, tmp_path: Any
) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), extra_plugins={"sample": sample_plugin})
    prepare_database(app)
    server, world = LiveServer(app), World(app)
    request.addfinalizer(server.stop)
    world.person("aspen")
    page = new_context(size="phone").new_page()
    sign_in(page, server.url, "aspen")
    page.goto(f"{server.url}/apps/sample/report/")
    axe(page)
    main = page.get_by_role("main")
    main.get_by_role("button", name="Start").click()
    page.get_by_label("Note").fill("Note 12")
    kept = main.locator("[data-draft-kept]")
    expect(kept).to_contain_text("Saved ")
    page.reload()
    expect(page.get_by_label("Note")).to_have_value("Note 12")
    page.get_by_label("A wrong person").check()
    page.get_by_label("Note").press("Enter")  # the first button of the form is Continue
    expect(page.get_by_role("heading", level=1)).to_have_text("Who it is about")
    page.get_by_label("Name").fill("PAT")
    main.get_by_role("button", name="Add another person").click()
    page.get_by_label("Name").nth(1).fill("KIM")
    address, client = page.url.removeprefix(server.url), world.sign_in("aspen")
    main.get_by_role("link", name="Back").click()  # it saves on leaving, without the pause
    expect(page.get_by_role("heading", level=1)).to_have_text("What is wrong")
    wait_until(lambda: 'value="KIM"' in client.get(address.partition("#")[0]).text)
    main.get_by_role("link", name="Who it is about").click()
    expect(page.get_by_label("Name").nth(1)).to_have_value("KIM")
    axe(page)
    page.get_by_label("Name").nth(1).fill("KIM ")
    main.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("When it was seen")
    main.get_by_role("button", name="Continue", exact=True).click()
    expect(main.get_by_role("alert")).to_be_focused()
    main.get_by_role("link", name="Enter the day.").click()
    expect(page.get_by_label("First seen")).to_be_focused()
    page.get_by_label("First seen").fill("2026-03-02")
    main.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Proof")
    page.get_by_label("Copy of the note").set_input_files(
        [{"name": "note.txt", "mimeType": "text/plain", "buffer": b"The note itself.\n"}]
    )
    main.get_by_role("button", name="Continue", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and send")
    axe(page)
    main.get_by_role("link", name="Change First seen").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("When it was seen")
    main.get_by_role("button", name="Save and return to the review").click()
    main.get_by_role("button", name="Send").click()
    expect(main.get_by_text("The report was sent.")).to_be_visible()
