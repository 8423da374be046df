"""The quick reader of pages reads what it is sure of as html5lib does, and is sure of nothing that is wrong."""

from __future__ import annotations

from random import Random
from xml.etree.ElementTree import Element

import pytest

from tests.support import html, plain_html

HEAD = '<!doctype html>\n<html lang="en">\n<head>\n  <meta charset="utf-8">\n  <title>T</title>\n</head>\n'
NAMES = sorted(
    (plain_html._FLOW | plain_html._IN_SVG | set().union(*plain_html._INSIDE.values()))
    | {"center", "math", "nobr", "object", "rp", "style", "template", "x-y"}
)
ATTRIBUTES = ["", "", ' id="a"', " hidden", " class=\"a &amp; b\" data-x='<p>'", ' viewBox="0 0 1 1"']
TEXTS = ["", "", " ", "\n", "\n x", "x", "&lt;b&gt; & c", "&#39;&nbsp;&eacute;", "é\u2028", "\r\n"]
ODD_ATTRIBUTES = [*ATTRIBUTES, ' a="1" a="2"', " A", " a=b", " xmlns='a'"]
ODD = ["", "", "x", "a&b", "&copy", "&#150;", "<", "<!-- a -->", "</"]


def same(one: Element, other: Element) -> bool:
    """Are two trees the same?"""
    return (
        (one.tag, one.attrib, one.text or "", one.tail or "")
        == (other.tag, other.attrib, other.text or "", other.tail or "")
        and len(one) == len(other)
        and all(map(same, one, other))
    )


def compare(text: str, *, fragment: bool) -> bool:
    """Whether the quick reader is sure. If it is, it is right."""
    tree, errors = html.parse_slowly(text, fragment=fragment)
    try:
        found = plain_html.read(text, fragment=fragment)
    except plain_html.NotSure:
        return False
    assert fragment or not errors, text
    assert same(found, tree), text
    return True


def written(draw: Random, above: str = "div", depth: int = 0) -> str:
    """An element, mostly one that may stand in what is above it; and so on with what stands in it."""
    usual = sorted(plain_html._INSIDE.get(above, plain_html._FLOW)) or ["b"]
    name = draw.choice(NAMES if draw.random() < 0.02 else usual)
    attributes, text, tail = draw.choice(ATTRIBUTES), draw.choice(TEXTS), draw.choice(TEXTS)
    if above in plain_html._NO_TEXT and not tail.isspace():
        tail = ""
    if name in plain_html._VOID:
        return f"<{name}{attributes}>{tail}"
    if name in plain_html._NO_TEXT and not text.isspace():
        text = ""
    many = 0 if depth > 3 or name in plain_html._TEXT_ALONE else draw.choice((0, 1, 1, 2))
    inside = "".join(written(draw, name, depth + 1) for _ in range(many))
    return f"<{name}{attributes}>{text}{inside}</{name}>{tail}"


def piece(draw: Random) -> str:
    """A tag, perhaps one that does not belong there, and a text."""
    slash = draw.choice(("", "", "", "/"))
    return f"<{draw.choice(('', '', '/'))}{draw.choice(NAMES)}{draw.choice(ODD_ATTRIBUTES)}{slash}>{draw.choice(ODD)}"


def test_what_it_is_sure_of_is_what_html5lib_reads() -> None:
    sure = 0
    for number in range(600):
        draw = Random(number)
        body = "".join(written(draw) for _ in range(draw.randrange(1, 4)))
        if number % 3 == 0:
            at = draw.randrange(len(body) + 1)
            body = body[:at] + piece(draw) + body[at:]
        sure += compare(body, fragment=True)
        compare(f"{HEAD}<body>\n{body}</body>\n</html>\n", fragment=False)
    assert sure > 100


@pytest.mark.parametrize(
    "body",
    [
        "<p>a</p> <ul> <li>b<ul><li>c</li></ul></li> </ul>",
        "<dl><div><dt>a</dt><dd>b<p>c</p></dd></div><dt>d</dt></dl>",
        '<table class="x">\n<caption>a</caption><colgroup><col></colgroup> <thead><tr><th>b</th></tr></thead>\n'
        "<tbody> <tr><td><table><tbody></tbody></table><select><option>c</option> <optgroup><option>d</option></optgroup>"
        "</select></td></tr>\n</tbody> </table>\n",
        '<form><label>a <input name="b" /></label><textarea>\r\nc &amp; d</textarea><textarea>\n</textarea></form>',
        "<pre>\n a</pre><pre> b</pre><pre>\n</pre><b><b><b><b>c</b></b></b></b>d<i>e</i>",
        '<svg viewBox="0 0 2 2"><title>a</title><a href="#"><path d="m1 1"/></a><g><text>b</text></g></svg>c<br/>d',
        '<a href="?a=1&amp;b=2">a&nbsp;&#39;</a><button type="button">b &</button><script src="c"></script>',
    ],
)
def test_it_is_sure_of_pages_as_ours_are(body: str) -> None:
    assert compare(body, fragment=True)
    assert compare(f"{HEAD}<body>\n{body}</body>\n</html>\n", fragment=False)


@pytest.mark.parametrize(
    "body",
    [
        "<p>a<div>b</div></p>", "<a>a<a>b</a></a>", "<b>a<p>b</b></p>", "<button><button>a</button></button>",
        "<form><form>a</form></form>", "<h1>a<h2>b</h2></h1>", "<table>a</table>", "<table><tr></tr></table>",
        "<table><tbody><tr><p>a</p></tr></tbody></table>", "<select><p>a</p></select>", "<ul><li>a<li>b</ul>",
        "<div>a", "a</div>", "<div/>", "</br>", "<p>a</p></p>", '<p id="a" id="b">a</p>', "<p id=a>b</p>", "a < b", "&a",
        "&copy b", "&#128;", "\x00", "\x07", "<!-- a -->", "<P>a</P>", "<textarea><b>a</b></textarea>", "<tr><td>a</td></tr>",
        '<svg><p>a</p></svg>', '<svg xmlns="a"></svg>', '<svg xlink:href="a"></svg>',
        "<table><caption><textarea>\n</textarea></caption></table>", '<svg viewbox="a"></svg>', "<template></template>",
        "<dd>a</dd>", "<svg><title><b>a</b></title></svg>", "<title>a</title>", "<body>a</body>", "</body>a",
    ],
)  # fmt: skip
def test_it_is_not_sure_of_anything_else(body: str) -> None:
    assert not compare(body, fragment=True)
    assert not compare(f"{HEAD}<body>\n{body}</body>\n</html>\n", fragment=False)


@pytest.mark.parametrize(
    "text",
    [
        "<body></body>",
        "<!doctype html>",
        "<!doctype html><html><head></head></html>",
        HEAD,
        f"{HEAD}<body></body>",
        HEAD.replace("<head>", "<head>a"),
    ],
)
def test_nor_of_half_a_page(text: str) -> None:
    assert not compare(text, fragment=False)
