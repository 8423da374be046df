"""What a form says on paper, as an application declares it. core/printing makes the PDF; docs/plugin-helpers.md has an example.

A form is data, not layout: titles, labels and texts as the screen has them, in its order. What somebody signs is exactly this
(`signed_bytes`); where a case stands, who signed and when it was printed is added by whoever prints it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

_FORMAT = 1
NOT_GIVEN = "—"


@dataclass(frozen=True)
class PrintedAnswer:
    """A label and what was answered; lines of a longer answer are kept. On the blank form it is a box of so many `lines`, with
    the `hint` at its label."""

    label: str
    value: str = ""
    lines: int = field(default=1, compare=False)
    hint: str = field(default="", compare=False)


@dataclass(frozen=True)
class PrintedAnswers:
    """Labeled answers, one below the other."""

    kind: ClassVar[str] = "answers"
    answers: tuple[PrintedAnswer, ...]

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"answers": [[one.label, one.value] for one in self.answers]}

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> PrintedAnswers:
        """The reverse of `contents`."""
        return cls(tuple(PrintedAnswer(label, value) for label, value in contents["answers"]))

    def blank(self) -> PrintedAnswers:
        """The same without answers."""
        return PrintedAnswers(tuple(replace(one, value="") for one in self.answers))


@dataclass(frozen=True)
class PrintedChoices:
    """A question with boxes, each checked or not."""

    kind: ClassVar[str] = "choices"
    label: str
    choices: tuple[tuple[str, bool], ...]

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"label": self.label, "choices": [[label, checked] for label, checked in self.choices]}

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> PrintedChoices:
        """The reverse of `contents`."""
        return cls(contents["label"], tuple((label, checked) for label, checked in contents["choices"]))

    def blank(self) -> PrintedChoices:
        """The same with no box checked."""
        return PrintedChoices(self.label, tuple((label, False) for label, _ in self.choices))


@dataclass(frozen=True)
class PrintedTable:
    """A table. A cell is a text, or True or False for a box that is checked or not; the first column says what a row is about,
    and stands again wherever a wide table goes on below. `to_fill` are the empty rows of the blank form, which keeps the first
    column where it `keeps_first`."""

    kind: ClassVar[str] = "table"
    headers: tuple[str, ...]
    rows: tuple[tuple[str | bool, ...], ...]
    caption: str = ""
    to_fill: int = field(default=3, compare=False)
    keeps_first: bool = field(default=False, compare=False)

    def __post_init__(self) -> None:
        if any(len(row) != len(self.headers) for row in self.rows):
            raise ValueError("every row of a table has as many cells as it has headers")

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"headers": list(self.headers), "rows": [list(row) for row in self.rows], "caption": self.caption}

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> PrintedTable:
        """The reverse of `contents`."""
        return cls(tuple(contents["headers"]), tuple(tuple(row) for row in contents["rows"]), contents["caption"])

    def blank(self) -> PrintedTable:
        """The same with rows to fill."""
        boxes = [all(isinstance(cell, bool) for cell in column) for column in zip(*self.rows, strict=True)]
        boxes = boxes or [False] * len(self.headers)
        empty = tuple(False if box else "" for box in boxes)
        if self.keeps_first:
            return replace(self, rows=tuple((row[0], *empty[1:]) for row in self.rows))
        return replace(self, rows=(empty,) * self.to_fill)


@dataclass(frozen=True)
class PrintedText:
    """Something of several lines that was written, below its label; on the blank form a box of so many `lines`."""

    kind: ClassVar[str] = "text"
    label: str
    text: str = ""
    lines: int = field(default=6, compare=False)

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"label": self.label, "text": self.text}

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> PrintedText:
        """The reverse of `contents`."""
        return cls(contents["label"], contents["text"])

    def blank(self) -> PrintedText:
        """The same without what was written."""
        return replace(self, text="")


@dataclass(frozen=True)
class PrintedNote:
    """A sentence to whoever reads or fills the form, which stands on the blank one, too."""

    kind: ClassVar[str] = "note"
    text: str

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"text": self.text}

    @classmethod
    def read(cls, contents: Mapping[str, Any]) -> PrintedNote:
        """The reverse of `contents`."""
        return cls(contents["text"])

    def blank(self) -> PrintedNote:
        """Itself."""
        return self


PrintedPart = PrintedAnswers | PrintedChoices | PrintedTable | PrintedText | PrintedNote
_PARTS: dict[str, type[PrintedPart]] = {
    one.kind: one for one in (PrintedAnswers, PrintedChoices, PrintedTable, PrintedText, PrintedNote)
}


@dataclass(frozen=True)
class PrintedSection:
    """A part of a form under a heading. `new_page`: it begins a page, which is no part of what is signed."""

    title: str
    parts: tuple[PrintedPart, ...]
    new_page: bool = False

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {"title": self.title, "parts": [{"kind": one.kind, **one.contents()} for one in self.parts]}


@dataclass(frozen=True)
class PrintedForm:
    """What a form says. `number` and `version` name the form itself, such as `HP-12` and `2026-11`; a new version is due when
    labels change, since those are part of what is signed. `files` are the names of what is attached to it."""

    title: str
    number: str
    version: str
    sections: tuple[PrintedSection, ...]
    files: tuple[str, ...] = ()

    def contents(self) -> dict[str, Any]:
        """What it says, of JSON's types."""
        return {
            "format": _FORMAT,
            "title": self.title,
            "number": self.number,
            "version": self.version,
            "sections": [one.contents() for one in self.sections],
            "files": list(self.files),
        }

    def signed_bytes(self) -> bytes:
        """What somebody signs: all that the form says, the same bytes each time."""
        return json.dumps(self.contents(), ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode(
            errors="surrogatepass"
        )

    def digest(self) -> str:
        """The SHA-256 of `signed_bytes`, in hexadecimal."""
        return hashlib.sha256(self.signed_bytes()).hexdigest()

    def blank(self) -> PrintedForm:
        """The form to fill by hand: boxes instead of answers."""
        sections = tuple(replace(one, parts=tuple(part.blank() for part in one.parts)) for one in self.sections)
        return replace(self, sections=sections, files=())


def read_signed_bytes(signed: bytes) -> PrintedForm:
    """The form that was signed, from its bytes. Raises ValueError for a format of a later version."""
    contents = json.loads(signed.decode(errors="surrogatepass"))
    if contents["format"] != _FORMAT:
        raise ValueError(f"forms of format {contents['format']} are not known here")
    sections = tuple(
        PrintedSection(one["title"], tuple(_PARTS[part["kind"]].read(part) for part in one["parts"]))
        for one in contents["sections"]
    )
    return PrintedForm(contents["title"], contents["number"], contents["version"], sections, tuple(contents["files"]))


def before_and_after(rows: Sequence[tuple[str, str, str]], what: str = "Field", caption: str = "") -> PrintedTable:
    """A table of what something was and is to be, a row a field; where both are the same, it says so in words."""
    return PrintedTable(
        (what, "Before", "After"),
        tuple(
            (label, before or NOT_GIVEN, "No change" if before == after else after or NOT_GIVEN)
            for label, before, after in rows
        ),
        caption,
        keeps_first=True,
    )
