"""What a file is that is no X12."""

import re

_SIGNATURES = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"PK\x05\x06", "ZIP archive"),
    (b"\x1f\x8b", "gzip archive"),
    (b"\xd0\xcf\x11\xe0", "Office document"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"II*\x00", "image"),
    (b"MM\x00*", "image"),
    (b"UNA", "EDIFACT"),
    (b"UNB+", "EDIFACT"),
    (b"<!DOCTYPE html", "HTML"),
    (b"<html", "HTML"),
    (b"<", "XML"),
    (b"{", "JSON"),
    (b"[", "JSON"),
)
_OFFICE = re.compile(rb"PK\x03\x04.{26}(?:\[Content_Types\]\.xml|mimetype|_rels/|word/|xl/|ppt/)", re.DOTALL)
_TABS = re.compile(rb"(?<![A-Za-z0-9])(?:ISA|GS|ST|BPR)\t")
_SMALL = re.compile(rb"(?<![A-Za-z0-9])(?:isa|gs|st|bpr|clp)([^A-Za-z0-9\s])[A-Za-z0-9 ]*\1")
ZIP, GZIP, TABS, SMALL_LETTERS = "ZIP archive", "gzip archive", "X12 with tabs", "X12 in small letters"
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def file_kind(start: bytes) -> str:
    """A name for a file without X12, from its first bytes: `empty`, `PDF`, `text`, `binary data` …"""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        return "empty"
    if kind := packed_kind(start):
        return kind
    for signature, kind in _SIGNATURES:
        if text.startswith(signature):
            return kind
    if _TABS.search(text[:4096]):
        return TABS
    if in_small_letters(text[:4096]):
        return SMALL_LETTERS
    return "binary data" if _BINARY.search(text[:4096]) else "text"


_PACKED = {ZIP, GZIP, "PDF", "Office document", "image"}


def packed_kind(start: bytes) -> str:
    """What a file is that is no text, however much of an 835 may stand in it, as in an archive that stores its files as they
    are; empty for any other."""
    if _OFFICE.match(start):
        return "Office document"
    return next((kind for signature, kind in _SIGNATURES if kind in _PACKED and start.startswith(signature)), "")


def in_small_letters(text: bytes) -> bool:
    """Whether names of segments in small letters stand there."""
    return _SMALL.search(text) is not None
