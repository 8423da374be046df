"""*Give a new colleague Remittance Inquiry*: from the delegate's home page to the colleague's, with clicks and pages counted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Live, axe, sign_in
from tests.support.registering import mailed_link

CLICKS = 6
PASSWORD = "eleven-blue-lanterns-83"


class Counted:
    """A browser whose clicks and pages are counted; every page fits and everybody can use it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = 0
        self.headings = [page.locator("h1").inner_text()]

    def press(self, role: Any, name: str, *, leads_to: str = "") -> None:
        self.page.get_by_role("main").get_by_role(role, name=name).first.click()
        self.clicks += 1
        if leads_to:
            expect(self.page.locator("h1")).to_have_text(leads_to)
            self.headings.append(leads_to)
            seen(self.page, leads_to)


def seen(page: Page, name: str) -> None:
    if folder := os.environ.get("INVITATION_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name.replace(' ', '-').lower()}.png", full_page=True)
    axe(page)


def test_six_clicks_give_a_new_colleague_remittance_inquiry(live: Live, new_context: Any) -> None:
    world = live.world
    clinic = world.organization("Sample Clinic")
    world.person("d.elegate", organization=clinic, delegate=True, name="Dana Delegate")
    page = new_context().new_page()
    sign_in(page, live.url, "d.elegate")
    delegate = Counted(page)
    delegate.press("link", "Create new user account", leads_to="Create new user account")
    page.get_by_label("Name", exact=True).fill("Robin Newcomer")
    page.get_by_label("E-mail").fill("robin@office.example")
    delegate.press("button", "Continue", leads_to="Create new user account")
    expect(page.get_by_label("Remittance Inquiry")).to_be_checked()
    delegate.press("button", "Send the invitation", leads_to="Invitations")
    expect(page.get_by_role("status")).to_contain_text("on its way to robin@office.example")
    # The colleague, on a telephone, in the dark.
    other = new_context(size="phone", dark=True).new_page()
    other.goto(live.url + mailed_link(world, "robin@office.example", "/invitation/"))
    colleague = Counted(other)
    colleague.clicks += 1  # of the link in the message
    seen(other, "invitation-phone")
    other.get_by_label("Password", exact=True).fill(PASSWORD)
    other.get_by_label("Password again", exact=True).fill(PASSWORD)
    colleague.press("checkbox", "I have read the confidential terms of use and accept them")
    colleague.press("button", "Create my account", leads_to="Welcome, Robin Newcomer")
    expect(other.get_by_label("Open an application").locator("option:checked")).to_have_text("Remittance Inquiry")
    assert "/invitation/" not in other.url
    pages = len(delegate.headings) + len(colleague.headings)
    print(f"\n{delegate.clicks} and {colleague.clicks} clicks, {pages} pages: {delegate.headings} {colleague.headings}")
    assert delegate.clicks + colleague.clicks <= CLICKS
