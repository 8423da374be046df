"""A session that has ended without the page's knowing: a form sent then is not lost, with and without JavaScript."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal import clock
from hp_portal.core.identity.models import SignIn
from tests.browser.conftest import Live, axe, sign_in
from tests.support.world import PASSWORD


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_what_was_typed_is_sent_after_signing_in_again(live: Live, new_context: Any, javascript: bool) -> None:
    live.world.person("a.clerk")
    page: Page = new_context(javascript=javascript).new_page()
    sign_in(page, live.url, "a.clerk")
    page.goto(f"{live.url}/apps/tax-id-npi-access/add")
    page.get_by_label("Tax ID (TIN)").fill("00-0000123")
    page.get_by_label("Check, EFT or non-payment notice number").fill("0004512")
    with live.world.session() as session:
        session.execute(sa.update(SignIn).values(ended_at=clock.now()))
        session.commit()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    expect(page.get_by_text("What you typed is kept.")).to_be_visible()
    assert "0004512" not in page.url
    if javascript:
        assert "0004512" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    page.get_by_label("User name or e-mail").fill("a.clerk")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Send what you typed")
    if javascript:
        axe(page)
    page.get_by_role("button", name="Send it now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Add a Tax ID and NPI")
    expect(page.get_by_label("Check, EFT or non-payment notice number")).to_have_value("0004512")
