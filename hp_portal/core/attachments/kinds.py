"""Which files can be attached, told by their first bytes; a name says nothing about what is in a file."""

from __future__ import annotations

import re
from dataclasses import dataclass

HEAD = 4096
"""So many bytes are looked at while somebody waits; the rest is the worker's."""


class NotAccepted(Exception):
    """The file cannot be attached; the text says why, and what to do."""


@dataclass(frozen=True)
class FileKind:
    """A kind of file. `endings` are those its name may have when it is given out; the first is added to any other."""

    key: str
    label: str
    content_type: str
    endings: tuple[str, ...]


OFFICE = "office"
"""A ZIP that begins as Word and Excel files do: the worker finds out which of them it is, if any."""
KINDS = {
    kind.key: kind
    for kind in (
        FileKind("pdf", "PDF", "application/pdf", (".pdf",)),
        FileKind("jpeg", "JPEG picture", "image/jpeg", (".jpg", ".jpeg")),
        FileKind("png", "PNG picture", "image/png", (".png",)),
        FileKind("tiff", "TIFF picture", "image/tiff", (".tif", ".tiff")),
        FileKind(
            "docx",
            "Word document",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            (".docx",),
        ),
        FileKind(
            "xlsx", "Excel workbook", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", (".xlsx",)
        ),
        FileKind("text", "Text", "text/plain; charset=utf-8", (".txt", ".csv", ".tsv")),
    )
}
ACCEPTED = "PDF, JPEG, PNG, TIFF, Word (.docx), Excel (.xlsx), text and CSV"
ENDINGS = ",".join(sorted(ending for kind in KINDS.values() for ending in kind.endings))
"""What the browser offers to choose from."""

_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OFFICE_BEGINS = re.compile(rb"(\[Content_Types\]\.xml|_rels/|docProps/|word/|xl/|customXml/|mimetype)")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MAGIC = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
)


def kind_of(head: bytes) -> str:
    """The kind of a file that begins like this: a key of KINDS, or OFFICE. Raises NotAccepted."""
    if not head:
        raise NotAccepted("it is empty.")
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head.startswith(b"PK\x03\x04"):
        if _OFFICE_BEGINS.match(head, 30):
            return OFFICE
        raise NotAccepted("it is an archive (ZIP). Attach the files in it, each by itself.")
    if head.startswith(_OLD_OFFICE):
        raise NotAccepted(
            "it is an office file of an old kind (.doc, .xls), or one with a password. "
            "Save it as .docx or .xlsx without a password, or as PDF."
        )
    if is_text(head):
        return "text"
    raise NotAccepted(f"its contents are of no kind that can be attached. Accepted are {ACCEPTED}.")


def is_text(body: bytes) -> bool:
    """Is it text, in UTF-8 or one of the older encodings with a byte for a letter?"""
    return _CONTROLS.search(body) is None


def name_as(name: str, kind: str) -> str:
    """The name under which a file of this kind is given out: one that ends as such files do."""
    endings = KINDS[kind].endings
    if name.lower().endswith(endings):
        return name
    if kind == "pdf" and name.lower().endswith(KINDS["tiff"].endings):
        name = name.rpartition(".")[0]
    return name + endings[0]
