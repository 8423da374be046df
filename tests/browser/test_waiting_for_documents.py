"""The page that waits for a large document: how far it is, by itself or when one looks again, and the file at its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hp_portal.core.documents.limited import DocumentTooLarge
from hp_portal.core.downloads import making
from hp_portal.core.downloads.kinds import find_kind
from hp_portal.hookspecs import DocumentKind, MadeFile, Making
from hp_portal.scopes import WholeScope
from hp_portal_plugins.remittance.downloads import documents
from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import Office, claim, url_of


@pytest.fixture
def payment(live: Live, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a payment whose documents are all made by the worker."""
    for kind in documents.MOST_AT_ONCE:
        monkeypatch.setitem(documents.MOST_AT_ONCE, kind, 0)
    office = Office(live.world, username="office.person")
    return url_of(office.paid("0004600", *(claim(number) for number in range(1, 4))))


@pytest.fixture
def worker(live: Live, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`worker(meanwhile)`: makes the next document; `meanwhile` is called when three of four parts are done."""

    def run(meanwhile: Callable[[], None] = lambda: None) -> None:
        def find(key: str) -> DocumentKind | None:
            kind = find_kind(key)
            assert kind is not None

            def make(session: Any, wanted: Any, how: Making) -> MadeFile | None:
                how.progress(3, 4)
                meanwhile()
                return kind.make(session, wanted, how)

            return replace(kind, make=make)

        with monkeypatch.context() as patch:
            patch.setattr(making, "find_kind", find)
            with live.app.app_context(), live.world.database.new_session(WholeScope("job")) as session:
                assert making.make_next(session)

    return run


@pytest.mark.parametrize(
    ("size", "dark", "button", "end"),
    [("desk", False, "Download PDF", "pdf"), ("phone", True, "Download Excel", "xlsx")],
    ids=["PDF on a desk", "workbook on a phone, dark"],
)
def test_a_large_document_is_waited_for_by_keyboard(
    live: Live, payment: str, worker: Any, new_context: Any, size: str, dark: bool, button: str, end: str
) -> None:
    page: Page = new_context(size=size, dark=dark).new_page()
    sign_in(page, live.url, "office.person")
    page.goto(live.url + payment)
    page.get_by_role("button", name=button).press("Enter")
    page.wait_for_url("**/documents/*")
    expect(page.get_by_role("heading", level=1)).to_contain_text("EFT 0004600")
    expect(page.get_by_role("progressbar", name="About to begin")).to_be_visible()
    expect(page.get_by_role("link", name="Look again")).to_be_hidden()
    axe(page)
    page.evaluate("window.samePage = true")
    cancel = page.get_by_role("main").get_by_role("button", name="Cancel")
    cancel.focus()

    def meanwhile() -> None:
        expect(page.get_by_role("progressbar", name="Being made")).to_have_attribute("value", "3")
        expect(page.get_by_text("75%")).to_be_visible()
        expect(cancel).to_be_focused()
        axe(page)

    worker(meanwhile)
    # The page says so by itself, and to those who do not see it.
    expect(page.get_by_text("The document is ready").first).to_be_visible()
    expect(page.locator("#announce")).to_have_text("The document is ready.")
    assert page.evaluate("window.samePage") is True
    axe(page)
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download").press("Enter")
    assert download.value.suggested_filename == f"remittance-0004600.{end}"
    page.goto(f"{live.url}/documents/")
    expect(page.get_by_role("row", name="EFT 0004600").get_by_text("Ready")).to_be_visible()
    axe(page)


def test_it_works_without_javascript(live: Live, payment: str, worker: Any, new_context: Any) -> None:
    page: Page = new_context(javascript=False).new_page()
    sign_in(page, live.url, "office.person")
    page.goto(live.url + payment)
    page.get_by_role("button", name="Download PDF").click()
    expect(page.get_by_role("progressbar", name="About to begin")).to_be_visible()
    again = page.get_by_role("link", name="Look again")

    def meanwhile() -> None:
        again.click()
        expect(page.get_by_role("progressbar", name="Being made")).to_have_attribute("value", "3")

    worker(meanwhile)
    again.click()
    expect(page.get_by_text("The document is ready")).to_be_visible()
    expect(again).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_role("main").get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "remittance-0004600.pdf"


def test_one_that_is_not_made_says_why_and_can_be_tried_again(
    live: Live, payment: str, worker: Any, browser_page: Page
) -> None:
    page = browser_page
    sign_in(page, live.url, "office.person")
    page.goto(live.url + payment)
    page.get_by_role("button", name="Download PDF").click()
    page.wait_for_url("**/documents/*")

    def fail() -> None:
        raise DocumentTooLarge("the file took too much memory")

    worker(fail)
    expect(page.get_by_text("The document could not be made").first).to_be_visible()
    expect(page.get_by_text("It is too large for one document.")).to_be_visible()
    axe(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("progressbar", name="About to begin")).to_be_visible()
    worker()
    expect(page.get_by_text("The document is ready").first).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your documents")
    expect(page.get_by_role("heading", name="No documents")).to_be_visible()
    axe(page)
