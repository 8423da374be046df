"""Denials as a biller goes through them: from the home page to a claim, back, and to a file."""

from __future__ import annotations

import csv
import datetime as dt

from playwright.sync_api import Page, expect

from hp_portal_plugins.remittance.demo.writing import Reason, Service
from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import Office, claim


def test_from_home_to_a_denied_claim_and_to_a_file(live: Live, browser_page: Page) -> None:
    office, page = Office(live.world, username="office.person"), browser_page
    day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=10)
    bundled, late = (Service("HC:99213", 5000, (Reason("CO", code, 5000),), day) for code in ("97", "29"))
    office.paid(
        "4501", claim(1, services=(bundled,), status="4"), claim(2, services=(late,), status="4"), claim(3), issued=day
    )
    sign_in(page, live.url, "office.person")
    page.get_by_role("link", name="Denials", exact=True).click()
    expect(page.get_by_role("heading", name="2 lines in 2 claims, $100.00 taken off")).to_be_visible()
    codes, found = page.get_by_label("Reason codes"), page.get_by_role("heading", name="1 line in 1 claim")
    codes.fill("97")
    codes.press("Enter")
    expect(found).to_be_visible()
    opener = page.get_by_role("link", name="CO-97")
    opener.press("Enter")
    table = page.get_by_role("table", name="Lines of CO-97")
    expect(table).to_contain_text("SAMPLE, ANN")
    expect(opener).to_be_focused()
    axe(page)
    table.get_by_role("link", name="26X000001").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Claim 26X000001")
    page.go_back()
    expect(found).to_be_visible()
    expect(codes).to_have_value("97")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the lines as CSV").click()
    with download.value.path().open(encoding="utf-8-sig") as file:
        assert [(row["patient_account"], row["reason"]) for row in csv.DictReader(file)] == [("ACCT-00001", "97")]
