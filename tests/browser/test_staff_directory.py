"""Staff sign in with the payer's directory in a browser: there, back, and again when it is asked whether it is still them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal.core.identity.models import SignIn
from hp_portal.core.openid import provider
from hp_portal.core.staff.accounts import ensure_role
from tests.browser.conftest import Live, axe
from tests.conftest import MakeApp
from tests.support.databases import Databases
from tests.support.directory_browser import BACK
from tests.support.live import LiveServer
from tests.support.staff_directory import StaffDirectory
from tests.support.world import World


@pytest.fixture
def live(
    databases: Databases, tmp_path: Path, make_app: MakeApp, directory: StaffDirectory, directory_values: dict[str, Any]
) -> Iterator[Live]:
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), **directory_values)
    provider.install(app, app.extensions["hp_portal.settings"])
    world, server = World(app), LiveServer(app)
    with world.session() as session:
        ensure_role(session, "Claims", ["staff:console:open"])
    # Another site than the directory's, as it is everywhere.
    url = server.url.replace("127.0.0.1", "localhost")
    directory.redirect_uri = f"{url}/sign-in/directory/answer"
    yield Live(url, app, world)
    directory.redirect_uri = BACK
    server.stop()


def test_staff_sign_in_with_the_directory(live: Live, directory: StaffDirectory, browser_page: Page) -> None:
    directory.add("a.staff", "portal-claims")
    page = browser_page
    page.goto(f"{live.url}/sign-in?next=/staff/")
    axe(page)
    page.get_by_role("main").get_by_role("link", name="Sign in with Plan ID (staff)").click()
    page.get_by_role("button", name="a.staff").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("terms of use", ignore_case=True)
    page.get_by_role("checkbox").check()
    page.get_by_role("main").get_by_role("button", name="Accept and continue").click()
    expect(page).to_have_url(f"{live.url}/staff/")
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=11)
    with live.world.session() as session:
        session.execute(sa.update(SignIn).values(created_at=long_ago))
    page.goto(f"{live.url}/sign-in-security")
    axe(page)
    page.get_by_role("link", name="Change your e-mail address").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it still you?")
    axe(page)
    page.get_by_role("link", name="Sign in with Plan ID again").click()
    page.get_by_role("button", name="a.staff").click()
    expect(page).to_have_url(f"{live.url}/change-email")


def test_who_cancels_is_told_on_the_sign_in_page(live: Live, directory: StaffDirectory, browser_page: Page) -> None:
    directory.people["nobody"] = {}
    browser_page.goto(f"{live.url}/sign-in")
    browser_page.get_by_role("link", name="Sign in with Plan ID (staff)").click()
    browser_page.get_by_role("button", name="nobody").click()
    expect(browser_page.get_by_role("alert")).to_contain_text("Plan ID did not let you in")
    axe(browser_page)
