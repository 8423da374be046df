"""What every page must do whatever it shows: fit, stay where the person is, say that it is busy, and be seen by everybody."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import Live, sign_in
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.layout import WIDTHS, layout_problems
from tests.tools.gallery.__main__ import PAGES, serve


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    with serve() as address:
        yield address


@pytest.fixture
def office(live: Live) -> Office:
    """One payment of 120 claims."""
    office = Office(live.world, username="office.person")
    office.paid("0004600", *(claim(place, (f"P{place:03}", "PAT")) for place in range(101, 221)))
    return office


class Held:
    """Requests to an address wait until they are let go."""

    def __init__(self, page: Page, address: str) -> None:
        self.routes: list[Route] = []
        page.route(address, lambda route: self.routes.append(route))
        self.page = page

    def let_go(self) -> None:
        while not self.routes:
            self.page.wait_for_timeout(20)
        for route in self.routes:
            route.continue_()


@pytest.mark.parametrize("name", PAGES)
def test_every_component_fits_at_every_width(gallery: str, browser_page: Page, name: str) -> None:
    browser_page.goto(gallery + PAGES[name])
    assert layout_problems(browser_page, (320, *WIDTHS)) == []


def test_what_does_not_fit_is_found(browser_page: Page) -> None:
    wide = "<div class=table-scroll><table class=cards><tr><td>" + "x" * 400 + "</table></div>"
    browser_page.set_content(f"<style>.table-scroll {{ overflow: auto }} p {{ width: 50rem }}</style>{wide}<p>wide</p>")
    problems = layout_problems(browser_page)
    assert any("beyond its frame" in problem for problem in problems)
    assert "at 360 px the page scrolls sideways" in problems
    assert "at 1280 px the page scrolls sideways" not in problems
    browser_page.set_content("<main><div style='width: 6rem'><span class=code>1234-5678-9012</span></div></main>")
    assert all("broken" in problem for problem in layout_problems(browser_page))
    assert len(layout_problems(browser_page)) == len(WIDTHS)
    heading = "<main><h1 style='width: 9ch'>Change {}</h1></main>"
    browser_page.set_content(heading.format("e-mail"))
    assert all("a word in two lines" in problem for problem in layout_problems(browser_page))
    assert len(layout_problems(browser_page)) == len(WIDTHS)
    browser_page.set_content("<main class=page><p style='width: 9ch'>Change e-mail</p></main>")
    assert all("a word in two lines" in problem for problem in layout_problems(browser_page))
    assert len(layout_problems(browser_page)) == len(WIDTHS)
    browser_page.set_content(heading.format("<span style='white-space: nowrap'>e-mail</span>"))
    assert layout_problems(browser_page) == []


def test_a_row_of_one_line_is_44_px_high(gallery: str, browser_page: Page) -> None:
    browser_page.goto(gallery)
    heights = browser_page.locator("#claims tbody tr").evaluate_all(
        "rows => rows.slice(0, -1).map(row => row.getBoundingClientRect().height)"
    )
    assert all(43.5 <= height <= 45 for height in heights), heights


def test_cards_keep_the_heads_that_sort(gallery: str, new_context: Any) -> None:
    page: Page = new_context(size="phone").new_page()
    page.goto(gallery)
    table = page.get_by_role("region", name="Claims")
    for head in ("Patient", "Claim", "Charged"):
        box = table.get_by_role("link", name=head).bounding_box()
        assert box is not None
        assert box["height"] >= 30
    first = table.locator("tbody tr").first.bounding_box()
    assert first is not None
    assert first["height"] > 100


def test_a_card_shows_no_label_without_a_value(live: Live, new_context: Any) -> None:
    live.world.staff("staff.one", permissions=["staff:console:open", "staff:plugins:read"])
    page: Page = new_context(size="phone").new_page()
    sign_in(page, live.url, "staff.one")
    page.goto(f"{live.url}/staff/plugins")
    row = page.locator("#plugins tbody tr").first
    expect(row.locator("td[data-label=State]")).to_be_visible()
    expect(row.locator("td[data-label=Failure]")).to_be_hidden()


def test_focus_stays_on_the_head_that_sorts_and_follows_the_pages(
    live: Live, office: Office, browser_page: Page
) -> None:
    page = browser_page
    sign_in(page, live.url, "office.person")
    page.goto(live.url + url_of(1))
    page.evaluate("window.samePage = true")
    head = page.get_by_role("link", name="Charged")
    head.focus()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=descending]")).to_contain_text("Charged")
    expect(page.get_by_role("link", name="Charged")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_contain_text("Charged")
    expect(page.get_by_role("link", name="Charged")).to_be_focused()
    page.get_by_role("link", name="Page 2").press("Enter")
    expect(page.get_by_role("navigation", name="Pages of claims").get_by_text("51–100 of 120 claims")).to_be_visible()
    assert page.evaluate("document.getElementById('claims').contains(document.activeElement)")
    expect(page.locator("#announce")).to_have_text("51–100 of 120 claims")
    assert page.evaluate("window.samePage") is True


def test_a_download_is_busy_until_the_file_has_come(live: Live, office: Office, browser_page: Page) -> None:
    page = browser_page
    sign_in(page, live.url, "office.person")
    page.goto(live.url + url_of(1))
    held = Held(page, "**/csv?*")
    button = page.get_by_role("button", name="Download CSV")
    button.click()
    expect(button).to_have_attribute("aria-busy", "true")
    expect(page.locator("#announce")).to_have_text("The file is being prepared.")
    with page.expect_download() as download:
        held.let_go()
    assert download.value.suggested_filename == "remittance-0004600.csv"
    expect(button).not_to_have_attribute("aria-busy", "true")


def test_a_download_that_is_refused_is_opened_as_a_page(live: Live, office: Office, browser_page: Page) -> None:
    page = browser_page
    sign_in(page, live.url, "office.person")
    page.goto(live.url + url_of(1))
    page.context.clear_cookies()
    page.get_by_role("button", name="Download CSV").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_search_that_opens_a_page_is_busy(live: Live, office: Office, browser_page: Page) -> None:
    page = browser_page
    sign_in(page, live.url, "office.person")
    page.goto(f"{live.url}/apps/remittance/")
    page.get_by_text("More ways to search").click()
    page.get_by_label("Issued from").fill("2026-01-01")
    page.evaluate("""addEventListener("pagehide", () =>
        sessionStorage.setItem("busy", document.querySelector("button[aria-busy=true]")?.innerText ?? "none"))""")
    page.get_by_role("button", name="Search payments").click()
    expect(page.get_by_role("heading", name="1 payment found")).to_be_visible()
    assert page.evaluate("sessionStorage.getItem('busy')").strip() == "Search payments"


def test_offline_is_said_and_nothing_is_sent(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    notice = page.locator("#offline")
    expect(notice).to_be_hidden()
    page.context.set_offline(True)
    expect(notice).to_be_visible()
    page.get_by_label("Reason").fill("half a sentence")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#announce")).to_have_text("You are offline. Nothing was sent.")
    expect(page.get_by_label("Reason")).to_have_value("half a sentence")
    page.context.set_offline(False)
    expect(notice).to_be_hidden()


def test_with_forced_colors_state_is_still_seen(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.emulate_media(forced_colors="active")
    page.goto(gallery)

    def style(selector: str, name: str) -> str:
        value: str = page.locator(selector).first.evaluate(f"node => getComputedStyle(node).{name}")
        return value

    for navigation in (".site-nav", ".tabs"):
        current = style(f"{navigation} a[aria-current]", "borderBottomColor")
        assert current != style(f"{navigation} a:not([aria-current])", "borderBottomColor")
        assert style(f"{navigation} a:not([aria-current])", "borderBottomColor") == style(
            "header.site", "backgroundColor"
        )
    pressed, other = (style(f".theme [aria-pressed={state}]", "backgroundColor") for state in ("true", "false"))
    assert pressed != other
    assert style(".field select", "appearance") == "auto"
    on, off = (style(f".switch[aria-checked={state}] .track", "backgroundColor") for state in ("true", "false"))
    assert on != off


def test_the_skip_link_casts_no_shadow_until_it_is_there(gallery: str, browser_page: Page) -> None:
    browser_page.goto(gallery)
    skip = browser_page.get_by_role("link", name="Skip to the content")
    assert skip.evaluate("node => getComputedStyle(node).boxShadow") == "none"
    skip.focus()
    assert skip.evaluate("node => getComputedStyle(node).boxShadow") != "none"


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_a_switch_saves_at_once(live: Live, new_context: Any, javascript: bool) -> None:
    live.world.staff("staff.one", permissions=["staff:applications:manage"])
    page: Page = new_context(javascript=javascript).new_page()
    sign_in(page, live.url, "staff.one")
    page.goto(f"{live.url}/staff/applications")
    label = "Remittance Inquiry, Hospital"
    if javascript:
        switch = page.get_by_role("switch", name=label)
        switch.click()
        expect(page.locator("#announce")).to_contain_text("Saved: Remittance Inquiry is disabled for Hospital")
        expect(switch).to_be_focused()
    else:
        expect(page.get_by_role("switch")).to_have_count(0)
        page.get_by_role("button", name=f"Turn off {label}").click()
    page.goto(f"{live.url}/staff/applications")
    cell = page.locator("#matrix td[data-label=Hospital]").first
    expect(cell.locator("[aria-checked]")).to_have_attribute("aria-checked", "false")


def test_signing_out_signs_the_other_tabs_out_on_screen(live: Live, office: Office, new_context: Any) -> None:
    context = new_context()
    first, second, asleep = context.new_page(), context.new_page(), context.new_page()
    # A tab that misses the message, as one that the browser has put to sleep does.
    asleep.add_init_script("addEventListener('storage', (event) => event.stopImmediatePropagation(), true)")
    sign_in(first, live.url, "office.person")
    for page in (second, asleep):
        page.goto(live.url + url_of(1))
    first.locator("details.menu summary").click()
    with second.expect_navigation(url="**/sign-in?ended=signed-out"):
        first.get_by_role("button", name="Sign out").click()
    expect(second.get_by_role("main")).to_contain_text("You are signed out.")
    asleep.evaluate("dispatchEvent(new Event('pageshow'))")
    asleep.wait_for_url("**/sign-in?ended=signed-out")


def test_an_email_address_breaks_only_where_words_end(gallery: str, browser_page: Page) -> None:
    browser_page.set_viewport_size({"width": 360, "height": 740})
    browser_page.goto(gallery)
    lines = browser_page.locator("#example-email").evaluate(
        """(field) => {
            const lines = [];
            const walker = document.createTreeWalker(field, NodeFilter.SHOW_TEXT);
            for (let node = walker.nextNode(); node; node = walker.nextNode())
                for (let at = 0; at < node.length; at++) {
                    const range = document.createRange();
                    range.setStart(node, at);
                    range.setEnd(node, at + 1);
                    const top = Math.round(range.getBoundingClientRect().top);
                    if (!lines.length || lines.at(-1).top !== top) lines.push({top, text: ""});
                    lines.at(-1).text += node.data[at];
                }
            return lines.map((line) => line.text);
        }"""
    )
    assert "".join(lines) == "pat.sample.of.the.front.office@lakeshore-family-medicine.example"
    assert len(lines) > 1
    assert all(line.endswith(("@", "-")) or following.startswith(".") for line, following in itertools.pairwise(lines))


def test_on_paper_tables_are_tables_and_nothing_is_left_to_press(gallery: str, browser_page: Page) -> None:
    page = browser_page
    page.goto(gallery)
    page.set_viewport_size({"width": 700, "height": 900})
    assert page.locator("#claims").evaluate("node => getComputedStyle(node).display") == "block"
    page.emulate_media(media="print")
    assert page.locator("#claims").evaluate("node => getComputedStyle(node).display") == "table"
    for selector in (".tools", ".site-nav", ".theme", ".pager ul", ".search-bar", ".skip", ".tabs"):
        expect(page.locator(selector).first).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
