"""Joins the parts of a long document into one PDF: pages, structure tree, bookmarks and footers.

Every part is a tagged PDF of typst's. What a screen reader finds stays whole: the elements of all parts stand in one tree in
their order, and each page still leads to its own. One thing goes: typst's table cells name their header cells by ids that count
the tables of one part. Without them a header cell says itself that it is its column's (`Scope`), which is all that PDF/UA-1
asks of a table with one row of headers; and the document is a third smaller in memory.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pikepdf
from pikepdf import Dictionary, Name

# What is taken out of a part before it is read, blanks put in its place so that nothing moves: the cells' ids and references, and
# a type that an element need not say.
_CELL_REFERENCES = re.compile(
    rb"/A\[<</O/Table/Headers\[(?:\(U[0-9xy]+\))*\]>>\]|/Headers\[(?:\(U[0-9xy]+\))*\]|/ID\(U[0-9xy]+\)|/Type/StructElem(?=/S/)"
)
_STILL_REFERS = re.compile(rb"/Headers ?\[ ?\(U[0-9]|/ID ?\(U[0-9]")


def _without_references(part: bytes) -> bytes:
    lean = _CELL_REFERENCES.sub(lambda found: b" " * len(found[0]), part)
    if _STILL_REFERS.search(lean):
        raise ValueError("typst writes the ids of table cells in another way than this joiner knows")
    return lean


def join(parts: Sequence[bytes], footers: bytes) -> bytes:
    """One PDF of several; page n of `footers` is laid over page n, outside of what is read out.

    The first part's metadata are the document's.
    """
    joined = Joined(parts[0])
    for part in parts[1:]:
        joined.add(part)
    joined.finish(footers)
    return joined.written()


def page_sizes(parts: Sequence[bytes]) -> list[tuple[float, float]]:
    """Width and height of every page of all parts, in points."""
    sizes = []
    for part in parts:
        with pikepdf.open(io.BytesIO(part)) as pdf:
            for page in pdf.pages:
                left, bottom, right, top = (float(edge) for edge in page.mediabox)
                sizes.append((right - left, top - bottom))
    return sizes


class Joined:
    """A document that parts are added to."""

    def __init__(self, first: bytes) -> None:
        self.pdf = pikepdf.open(io.BytesIO(_without_references(first)))
        self.tree: Any = self.pdf.Root.StructTreeRoot
        self.top: Any = self.tree.K[0]
        self.next_key = int(self.tree.ParentTreeNextKey)
        _drop(self.tree, "/IDTree")
        self.bookmarks = list(_bookmarks(self.pdf, self.top))

    def add(self, part: bytes) -> None:
        """Put a part behind those before it."""
        with pikepdf.open(io.BytesIO(_without_references(part))) as source:
            _drop(source.Root.StructTreeRoot, "/IDTree")
            for page in source.pages:
                _shift_keys(page.obj, self.next_key)
            self.pdf.pages.extend(source.pages)
            # The pages come first: what is copied after them refers to them.
            copied: Any = self.pdf.copy_foreign(source.Root.StructTreeRoot)
            for element in copied.K[0].K:
                element.P = self.top
                self.top.K.append(element)
            numbers = list(copied.ParentTree.Nums)
            for key, value in zip(numbers[::2], numbers[1::2], strict=True):
                self.tree.ParentTree.Nums.append(int(key) + self.next_key)
                self.tree.ParentTree.Nums.append(value)
            self.next_key += int(copied.ParentTreeNextKey)
            self.bookmarks += [
                (level, title, self.pdf.copy_foreign(target))
                for level, title, target in _bookmarks(source, source.Root.StructTreeRoot.K[0])
            ]

    def finish(self, footers: bytes) -> None:
        """What needs all parts: bookmarks, footers."""
        self.tree.ParentTreeNextKey = self.next_key
        self._write_bookmarks()
        with pikepdf.open(io.BytesIO(footers)) as source:
            for page, footer in zip(self.pdf.pages, source.pages, strict=True):
                form = self.pdf.copy_foreign(footer.as_form_xobject())
                name = page.add_resource(form, Name.XObject, prefix="Footer")
                # On every page and of no use to who listens: an artifact.
                mark = b"/Artifact <</Type /Pagination /Subtype /Footer>> BDC q "
                page.contents_add(mark + str(name).encode() + b" Do Q EMC")

    def _write_bookmarks(self) -> None:
        _drop(self.pdf.Root, "/Outlines")
        with self.pdf.open_outline() as outline:
            open_items: list[tuple[int, Any]] = []
            for level, title, target in self.bookmarks:
                item = pikepdf.OutlineItem(title, target)
                while open_items and open_items[-1][0] >= level:
                    open_items.pop()
                (open_items[-1][1].children if open_items else outline.root).append(item)
                open_items.append((level, item))

    def written(self) -> bytes:
        """The file, its many small objects packed."""
        out = io.BytesIO()
        self.pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue()


def _drop(dictionary: Any, name: str) -> None:
    if name in dictionary:
        del dictionary[name]


def _shift_keys(page: Any, by: int) -> None:
    """Keys into the parent tree: the page's own, and those of its links."""
    if "/StructParents" in page:
        page.StructParents = int(page.StructParents) + by
    for note in page.get("/Annots", []):
        if "/StructParent" in note:
            note.StructParent = int(note.StructParent) + by


def _bookmarks(pdf: pikepdf.Pdf, top: Any) -> Iterator[tuple[int, str, Any]]:
    """Level, title and target of every heading that has a bookmark, in the order of the document."""
    levels = [int(str(element.S)[2:]) for element in _headings(top)]
    with pdf.open_outline() as outline:
        flat = list(_flat(outline.root, 1))
    if len(levels) != len(flat):
        levels = [depth for depth, _ in flat]
    for level, (_, item) in zip(levels, flat, strict=True):
        yield level, item.title, pdf.make_indirect(item.obj.Dest) if not item.obj.Dest.is_indirect else item.obj.Dest


def _flat(items: Sequence[Any], depth: int) -> Iterator[tuple[int, Any]]:
    for item in items:
        yield depth, item
        yield from _flat(item.children, depth + 1)


def _headings(element: Any) -> Iterator[Any]:
    """Headings are never within a table: those need no look."""
    for part in element.get("/K", []):
        if not isinstance(part, Dictionary) or "/S" not in part:
            continue
        kind = str(part.S)
        if re.fullmatch(r"/H[1-6]", kind):
            yield part
        elif kind not in ("/Table", "/P", "/L") and isinstance(part.get("/K"), pikepdf.Array):
            yield from _headings(part)
