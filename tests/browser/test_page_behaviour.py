"""What the scripts do to any page, shown on the gallery: the end of a session, swaps, theme, small controls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.tools.gallery.__main__ import serve

# Seconds without activity; the warning comes two minutes before the end, the end after 14/15 of them. They pass on the
# browser's own clock, which the tests move.
IDLE = 900
WARNING, END = 721_000, 841_000


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    with serve() as address:
        yield address


def test_warning_then_stay_signed_in(gallery: str, browser_page: Page) -> None:
    browser_page.clock.install()
    browser_page.goto(f"{gallery}/?idle={IDLE}")
    dialog = browser_page.get_by_role("dialog", name="Are you still there?")
    expect(dialog).to_be_hidden()
    browser_page.clock.fast_forward(WARNING)
    expect(dialog).to_be_visible()
    expect(dialog).to_contain_text(re.compile(r"signed out in (\d+ seconds|2 minutes)"))
    with browser_page.expect_response("**/sign-in/keep-alive") as answer:
        dialog.get_by_role("button", name="Stay signed in").click()
    assert answer.value.status == 200
    expect(dialog).to_be_hidden()


def test_what_was_typed_comes_back_after_signing_in(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.clock.install()
    page.goto(f"{gallery}/?idle={IDLE}")
    page.get_by_label("Reason").fill("half a sentence")
    page.get_by_label("I have read").check()
    page.get_by_label("Payment method").select_option("CHK")
    page.get_by_label("Password", exact=True).fill("a secret never kept")
    ended = page.get_by_role("dialog", name="You were signed out")
    page.clock.fast_forward(END)
    expect(ended).to_be_visible()
    expect(ended).to_contain_text("is kept in this tab")
    assert "secret" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    link = ended.get_by_role("link", name="Sign in", exact=True)
    expect(link).to_be_focused()
    assert link.get_attribute("href") == f"/sign-in?next=%2F%3Fidle%3D{IDLE}"

    page.goto(gallery)
    expect(page.get_by_label("Reason")).to_have_value("half a sentence")
    expect(page.get_by_label("I have read")).to_be_checked()
    expect(page.get_by_label("Payment method")).to_have_value("CHK")
    expect(page.get_by_label("Password", exact=True)).to_have_value("")
    page.reload()
    expect(page.get_by_label("Reason")).to_have_value("")


def test_another_person_gets_nothing_of_it(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.clock.install()
    page.goto(f"{gallery}/?idle={IDLE}&person=one")
    page.get_by_label("Reason").fill("half a sentence")
    page.clock.fast_forward(END)
    expect(page.get_by_role("dialog", name="You were signed out")).to_be_visible()
    page.goto(f"{gallery}/?person=two")
    expect(page.get_by_label("Reason")).to_have_value("")
    assert page.evaluate("Object.keys(sessionStorage)") == []


def test_member_data_stays_on_the_page_and_nowhere_else(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.clock.install()
    page.goto(f"{gallery}/?idle={IDLE}")
    page.get_by_label("Patient account").fill("PATIENT-1")
    ended = page.get_by_role("dialog", name="You were signed out")
    page.clock.fast_forward(END)
    expect(ended).to_be_visible()
    expect(ended.get_by_role("link", name="Sign in", exact=True)).to_be_hidden()
    expect(ended.get_by_role("link", name="Sign in in a new tab")).to_be_visible()
    assert "PATIENT-1" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    page.evaluate("document.querySelector('meta[name=csrf-token]').content = 'worn out'")
    ended.get_by_role("button", name="I have signed in: continue").click()
    expect(ended).to_be_hidden()
    expect(page.get_by_label("Patient account")).to_have_value("PATIENT-1")
    token = page.evaluate("document.querySelector('meta[name=csrf-token]').content")
    assert token != "worn out"
    assert page.evaluate("[...document.querySelectorAll('[name=csrf_token]')].every((one) => one.value.length > 20)")


def test_the_page_is_not_continued_by_another_person(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.clock.install()
    page.goto(f"{gallery}/?idle={IDLE}&person=one")
    page.get_by_label("Patient account").fill("PATIENT-1")
    ended = page.get_by_role("dialog", name="You were signed out")
    page.clock.fast_forward(END)
    expect(ended).to_be_visible()
    # The gallery's sign-in page says that somebody else is signed in.
    with page.expect_navigation():
        ended.get_by_role("button", name="I have signed in: continue").click()
    expect(page.get_by_label("Patient account")).to_have_value("")


def test_typing_and_other_tabs_keep_the_session(gallery: str, new_context: Any) -> None:
    context = new_context()
    context.clock.install()
    first, second = context.new_page(), context.new_page()
    first.goto(f"{gallery}/?idle={IDLE}")
    second.goto(f"{gallery}/?idle={IDLE}")
    for _ in range(3):
        context.clock.fast_forward(WARNING - 60_000)
        with second.expect_response("**/sign-in/keep-alive"):
            second.get_by_label("Reason").press_sequentially("word ")
        # The answer has come; the clock may jump again only after the page has noted it.
        second.wait_for_function("Date.now() - Number(localStorage.getItem('portal-seen')) < 60_000")
    for page in (first, second):
        expect(page.locator("#idle-dialog")).to_be_hidden()
    context.clock.fast_forward(WARNING)
    for page in (first, second):
        expect(page.locator("#idle-dialog")).to_be_visible()


def test_an_htmx_answer_401_keeps_the_page(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    page.get_by_label("Typed text").fill("still here")
    page.get_by_role("button", name="Meet an ended session").click()
    expect(page.get_by_role("dialog", name="You were signed out")).to_be_visible()
    expect(page.locator("#typed")).to_have_value("still here")
    expect(page.locator("#swap-here")).to_be_empty()


def test_what_is_swapped_in_is_focused_and_announced(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    page.get_by_role("button", name="Load a part").click()
    expect(page.get_by_role("heading", name="3 payments found")).to_be_focused()
    expect(page.locator("#announce")).to_have_text("3 payments found")


def test_the_summary_of_errors_is_focused_and_leads_to_the_fields(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{gallery}/?errors")
    summary = page.locator(".error-summary")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Choose one.").click()
    expect(page.get_by_label("Provider", exact=True)).to_be_focused()


def test_a_form_is_sent_once(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    # Counts the submissions that would leave, and keeps the page.
    page.evaluate("""() => {
      window.sent = 0;
      addEventListener("submit", (event) => { sent += 1; event.preventDefault(); });
    }""")
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert page.evaluate("sent") == 1
    expect(page.get_by_role("button", name="Save")).to_have_attribute("aria-busy", "true")


def test_appearance_is_chosen_and_kept(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    light = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    page.get_by_role("button", name="Dark").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") != light
    expect(page.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="System").click()
    page.reload()
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == light


def test_a_password_can_be_shown(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    field = page.get_by_label("Password", exact=True)
    button = page.get_by_role("button", name="Show password")
    button.click()
    expect(field).to_have_attribute("type", "text")
    expect(button).to_have_attribute("aria-pressed", "true")
    button.click()
    expect(field).to_have_attribute("type", "password")


def test_the_account_menu_closes_by_key_and_by_a_click_elsewhere(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    summary = page.locator("details.menu summary")
    link = page.get_by_role("link", name="My activity")
    summary.click()
    expect(link).to_be_visible()
    page.keyboard.press("Escape")
    expect(link).to_be_hidden()
    expect(summary).to_be_focused()
    summary.click()
    page.get_by_role("heading", level=1).click()
    expect(link).to_be_hidden()


def test_only_frames_that_scroll_take_the_focus(gallery: str, new_context: Any) -> None:
    for size, focusable in (("desk", 0), ("phone", 1)):
        page = new_context(size=size).new_page()
        page.goto(gallery)
        expect(page.locator(".table-scroll[tabindex]")).to_have_count(focusable)
    # In closed details even a wide table is out of reach; opened, it is not.
    details = page.locator("details:not([open]):has(.table-scroll)").first
    details.locator("table").evaluate("table => table.style.minWidth = '60rem'")
    expect(page.locator(".table-scroll[tabindex]")).to_have_count(1)
    details.locator("summary").click()
    expect(page.locator(".table-scroll[tabindex]")).to_have_count(2)


def test_without_script_nothing_dead_is_shown(gallery: str, new_context: Any) -> None:
    page = new_context(javascript=False).new_page()
    page.goto(gallery)
    for name in ("Dark", "Show password", "Copy the check number"):
        expect(page.get_by_role("button", name=name)).to_be_hidden()
    expect(page.locator(".too-old")).to_be_hidden()
    page.locator("details.menu summary").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_everything_arrives_in_five_requests(gallery: str, browser_page: Page) -> None:
    """The goal for a first page is six requests and 45 KB; the gallery's HTML is larger than any page's."""
    page = browser_page
    sizes: dict[str, int] = {}
    page.on("requestfinished", lambda request: sizes.update({request.url: request.sizes()["responseBodySize"]}))
    answer = page.goto(gallery, wait_until="networkidle")
    assert answer is not None
    assert answer.ok
    assert len(sizes) <= 5
    static = sum(size for url, size in sizes.items() if "/static/" in url)
    assert static <= 38 * 1024
