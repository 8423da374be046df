"""Staff compare two payments of one number, decide, and take the decision back; the office sees what counts."""

from __future__ import annotations

import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Live, axe, sign_in
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.layout import layout_problems

PERMISSIONS = ["staff:console:open", "remittance:import:read", "remittance:payment:decide"]


def test_two_payments_of_one_number_are_compared_decided_and_undone(live: Live, new_context: Any) -> None:
    office = Office(live.world, username="office.person")
    earlier = office.paid("0004512", claim(1))
    office.paid("0004512", claim(1), claim(2))
    live.world.staff("staff.one", permissions=PERMISSIONS)
    provider: Page = new_context(size="phone").new_page()
    sign_in(provider, live.url, "office.person")
    provider.goto(live.url + url_of(earlier))
    expect(provider.get_by_text("Another payment has this number")).to_be_visible()

    staff: Page = new_context(dark=True).new_page()
    sign_in(staff, live.url, "staff.one")
    staff.goto(f"{live.url}/staff/remittance/same-number")
    axe(staff)
    staff.get_by_role("main").get_by_role("link", name="0004512").click()
    sides = staff.get_by_role("region", name="The two payments side by side")
    amounts = sides.get_by_role("row", name="Amount")
    expect(amounts).to_contain_text("$150.00")
    expect(amounts).to_contain_text("$300.00 differs")
    expect(staff.get_by_role("region", name="Claims that differ")).to_contain_text("not in it")
    axe(staff)
    assert layout_problems(staff) == []

    staff.get_by_role("button", name="Decide").click()
    expect(staff.get_by_role("alert")).to_be_visible()
    staff.get_by_label("The later replaces the earlier").check()
    staff.get_by_label("Reason").fill("The sender told us.")
    staff.get_by_role("button", name="Decide").click()
    expect(staff.get_by_role("status")).to_contain_text("Replaced by the later.")
    staff.get_by_role("link", name="Decided", exact=True).click()
    staff.get_by_role("main").get_by_role("link", name="0004512").click()
    expect(sides.get_by_role("row", name="Counts")).to_contain_text("Replaced")
    provider.reload()
    expect(provider.get_by_text("Replaced: this payment does not count any more")).to_be_visible()
    axe(provider)

    staff.get_by_label("Reason").fill("It was the other one.")
    staff.get_by_role("button", name="Undo the decision").click()
    expect(staff.get_by_text("Two payments, one number")).to_be_visible()
    provider.reload()
    expect(provider.get_by_text("Another payment has this number")).to_be_visible()


def test_two_of_three_pairs_are_ticked_decided_together_and_undone(live: Live, browser_page: Page) -> None:
    office, page = Office(live.world), browser_page
    for number in ("0004701", "0004702", "0004703"):
        office.paid(number, claim(1))
        office.paid(number, claim(1), claim(2))
    live.world.staff("staff.one", permissions=PERMISSIONS)
    sign_in(page, live.url, "staff.one")
    page.goto(f"{live.url}/staff/remittance/same-number")
    for number in ("0004701", "0004703"):
        page.get_by_role("checkbox", name=number).check()
    page.get_by_role("button", name="Decide about those ticked").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Decide about 2 pairs")
    about = page.get_by_role("table", name="Pairs that are decided about")
    expect(about.get_by_role("rowheader")).to_have_text([re.compile("0004701"), re.compile("0004703")])
    page.get_by_role("button", name="Decide about 2 pairs").click()
    expect(page.get_by_role("alert")).to_be_visible()
    axe(page)
    page.get_by_label("The later replaces the earlier").check()
    page.get_by_label("Reason").fill("The sender corrected both.")
    page.get_by_role("button", name="Decide about 2 pairs").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Replaced by the later: 2 pairs")
    expect(page.get_by_role("main")).to_contain_text("2 pairs decided.")
    page.get_by_label("Reason").fill("They were two payments each.")
    page.get_by_role("button", name="Undo 2 decisions").click()
    expect(page.get_by_role("main")).to_contain_text("2 pairs wait for a decision again.")
    page.goto(f"{live.url}/staff/remittance/same-number")
    expect(page.get_by_role("checkbox")).to_have_count(3)
