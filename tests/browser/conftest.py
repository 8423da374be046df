"""A running portal and a browser: the system's Chromium, driven by Playwright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from tests.conftest import MakeApp, cannot_run
from tests.support.chromium import CannotStart, chromium, driver
from tests.support.databases import Databases
from tests.support.layout import layout_problems
from tests.support.live import LiveServer
from tests.support.world import PASSWORD, World

# Milliseconds. Long, for a machine that is busy: no test waits for it unless something is wrong.
WAIT = 60_000
expect.set_options(timeout=WAIT)
AXE = Axe()
SIZES = {"phone": (360, 740), "desk": (1280, 900)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class Live:
    """A running portal: its address, and the world behind it."""

    url: str
    app: Flask
    world: World


@pytest.fixture
def live(databases: Databases, tmp_path: Path, make_app: MakeApp) -> Iterator[Live]:
    """The portal on a fresh SQLite database, listening on a free port of 127.0.0.1."""
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"))
    server = LiveServer(app)
    yield Live(server.url, app, World(app))
    server.stop()


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(driver())
        except CannotStart as error:
            cannot_run(str(error))
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(chromium(playwright))
        except CannotStart as error:
            cannot_run(str(error))
        yield started


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Any]:
    """`new_context(javascript=False, size="phone", dark=True)`: a browser profile of its own; fails on script errors."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []

    def make(*, javascript: bool = True, size: str = "desk", dark: bool = False) -> BrowserContext:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height},
            java_script_enabled=javascript,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",
        )
        context.set_default_timeout(WAIT)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda message: _note_refusal(message.text, errors))
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        context.close()
    assert errors == [], "the browser reported errors"


def _note_refusal(text: str, errors: list[str]) -> None:
    """The content security policy's refusals come as console messages."""
    if "Content Security Policy" in text:
        errors.append(text)


@pytest.fixture
def browser_page(new_context: Any) -> Page:
    """A page in a browser 1280 px wide, with JavaScript."""
    page: Page = new_context().new_page()
    return page


def sign_in(page: Page, url: str, username: str, password: str = PASSWORD) -> None:
    """Through the sign-in page, as people do."""
    page.goto(f"{url}/sign-in")
    page.get_by_label("User name or e-mail").fill(username)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(lambda address: "/sign-in" not in address)


def axe(page: Page) -> None:
    """Fail unless axe finds nothing wrong (WCAG 2.1 A and AA, best practices) and the page fits at every width.

    Needs JavaScript in the page.
    """
    found = axe_problems(page) + layout_problems(page)
    assert not found, "\n".join(found)


# What axe says of colors and of sizes; everything else is the same in the dark and on a telephone.
LOOKS = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")


def axe_problems(page: Page, *, again: bool = False) -> list[str]:
    """What axe finds wrong with the page as it is shown now; `again`: it was the same page before, in another size or color."""
    options: dict[str, Any] = {"resultTypes": ["violations"]}
    if again:
        options["runOnly"] = {"type": "rule", "values": LOOKS}
    else:
        page.evaluate(AXE.axe_script)
    violations = page.evaluate("(options) => axe.run(options).then((results) => results.violations)", options)
    return [
        f"{violation['id']}: {violation['help']} – " + ", ".join(str(node["target"]) for node in violation["nodes"])
        for violation in violations
    ]
