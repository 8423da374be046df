"""What a machine can check of PDF/UA-1 (ISO 14289-1), by the structure of a file as pikepdf reads it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf

_PAINTING = frozenset(
    ["Tj", "TJ", "'", '"', "S", "s", "f", "F", "f*", "B", "B*", "b", "b*", "sh", "Do", "BI", "EI", "INLINE IMAGE"]
)
_PAGES = 6
"""Pages whose contents are read, from the first: the others are made by the same template."""


def problems_of(file: pikepdf.Pdf) -> list[str]:
    """What is not as PDF/UA wants it, in words."""
    if "/StructTreeRoot" not in file.Root or "/ParentTree" not in file.Root.StructTreeRoot:
        return [*_document(file), "there is no structure"]
    return [*_document(file), *_structure(file), *_pages(file)]


def _document(file: pikepdf.Pdf) -> Iterator[str]:
    root: Any = file.Root
    marks: Any = root.get("/MarkInfo", {})
    if not str(root.get("/Lang", "")):
        yield "the document has no language"
    if not marks.get("/Marked", False) or marks.get("/Suspects", False):
        yield "the document is not marked, or its tags are suspect"
    if not root.get("/ViewerPreferences", {}).get("/DisplayDocTitle", False):
        yield "the title is not shown"
    with file.open_metadata() as said:
        if said.get("pdfuaid:part") != "1":
            yield "XMP does not say PDF/UA-1"
        if not str(said.get("dc:title", "")).strip():
            yield "XMP has no title"


def _elements(file: pikepdf.Pdf) -> Iterator[tuple[Any, Any]]:
    """Every structure element, with the one above it."""
    waiting: list[tuple[Any, Any]] = [(file.Root.StructTreeRoot, None)]
    while waiting:
        node, above = waiting.pop()
        if isinstance(node, pikepdf.Array):
            waiting += [(one, above) for one in reversed(list(node))]
        elif isinstance(node, pikepdf.Dictionary):
            if "/S" in node:
                yield node, above
            if node.get("/K") is not None and "/MCID" not in node:
                waiting.append((node.K, node if "/S" in node else above))


def _role(file: pikepdf.Pdf, node: Any) -> str:
    role = node.S
    return str(file.Root.StructTreeRoot.get("/RoleMap", {}).get(role, role)).removeprefix("/")


def _structure(file: pikepdf.Pdf) -> Iterator[str]:
    level = 0
    for node, above in _elements(file):
        role, of = _role(file, node), _role(file, above) if above is not None else ""
        if role in ("Figure", "Formula") and not (str(node.get("/Alt", "")) or str(node.get("/ActualText", ""))):
            yield f"a {role} has no text in its place"
        if role[:1] == "H" and role[1:].isdigit():
            if int(role[1:]) > level + 1:
                yield f"{role} comes after H{level}"
            level = int(role[1:])
        if role in ("TD", "TH") and of != "TR":
            yield f"{role} stands in {of}"
        if role == "TR" and of not in ("Table", "THead", "TBody", "TFoot"):
            yield f"TR stands in {of}"
        if role == "LI" and of != "L":
            yield f"LI stands in {of}"
        if role == "TH" and "/Scope" not in _attributes(node):
            yield "a TH does not say what it is the head of"


def _attributes(node: Any) -> set[str]:
    found = node.get("/A", pikepdf.Array())
    every = list(found) if isinstance(found, pikepdf.Array) else [found]
    return {str(name) for one in every if isinstance(one, pikepdf.Dictionary) for name in one}


def _pages(file: pikepdf.Pdf) -> Iterator[str]:
    used: dict[Any, set[int]] = {}
    for node, _ in _elements(file):
        for page, number in _marks(node, node.get("/Pg")):
            used.setdefault(page, set()).add(number)
    for number, page in enumerate(file.pages, 1):
        if "/Annots" in page:
            if page.get("/Tabs") != pikepdf.Name.S:
                yield f"page {number}: the tab order is not that of the structure"
            for one in page.Annots:
                if "/StructParent" not in one or (
                    one.Subtype == pikepdf.Name.Link and not str(one.get("/Contents", ""))
                ):
                    yield f"page {number}: a link is in no structure, or says nothing"
        for font in page.resources.get("/Font", {}).values():
            below: Any = font.get("/DescendantFonts", [font])[0].get("/FontDescriptor", {})
            if "/ToUnicode" not in font or not any(name in below for name in ("/FontFile", "/FontFile2", "/FontFile3")):
                yield f"page {number}: a font is not embedded, or its letters cannot be read"
        if number <= _PAGES:
            yield from _contents(page, number, used.get(page.obj.objgen, set()))


def _marks(node: Any, page: Any) -> Iterator[tuple[Any, int]]:
    below = node.get("/K")
    for one in list(below) if isinstance(below, pikepdf.Array) else [below]:
        if isinstance(one, int) and page is not None:
            yield page.objgen, int(one)
        elif isinstance(one, pikepdf.Dictionary) and "/MCID" in one:
            yield one.get("/Pg", page).objgen, int(one.MCID)


def _contents(page: pikepdf.Page, number: int, used: set[int]) -> Iterator[str]:
    """Whatever is painted is an artifact, or content of a structure element."""
    opened: list[str] = []
    for instruction in pikepdf.parse_content_stream(page):
        operands: Any = getattr(instruction, "operands", ())
        name = str(instruction.operator)
        if name in ("BMC", "BDC"):
            marked: Any = operands[1] if len(operands) > 1 and isinstance(operands[1], pikepdf.Dictionary) else {}
            if operands[0] == pikepdf.Name.Artifact:
                opened.append("artifact")
            elif "/MCID" in marked:
                opened.append("content" if int(marked["/MCID"]) in used else "lost")
            else:
                opened.append("")
        elif name == "EMC":
            opened.pop()
        elif name in _PAINTING and not {"artifact", "content"} & set(opened):
            yield f"page {number}: {name} paints what is neither content nor an artifact"
            return
