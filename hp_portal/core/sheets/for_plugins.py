"""Tables that people send. A `sheets.SheetLayout` declares one; the rest reads it, checks each row, and gives the file back."""

from __future__ import annotations

from hp_portal.core.sheets.checking import CheckedRow, RowProblem, check_rows
from hp_portal.core.sheets.giving_back import GivenBack, give_back
from hp_portal.core.sheets.grids import LARGE_SHEET, SMALL_SHEET, ReadSheet, SheetLimits, SheetRow, UnreadableSheet
from hp_portal.core.sheets.keeping import (
    SentSheet,
    SheetField,
    add_outcomes,
    columns_form,
    keep_outcomes,
    keep_sheet,
    other_sheet,
    problem_page,
    reading_notes,
    take_sheet,
)
from hp_portal.core.sheets.layouts import SheetColumn, SheetLayout, layout_csv, layout_sheets, layout_table, layout_xlsx
from hp_portal.core.sheets.mapping import ColumnMapping, FoundColumns, TheirColumn, chosen_columns, find_columns
from hp_portal.core.sheets.memory import columns_of, remember_columns
from hp_portal.core.sheets.pages import (
    chosen_sheet,
    columns_page,
    empty_sheet,
    sent_sheet,
    sheet_file,
    turn_to_sheet,
)
from hp_portal.core.sheets.reader import check_start
from hp_portal.core.sheets.reading import read_sheet

__all__ = [
    "LARGE_SHEET",
    "SMALL_SHEET",
    "CheckedRow",
    "ColumnMapping",
    "FoundColumns",
    "GivenBack",
    "ReadSheet",
    "RowProblem",
    "SentSheet",
    "SheetColumn",
    "SheetField",
    "SheetLayout",
    "SheetLimits",
    "SheetRow",
    "TheirColumn",
    "UnreadableSheet",
    "add_outcomes",
    "check_rows",
    "check_start",
    "chosen_columns",
    "chosen_sheet",
    "columns_form",
    "columns_of",
    "columns_page",
    "empty_sheet",
    "find_columns",
    "give_back",
    "keep_outcomes",
    "keep_sheet",
    "layout_csv",
    "layout_sheets",
    "layout_table",
    "layout_xlsx",
    "other_sheet",
    "problem_page",
    "read_sheet",
    "reading_notes",
    "remember_columns",
    "sent_sheet",
    "sheet_file",
    "take_sheet",
    "turn_to_sheet",
]
