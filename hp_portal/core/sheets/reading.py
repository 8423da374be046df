"""Reads a table somebody has sent: a small CSV file where it is asked for, everything else in a process of its own."""

from __future__ import annotations

import json

import structlog

from hp_portal.core.documents.limited import DocumentError, DocumentTooLarge, Progress, make_apart, no_progress
from hp_portal.core.sheets.grids import SMALL_SHEET, ReadSheet, SheetLimits, UnreadableSheet, unpack
from hp_portal.core.sheets.layouts import SheetLayout, own_sheets
from hp_portal.core.sheets.reader import read_body

log = structlog.get_logger(__name__)
AT_HAND = 1 << 20
"""Bytes of a CSV file that is read without a process of its own."""
TOO_COSTLY = (
    "Reading this file takes more memory or time than one may. Copy the table alone into a new workbook, or split it, and send "
    "that."
)
NOT_NOW = "This file cannot be read now, and the reason may not be yours. Try again, or send it as a CSV file."


def read_sheet(
    body: bytes,
    layout: SheetLayout,
    limits: SheetLimits = SMALL_SHEET,
    progress: Progress = no_progress,
    *,
    sheet: str = "",
) -> ReadSheet:
    """The table of a CSV file or an Excel workbook; `layout` tells which sheet of a workbook it is, unless `sheet`
    names one. Raises UnreadableSheet.

    `SMALL_SHEET` is for a request: the web process spends none of its own time on a workbook. The worker says
    `LARGE_SHEET` and may have `progress` told.
    """
    known = tuple(layout.known())
    if len(body) <= AT_HAND and not body.startswith(b"PK\x03\x04"):
        return read_body(body, limits, known, sheet=sheet)
    numbers = {name: value for name, value in vars(limits).items() if name != "process"}
    job = json.dumps({"known": known, "limits": numbers, "sheet": sheet}).encode() + b"\n" + body
    try:
        made = make_apart("hp_portal.core.sheets.reader", job, limits.process, "reading a table", progress)
    except DocumentTooLarge as error:
        raise UnreadableSheet(TOO_COSTLY) from error
    except DocumentError as error:
        log.error("sheet.not-read", said=str(error))
        raise UnreadableSheet(NOT_NOW) from error
    if made.startswith(b'{"unreadable"'):
        raise UnreadableSheet(json.loads(made)["unreadable"])
    read = unpack(made)
    if read.sheet == layout.title:  # the file that we have handed out: its other sheets are ours
        read.others = [name for name in read.others if name not in own_sheets(layout)]
    return read
