"""The Nu HTML checker of the W3C finds no error in the gallery's pages. Those of the portal's routes: test_access_matrix.py."""

from __future__ import annotations

from pathlib import Path

from tests.support.nu import keep_page, nu_problems
from tests.tools.gallery.__main__ import PAGES
from tests.tools.gallery.app import create_gallery


def test_the_checker_finds_nothing_in_the_gallery(tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    folder.mkdir()
    gallery = create_gallery(tmp_path / "gallery").test_client()
    for name, address in PAGES.items():
        shown = gallery.get(address)
        assert shown.status_code == 200, f"the gallery's page {name} fails"
        keep_page(folder, name, shown)
    assert len(list(folder.iterdir())) == len(PAGES)
    problems = nu_problems(folder)
    assert not problems, "\n".join(problems)


def test_the_checker_finds_what_is_wrong(tmp_path: Path) -> None:
    page = '<!doctype html><html lang="en"><title>x</title><p hx-get="/x">x</p></html>'
    (tmp_path / "wrong.html").write_text(page, encoding="utf-8")
    assert "hx-get" in nu_problems(tmp_path)[0]
