"""Words that no line breaks: “e-mail” would leave its first letter behind at the end of a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

_WORD = re.compile(r"(?<![\w@./#-])[Ee]-(?:mail|[Ss]ervices)\w*")
# Elements that hold text alone: what looks like markup in them would be shown as it stands.
_TEXT_ALONE = re.compile(r"<(?:option|script|style|textarea|title)\b", re.IGNORECASE)
_WHOLE = '<span class="whole">'


def keep_whole(page: str) -> str:
    """A page, or a part of one, in which those words stand in an element that no line breaks. What is copied, read aloud or
    searched for stays the same; attributes and the texts of form fields are left as they are."""
    if "-mail" not in page and "-Services" not in page and "-services" not in page:
        return page
    return "".join(_pieces(page))


def _pieces(page: str) -> Iterator[str]:
    done = 0
    for word in _WORD.finditer(page):
        tag = page.rfind("<", 0, word.start())
        in_tag = tag >= 0 and page.find(">", tag, word.start()) < 0
        if in_tag or (tag >= 0 and (_TEXT_ALONE.match(page, tag) or page.startswith(_WHOLE, tag))):
            continue
        yield f"{page[done : word.start()]}{_WHOLE}{word.group()}</span>"
        done = word.end()
    yield page[done:]
