"""Markdown of help topics and agreements to HTML. Raw HTML in them is shown as text."""

from __future__ import annotations

import re
from itertools import pairwise

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_markdown = MarkdownIt("commonmark", {"html": False, "typographer": True}).enable(["table", "smartquotes"])


def slug(text: str) -> str:
    """The id of a heading: `My sign-ins` is `my-sign-ins`."""
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))


def render_markdown(text: str, *, prefix: str = "", top: int | None = None) -> Markup:
    """Render trusted-source Markdown; HTML in it is escaped, and headings have ids, which begin with `prefix`.

    `top`: the level that the highest headings of the text get, where it stands below headings of the page.
    """
    tokens = _markdown.parse(text)
    _move_headings(tokens, top)
    taken: set[str] = set()
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open" and (name := slug(_text_of(inline))) and name not in taken:
            taken.add(name)
            heading.attrSet("id", prefix + name)
    rendered = _markdown.renderer.render(tokens, _markdown.options, {})
    return Markup(rendered)  # noqa: S704 - html is off, so the renderer escapes


def _move_headings(tokens: list[Token], top: int | None) -> None:
    headings = [token for token in tokens if token.type in ("heading_open", "heading_close")]
    if top is None or not headings:
        return
    down = top - min(int(token.tag[1]) for token in headings)
    for token in headings:
        token.tag = f"h{min(int(token.tag[1]) + down, 6)}"


def plain_text(text: str) -> str:
    """What Markdown says, without its marks."""
    return " ".join(_text_of(token) for token in _markdown.parse(text) if token.type == "inline")


def _text_of(token: Token) -> str:
    return "".join(" " if child.type in ("softbreak", "hardbreak") else child.content for child in token.children or ())
