"""Passkeys with Chromium's virtual authenticator: made, offered in the user-name field, on a second device, copied, removed."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.conftest import Live, sign_in
from tests.browser.test_second_factor import seen
from tests.support.world import PASSWORD

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class Device:
    """A virtual authenticator of a page's browser."""

    def __init__(self, page: Page, **more: Any) -> None:
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.cdp.send("WebAuthn.enable")
        self.id = self.cdp.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE | more})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.cdp.send("WebAuthn.getCredentials", {"authenticatorId": self.id})[
            "credentials"
        ]
        return found

    def put(self, credential: dict[str, Any]) -> None:
        self.cdp.send("WebAuthn.addCredential", {"authenticatorId": self.id, "credential": credential})

    def clear(self) -> None:
        self.cdp.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})


@pytest.fixture
def url(live: Live) -> str:
    """Passkeys are for names, not for addresses of machines."""
    return live.url.replace("127.0.0.1", "localhost")


def make(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/sign-in-security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_role("status").first).to_contain_text(f"“{name}” is added")


def sign_out(page: Page, url: str) -> None:
    page.context.clear_cookies()
    # Whoever is offered a passkey at once has left the page before it is there.
    page.goto(f"{url}/sign-in", wait_until="commit")


def test_a_passkey_from_the_first_to_the_last_use(live: Live, url: str, new_context: Any) -> None:
    live.world.person("a.clerk")
    page: Page = new_context(size="phone", dark=True).new_page()
    # Conditional requests are answered at once by a device that is there: it comes when it is wanted.
    sign_in(page, url, "a.clerk")
    device = Device(page)
    page.goto(f"{url}/sign-in-security/passkeys/new")
    seen(page, "passkey-new")
    make(page, url, "Laptop")
    seen(page, "security-passkey")
    (made,) = device.credentials()
    # Offered in the user-name field: nothing is clicked.
    sign_out(page, url)
    page.wait_for_url(f"{url}/")
    # As the second step, with the password.
    device.clear()
    sign_out(page, url)
    seen(page, "sign-in-with-passkey")
    page.get_by_label("User name or e-mail").fill("a.clerk")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("One more step")
    seen(page, "step-passkey")
    device.put(made | {"signCount": 50})
    page.get_by_role("button", name="Sign in with a passkey").click()
    page.wait_for_url(f"{url}/")
    # A copy of before says a count that was there already.
    device.clear()
    device.put(made | {"signCount": 3})
    sign_out(page, url)
    expect(page.get_by_role("alert")).to_contain_text("there may be a copy of it")
    # Removed: the device still has it, and it opens nothing.
    device.clear()
    device.put(made | {"signCount": 100})
    sign_out(page, url)
    page.wait_for_url(f"{url}/")
    page.goto(f"{url}/sign-in-security")
    page.get_by_role("link", name="Rename or remove").click()
    page.get_by_role("button", name="Remove").click()
    sign_out(page, url)
    expect(page.get_by_role("alert")).to_contain_text("does not open an account here")


def test_a_second_device_has_a_passkey_of_its_own(live: Live, url: str, new_context: Any) -> None:
    live.world.person("a.clerk")
    laptop: Page = new_context().new_page()
    sign_in(laptop, url, "a.clerk")
    first = Device(laptop)
    make(laptop, url, "Laptop")
    telephone: Page = new_context().new_page()
    second = Device(telephone)
    second.put(first.credentials()[0])
    telephone.goto(f"{url}/sign-in")
    telephone.wait_for_url(f"{url}/")
    second.clear()
    make(telephone, url, "Telephone")
    sign_out(telephone, url)
    telephone.wait_for_url(f"{url}/")
    telephone.goto(f"{url}/sign-in-security")
    for name in ("Laptop", "Telephone"):
        expect(telephone.get_by_role("row", name=name)).to_be_visible()


def test_a_second_device_signs_in_with_its_own_key_from_the_start(live: Live, url: str, new_context: Any) -> None:
    """It never holds the first one's key: a recovery code lets it in, its own passkey after that, also once the first is gone."""
    live.world.person("a.clerk")
    laptop: Page = new_context().new_page()
    sign_in(laptop, url, "a.clerk")
    first = Device(laptop)
    make(laptop, url, "Laptop")
    laptop.get_by_role("button", name="Make recovery codes").click()
    recovery = laptop.locator("#codes li").first.inner_text()
    telephone: Page = new_context(size="phone").new_page()
    second = Device(telephone)
    telephone.goto(f"{url}/sign-in")
    telephone.get_by_label("User name or e-mail").fill("a.clerk")
    telephone.get_by_label("Password", exact=True).fill(PASSWORD)
    telephone.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    telephone.get_by_role("button", name="Sign in with a passkey").click()
    expect(telephone.locator("[data-said]")).to_contain_text("No passkey was used")
    telephone.get_by_role("link", name="Use a recovery code").click()
    telephone.get_by_label("Recovery code").fill(recovery)
    telephone.get_by_role("main").get_by_role("button", name="Sign in").click()
    telephone.wait_for_url(f"{url}/")
    make(telephone, url, "Telephone")
    (own,) = second.credentials()
    assert own["credentialId"] != first.credentials()[0]["credentialId"]
    # Offered in the user-name field: its own key signs in, and nothing is clicked.
    sign_out(telephone, url)
    telephone.wait_for_url(f"{url}/")
    telephone.goto(f"{url}/sign-in-security")
    telephone.get_by_role("row", name="Laptop").get_by_role("link", name="Rename or remove").click()
    telephone.get_by_role("button", name="Remove").click()
    expect(telephone.get_by_role("status").first).to_contain_text("“Laptop” is removed")
    # The first is signed out and opens nothing; the second goes on.
    sign_out(laptop, url)
    expect(laptop.get_by_role("alert")).to_contain_text("does not open an account here")
    sign_out(telephone, url)
    telephone.wait_for_url(f"{url}/")
    telephone.goto(f"{url}/sign-in-security")
    expect(telephone.get_by_role("row", name="Telephone")).to_be_visible()
    expect(telephone.get_by_role("row", name="Laptop")).to_have_count(0)
