"""A reader of HTML as pages should have it: every element closed by its own tag, nothing left out, nothing to be corrected.

It takes a fraction of the time of html5lib. Of what the two might not read alike, it says that it is not sure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html.entities import html5
from xml.etree.ElementTree import Element, SubElement

from html5lib.constants import adjustSVGAttributes as _IN_MIXED_CASE

_SVG = "{http://www.w3.org/2000/svg}"
_TAG = re.compile(r"""<(/?)([a-z][a-z0-9]*)((?:\s+[^\s"'<>/=]+(?:="[^"]*"|='[^']*')?)*)\s*(/?)>""")
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)(?:="([^"]*)"|='([^']*)')?""")
_NAME = re.compile(r"[a-z_][a-z0-9_.:-]*")
_REFERENCE = re.compile(r"&(?:#([0-9]{2,5});|([A-Za-z0-9]+;))?")
# Characters at which html5lib stumbles, and a few more.
_ODD = re.compile("[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufdcf\ufdf0-\ufffd]")
_SPACE = " \n\t"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _words("br col hr img input link meta source wbr")
# Where a paragraph is open they end it.
_BLOCKS = _words(
    "address article aside blockquote dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header hr legend li main menu nav ol p pre search section summary table ul"
)
_PHRASES = _words(
    "a abbr b bdi bdo br button cite code data datalist del dfn em i img input ins kbd label mark meter output picture"
    " progress q s samp script select small source span strong sub sup svg textarea time u var wbr"
)
_FLOW = _BLOCKS - {"dd", "dt", "li"} | _PHRASES
_HEADINGS = frozenset(f"h{level}" for level in range(1, 7))
# No second one of these is open within the first.
_ALONE = _HEADINGS | {"a", "button", "form", "p", "select"}
# What may stand in these; in any other, what may stand in most.
_INSIDE = {
    "": _words("html"),
    "html": _words("head body"),
    "head": _words("meta title script link"),
    "table": _words("caption colgroup thead tbody tfoot"),
    "colgroup": _words("col"),
    **dict.fromkeys(("thead", "tbody", "tfoot"), _words("tr")),
    "tr": _words("td th"),
    "select": _words("option optgroup"),
    **dict.fromkeys(("optgroup", "datalist"), _words("option")),
    "option": _words(""),
    **dict.fromkeys(("ul", "ol", "menu"), _FLOW | {"li"}),
    "dl": _FLOW | {"dd", "dt"},
    **dict.fromkeys(("svg:title", "svg:desc"), _words("")),
}
_IN_SVG = _words("a circle desc ellipse g line path polygon polyline rect text title tspan")
# Text in these is space.
_NO_TEXT = _words("html head table colgroup thead tbody tfoot tr select optgroup") | {""}
# Up to the end of these there is text alone.
_TEXT_ALONE = _words("script textarea title")


class NotSure(Exception):
    """Only html5lib knows what this means."""


def read(text: str, *, fragment: bool = False) -> Element:
    """The tree that html5lib makes of a page, or of a part of one, and it finds nothing wrong with it. Raises NotSure."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _ODD.search(text):
        raise NotSure
    return _Reader(text).fragment() if fragment else _Reader(text).page()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.root = Element("DOCUMENT_FRAGMENT")
        self.open = [self.root]
        self.names = [""]
        self.alone: set[str] = set()
        self.had: set[str] = set()

    def page(self) -> Element:
        begins = "<!doctype html>"
        if self.text[: len(begins)].lower() != begins:
            raise NotSure
        self._read(len(begins))
        if self.had != {"html", "head", "body"}:
            raise NotSure
        return self.root[0]

    def fragment(self) -> Element:
        self.root.text = ""
        self.names = ["div"]
        self._read(0)
        return self.root

    def _read(self, at: int) -> None:
        text = self.text
        while (begins := text.find("<", at)) >= 0:
            self._write(text[at:begins])
            if (found := _TAG.match(text, begins)) is None:
                raise NotSure
            ends, name, attributes, slash = found.groups()
            at = found.end()
            if not ends:
                at = self._start(name, attributes, bool(slash), at)
            elif attributes or slash:
                raise NotSure
            else:
                self._end(name)
        self._write(text[at:])
        if len(self.open) > 1:
            raise NotSure

    def _write(self, text: str) -> None:
        if not text:
            return
        where, name = self.open[-1], self.names[-1]
        if name in _NO_TEXT:
            if text.strip(_SPACE):
                raise NotSure
            if name in ("", "html"):
                if "body" in self.had:
                    where = self.root[0][1]  # what follows the body is in it
                elif "head" not in self.had:
                    return
        text = _meant(text) if "&" in text else text
        if len(where):
            where[-1].tail = (where[-1].tail or "") + text
        else:
            where.text = (where.text or "") + text

    def _start(self, name: str, attributes: str, slash: bool, at: int) -> int:
        """A start tag that ends at a place of the text. Where to go on."""
        above = self.names[-1]
        picture = above.startswith("svg:")
        if name not in (_IN_SVG if picture and above not in _INSIDE else _INSIDE.get(above, _FLOW)) and not (
            name in ("dd", "dt") and self.names[-2:] == ["dl", "div"]
        ):
            raise NotSure
        if picture or name == "svg":
            made = SubElement(self.open[-1], _SVG + name, _in_picture(attributes))
            if not slash:
                self.open.append(made)
                self.names.append(f"svg:{name}")
            return at
        self._may_stand_here(name)
        made = SubElement(self.open[-1], name, _attributes(attributes))
        if name in _VOID:
            return at
        if slash:
            raise NotSure
        if name in _TEXT_ALONE:
            return self._text_of(made, at)
        self.open.append(made)
        self.names.append(name)
        return at + (name == "pre" and self._drops_a_line(at))

    def _may_stand_here(self, name: str) -> None:
        if name in ("html", "head", "body"):
            if name in self.had or (name == "body" and "head" not in self.had):
                raise NotSure
            self.had.add(name)
        if name in _BLOCKS and "p" in self.alone:
            raise NotSure
        if name in _ALONE:
            if name in self.alone or (name in _HEADINGS and self.alone & _HEADINGS):
                raise NotSure
            self.alone.add(name)

    def _drops_a_line(self, at: int) -> bool:
        """Is what follows a line's end, which does not count? In a table html5lib says that it does."""
        dropped = self.text.startswith("\n", at)
        if dropped and "table" in self.names:
            raise NotSure
        return dropped

    def _text_of(self, made: Element, at: int) -> int:
        begins = at + (made.tag == "textarea" and self._drops_a_line(at))
        ends, closing = self.text.find("<", at), f"</{made.tag}>"
        if not self.text.startswith(closing, ends):
            raise NotSure
        text = self.text[begins:ends]
        made.text = (text if made.tag == "script" or "&" not in text else _meant(text)) or None
        return ends + len(closing)

    def _end(self, name: str) -> None:
        closed = self.names.pop()
        if closed != name and closed != f"svg:{name}":
            raise NotSure
        if len(self.open) == 1:
            raise NotSure
        self.open.pop()
        self.alone.discard(closed)


def _meant(text: str) -> str:
    """Text with the characters that references stand for."""
    return _REFERENCE.sub(_character, text)


def _character(found: re.Match[str]) -> str:
    number, name = found.groups()
    if number is not None:
        if _ODD.match(chr(int(number))):
            raise NotSure
        return chr(int(number))
    if name is not None:
        if name not in html5:
            raise NotSure
        return html5[name]
    if found.end() < len(found.string) and found.string[found.end()] not in _SPACE:
        raise NotSure
    return "&"


@lru_cache(maxsize=20_000)
def _attributes(text: str) -> dict[str, str]:
    found = _ATTRIBUTE.findall(text)
    values = {name: _meant(one or other) for name, one, other in found}
    if len(values) < len(found) or not all(map(_NAME.fullmatch, values)):
        raise NotSure
    return values


@lru_cache(maxsize=1_000)
def _in_picture(text: str) -> dict[str, str]:
    found = _ATTRIBUTE.findall(text)
    values = {name: _meant(one or other) for name, one, other in found}
    for name in values:
        if not _NAME.fullmatch(name.lower()) or name.startswith("xml") or ":" in name:
            raise NotSure
        if name != _IN_MIXED_CASE.get(name.lower(), name.lower()):
            raise NotSure
    if len(values) < len(found):
        raise NotSure
    return values
