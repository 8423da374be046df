"""“e-mail” stays in one line: in what people read, and nowhere else."""

from __future__ import annotations

import pytest

from hp_portal.core.web.whole_words import keep_whole
from tests.support.client import PortalClient, tree_of, words_of
from tests.support.world import World


def whole(word: str) -> str:
    return f'<span class="whole">{word}</span>'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("<p>Two e-mails, an E-mail</p>", f"<p>Two {whole('e-mails')}, an {whole('E-mail')}</p>"),
        ("e-mail, then <b>e-Services</b>", f"{whole('e-mail')}, then <b>{whole('e-Services')}</b>"),
        ("<label>E-mail</label>", f"<label>{whole('E-mail')}</label>"),
        ('<a href="#the-e-mail" title="By e-mail">Mail</a>', None),
        ("<textarea>\nBy e-mail</textarea><option>By e-mail</option><title>By e-mail</title>", None),
        (whole("e-mail"), None),
        ("<p>voice-mail, an address such as me.e-mail@office.example, #e-mail</p>", None),
        ("<p>By mail</p>", None),
    ],
)
def test_the_word_is_kept_whole(before: str, after: str | None) -> None:
    assert keep_whole(before) == (after or before)


def test_pages_keep_it_whole(world: World) -> None:
    visitor = PortalClient(world.app)
    page = visitor.get("/forgot-password")
    assert whole("e-mail") in page.text
    assert "e-mail" in words_of(page)
    assert all("<" not in (one.get("aria-label") or "") for one in tree_of(page).iter())
    empty = visitor.post("/sign-in", {"username": "", "password": ""})
    assert f"user name or {whole('e-mail')} address" in empty.text
