"""Pictures of the design system, and what axe and the content security policy say of it.

    python -m tests.tools.gallery OUTDIR

writes PNG files at 360 and 1280 px, light and dark, and on paper, then checks every page, every accent and both appearances
with axe. Ends with 1 when there is a violation or a message on the browser's console.
"""

from __future__ import annotations

import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.tools.gallery.app import create_gallery

PAGES = {
    "gallery": "/",
    "errors": "/?errors",
    "staff": "/?staff&accent=indigo",
    "signed-out": "/?signed-out",
    "error-429": "/error/429",
    "bare": "/bare",
}
ACCENTS = ("teal", "blue", "indigo", "violet", "plum", "red", "amber", "green", "slate")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 1280)
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serve() -> Iterator[str]:
    """The gallery on a free port of this machine; its address."""
    with tempfile.TemporaryDirectory() as folder:
        server = make_server("127.0.0.1", 0, create_gallery(Path(folder)), threaded=True, request_handler=_Quiet)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def take_pictures(browser: Browser, address: str, out: Path) -> list[str]:
    """A picture of every page at both widths and in both appearances; what was wrong with them."""
    problems = []
    for scheme in SCHEMES:
        for width in WIDTHS:
            context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
            for name, path in PAGES.items():
                found = _take_picture(context.new_page(), address + path, out / f"{name}-{width}-{scheme}.png")
                problems += [f"{name}-{width}-{scheme}: {problem}" for problem in found]
            context.close()
    return problems


def _take_picture(page: Page, address: str, file: Path) -> list[str]:
    messages: list[ConsoleMessage] = []
    page.on("console", lambda message: messages.append(message))
    page.goto(address)
    page.screenshot(path=file, full_page=True)
    problems = [message.text for message in messages if message.type in ("error", "warning")]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        problems.append("the page scrolls sideways")
    problems += _axe(page)
    page.close()
    return problems


def check_accents(browser: Browser, address: str) -> list[str]:
    """What axe says of every accent in both appearances."""
    problems = []
    for scheme in SCHEMES:
        context = browser.new_context(color_scheme=scheme, viewport={"width": 1280, "height": 800})
        page = context.new_page()
        for accent in ACCENTS:
            for path in ("/?errors", "/?staff"):
                page.goto(f"{address}{path}&accent={accent}")
                problems += [f"{accent} {scheme} {path}: {problem}" for problem in _axe(page)]
        context.close()
    return problems


def print_page(browser: Browser, address: str, out: Path) -> None:
    """The gallery as it comes out of a printer."""
    page = browser.new_page()
    page.goto(address)
    page.pdf(path=out / "print.pdf", format="Letter")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 700, "height": 900})
    page.screenshot(path=out / "print.png", full_page=True)
    page.close()


def _axe(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']} {node['html'][:120]} {node.get('failureSummary', '')}" for one in found for node in one["nodes"]
    ]


def main() -> int:
    if len(sys.argv) != 2:
        print("usage: python -m tests.tools.gallery OUTDIR")
        return 2
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        problems = take_pictures(browser, address, out)
        problems += check_accents(browser, address)
        print_page(browser, address, out)
        browser.close()
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems; pictures in {out}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
