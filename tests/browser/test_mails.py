"""Every e-mail, as mail clients show it: in light and dark, on a narrow telephone, without images, and with long names in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template
from playwright.sync_api import Page

from tests.browser.conftest import axe
from tests.support.layout import layout_problems

FOLDER = Path("templates/mail")
TEMPLATES = sorted(path.name for path in FOLDER.glob("*.html") if path.name != "frame.html")
LINK = "https://portal.example/register/confirm/" + "a1B2c3D4" * 5
SAID = "Ask at the front desk of our office in Exampleton, where somebody will make you an account this week. " * 3


def values_for(template: str) -> dict[str, str]:
    """Something long for everything that a template says it is filled in with."""
    names = re.findall(r"\w+", re.sub(r"\(.*?\)", "", (FOLDER / template).read_text().split(". #}")[0]))
    told = {"link": LINK, "find": LINK, "state": "open", "until": "September 30, 2026", "answer": SAID, "reason": SAID}
    return {name: told.get(name, "Wolfeschlegelsteinhausen-Bergerdorff Family Medicine") for name in names}


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_e_mail_fits_and_is_read_in_light_and_dark(sqlite_app: Flask, new_context: Any, dark: bool) -> None:
    page: Page = new_context(size="phone", dark=dark).new_page()
    page.route("**/*", lambda route: pytest.fail(f"the e-mail asks for {route.request.url}"))
    assert len(TEMPLATES) > 10
    for template in TEMPLATES:
        with sqlite_app.test_request_context():
            html = render_template(
                f"mail/{template}", **values_for(template), subject="A subject", stop_link=LINK if dark else ""
            )
        page.set_content(html)
        axe(page)
        assert layout_problems(page, (320,)) == [], template
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        light = sum(map(int, re.findall(r"\d+", background)[:3])) > 3 * 128
        assert light != dark, f"{template} is {background}"
