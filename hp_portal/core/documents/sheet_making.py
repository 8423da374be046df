"""CSV files and workbooks made in a process of their own within limits: for many rows.

Run as a program, this module is that process: it reads what to make, writes the file, and knows neither settings nor database.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from hp_portal.core.documents import limits as own_limits
from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits, Progress, make_apart, no_progress
from hp_portal.core.documents.sheets import UTC, Sheet, Value, csv_file, xlsx_file

_MODULE = "hp_portal.core.documents.sheet_making"


def csv_file_apart(
    columns: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    zone: ZoneInfo = UTC,
    limits: DocumentLimits = BY_THE_WORKER,
) -> bytes:
    """The same as `csv_file`, in a process of its own. Raises DocumentTooLarge, DocumentError."""
    job = pickle.dumps((csv_file, (tuple(columns), [tuple(row) for row in rows]), {"zone": zone}))
    return make_apart(_MODULE, job, limits, "the CSV file")


def xlsx_file_apart(
    sheets: Iterable[Sheet],
    *,
    title: str,
    author: str = "",
    zone: ZoneInfo = UTC,
    limits: DocumentLimits = BY_THE_WORKER,
    progress: Progress = no_progress,
) -> bytes:
    """The same as `xlsx_file`, in a process of its own. Raises DocumentTooLarge, DocumentError."""
    read = [replace(sheet, rows=[tuple(row) for row in sheet.rows]) for sheet in sheets]
    job = pickle.dumps((xlsx_file, (read,), {"title": title, "author": author, "zone": zone}))
    progress(1, 2)  # everything is read: the rest is the file
    return make_apart(_MODULE, job, limits, "the workbook")


def main() -> int:
    own_limits.hold(sys.argv[1:])
    make, arguments, options = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by this portal, to this process alone
    try:
        made: bytes = make(*arguments, **options)
    except MemoryError:
        return own_limits.OUT_OF_MEMORY
    except Exception as error:
        # The kind of error only: its text may quote a cell.
        sys.stderr.write(type(error).__name__)
        return 1
    sys.stdout.buffer.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
