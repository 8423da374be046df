"""Changes of Provider Data Profiles in a browser: pages and clicks are counted, on a telephone, with axe on every page."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import axe, sign_in
from tests.conftest import MakeApp
from tests.plugins.profiles.forms import Office
from tests.support.clock import Clock
from tests.support.databases import Databases, prepare_database
from tests.support.live import LiveServer
from tests.support.world import World


class Counted:
    """Clicks of buttons, links and boxes, and the pages they lead to."""

    def __init__(self, page: Page) -> None:
        self.page, self.clicks, self.pages = page, 0, 0

    def press(self, role: Any, name: str, leads_to: str = "") -> None:
        self.page.get_by_role("main").or_(self.page.get_by_role("navigation")).get_by_role(
            role, name=name, exact=True
        ).first.click()
        self.clicks += 1
        if leads_to:
            expect(self.page.get_by_role("heading", level=1)).to_have_text(leads_to)
            axe(self.page)
            wide = self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
            assert not wide, leads_to
            self.pages += 1


def test_one_leaves_in_five_clicks_and_one_joins_three_sites_in_six_pages(
    databases: Databases, make_app: MakeApp, new_context: Any, request: Any, tmp_path: Any, clock: Clock
) -> None:
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"))
    prepare_database(app)
    server, office = LiveServer(app), Office(World(app), clock)
    request.addfinalizer(server.stop)
    page = new_context(size="phone").new_page()
    sign_in(page, server.url, "a.clerk")
    page.goto(f"{server.url}/")
    counted = Counted(page)
    counted.press("link", "Provider Data Profiles", "Provider Data Profiles")
    counted.press("button", "A practitioner leaves", "Who leaves, and when")
    page.get_by_label("Practitioner").select_option(label="Basil, Ann")
    page.get_by_label("Last day").fill("2026-06-30")
    page.get_by_label("Reason").select_option(label="Retires")
    counted.press("button", "Continue", "Check and send")
    counted.press("checkbox", "I have read the agreement, and sign electronically")
    page.get_by_label("Your name, as a signature").fill(office.person.name)
    counted.press("button", "Sign and send", "Basil, Ann leaves all locations")
    assert counted.clicks == 5

    page.goto(f"{server.url}/apps/profiles/")
    counted = Counted(page)
    counted.press("button", "Add a practitioner", "Who joins you")
    page.get_by_label("State").select_option("MN")
    for label, text in (("First name", "Robin"), ("Last name", "Sample"), ("License number", "XYZ")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("NPI of the practitioner").fill("1234567890")
    page.get_by_label("Expires on").fill("2027-12-31")
    expect(page.locator("#npi-checked")).to_contain_text("NPI")
    expect(page.locator("#licenses-0-number-checked")).to_contain_text("usually has")
    page.get_by_label("NPI of the practitioner").fill("1234567893")
    page.get_by_label("License number").fill("47110")
    page.get_by_label("Expires on").focus()
    expect(page.locator("#npi-checked")).to_be_empty()
    counted.press("button", "Continue", "What the practitioner does")
    page.get_by_label("Specialty", exact=True).fill("Family Medicine")
    counted.press("button", "Continue", "From when, and where")
    page.get_by_label("Effective date").fill("2026-06-15")
    for number in ("02", "05", "12"):
        page.get_by_role("checkbox", name=f"Works here: Site {number}").check()
    page.get_by_role("checkbox", name="Primary location: Site 05").check()
    counted.press("button", "Continue", "Documents")
    page.get_by_label("Copies of the licenses").set_input_files(
        [{"name": "license.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 license"}]
    )
    counted.press("button", "Continue", "Check and send")
    counted.press("checkbox", "I have read the agreement, and sign electronically")
    page.get_by_label("Your name, as a signature").fill(office.person.name)
    counted.press("button", "Sign and send", "Add Robin Sample")
    assert counted.pages == 6
