"""The process that typesets one document: a job as JSON on standard input, the PDF on standard output.

It reads no settings and no database. A document in several parts is typeset part by part, each in a process of its own that is
gone before the next begins, because typst keeps what it has typeset in memory; then they are joined. How far it is stands on
standard error. Exit status 1 and a last line there when the template fails; see limited.py for the others.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import typst

from hp_portal.core.documents import limits

# The fonts that come with typst show all of these.
_SHOWN = frozenset(chr(code) for code in [*range(0x20, 0x7F), *range(0xA0, 0x180), 0x2212, 0x2022, 0x2026, 0xFFFD, 10])
_UNSHOWN = "\ufffd"
_QUOTED = re.compile(r'`[^`]*`|"[^"]*"')
_PLACE = re.compile(r"┌─ .*:(\d+):\d+$", re.MULTILINE)
_PROBE = (
    b'#set document(title: "probe")\n'
    b'#set text(lang: "en", font: ("Libertinus Serif", "DejaVu Sans Mono"))\n#sys.inputs.data'
)


class TemplateFailed(Exception):
    """The template could not be typeset; the text says what kind of error and where, without its data."""


def compile_pdf(
    source: bytes, root: str | None, inputs: dict[str, str], fonts: typst.Fonts, moment: int, *, whole: bool = True
) -> bytes:
    """Typeset as PDF/UA-1 (ISO 14289-1). Raises typst.TypstError.

    `whole`: hold it to the standard's rules for a document; a part of one need not begin with its title. Tagged are both.
    """
    compiler = typst.Compiler(source, root=root, font_paths=fonts, ignore_system_fonts=True, sys_inputs=inputs)
    pdf = compiler.compile(format="pdf", pdf_standards=["ua-1"] if whole else [], timestamp=moment)
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
    inputs, parts = job["inputs"], job["parts"]
    if len(parts) == 1:
        table = translation(json.dumps([parts, inputs], ensure_ascii=False), fonts)
        return _compile(job, fonts, translated(inputs, table), translated(parts[0], table))
    table = apart(lambda: translation(json.dumps([parts, inputs], ensure_ascii=False), fonts))
    inputs = translated(inputs, table)
    made: list[bytes] = []
    for number, data in enumerate(parts):
        tell_progress(number, len(parts) + 1)
        first = number == 0
        # `apart` runs it before the loop goes on.
        made.append(apart(lambda: _compile(job, fonts, inputs, translated(data, table), "part", whole=first)))  # noqa: B023
    tell_progress(len(parts), len(parts) + 1)
    return _joined(job, fonts, inputs, made)


def _compile(
    job: dict[str, Any],
    fonts: typst.Fonts,
    inputs: dict[str, str],
    data: Any,
    part: str = "whole",
    *,
    source: str = "source",
    whole: bool = True,
) -> bytes:
    given = {**inputs, "data": json.dumps(data, ensure_ascii=False), "part": part}
    try:
        return compile_pdf(job[source].encode(), job["root"], given, fonts, job["moment"], whole=whole)
    except typst.TypstError as error:
        raise TemplateFailed(what_went_wrong(error, job["before"])) from None


def _joined(job: dict[str, Any], fonts: typst.Fonts, inputs: dict[str, str], made: list[bytes]) -> bytes:
    from hp_portal.core.documents import joining  # most documents have one part

    sizes = apart(lambda: joining.page_sizes(made))
    footers = apart(lambda: _compile(job, fonts, inputs, sizes, "footers", source="footers", whole=False))
    return joining.join(made, footers)


def apart(work: Callable[[], Any]) -> Any:
    """The result of work in a process of its own, which gives back its memory at once. Raises what the work raised.

    Where that process was ended, for its memory or its time, this one ends the same way.
    """
    used, (reader, writer) = limits.seconds_used(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        limits.take_off(used)
        try:
            answer = True, work()
        except BaseException as error:
            answer = False, error
        with os.fdopen(writer, "wb") as pipe:
            pickle.dump(answer, pipe)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        got = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        os.kill(os.getpid(), os.WTERMSIG(status))
    good, value = pickle.loads(got)  # noqa: S301 - written by this program
    if not good:
        raise value
    return value


def tell_progress(done: int, of: int) -> None:
    """How much is done, for who waits."""
    sys.stderr.write(f"{limits.PROGRESS} {done} {of}\n")
    sys.stderr.flush()


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
    limits.hold(sys.argv[1:])
    job = json.loads(sys.stdin.buffer.read())
    try:
        pdf = typeset(job)
    except TemplateFailed as error:
        sys.stderr.write(str(error))
        return 1
    except MemoryError:
        return limits.OUT_OF_MEMORY
    sys.stdout.buffer.write(pdf)
    return 0


if __name__ == "__main__":
    sys.exit(main())
