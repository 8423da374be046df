"""A person looks up a check: with a mouse, with a keyboard, without JavaScript, on a phone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from hp_portal_plugins.remittance.demo.writing import ProviderReason
from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import DAY, Office, claim, url_of

NUMBER = "Any number"


@pytest.fixture
def office(live: Live) -> Office:
    """Payments with a claim that is taken back and corrected, and one of 120 claims."""
    office = Office(live.world, username="office.person")
    office.paid("0004512", claim(1, ("SAMPLE", "ANN")), claim(2, ("EXAMPLE", "BOB")))
    office.paid(
        "0004513",
        claim(1, ("SAMPLE", "ANN")).reversed(),
        claim(3, ("MOCKUP", "CARLA")),
        claim(4, ("DUMMY", "DAN")),
        issued=DAY + dt.timedelta(days=30),
        adjusted=(ProviderReason("WO", "26X000002", 5000),),
    )
    office.paid("0004600", *(claim(place, (f"P{place:03}", "PAT")) for place in range(101, 221)))
    return office


def open_application(page: Page, live: Live) -> None:
    """Sign in, and go by the Applications menu of the home page."""
    sign_in(page, live.url, "office.person")
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Remittance Inquiry")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_from_signing_in_to_the_pdf(live: Live, office: Office, new_context: Any, javascript: bool) -> None:
    page: Page = new_context(javascript=javascript).new_page()
    open_application(page, live)
    page.get_by_label(NUMBER).fill("45-12")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("EFT 0004512")
    expect(page.get_by_text("Adds up", exact=True)).to_be_visible()
    page.get_by_role("link", name="SAMPLE, ANN").click()
    expect(page.get_by_role("table", name="Service lines")).to_contain_text("99213")
    expect(page.get_by_text("Charge above the agreed or allowed amount.").first).to_be_visible()
    assert ("/claims/1" in page.url) is not javascript
    page.goto(live.url + url_of(1))
    page.get_by_label("Reason for the download").select_option("Billing a secondary payer")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download PDF").click()
    assert download.value.suggested_filename == "remittance-0004512.pdf"


def test_a_claim_opens_and_closes_in_place_and_keeps_the_focus(live: Live, office: Office, browser_page: Page) -> None:
    page = browser_page
    open_application(page, live)
    page.goto(live.url + url_of(2))
    opener = page.get_by_role("link", name="SAMPLE, ANN")
    opener.click()
    expect(page.get_by_role("heading", name="This claim in other payments")).to_be_visible()
    expect(page.get_by_text("Net effect")).to_be_visible()
    expect(opener).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    assert page.url.endswith(url_of(2))
    opener.press("Enter")
    expect(page.get_by_role("table", name="Service lines")).to_have_count(0)
    expect(opener).to_be_focused()


def test_by_keyboard_alone(live: Live, office: Office, browser_page: Page) -> None:
    page = browser_page
    open_application(page, live)

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                """() => {
                  const element = document.activeElement;
                  return element.matches("a, button, input") ? (element.labels?.[0] ?? element).textContent : "";
                }"""
            )
            if name in focused:
                return
        raise AssertionError(f"{name} cannot be reached by keyboard")

    tab_to(NUMBER)
    page.keyboard.type("4513")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("EFT 0004513")
    tab_to("SAMPLE, ANN")
    page.keyboard.press("Enter")
    expect(page.get_by_role("table", name="Service lines")).to_be_visible()
    tab_to("Claim details")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Claim 26X000001")


def test_nothing_found_comes_without_a_new_page_and_back_leads_back(
    live: Live, office: Office, browser_page: Page
) -> None:
    page = browser_page
    open_application(page, live)
    page.evaluate("window.samePage = true")
    page.get_by_label(NUMBER).fill("998877")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_role("heading", name="No results found")).to_be_visible()
    assert page.evaluate("window.samePage") is True
    assert "?search=" in page.url
    assert "998877" not in page.url, "it may be a member's number"
    page.go_back()
    expect(page.get_by_role("heading", name="Newest payments")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_by_patient_and_by_pages_of_claims(live: Live, office: Office, new_context: Any, javascript: bool) -> None:
    page: Page = new_context(javascript=javascript).new_page()
    open_application(page, live)
    page.get_by_text("More ways to search").click()
    page.get_by_label("Patient’s last name").fill("P105")
    page.get_by_role("button", name="Search claims").click()
    expect(page.get_by_role("alert")).to_contain_text("A name needs the dates of service.")
    page.get_by_label("Dates of service from").fill("2026-02-10")
    page.get_by_role("button", name="Search claims").click()
    expect(page.get_by_role("heading", name="1 claim found, $150.00 paid")).to_be_visible()
    assert "P105" not in page.url
    page.get_by_role("link", name="0004600").click()
    pager = page.get_by_role("navigation", name="Pages of claims")
    expect(pager.get_by_text("1–50 of 120 claims")).to_be_visible()
    page.get_by_role("link", name="Page 3").click()
    expect(pager.get_by_text("101–120 of 120 claims")).to_be_visible()
    page.get_by_label("Patient or claim number").fill("p117")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("link", name="P117, PAT")).to_be_visible()
    expect(page.get_by_role("link", name="P118, PAT")).to_have_count(0)
    assert "117" not in page.url.split("filter=")[0]


@pytest.mark.parametrize(("size", "dark"), [("desk", True), ("phone", False)], ids=["dark desk", "light phone"])
def test_axe_finds_nothing_and_nothing_is_cut_off(
    live: Live, office: Office, new_context: Any, size: str, dark: bool
) -> None:
    page: Page = new_context(size=size, dark=dark).new_page()
    open_application(page, live)

    def check() -> None:
        axe(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{page.url} is too wide"

    for address in (
        "/apps/remittance/",
        "/apps/remittance/?issued_from=2020-01-01",
        "/apps/remittance/?issued_from=soon",
        "/apps/remittance/?number=998877",
        "/apps/remittance/?search=gone",
        url_of(2, 1),
        url_of(3),
        url_of(2),
    ):
        page.goto(live.url + address)
        check()
    page.get_by_role("link", name="SAMPLE, ANN").click()
    expect(page.get_by_role("table", name="Service lines")).to_be_visible()
    check()
