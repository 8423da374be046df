"""With a check in hand, from the public page to the payment on screen: by keyboard alone, and without JavaScript on a phone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal import clock
from hp_portal.core.organizations.models import Grant
from tests.browser.conftest import Live, axe
from tests.browser.test_core_journeys import press_to
from tests.plugins.remittance.inquiry import Office, claim
from tests.support.registering import PASSWORD, PERSON, mailed_link


@pytest.mark.parametrize("keyboard", [True, False], ids=["keyboard", "no-script-phone"])
def test_i_have_a_check_let_me_in(live: Live, new_context: Any, keyboard: bool) -> None:
    office = Office(live.world, username="somebody.else")
    office.paid("0004512", claim(1, ("SAMPLE", "ANN")), issued=clock.now().date() - dt.timedelta(days=9))
    with live.world.session() as session:
        session.execute(sa.delete(Grant))
    context = new_context() if keyboard else new_context(javascript=False, size="phone")
    page: Page = context.new_page()
    pages: list[str] = []

    def see(heading: str) -> None:
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        pages.append(heading)
        if keyboard:
            axe(page)

    def enter(label: str, text: str) -> None:
        if keyboard:
            press_to(page, label)
            page.keyboard.type(text)
        else:
            page.get_by_role("textbox", name=label, exact=True).fill(text)

    def press(button: str) -> None:
        if keyboard:
            press_to(page, button)
            page.keyboard.press("Enter")
        else:
            page.get_by_role("main").get_by_role("button", name=button).click()

    def tick(label: str) -> None:
        if keyboard:
            press_to(page, label)
            page.keyboard.press("Space")
        else:
            page.get_by_label(label).check()

    page.goto(f"{live.url}/register")
    see("Register")
    tick("I have a check")
    press("Go on")
    see("About you")
    enter("Your first and last name", PERSON["name"])
    enter("Your work e-mail", PERSON["email"])
    enter("Your telephone at work", PERSON["telephone"])
    enter("Your job", PERSON["job"])
    press("Go on")
    see("Look into your mailbox")
    page.goto(live.url + mailed_link(live.world, PERSON["email"], "/register/confirm/"))
    see("Confirm your e-mail address")
    press("Confirm and go on")
    see("The check or EFT")
    enter("Check or EFT number", "4512")
    enter("Tax ID (TIN)", office.payee_text.tin)
    enter("Vendor number", office.payee_text.vendor_number)
    press("Go on")
    see("Check and finish")
    before_proof = len(pages)
    enter("Password", PASSWORD)
    enter("Password again", PASSWORD)
    tick("I have read the confidential terms")
    tick("I have read the site delegate agreement")
    press("Create my account")
    expect(page.get_by_role("heading", level=1)).to_contain_text("0004512")
    assert before_proof + 1 <= 8, "pages, the payment among them"
    expect(page.get_by_role("main")).to_contain_text("SAMPLE, ANN")
