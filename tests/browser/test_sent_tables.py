"""A table is sent from a telephone: the page for its columns and the list of what is wrong fit, and axe finds nothing."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests import sample_plugin
from tests.browser.conftest import axe, sign_in
from tests.conftest import MakeApp
from tests.support.databases import Databases, prepare_database
from tests.support.live import LiveServer
from tests.support.world import World


def test_columns_are_chosen_and_problems_read_on_a_telephone(
    databases: Databases, make_app: MakeApp, new_context: Any, request: Any, tmp_path: Any
) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), extra_plugins={"sample": sample_plugin})
    prepare_database(app)
    server = LiveServer(app)
    request.addfinalizer(server.stop)
    World(app).person("aspen")
    page = new_context(size="phone").new_page()
    sign_in(page, server.url, "aspen")
    page.goto(f"{server.url}/apps/sample/table")
    page.get_by_text("What the table looks like").click()
    axe(page)
    rows = "".join(f"A remark of some length and number {number},soon\n" for number in range(60))
    body = f"What was remarked,On which day it was written\nFine,3/2/2026\n{rows}".encode()
    page.get_by_label("Your table").set_input_files({"name": "remarks.csv", "mimeType": "text/csv", "buffer": body})
    page.get_by_role("button", name="Check the table").click()
    expect(page.get_by_role("heading", name="Which column is which?")).to_be_visible()
    axe(page)
    page.get_by_label("What was remarked").select_option(label="Note (required)")
    page.get_by_label("On which day it was written").select_option(label="Written on")
    page.get_by_role("button", name="Use these columns").click()
    expect(page.get_by_role("heading", name="What we found")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("51–60 of 60 problems")).to_be_visible()
    page.get_by_role("button", name="Take the rows that are right").click()
    expect(page.get_by_role("link", name="Your file with what we did")).to_be_visible()
