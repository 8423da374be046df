"""What a screen reader finds in a tagged PDF: its elements and their text in reading order."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from typing import Any

import pikepdf

from .pdf_ua import problems_of

_HEX = re.compile(r"<([0-9a-fA-F]+)>")


@dataclass
class Element:
    """An element of the structure tree: its role (H1, P, Table, TH …), its own text, what is in it."""

    role: str
    text: str = ""
    parts: list[Element] = field(default_factory=list)

    def all(self, role: str) -> list[Element]:
        """Every element of a role, in reading order."""
        own = [self] if self.role == role else []
        return own + [found for part in self.parts for found in part.all(role)]

    @property
    def whole_text(self) -> str:
        return " ".join(filter(None, (self.text.strip(), *(part.whole_text for part in self.parts))))


class TaggedPdf:
    """An opened PDF, which is as PDF/UA wants it, unless pages of others were joined to it (`joined`). `tree` is its structure;
    `file` the pikepdf object."""

    def __init__(self, data: bytes, *, joined: bool = False) -> None:
        self.file = pikepdf.open(io.BytesIO(data))
        if not joined:
            assert problems_of(self.file) == []
        self._texts = {page.obj.objgen: _marked_texts(page) for page in self.file.pages}
        self.tree = Element("Root")
        self._walk(self.file.Root.StructTreeRoot.get("/K"), self.tree, None)

    @property
    def text(self) -> str:
        """The document's text in reading order, blanks made one."""
        return re.sub(r"\s+", " ", self.tree.whole_text)

    def _walk(self, node: Any, parent: Element, page: Any) -> None:
        if node is None:
            return
        if isinstance(node, pikepdf.Array):
            for part in node:
                self._walk(part, parent, page)
        elif isinstance(node, int):
            parent.parts.append(Element("Text", self._texts[page.objgen].get(int(node), "")))
        elif "/MCID" in node:
            self._walk(int(node.MCID), parent, node.get("/Pg", page))
        elif "/S" in node:
            element = Element(str(node.S).removeprefix("/"))
            parent.parts.append(element)
            self._walk(node.get("/K"), element, node.get("/Pg", page))


def _marked_texts(page: pikepdf.Page) -> dict[int, str]:
    """The text of each marked content of a page, by its number."""
    letters = {name: letters_of(font) for name, font in page.resources.get("/Font", {}).items()}
    texts: dict[int, str] = {}
    open_marks: list[int | None] = []
    font: dict[bytes, str] = {}
    for instruction in pikepdf.parse_content_stream(page):
        operands: Any = instruction.operands
        name = str(instruction.operator)
        if name == "Tf":
            font = letters[str(operands[0])]
        elif name in ("BDC", "BMC"):
            marked = operands[1] if len(operands) > 1 else {}
            open_marks.append(int(marked["/MCID"]) if "/MCID" in marked else None)
        elif name == "EMC":
            open_marks.pop()
        elif name in ("Tj", "TJ"):
            shown = operands[0] if name == "TJ" else [operands[0]]
            number = next((mark for mark in reversed(open_marks) if mark is not None), None)
            if number is not None:
                texts[number] = texts.get(number, "") + "".join(decode(part, font) for part in shown)
        elif name == "ET":
            for mark in open_marks[-1:]:
                if mark is not None:
                    texts[mark] = texts.get(mark, "") + " "
    return texts


def decode(part: Any, font: dict[bytes, str]) -> str:
    if not isinstance(part, pikepdf.String):
        return ""
    codes = bytes(part)
    return "".join(font.get(codes[at : at + 2], "") for at in range(0, len(codes), 2))


def letters_of(font: Any) -> dict[bytes, str]:
    """The letters behind a font's two-byte codes, from its ToUnicode table."""
    letters: dict[bytes, str] = {}
    block = ""
    for line in bytes(font.ToUnicode.read_bytes()).decode("ascii").splitlines():
        if line.endswith(("beginbfchar", "beginbfrange")):
            block = line.split("begin")[1]
        elif line.startswith("end"):
            block = ""
        elif block:
            codes = [bytes.fromhex(code) for code in _HEX.findall(line)]
            first, last = int.from_bytes(codes[0]), int.from_bytes(codes[-2])
            start = codes[-1].decode("utf-16-be")
            for code in range(first, last + 1):
                letters[code.to_bytes(2)] = start[:-1] + chr(ord(start[-1]) + code - first)
    return letters


def spots(page: pikepdf.Page) -> list[tuple[str, float, float]]:
    """The texts of a page with the place where each begins: points from the left and from the top."""
    letters = {name: letters_of(font) for name, font in page.resources.get("/Font", {}).items()}
    height, found, stack = float(page.mediabox[3]), [], []
    now = line = pikepdf.Matrix()
    font: dict[bytes, str] = {}
    for instruction in pikepdf.parse_content_stream(page):
        operands: Any = instruction.operands
        name = str(instruction.operator)
        if name == "q":
            stack.append(now)
        elif name == "Q":
            now = stack.pop()
        elif name == "cm":
            now = pikepdf.Matrix(*(float(number) for number in operands)) @ now
        elif name == "Tm":
            line = pikepdf.Matrix(*(float(number) for number in operands))
        elif name == "Tf":
            font = letters[str(operands[0])]
        elif name in ("Tj", "TJ"):
            shown = operands[0] if name == "TJ" else [operands[0]]
            place = line @ now
            found.append(("".join(decode(part, font) for part in shown), place.e, height - place.f))
    return found
