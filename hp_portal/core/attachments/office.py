"""Looks into Word and Excel files, which are ZIPs of XML: what they are, that they unpack, that no program and no other file is
in them, and that they load nothing from elsewhere."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import IO
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring, iterparse

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
    "When it is opened, it loads something from elsewhere, such as a template, a picture, another workbook or a database. "
    "Save it as PDF, and attach that."
)
EMBEDDED = (
    "Another file is embedded in it, as the table behind a chart can be. Save it as PDF, and attach that; attach the other "
    "file by itself if it is needed."
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
_HYPERLINKS = (
    "http://schemas.openxmlformats.org/officeDocument/2006/relationships/hyperlink",
    "http://purl.oclc.org/ooxml/officeDocument/relationships/hyperlink",
)
"""They load nothing until somebody follows one."""
_REFUSED_LINKS = {
    **dict.fromkeys(("vbaproject", "wordvbadata", "control", "activexcontrolbinary"), PROGRAMS),
    **dict.fromkeys(("xlmacrosheet", "xlintlmacrosheet", "webextension", "webextensiontaskpanes"), PROGRAMS),
    **dict.fromkeys(("oleobject", "package", "afchunk"), EMBEDDED),
    **dict.fromkeys(("connections", "querytable", "externallink", "externallinkpath"), ELSEWHERE),
}
_ADDRESS = re.compile(r"\s*([a-z][a-z0-9+.-]*:|//|\\\\)", re.IGNORECASE)
_FIELD = re.compile(
    r'[\s"]*(DDE|DDEAUTO|LINK|INCLUDE|INCLUDETEXT|INCLUDEPICTURE|IMPORT|DATABASE)(?![A-Z0-9])', re.IGNORECASE
)
_WORD_DONE = re.compile(r"\s*(=|\S+\s)")
_XML_BEGINS = re.compile(rb"\xef\xbb\xbf|\xff\xfe|\xfe\xff|\s*<|<\x00|\x00<")


def look_into(body: bytes) -> str:
    """The kind of the file, docx or xlsx. Raises Refused. Nothing is unpacked into memory but small parts."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            _check_parts(archive.infolist())
            kind = _kind(archive)
            _check_links(archive)
            if kind == "docx":
                _check_fields(archive)
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
    if any("/embeddings/" in f"/{name}" for name in names):
        raise Refused(EMBEDDED)


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
        if name.lower().endswith(".rels"):
            for link in _xml(archive, name).iter():
                _check_link(link)


def _check_link(link: Element) -> None:
    kind = link.get("Type", "")
    external = link.get("TargetMode", "").strip().lower() == "external" or _ADDRESS.match(link.get("Target", ""))
    if external and kind not in _HYPERLINKS:
        raise Refused(ELSEWHERE)
    if said := _REFUSED_LINKS.get(kind.rpartition("/")[2].lower()):
        raise Refused(said)


def _check_fields(archive: zipfile.ZipFile) -> None:
    """Fields that fetch something when Word brings them up to date, wherever among the parts: a part's name says nothing."""
    for part in archive.infolist():
        with archive.open(part) as stream:
            begins = stream.read(64)
        if _XML_BEGINS.match(begins):
            with archive.open(part) as stream:
                _Fields().read(stream)


class _Fields:
    """The fields of a part of Word, one within another. A code may stand in many pieces."""

    def __init__(self) -> None:
        self._codes: list[str] = []
        self._in_code: list[bool] = []

    def read(self, stream: IO[bytes]) -> None:
        """Raises Refused."""
        for _, element in iterparse(stream, events=("end",)):
            name = element.tag.rpartition("}")[2]
            values = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
            if name == "fldSimple":
                self._check(values.get("instr", ""))
            elif name == "fldChar":
                self._mark(values.get("fldCharType", ""))
            elif name in ("instrText", "delInstrText") and self._codes and self._in_code[-1]:
                self._codes[-1] += element.text or ""
            element.clear()
        while self._codes:
            self._mark("end")

    def _mark(self, what: str) -> None:
        if what == "begin":
            if self._codes and self._in_code[-1] and not _WORD_DONE.match(self._codes[-1]):
                raise Refused(ELSEWHERE)  # what this field does is made up by another
            self._codes.append("")
            self._in_code.append(True)
        elif self._codes:
            self._check(self._codes[-1])
            self._in_code[-1] = False
            if what == "end":
                self._codes.pop()
                self._in_code.pop()

    def _check(self, code: str) -> None:
        if _FIELD.match(code):
            raise Refused(ELSEWHERE)


def _unpack(archive: zipfile.ZipFile) -> None:
    """Read every part to its end, a piece at a time: what was cut off or altered shows itself."""
    for part in archive.infolist():
        with archive.open(part) as stream:
            while stream.read(_PIECE):
                pass
