"""What every HTML page must be; the client checks each page that any test fetches."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any
from xml.etree import ElementTree

import html5lib

from . import plain_html

LABELLED = {"input", "select", "textarea"}
NEEDS_NO_LABEL = {"hidden", "submit", "button", "image", "reset"}
# Parse errors of html5lib that are none in the living standard.
IGNORED = {"eof-in-innerhtml"}


class BadPage(AssertionError):
    """A page breaks one of the rules of pages; the text lists all it breaks."""


Element = ElementTree.Element


@lru_cache(maxsize=8)  # a test that looks at a page looks at what the client has just checked
def parse(text: str, *, fragment: bool = False) -> tuple[Element, tuple[str, ...]]:
    """The tree and the parse errors. The tree is for whoever else asks for that text as well: to be read alone."""
    with suppress(plain_html.NotSure):
        return plain_html.read(text, fragment=fragment), ()
    return parse_slowly(text, fragment=fragment)


def parse_slowly(text: str, *, fragment: bool) -> tuple[Element, tuple[str, ...]]:
    """The same whatever the page is like."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parser = html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), namespaceHTMLElements=False)
        tree: Any = parser.parseFragment(text) if fragment else parser.parse(text)
    found = ((place[0], code, values) for place, code, values in parser.errors if code not in IGNORED)
    return tree, tuple(f"line {line}: {code} {values or ''}" for line, code, values in found)


def text_of(element: Element) -> str:
    """The text with single spaces, as people read it."""
    return " ".join("".join(element.itertext()).split())


def _elements(tree: Element) -> Iterator[Element]:
    for element in tree.iter():
        if isinstance(element.tag, str):
            yield element


def check_page(text: str) -> None:
    """Raise BadPage unless the page keeps every rule."""
    tree, errors = parse(text)
    problems = list(errors)
    if not (tree.get("lang") or "").strip():
        problems.append("<html> has no lang")
    titles = [text_of(element) for element in tree.iter("title")]
    if not titles or not titles[0].strip(" –"):
        problems.append("no title")
    headings = [text_of(element) for element in tree.iter("h1")]
    if len(headings) != 1 or not headings[0]:
        problems.append(f"{len(headings)} h1: {headings}")
    if len(list(tree.iter("main"))) != 1:
        problems.append("not exactly one <main>")
    problems += _found_by_search_engines(tree)
    problems += _common(tree)
    problems += _references(tree)
    _raise(problems)


def _found_by_search_engines(tree: Element) -> Iterator[str]:
    """A page describes itself, or says that it is not to be found."""
    named = {element.get("name"): element.get("content") or "" for element in tree.iter("meta")}
    if ("description" in named) == (named.get("robots") == "noindex"):
        yield "neither a description nor noindex, or both"
    if "description" in named and not 40 <= len(named["description"]) <= 170:
        yield f"a description of {len(named['description'])} characters"


def check_fragment(text: str) -> None:
    """Raise BadPage unless a part of a page keeps the rules that hold for parts."""
    tree, _errors = parse(text, fragment=True)
    _raise(_common(tree))


def _raise(problems: list[str]) -> None:
    if problems:
        raise BadPage("; ".join(problems))


def _common(tree: Element) -> list[str]:
    elements = list(_elements(tree))
    problems = _unique_ids(elements)
    labels = {element.get("for") for element in tree.iter("label")}
    wrapped = {id(child) for label in tree.iter("label") for child in label.iter()}
    for element in elements:
        problems += _inline_code(element)
        problems += _name_missing(element)
        if (
            element.tag in LABELLED
            and element.get("type", "text") not in NEEDS_NO_LABEL
            and element.get("id") not in labels
            and id(element) not in wrapped
            and not (element.get("aria-label") or element.get("aria-labelledby"))
        ):
            problems.append(f"<{element.tag} name={element.get('name')!r}> has no label")
        if element.tag == "form" and (element.get("method") or "get").lower() == "post":
            problems += _csrf_missing(element)
    return problems


def _unique_ids(elements: list[Element]) -> list[str]:
    counted = Counter(element.get("id") for element in elements if element.get("id") is not None)
    return [f"id {name!r} {count} times" for name, count in counted.items() if count > 1 or not name]


def _inline_code(element: Element) -> Iterator[str]:
    if element.tag == "style" or element.get("style") is not None:
        yield f"inline style at <{element.tag}>"
    if element.tag == "script" and (element.text or "").strip():
        yield "inline script"
    for name, value in element.attrib.items():
        if name.startswith(("on", "hx-on", "data-hx-on")):
            yield f"{name} at <{element.tag}>"
        elif name.startswith("hx-"):
            yield f"{name} at <{element.tag}>: write data-{name}"
        if value.strip().lower().startswith(("javascript:", "js:")):
            yield f"script in {name} at <{element.tag}>"


def _name_missing(element: Element) -> Iterator[str]:
    if element.tag == "img" and element.get("alt") is None:
        yield f"<img src={element.get('src')!r}> has no alt"
    if element.tag in ("a", "button"):
        named = text_of(element) or element.get("aria-label") or element.get("aria-labelledby")
        pictured = any(image.get("alt") for image in element.iter("img"))
        if not (named or pictured):
            yield f"empty <{element.tag}>"
    if element.tag == "a" and not (element.get("href") or "").strip():
        yield f"<a> without href: {text_of(element)!r}"
    if element.tag == "button" and element.get("type") is None:
        yield f"<button> without type: {text_of(element)!r}"
    if element.tag == "th" and not text_of(element) and not element.get("aria-label"):
        yield "empty <th>"


def _csrf_missing(form: Element) -> Iterator[str]:
    tokens = [field for field in form.iter("input") if field.get("name") == "csrf_token"]
    if len(tokens) != 1 or not tokens[0].get("value"):
        yield f"form to {form.get('action')!r} has {len(tokens)} csrf_token"


def _references(tree: Element) -> Iterator[str]:
    """Ids that something points at must exist in a whole page."""
    ids = {element.get("id") for element in _elements(tree)}
    for element in _elements(tree):
        for attribute in ("aria-labelledby", "aria-describedby", "aria-controls", "for"):
            for name in (element.get(attribute) or "").split():
                if name not in ids:
                    yield f"{attribute}={name!r} at <{element.tag}> points at nothing"
        href = element.get("href") or ""
        if element.tag == "a" and len(href) > 1 and href.startswith("#") and href[1:] not in ids:
            yield f"link to {href} leads nowhere"
