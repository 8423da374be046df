"""Looks into Word and Excel files, which are ZIPs of XML: what they are, that they unpack, and that no program is in them."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hp_portal.core.attachments.refused import DAMAGED, Refused

MOST_UNPACKED = 300 << 20
MOST_PARTS = 10_000
_MOST_OF_XML = 8 << 20
_PIECE = 1 << 20
NO_OFFICE_FILE = (
    "It is neither a Word document (.docx) nor an Excel workbook (.xlsx). "
    "Save it as one of them, or as PDF, and attach that."
)
PROGRAMS = (
    "There are macros or other programs in it. Save it without them, as .docx or .xlsx, or as PDF, and attach that."
)
PASSWORD = "It is protected by a password. Save it without one, and attach that."
ELSEWHERE = (
    "When it is opened, it loads a template or another part from another computer. Save it as PDF, and attach that."
)
_MAIN = {
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml": "xlsx",
}
_OF_PROGRAMS = ("macroenabled", "vbaproject", "activex", "macrosheet", "ms-office.vba")
_UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    NotImplementedError,
    ValueError,
    KeyError,
    ParseError,
    DefusedXmlException,
)
_LOADED = ("/attachedTemplate", "/oleObject", "/frame", "/subDocument")


def look_into(body: bytes) -> str:
    """The kind of the file, docx or xlsx. Raises Refused. Nothing is unpacked into memory but small parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _check_parts(archive.infolist())
            kind = _kind(archive)
            _check_links(archive)
            _unpack(archive)
    except _UNREADABLE:
        raise Refused(DAMAGED) from None
    return kind


def _check_parts(parts: list[zipfile.ZipInfo]) -> None:
    unpacked = sum(part.file_size for part in parts)
    if unpacked > MOST_UNPACKED or len(parts) > MOST_PARTS:
        raise Refused(
            f"It unpacks to more than {MOST_UNPACKED >> 20} MB, or into more than {MOST_PARTS:,} parts, and is not opened. "
            "Split it, or save it as PDF or CSV, and attach that."
        )
    if any(part.flag_bits & 1 for part in parts):
        raise Refused(PASSWORD)
    if any(part.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for part in parts):
        raise Refused(NO_OFFICE_FILE)
    names = [part.filename.lower() for part in parts]
    if any(name.endswith("vbaproject.bin") or "/activex/" in name or "/macrosheets/" in name for name in names):
        raise Refused(PROGRAMS)


def _xml(archive: zipfile.ZipFile, name: str) -> Element:
    if archive.getinfo(name).file_size > _MOST_OF_XML:
        raise Refused(DAMAGED)
    parsed: Element = fromstring(archive.read(name))
    return parsed


def _kind(archive: zipfile.ZipFile) -> str:
    names = set(archive.namelist())
    if "[Content_Types].xml" not in names:
        raise Refused(NO_OFFICE_FILE)
    types = [element.get("ContentType", "") for element in _xml(archive, "[Content_Types].xml")]
    if any(word in one.lower() for one in types for word in _OF_PROGRAMS):
        raise Refused(PROGRAMS)
    kinds = {_MAIN[one] for one in types if one in _MAIN}
    if len(kinds) != 1:
        raise Refused(NO_OFFICE_FILE)
    return kinds.pop()


def _check_links(archive: zipfile.ZipFile) -> None:
    for name in archive.namelist():
        if name.lower().endswith(".rels") and any(_loads(archive, name)):
            raise Refused(ELSEWHERE)


def _loads(archive: zipfile.ZipFile, name: str) -> Iterator[bool]:
    for link in _xml(archive, name):
        yield link.get("TargetMode", "").lower() == "external" and link.get("Type", "").endswith(_LOADED)


def _unpack(archive: zipfile.ZipFile) -> None:
    """Read every part to its end, a piece at a time: what was cut off or altered shows itself."""
    for part in archive.infolist():
        with archive.open(part) as stream:
            while stream.read(_PIECE):
                pass
