"""Setting up and using a second factor, with and without JavaScript, on a telephone, in the dark."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal.core.identity.factors import AuthenticatorApp
from tests.browser.conftest import Live, axe, sign_in
from tests.support.factors import code
from tests.support.world import PASSWORD


def seen(page: Page, name: str) -> None:
    """The page fits and everybody can use it."""
    if folder := os.environ.get("SIGNIN_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
    axe(page)


def half_minute_later(live: Live) -> None:
    """As if the codes of before had been used longer ago."""
    with live.world.session() as session:
        session.execute(sa.update(AuthenticatorApp).values(last_step=AuthenticatorApp.last_step - 10))


@pytest.mark.parametrize("javascript", [True, False], ids=["javascript", "no javascript"])
def test_from_no_second_factor_to_signing_in_with_one(live: Live, new_context: Any, javascript: bool) -> None:
    live.world.person("a.clerk")
    page: Page = new_context(javascript=javascript, size="phone", dark=javascript).new_page()
    sign_in(page, live.url, "a.clerk")
    page.locator("details.menu summary").click()
    page.get_by_role("link", name="Sign-in security").click()
    if javascript:
        seen(page, "security-empty")
    page.get_by_role("button", name="Add an authenticator app").click()
    expect(page.get_by_role("img", name="QR code")).to_be_visible()
    if javascript:
        seen(page, "new-app")
    secret = page.locator(".key").inner_text().replace(" ", "")
    page.get_by_label("Name").fill("Office telephone")
    page.get_by_label("Code that the app shows now").fill(code(secret=secret))
    page.get_by_role("button", name="Finish").click()
    expect(page.get_by_role("status")).to_contain_text("“Office telephone” is set up")
    if javascript:
        seen(page, "security-one")
    page.get_by_role("button", name="Make recovery codes").click()
    first = page.locator("#codes li").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as text").click()
    assert first in Path(download.value.path()).read_text(encoding="utf-8")
    if javascript:
        seen(page, "codes")
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("#recovery")).to_contain_text("10 of your 10 codes are left")
    half_minute_later(live)
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name or e-mail").fill("a.clerk")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    if javascript:
        seen(page, "one-more-step")
    page.get_by_label("Code from your app").fill("000000")
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("not the code that your app shows now")
    page.get_by_label("Code from your app").fill(code(secret=secret))
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("One more step")
    page.goto(f"{live.url}/sign-in-security")
    page.get_by_role("link", name="Rename or remove").click()
    if javascript:
        seen(page, "one-app")
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_role("main")).to_contain_text("You have none")
