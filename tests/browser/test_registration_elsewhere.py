"""The e-mail's link opened on a phone, and the registration continued at the computer where it was started."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Live, axe
from tests.support.registering import PERSON, mailed_link


def fill(page: Page, **fields: str) -> None:
    for name, value in fields.items():
        page.fill(f'[name="{name}"]', value)


def press(page: Page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
def test_from_the_phone_back_to_the_computer(live: Live, new_context: Any, *, javascript: bool) -> None:
    def check(page: Page) -> None:
        if javascript:
            axe(page)

    computer = new_context(javascript=javascript).new_page()
    phone = new_context(javascript=javascript, size="phone", dark=True).new_page()
    computer.goto(f"{live.url}/register")
    computer.check('[value="check"]')
    press(computer, "Continue")
    fill(computer, **PERSON)
    press(computer, "Back")
    press(computer, "Continue")
    assert computer.input_value('[name="name"]') == PERSON["name"], "Back has lost nothing"
    press(computer, "Continue")
    check(computer)
    phone.goto(live.url + mailed_link(live.world, PERSON["email"], "/register/confirm/"))
    assert "Did you start this?" in phone.inner_text("main")
    check(phone)
    press(phone, "Confirm, and continue where I started")
    found = re.search(r"\b[34679A-Y]{4} [34679A-Y]{4}\b", phone.inner_text("main"))
    assert found
    check(phone)
    computer.get_by_role("link", name="I have opened the link").click()
    assert "another browser" in computer.inner_text("h1")
    check(computer)
    fill(computer, code=found.group())
    press(computer, "Continue here")
    assert computer.url.endswith("/register/proof")
    fill(computer, number="4512", tin="12")
    press(computer, "Choose another way")
    press(computer, "Continue")
    press(computer, "Continue")
    assert (computer.input_value('[name="number"]'), computer.input_value('[name="tin"]')) == ("4512", "12")
    check(computer)
    phone.goto(f"{live.url}/register/proof")
    check(phone)
