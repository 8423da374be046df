"""What a file is that is no X12."""

import re

_SIGNATURES = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP or Office document"),
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
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def file_kind(start: bytes) -> str:
    """A name for a file without X12, from its first bytes: `empty`, `PDF`, `text`, `binary data` …"""
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        return "empty"
    for signature, kind in _SIGNATURES:
        if text.startswith(signature):
            return kind
    return "binary data" if _BINARY.search(text[:4096]) else "text"
