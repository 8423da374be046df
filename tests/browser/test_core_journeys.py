"""The core's journeys in a real browser: with and without JavaScript, by keyboard alone, and after a pause."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.browser.conftest import SIZES, Live, axe, axe_problems, sign_in
from tests.support.clock import Clock
from tests.support.identifiers import make_npi
from tests.support.layout import layout_problems
from tests.support.matrix import routes

ADD = "/apps/tax-id-npi-access/add"


def go(page: Page, application: str) -> None:
    """Through the Applications menu, as the home page offers it."""
    page.get_by_label("Open an application").select_option(label=application)
    page.get_by_role("button", name="Go").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_sign_in_applications_go(live: Live, new_context: Any, javascript: bool) -> None:
    live.world.person("a.clerk", terms=False)
    context: BrowserContext = new_context(javascript=javascript)
    page = context.new_page()
    # The page asked for is where one comes out, with the terms in between.
    page.goto(f"{live.url}{ADD}")
    page.get_by_label("User name or e-mail").fill("a.clerk")
    page.get_by_label("Password", exact=True).fill("wrong-quiet-harbors-59")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    page.get_by_label("Password", exact=True).fill("seven-quiet-harbors-59")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    page.get_by_label("I have read").check()
    page.get_by_role("button", name="Accept and continue").click()
    expect(page).to_have_url(f"{live.url}{ADD}")
    page.goto(f"{live.url}/")
    expect(page.get_by_label("Open an application").locator("option:checked")).to_have_text("Remittance Inquiry")
    go(page, "Tax ID & NPI access")
    expect(page).to_have_url(f"{live.url}/apps/tax-id-npi-access/")
    page.goto(f"{live.url}/")
    page.get_by_role("button", name="Go").click()
    expect(page).to_have_url(f"{live.url}/apps/remittance/")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("main")).to_contain_text("signed out")
    page.goto(f"{live.url}/apps/remittance/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def press_to(page: Page, name: str, limit: int = 60) -> int:
    """Tab until the focused element has this name, as somebody without a mouse does; its outline must show. How often it took."""
    for pressed in range(1, limit + 1):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            """() => {
                const at = document.activeElement;
                const label = at.labels?.length ? at.labels[0].innerText : "";
                const style = getComputedStyle(at);
                const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
                return [label || at.getAttribute("aria-label") || at.innerText || "", ring];
            }"""
        )
        if focused[0].strip().startswith(name):
            assert focused[1], f"nothing shows that {name!r} has the focus"
            return pressed
    raise AssertionError(f"the keyboard does not reach {name!r}")


def test_keyboard_alone(live: Live, browser_page: Page) -> None:
    live.world.person("a.clerk")
    page = browser_page
    page.goto(f"{live.url}/sign-in")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    press_to(page, "User name or e-mail")
    page.keyboard.type("a.clerk")
    press_to(page, "Password")
    page.keyboard.type("seven-quiet-harbors-59")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Welcome")
    press_to(page, "Open an application")
    page.keyboard.type("Tax")
    press_to(page, "Go")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{live.url}/apps/tax-id-npi-access/")
    page.goto(f"{live.url}/")
    press_to(page, "Your account")
    page.keyboard.press("Enter")
    press_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_contain_text("signed out")


def let_pass(minutes: int, page: Page, clock: Clock) -> None:
    """Minutes go by, in the browser and on the server."""
    clock.advance(minutes=minutes)
    page.clock.fast_forward(minutes * 60_000)


def test_a_pause_keeps_what_was_typed(live: Live, browser_page: Page, clock: Clock) -> None:
    live.world.person("a.clerk")
    page = browser_page
    page.clock.install()
    sign_in(page, live.url, "a.clerk")
    page.goto(f"{live.url}{ADD}")
    page.get_by_role("textbox", name="NPI").fill(make_npi(1))
    let_pass(13, page, clock)
    expect(page.get_by_text("Are you still there?")).to_be_visible()
    page.get_by_role("button", name="Stay signed in").click()
    expect(page.get_by_text("Are you still there?")).to_be_hidden()
    let_pass(16, page, clock)
    expect(page.get_by_text("You were signed out")).to_be_visible()
    axe(page)
    page.get_by_role("link", name="Sign in", exact=True).click()
    page.get_by_label("User name or e-mail").fill("a.clerk")
    page.get_by_label("Password", exact=True).fill("seven-quiet-harbors-59")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{live.url}{ADD}")
    expect(page.get_by_role("textbox", name="NPI")).to_have_value(make_npi(1))


def test_a_pause_keeps_member_data_on_the_page_alone(live: Live, browser_page: Page, clock: Clock) -> None:
    """A TIN is not stored in the browser: one signs in in another tab and continues here."""
    live.world.person("a.clerk")
    page = browser_page
    page.clock.install()
    sign_in(page, live.url, "a.clerk")
    page.goto(f"{live.url}{ADD}")
    page.get_by_label("Tax ID (TIN)").fill("00-0000001")
    let_pass(16, page, clock)
    expect(page.get_by_text("You were signed out")).to_be_visible()
    assert "0000001" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}])")
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Sign in in a new tab").click()
    other = opened.value
    other.get_by_label("User name or e-mail").fill("a.clerk")
    other.get_by_label("Password", exact=True).fill("seven-quiet-harbors-59")
    other.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(other.get_by_role("heading", level=1)).not_to_have_text("Sign in")
    other.close()
    page.get_by_role("button", name="I have signed in: continue").click()
    expect(page.get_by_text("You were signed out")).to_be_hidden()
    expect(page.get_by_label("Tax ID (TIN)")).to_have_value("00-0000001")
    page.get_by_role("textbox", name="NPI").fill(make_npi(1))
    page.get_by_label("Check, EFT or non-payment notice number").fill("1")
    page.get_by_role("main").get_by_role("button").first.click()
    expect(page.get_by_role("alert")).to_contain_text("does not match")


def test_every_page_of_a_person_without_parameters_is_accessible(live: Live, new_context: Any) -> None:
    """axe finds nothing, and nothing scrolls sideways, on every page that the menu of routes offers."""
    live.world.person("a.clerk")
    live.world.staff("a.keeper", permissions=sorted(live.app.extensions["hp_portal.directory"].staff_permissions))
    context: BrowserContext = new_context()
    page = context.new_page()
    plain = {"pages.healthz", "pages.readyz", "pages.robots", "pages.favicon", "pages.go"}
    urls: dict[str, set[str]] = {"a.clerk": set(), "a.keeper": {"/"}}  # home is another page to staff
    for route, method, rule in routes(live.app):
        if method == "GET" and not route.arguments and route.endpoint not in plain:
            urls["a.keeper" if rule.kind == "staff" else "a.clerk"].add(route.rule)
    wrong, seen = [], 0
    for username in urls:
        context.clear_cookies()
        sign_in(page, live.url, username)
        for url in sorted(urls[username]):
            try:
                response = page.goto(live.url + url)
            except PlaywrightError as error:
                if "Download is starting" not in str(error):
                    raise
                continue  # a file is no page
            assert response is not None
            if response.status in (403, 404):
                continue
            seen += 1
            wrong += [f"{username} {url}: {problem}" for problem in _problems_light_and_dark(page)]
    assert not wrong, "\n".join(wrong)
    assert seen > 40


def _problems_light_and_dark(page: Page) -> list[str]:
    """What axe finds at a desk in the light and on a telephone in the dark, which are all four: colors do not depend on the
    width, nor the layout on colors."""
    found = [f"light desk: {problem}" for problem in axe_problems(page)] + layout_problems(page)
    _resize(page, "phone")
    page.emulate_media(color_scheme="dark")
    found += [f"dark phone: {problem}" for problem in axe_problems(page, again=True)]
    _resize(page, "desk")
    page.emulate_media(color_scheme="light")
    return found


def _resize(page: Page, size: str) -> None:
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})


def test_a_password_is_masked_until_one_looks_and_can_come_from_a_manager(live: Live, browser_page: Page) -> None:
    page = browser_page
    page.goto(f"{live.url}/sign-in")
    field = page.locator("input[autocomplete=current-password]")
    expect(field).to_have_attribute("type", "password")
    field.fill("seven harbors")
    page.locator("[data-reveal]").click()
    expect(field).to_have_attribute("type", "text")
    expect(field).to_have_value("seven harbors")
    page.locator("[data-reveal]").click()
    expect(field).to_have_attribute("type", "password")
