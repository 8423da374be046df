"""Showing again who one is, *This was not me*, and a second factor that one must have: seen, and used as people do."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from hp_portal import clock
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person, SignIn
from tests.browser.conftest import Live, sign_in
from tests.browser.test_second_factor import seen
from tests.support.world import PASSWORD


def not_me_link(live: Live) -> str:
    with live.world.session() as session:
        wanted = sa.select(Message).where(Message.template == "account_changed").order_by(Message.id.desc()).limit(1)
        return str(values_of(session, session.scalars(wanted).one())["link"])


def test_a_change_is_asked_for_again_told_and_disowned(live: Live, new_context: Any) -> None:
    live.world.person("a.clerk")
    page: Page = new_context(size="phone", dark=True).new_page()
    sign_in(page, live.url, "a.clerk")
    with live.world.session() as session:
        session.execute(sa.update(SignIn).values(created_at=clock.now() - dt.timedelta(minutes=11)))
    page.goto(f"{live.url}/sign-in-security")
    page.get_by_role("link", name="Change your e-mail address").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Is it still you?")
    seen(page, "confirm")
    page.get_by_label("Your password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change e-mail address")
    seen(page, "change-email")
    page.goto(f"{live.url}/change-password")
    for label, text in (("Current password", PASSWORD), ("New password", "purple-anchor-window-2031")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("New password again", exact=True).fill("purple-anchor-window-2031")
    page.get_by_role("main").get_by_role("button", name="Change password").click()
    expect(page.get_by_role("status").first).to_contain_text("Your password is changed")
    owner: Page = new_context(javascript=False).new_page()
    owner.goto(not_me_link(live))
    expect(owner.get_by_role("heading", level=1)).to_have_text("Was it not you?")
    owner.get_by_role("button", name="This was not me: lock the account").click()
    expect(owner.get_by_role("heading", level=1)).to_have_text("The account is locked")
    page.goto(f"{live.url}/sign-in-security")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    live.world.staff("staff.one", permissions=["staff:console:open", "staff:people:search", "staff:people:unlock"])
    sign_in(page, live.url, "staff.one")
    page.goto(f"{live.url}/staff/people/locked")
    expect(page.get_by_role("main")).to_contain_text("has locked their account")
    seen(page, "staff-locked")


def test_the_offer_on_the_home_page(live: Live, new_context: Any) -> None:
    live.world.person("a.clerk")
    live.world.sign_in("a.clerk")
    with live.world.session() as session:
        session.execute(sa.update(SignIn).values(created_at=clock.now() - dt.timedelta(days=1)))
    page: Page = new_context(size="phone").new_page()
    sign_in(page, live.url, "a.clerk")
    expect(page.get_by_role("main")).to_contain_text("Keep your account yours")
    seen(page, "home-offer")
    page.get_by_role("button", name="Not now, and do not ask again").click()
    expect(page.get_by_role("status").first).to_contain_text("whenever you want it")
    expect(page.get_by_role("main")).not_to_contain_text("Keep your account yours")
    with live.world.session() as session:
        assert session.scalars(sa.select(Person.factor_declined_at)).one() is not None
