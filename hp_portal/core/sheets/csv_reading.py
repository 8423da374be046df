"""CSV files as spreadsheets and people write them: their encoding, what separates cells, and rows numbered as Excel does."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO, TextIO

from hp_portal.core.documents.sheets import safe_text
from hp_portal.core.sheets.grids import (
    CSV,
    Bounded,
    Cell,
    ReadSheet,
    SheetLimits,
    SheetRow,
    UnreadableSheet,
    rows_of,
    text_cell,
)

NO_TABLE = "This file is neither a CSV file nor an Excel workbook (.xlsx). Save your table as one of them, then send that file."
QUOTES = "A quotation mark is missing or too many somewhere near row {row}. Save the table again from Excel, or send it as .xlsx."
_DELIMITERS = ("\t", ";", ",", "|")
_SAID = re.compile(r"sep=(.)\n", re.IGNORECASE)
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_QUOTED = re.compile(r'"[^"]*"')
_LOOKED_AT = 20_000


def decode(body: bytes) -> str:
    """The text of a file: UTF-8, Windows-1252, or UTF-16 where it says so. Raises UnreadableSheet."""
    encodings = ("utf-16",) if body[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not _CONTROLS.search(text):
            return text
    raise UnreadableSheet(NO_TABLE)


def is_text(start: bytes) -> bool:
    """Can a file that begins so be text?"""
    return start[:2] in (b"\xff\xfe", b"\xfe\xff") or not _CONTROLS.search(start.decode("latin-1"))


def delimiter_of(text: str) -> str:
    """What separates the cells: what most of the first lines have in them, and most often."""
    lines = [line for line in _QUOTED.sub("", text[:_LOOKED_AT]).splitlines() if line.strip()][:30]
    in_lines: Counter[str] = Counter()
    for line in lines:
        in_lines.update(set(line) & set(_DELIMITERS))
    return max(_DELIMITERS, key=lambda one: (in_lines[one], sum(line.count(one) for line in lines)))


def records(stream: Iterable[str], delimiter: str) -> Iterator[tuple[int, list[Cell]]]:
    """Every row, also an empty one, with its number in Excel: line ends within a cell do not count. Raises UnreadableSheet."""
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    number = 0
    try:
        for number, row in enumerate(reader, 1):
            yield number, [text_cell(_without_mark(value)) for value in row]
    except csv.Error as error:
        raise UnreadableSheet(QUOTES.format(row=number + 1)) from error


def _without_mark(text: str) -> str:
    """Without the apostrophe that our own files have before what would be a formula."""
    return text[1:] if text.startswith("'") and safe_text(text[1:]) == text else text


def _said(text: str) -> tuple[str, str]:
    """The text without a line that tells Excel what separates cells, and what does."""
    said = _SAID.match(text)
    text = text[said.end() :] if said else text
    return text, said[1] if said and said[1] in _DELIMITERS else delimiter_of(text)


def read_csv(text: str, limits: SheetLimits) -> ReadSheet:
    """The table of a text. Raises UnreadableSheet."""
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text, delimiter = _said(text)
    bounded = Bounded(limits)
    rows: list[SheetRow] = []
    for number, cells in records(io.StringIO(text), delimiter):
        if row := bounded.row(number, cells):
            rows.append(row)
    return ReadSheet(CSV, rows, delimiter=delimiter)


FIRST_ROWS = 100
"""Rows of a streamed file that are there at once: its headings are looked for among them."""
_PIECE = 1 << 20


def open_text(file: BinaryIO) -> io.TextIOWrapper:
    """A file of any length as text, in the encoding that fits all of it. Raises UnreadableSheet."""
    start = file.read(2)
    wide = start in (b"\xff\xfe", b"\xfe\xff")
    encoding = "utf-16" if wide else "utf-8-sig" if _is_utf_8(file) else "cp1252"
    file.seek(0)
    return io.TextIOWrapper(file, encoding=encoding)


def _is_utf_8(file: BinaryIO) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        while piece := file.read(_PIECE):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def stream_csv(stream: TextIO, limits: SheetLimits) -> tuple[ReadSheet, Iterator[SheetRow]]:
    """The first rows of a long file as a table, and all of its rows, one in memory at a time.

    Raises UnreadableSheet, also later.
    """
    try:
        start = stream.read(_LOOKED_AT) + stream.readline()
    except UnicodeDecodeError as error:
        raise UnreadableSheet(NO_TABLE) from error
    if _CONTROLS.search(start):
        raise UnreadableSheet(NO_TABLE)
    start, delimiter = _said(start)
    read = ReadSheet(CSV, [], delimiter=delimiter)
    bounded = Bounded(limits)
    lines = chain(io.StringIO(start), stream)
    rows = rows_of(bounded.row(number, cells) for number, cells in _decoded(lines, read.delimiter))
    read.rows.extend(islice(rows, FIRST_ROWS))
    return read, chain(read.rows, rows)


def _decoded(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[Cell]]]:
    try:
        yield from records(lines, delimiter)
    except UnicodeDecodeError as error:
        raise UnreadableSheet(NO_TABLE) from error
