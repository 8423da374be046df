"""The process that typesets one document: a job as JSON on standard input, the PDF on standard output.

Exit status 1 and a line on standard error when the template fails. It reads no settings and no database.
"""

from __future__ import annotations

import json
import re
import sys
import unicodedata
from typing import Any

import typst

# The fonts that come with typst show all of these.
_SHOWN = frozenset(chr(code) for code in [*range(0x20, 0x7F), *range(0xA0, 0x180), 0x2212, 0x2022, 0x2026, 0xFFFD, 10])
_UNSHOWN = "\ufffd"
_QUOTED = re.compile(r'`[^`]*`|"[^"]*"')
_PLACE = re.compile(r"┌─ .*:(\d+):\d+$", re.MULTILINE)
_PROBE = (
    b'#set document(title: "probe")\n'
    b'#set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))\n#sys.inputs.data'
)


def compile_pdf(source: bytes, root: str | None, inputs: dict[str, str], fonts: typst.Fonts, moment: int) -> bytes:
    """Typeset as PDF/UA-1 (ISO 14289-1). Raises typst.TypstError."""
    compiler = typst.Compiler(source, root=root, font_paths=fonts, ignore_system_fonts=True, sys_inputs=inputs)
    pdf = compiler.compile(format="pdf", pdf_standards=["ua-1"], timestamp=moment)
    if not isinstance(pdf, bytes):
        raise TypeError("typst gave no PDF")
    return pdf


def unshown(letters: list[str], fonts: typst.Fonts) -> list[str]:
    """Those letters that no font shows. PDF/UA refuses a document with one of them, so halves are tried."""
    if not letters:
        return []
    try:
        compile_pdf(_PROBE, None, {"data": " ".join(letters)}, fonts, 0)
    except typst.TypstError:
        if len(letters) == 1:
            return letters
        middle = len(letters) // 2
        return unshown(letters[:middle], fonts) + unshown(letters[middle:], fonts)
    return []


def translation(text: str, fonts: typst.Fonts) -> dict[int, str | None]:
    """What `str.translate` needs to make these letters printable: invisible and direction-changing characters go,
    letters that no font has become a replacement character."""
    strange = set(text) - _SHOWN
    table: dict[int, str | None] = dict.fromkeys([*range(10), *range(11, 32)])
    table.update((ord(letter), None) for letter in strange if unicodedata.category(letter)[0] == "C")
    rest = sorted(letter for letter in strange if ord(letter) not in table)
    table.update((ord(letter), _UNSHOWN) for letter in unshown(rest, fonts))
    return table


def translated(value: Any, table: dict[int, str | None]) -> Any:
    """A value of JSON's types with every text in it translated."""
    if isinstance(value, str):
        return value.translate(table)
    if isinstance(value, list):
        return [translated(part, table) for part in value]
    if isinstance(value, dict):
        return {name: translated(part, table) for name, part in value.items()}
    return value


def typeset(job: dict[str, Any]) -> bytes:
    """One document of a job as `rendering.render_pdf` writes it."""
    fonts = typst.Fonts(include_system_fonts=False)
    texts = {"data": job["data"], **job["inputs"]}
    texts = translated(texts, translation(json.dumps(texts, ensure_ascii=False), fonts))
    data = json.dumps(texts.pop("data"), ensure_ascii=False)
    return compile_pdf(job["source"].encode(), job["root"], {"data": data, **texts}, fonts, job["moment"])


def what_went_wrong(error: typst.TypstError, before: int) -> str:
    """Kind and place of an error, without the data it stumbled over: typst quotes that after a colon or in quotes.

    `before` are the lines of the source that stand before the template's own.
    """
    kind = _QUOTED.sub("…", error.message.partition(":")[0])
    place = _PLACE.search(error.diagnostic)
    if place is None:
        return kind
    line = int(place[1]) - before
    return f"{kind}, line {line}" if line > 0 else f"{kind}, line {line + before} of the prelude"


def main() -> int:
    job = json.loads(sys.stdin.buffer.read())
    try:
        pdf = typeset(job)
    except typst.TypstError as error:
        sys.stderr.write(what_went_wrong(error, job["before"]))
        return 1
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
