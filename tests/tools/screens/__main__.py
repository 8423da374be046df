"""Pictures of the main screens, and whether any of them scrolls sideways.

    python -m tests.tools.screens OUTDIR [--of NAME,NAME] [--dark]

starts the demo on a free port in the folder `instance/demo`, signs in as an office, a delegate and an administrator, and
writes a PNG file of every screen at 360, 768 and 1280 px. Prints what does not fit (tests/support/layout.py) and ends with 1
when there is any.

    python -m tests.tools.screens docs/images/after --documented

renews the pictures of the documentation: those screens only, some of them dark as well, packed small.
"""

from __future__ import annotations

import argparse
import io
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.layout import layout_problems
from tests.tools.gallery.__main__ import CHROMIUM, FLAGS

WIDTHS = (360, 768, 1280)
HEIGHTS = {360: 740, 768: 1024, 1280: 900}
# A page may be long; a picture shows its beginning. With 64 colors, which is enough for a page and a third of the size.
LONGEST, COLORS = 2200, 64
PACKED_LONGEST, PACKED_COLORS = 1300, 32
# The pictures of the documentation: screens at every width, and which of them are there dark as well.
DOCUMENTED = (
    *("welcome", "sign-in", "home", "inquiry", "results", "payment", "claim", "denials", "recoveries", "together"),
    *("tax-ids", "my-activity", "console", "matrix", "imports", "same-number", "organization"),
)
DOCUMENTED_DARK: dict[str, tuple[int, ...]] = {
    "payment": (360, 1280),
    "inquiry": (1280,),
    "console": (1280,),
    "matrix": (1280,),
}


@dataclass(frozen=True)
class Screen:
    """A page to look at: who opens it, where, and what is done before the picture is taken."""

    who: str
    path: str
    act: Callable[[Page], Any] = lambda page: None


def _say_why(page: Page) -> None:
    if "/reason" in page.url:
        page.get_by_role("button", name="Posting payments").click()
        page.wait_for_load_state()


def _open_payment(page: Page) -> None:
    _say_why(page)
    page.locator("table.data tbody th a").first.click()
    page.wait_for_load_state()
    _say_why(page)


def _ask_for_pdf(page: Page) -> None:
    _say_why(page)
    page.get_by_role("button", name="Download PDF").click()
    page.wait_for_url("**/documents/*")


def _open_report(page: Page) -> None:
    page.locator("#imports tbody th a").first.click()
    page.wait_for_load_state()


def _object(page: Page) -> None:
    page.get_by_role("link", name="Object to this link").first.click()
    page.wait_for_load_state()


def _decide(page: Page) -> None:
    page.get_by_role("link", name="Decide").first.click()
    page.wait_for_load_state()


def _open_claim(page: Page) -> None:
    _open_payment(page)
    page.goto(page.url.rstrip("/") + "/claims/1")


def _download_together(page: Page) -> None:
    _say_why(page)
    for place in range(3):
        page.locator("input[name=payment]").nth(place).check()
    page.get_by_role("button", name="Download together").click()
    page.wait_for_url("**/together**")
    _say_why(page)


def _compare(page: Page) -> None:
    page.locator("table.data tbody th a").first.click()
    page.wait_for_load_state()


def _open_organization(page: Page) -> None:
    page.get_by_label("Name, user name").or_(page.locator("main form input[name=query]")).first.fill("Lakeshore")
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_load_state()
    page.locator("table.data tbody th a").first.click()
    page.wait_for_load_state()


def _open_person(page: Page) -> None:
    _open_organization(page)
    page.locator("#people tbody th a").first.click()
    page.wait_for_load_state()


def _open_change(page: Page) -> None:
    page.get_by_role("link", name="Change a location").or_(page.locator("table.data tbody th a")).first.click()
    page.wait_for_load_state()
    page.get_by_role("link", name="Compare and decide").click()
    page.wait_for_load_state()


SCREENS = {
    "welcome": Screen("", "/"),
    "sign-in": Screen("", "/sign-in"),
    "help": Screen("", "/help/"),
    "home": Screen("demo.office", "/"),
    "inquiry": Screen("demo.office", "/apps/remittance/"),
    "results": Screen("demo.office", "/apps/remittance/?amount_min=100"),
    "nothing-found": Screen("demo.office", "/apps/remittance/?number=9400000123"),
    "payment": Screen("demo.office", "/apps/remittance/?number=940000050001", _open_payment),
    "claim": Screen("demo.office", "/apps/remittance/?number=940000050001", _open_claim),
    "denials": Screen("demo.office", "/apps/remittance/denials", _say_why),
    "recoveries": Screen("demo.office", "/apps/remittance/recoveries", _say_why),
    "together": Screen("demo.office", "/apps/remittance/?amount_min=100", _download_together),
    "saved-searches": Screen("demo.office", "/apps/remittance/saved-searches"),
    "codes": Screen("demo.office", "/apps/remittance/codes?codes=CO-16+N290+MA130+PR-204"),
    "waiting": Screen("demo.hospital", "/apps/remittance/?number=940000052004", _ask_for_pdf),
    "documents": Screen("demo.hospital", "/documents/"),
    "reason": Screen("demo.office", "/reason"),
    "refusals": Screen("demo.staff", "/staff/refusals"),
    "tax-ids": Screen("demo.office", "/apps/tax-id-npi-access/"),
    "tax-ids-add": Screen("demo.office", "/apps/tax-id-npi-access/add"),
    "tax-ids-object": Screen("demo.dental", "/", _object),
    "home-told": Screen("demo.dental", "/"),
    "tax-id-alerts": Screen("demo.staff", "/staff/tax-id-alerts"),
    "objection": Screen("demo.staff", "/staff/tax-id-alerts", _decide),
    "my-activity": Screen("demo.office", "/my-activity"),
    "my-sign-ins": Screen("demo.office", "/my-sign-ins"),
    "change-password": Screen("demo.office", "/change-password"),
    "console": Screen("demo.staff", "/staff/"),
    "roles": Screen("demo.staff", "/staff/roles"),
    "organizations": Screen("demo.staff", "/staff/organizations/all"),
    "person": Screen("demo.staff", "/staff/organizations", _open_person),
    "payee-new": Screen("demo.staff", "/staff/payees/new"),
    "reported": Screen("demo.staff", "/staff/remittance/inspect"),
    "same-numbers": Screen("demo.staff", "/staff/remittance/same-number"),
    "same-number": Screen("demo.staff", "/staff/remittance/same-number", _compare),
    "staff-documents": Screen("demo.staff", "/staff/documents"),
    "unknown-payees": Screen("demo.staff", "/staff/remittance/payees-not-on-record"),
    "matrix": Screen("demo.staff", "/staff/applications"),
    "imports": Screen("demo.staff", "/staff/remittance/"),
    "report": Screen("demo.staff", "/staff/remittance/", _open_report),
    "activity": Screen("demo.staff", "/staff/activity?first="),
    "plugins": Screen("demo.staff", "/staff/plugins"),
    "organization": Screen("demo.staff", "/staff/organizations", _open_organization),
    "change-decided": Screen("demo.staff", "/staff/cases?kind=profiles.change", _open_change),
    "clocks": Screen("demo.staff", "/staff/profiles/clocks"),
}


@contextmanager
def demo() -> Iterator[dict[str, Any]]:
    """The demo, running: its address, people and payments."""
    command = [sys.executable, "-m", "hp_portal", "demo", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        while not (line := process.stdout.readline()).startswith("{"):
            if process.poll() is not None:
                raise RuntimeError("the demo did not start")
        yield json.loads(line)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def sign_in(browser: Browser, running: dict[str, Any], who: str, dark: bool) -> Page:
    """A page of its own profile, of `who` (nobody: signed out)."""
    context = browser.new_context(color_scheme="dark" if dark else "light", reduced_motion="reduce")
    page = context.new_page()
    if who:
        person = next(one for one in running["people"] if one["username"] == who)
        page.goto(f"{running['url']}/sign-in")
        page.get_by_label("User name or e-mail").fill(who)
        page.get_by_label("Password", exact=True).fill(person["password"])
        page.get_by_role("main").get_by_role("button", name="Sign in").click()
        page.wait_for_url(lambda address: "/sign-in" not in address)
    return page


@dataclass(frozen=True)
class Camera:
    """Where pictures go, and how they are taken."""

    out: Path
    dark: bool = False
    packed: bool = False

    def look(self, page: Page, address: str, name: str, widths: tuple[int, ...] = WIDTHS) -> list[str]:
        """Pictures of one screen at each width; what is wrong with it."""
        screen = SCREENS[name]
        label = f"{name}-{{}}-dark.png" if self.dark else f"{name}-{{}}.png"
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address + screen.path)
        screen.act(page)
        for width in widths:
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            self._save(page.screenshot(full_page=True), self.out / label.format(width))
        return [f"{name} {problem}" for problem in layout_problems(page)]

    def _save(self, picture: bytes, file: Path) -> None:
        longest, colors = (PACKED_LONGEST, PACKED_COLORS) if self.packed else (LONGEST, COLORS)
        image = Image.open(io.BytesIO(picture)).convert("RGB")
        image = image.crop((0, 0, image.width, min(image.height, longest)))
        image.quantize(colors, dither=Image.Dither.NONE).save(file, optimize=True)


def take(running: dict[str, Any], browser: Browser, camera: Camera, wanted: dict[str, tuple[int, ...]]) -> list[str]:
    """Pictures of the screens named at their widths; what is wrong with them."""
    pages: dict[str, Page] = {}
    problems = []
    for name, widths in wanted.items():
        who = SCREENS[name].who
        if who not in pages:
            pages[who] = sign_in(browser, running, who, camera.dark)
        problems += camera.look(pages[who], running["url"], name, widths)
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description="Pictures of the main screens.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--of", default="", help="names of screens, with commas between; all when left out")
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--documented", action="store_true", help="the pictures of the documentation, packed small")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    wanted: dict[str, tuple[int, ...]] = dict.fromkeys(asked.of.split(",") if asked.of else SCREENS, WIDTHS)
    rounds = [(Camera(asked.out, asked.dark), wanted)]
    if asked.documented:
        rounds = [
            (Camera(asked.out, packed=True), dict.fromkeys(DOCUMENTED, WIDTHS)),
            (Camera(asked.out, dark=True, packed=True), DOCUMENTED_DARK),
        ]
    problems = []
    with demo() as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        for camera, screens in rounds:
            problems += take(running, browser, camera, screens)
        browser.close()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; pictures in {asked.out}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
