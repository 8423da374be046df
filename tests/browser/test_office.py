"""An office marks claims as posted, writes a note and saves a search, on a phone and without JavaScript."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.layout import WIDTHS, layout_problems


def test_marks_notes_and_a_saved_search_without_a_script(live: Live, new_context: Any) -> None:
    office = Office(live.world, username="office.person")
    payment = office.paid("0004512", claim(1, ("SAMPLE", "ANN")), claim(2, ("EXAMPLE", "BOB")), claim(3))
    page: Page = new_context(javascript=False, size="phone").new_page()
    sign_in(page, live.url, "office.person")
    page.goto(live.url + url_of(payment))
    page.get_by_label("Choose the claim of EXAMPLE, BOB").check()
    page.get_by_role("button", name="Mark as posted", exact=True).click()
    expect(page.get_by_text("1 claim: marked as posted.")).to_be_visible()
    expect(page.locator("#posted")).to_contain_text("Partly posted (1 of 3 claims)")
    expect(page.locator("#claim-2")).to_contain_text("Posted on")
    page.get_by_role("textbox", name="Note").fill("Called the plan.\nThey call back.")
    page.get_by_role("button", name="Save the note").click()
    expect(page.locator("#notes .note-text")).to_have_text("Called the plan.\nThey call back.")
    page.goto(f"{live.url}/apps/remittance/?unposted=1")
    page.get_by_role("link", name="Save this search").click()
    page.get_by_role("textbox", name="Name").fill("To be posted")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="To be posted")).to_be_visible()

    desk: Page = new_context(dark=True).new_page()
    sign_in(desk, live.url, "office.person")
    for address in (url_of(payment), url_of(payment, 2), "/apps/remittance/", "/apps/remittance/saved-searches"):
        desk.goto(live.url + address)
        axe(desk)
        assert layout_problems(desk, (320, *WIDTHS)) == [], address
