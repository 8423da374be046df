"""Choosing payments in a list, over its pages, and the page that offers them together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hp_portal_plugins.remittance.demo.writing import PaymentText
from hp_portal_plugins.remittance.inquiry import search
from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import DAY, Office, claim


@pytest.fixture
def office(live: Live) -> Office:
    """One payment more than a page of results holds."""
    made = Office(live.world, username="office.person")
    made.imported(
        *(
            PaymentText(
                f"{46100 + number}", "ACH", DAY + dt.timedelta(days=number), made.payee_text, (claim(number + 1),)
            )
            for number in range(search.PAGE + 1)
        )
    )
    return made


@pytest.mark.usefixtures("office")
def test_what_is_ticked_stays_so_while_pages_are_turned_by_keyboard(
    live: Live, new_context: Callable[..., Any]
) -> None:
    page: Page = new_context(size="phone", dark=True).new_page()
    sign_in(page, live.url, "office.person")
    page.goto(f"{live.url}/apps/remittance/?issued_from={DAY}&sort=date")
    page.get_by_role("checkbox", name="Choose EFT 46100").press("Space")
    axe(page)
    page.evaluate("window.samePage = true")
    page.get_by_role("link", name="Next").press("Enter")
    page.get_by_role("checkbox", name="Choose EFT 46125").press("Space")
    expect(page.get_by_text("1 more ticked on other pages")).to_be_visible()
    assert page.evaluate("window.samePage") is True
    page.get_by_role("link", name="Previous").press("Enter")
    expect(page.get_by_role("checkbox", name="Choose EFT 46100")).to_be_checked()
    expect(page.get_by_role("checkbox", name="Choose EFT 46101")).not_to_be_checked()
    page.get_by_role("button", name="Download together", exact=True).press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Download 2 payments together")
    axe(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download ZIP of PDFs").press("Enter")
    assert download.value.suggested_filename == "remittances-2-2026-03-02-to-2026-03-27.zip"


@pytest.mark.usefixtures("office")
def test_it_works_without_javascript(live: Live, new_context: Callable[..., Any]) -> None:
    page: Page = new_context(javascript=False).new_page()
    sign_in(page, live.url, "office.person")
    page.goto(f"{live.url}/apps/remittance/?issued_from={DAY}&sort=date")
    page.get_by_role("link", name="Tick all on this page").click()
    expect(page.get_by_role("checkbox", name="Choose EFT 46101")).to_be_checked()
    page.get_by_role("button", name="Download all 26 together").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Download 26 payments together")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download 835").click()
    assert download.value.suggested_filename == "remittances-26-2026-03-02-to-2026-03-27.835"
