"""Markdown of help topics and agreements to HTML. Raw HTML in them is shown as text."""

from __future__ import annotations

from markdown_it import MarkdownIt
from markupsafe import Markup

_markdown = MarkdownIt("commonmark", {"html": False, "typographer": False}).enable("table")


def render_markdown(text: str) -> Markup:
    """Render trusted-source Markdown; HTML in it is escaped."""
    return Markup(_markdown.render(text))  # noqa: S704 - html is off, so the renderer escapes
