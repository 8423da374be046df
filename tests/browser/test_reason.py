"""Saying why, with and without JavaScript: one click, then the page that was asked for; what waits in a form is sent on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal.core.identity.models import SignIn
from tests.browser.conftest import Live, axe, sign_in
from tests.conftest import MakeApp
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.databases import Databases
from tests.support.live import LiveServer
from tests.support.world import World

ASKS = "Why are you looking at patient information?"


@pytest.fixture
def asking(databases: Databases, tmp_path: Path, make_app: MakeApp) -> Iterator[Live]:
    """The portal as it asks unless the payer says otherwise."""
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), reason_asked="member-data")
    server = LiveServer(app)
    yield Live(server.url, app, World(app))
    server.stop()


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
def test_one_click_and_nothing_typed_is_lost(asking: Live, new_context: Any, javascript: bool) -> None:
    office = Office(asking.world, username="office.person")
    payment = office.paid("4512", claim(1, ("SAMPLE", "ANN")), claim(2, ("OTHER", "BO")))
    page: Page = new_context(javascript=javascript).new_page()
    sign_in(page, asking.url, "office.person")
    title = page.get_by_role("heading", level=1)
    page.goto(f"{asking.url}{url_of(payment)}")
    expect(title).to_have_text(ASKS)
    if javascript:
        axe(page)
    # Enter in the box must not choose the first reason of the list.
    page.get_by_label("Another reason").fill("x")
    page.get_by_label("Another reason").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Choose a reason above")
    page.get_by_role("button", name="An appeal").click()
    page.wait_for_url(f"{asking.url}{url_of(payment)}")
    # The reason is gone while a form stands open.
    with asking.world.session() as session:
        session.execute(sa.update(SignIn).values(access_reason=""))
    page.get_by_label("Patient or claim number").fill("other")
    page.get_by_role("button", name="Filter").click()
    expect(title).to_have_text(ASKS)
    if javascript:
        assert "other" not in page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
    page.get_by_role("button", name="Answering a patient").click()
    page.wait_for_url(f"{asking.url}{url_of(payment)}?filter=**")
    expect(page.get_by_role("main")).to_contain_text("OTHER")
    expect(page.get_by_label("Patient or claim number")).to_have_value("other")
    page.goto(f"{asking.url}/my-activity")
    for reason in ("An appeal", "Answering a patient"):
        expect(page.get_by_role("main").get_by_text(f"Reason: {reason}").first).to_be_visible()
