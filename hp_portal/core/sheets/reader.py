"""The program that reads tables people have sent, in a process of its own within limits; see `reading`.

Standard input is a line of JSON, then the file. Standard output is JSON.
"""

from __future__ import annotations

import json
import sys
from typing import BinaryIO

from hp_portal.core.documents.limited import DocumentLimits
from hp_portal.core.documents.limits import OUT_OF_MEMORY, PROGRESS, hold
from hp_portal.core.sheets.csv_reading import NO_TABLE, decode, is_text, read_csv
from hp_portal.core.sheets.grids import ReadSheet, SheetLimits, UnreadableSheet, pack
from hp_portal.core.sheets.xlsx_reading import Told, read_xlsx

OLD = (
    "This is a workbook of the old kind (.xls), or one with a password. Save it as .xlsx without a password, then send that "
    "file."
)
NO_SHEETS = "This file is no Excel workbook, and has no sheet to choose. Leave the name of the sheet out."
EMPTY = "This file is empty. Choose the file with your table."
NO_ROWS = "There is no row with anything in it. Choose the file with your table."


_WORKBOOK, _OLD_WORKBOOK, _PDF, _START = b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF", 4096


def nobody(_done: int, _of: int) -> None:
    """Nobody is told how far it is."""


def check_start(stream: BinaryIO) -> None:
    """Raise UnreadableSheet for a file that is no table by its first bytes; a workbook is not opened. The stream is at its start
    then."""
    start = stream.read(_START)
    stream.seek(0)
    if not start:
        raise UnreadableSheet(EMPTY)
    if start.startswith(_WORKBOOK):
        return
    if start.startswith(_OLD_WORKBOOK):
        raise UnreadableSheet(OLD)
    if start.startswith(_PDF) or not is_text(start):
        raise UnreadableSheet(NO_TABLE)


def read_body(
    body: bytes, limits: SheetLimits, known: tuple[str, ...], told: Told = nobody, sheet: str = ""
) -> ReadSheet:
    """The table of a file, whose kind is told by what is in it; `sheet` of a workbook. Raises UnreadableSheet."""
    if not body:
        raise UnreadableSheet(EMPTY)
    if body.startswith(_WORKBOOK):
        read = read_xlsx(body, limits, known, told, sheet)
    elif body.startswith(_OLD_WORKBOOK):
        raise UnreadableSheet(OLD)
    elif body.startswith(_PDF):
        raise UnreadableSheet(NO_TABLE)
    elif sheet:
        raise UnreadableSheet(NO_SHEETS)
    else:
        read = read_csv(decode(body), limits)
    if not read.rows:
        raise UnreadableSheet(NO_ROWS)
    return read


def _tell(done: int, of: int) -> None:
    sys.stderr.write(f"{PROGRESS} {done} {of}\n")
    sys.stderr.flush()


def main() -> int:
    hold(sys.argv[1:])
    try:
        head, _, body = sys.stdin.buffer.read().partition(b"\n")
        wanted = json.loads(head)
        limits = SheetLimits(process=DocumentLimits(), **wanted["limits"])
        made = pack(read_body(body, limits, tuple(wanted["known"]), _tell, wanted["sheet"]))
    except UnreadableSheet as error:
        made = json.dumps({"unreadable": str(error)})
    except MemoryError:
        return OUT_OF_MEMORY
    except Exception as error:
        # The kind of error only: its text may quote the file.
        sys.stderr.write(type(error).__name__)
        return 1
    sys.stdout.buffer.write(made.encode())
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
