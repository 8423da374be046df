"""A table between two pages: what was sent, which columns are which, what became of its rows. Nothing here commits."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import HiddenField, SelectChoice, SelectField
from wtforms.validators import StopValidation

from hp_portal.core.documents.limited import AT_ONCE
from hp_portal.core.files.storing import plain_name
from hp_portal.core.kept.keeping import KeptGone, Owner, find_kept, keep_values
from hp_portal.core.sheets.checking import CheckedRow, RowProblem, check_rows
from hp_portal.core.sheets.giving_back import GivenBack, give_back
from hp_portal.core.sheets.grids import SMALL_SHEET, ReadSheet, SheetLimits, UnreadableSheet, pack, unpack
from hp_portal.core.sheets.layouts import SheetLayout
from hp_portal.core.sheets.mapping import ColumnMapping, FoundColumns, chosen_columns
from hp_portal.core.sheets.memory import columns_of
from hp_portal.core.sheets.reading import read_sheet
from hp_portal.core.web.listing import Listing
from hp_portal.database import PortalSession

ACCEPTED = ".csv,.txt,.tsv,.xlsx,.xlsm,text/csv"
"""What the field for a table offers to choose."""
PAGE_SIZE = 50
_NOT_USED = "Not used"


class Upload(Protocol):
    """A file of a form, as Flask has it."""

    @property
    def stream(self) -> Any:
        """Its contents, at their beginning."""

    @property
    def filename(self) -> str | None:
        """What its sender calls it."""


@dataclass(frozen=True)
class SentSheet:
    """A table that somebody has sent: it is found again by `token`, of its sender alone, for 12 hours. `body` is the file where
    another sheet of it may be asked for."""

    token: str
    name: str
    layout: SheetLayout
    read: ReadSheet
    found: FoundColumns
    body: bytes = b""

    @property
    def certain(self) -> bool:
        """Are its columns known, so that nobody need be asked?"""
        return not self.found.doubts

    def notes(self, mapping: ColumnMapping | None = None) -> list[str]:
        """How it was read, in sentences: which sheet, and what was not."""
        return reading_notes(self.read, mapping or self.found.mapping, remembered=self.found.remembered)

    @property
    def reading_notes(self) -> list[str]:
        """How it was read, before anybody has said what the columns are: columns that are not used are not named yet."""
        every = {one.place: "" for one in self.found.mapping.theirs}
        return reading_notes(self.read, replace(self.found.mapping, keys=every))

    def rows(self, mapping: ColumnMapping | None = None, most: int = 0) -> list[CheckedRow]:
        """Every row below the headings, checked. Raises UnreadableSheet when there is none, or there are more than `most`."""
        rows = list(check_rows(self.read, self.layout, mapping or self.found.mapping))
        if not rows:
            raise UnreadableSheet("The table has headings, and no row below them.")
        if most and len(rows) > most:
            raise UnreadableSheet(f"The table has {len(rows):,} rows. Send at most {most:,} at once.")
        return rows


def reading_notes(read: ReadSheet, mapping: ColumnMapping, *, remembered: bool = False) -> list[str]:
    """How a table was read, in sentences."""
    said = []
    if read.sheet:
        others = ", ".join(f"“{one}”" for one in read.others)
        said.append(f"The sheet “{read.sheet}” was read{f', and not {others}' if others else ''}.")
    if mapping.head > 1:
        said.append(f"The headings were found in row {mapping.head}; what stands above them is no part of the table.")
    if remembered:
        said.append("The columns are read as the last time.")
    if unused := mapping.unused:
        said.append(f"Not used: {', '.join(f'“{one}”' for one in unused)}.")
    return [*said, *read.notes]


def take_sheet(
    session: PortalSession, owner: Owner, layout: SheetLayout, upload: Upload, limits: SheetLimits = SMALL_SHEET
) -> SentSheet:
    """Read a table that was sent, and keep it for its sender. Raises UnreadableSheet. The caller commits."""
    body = upload.stream.read()
    read = read_sheet(body, layout, limits)
    return keep_sheet(session, owner, layout, upload.filename or "table", read, body)


def keep_sheet(
    session: PortalSession, owner: Owner, layout: SheetLayout, name: str, read: ReadSheet, body: bytes = b""
) -> SentSheet:
    """Keep a table that was read, such as by a job, for its sender; with its `body`, `other_sheet` reads another sheet of it. The
    caller commits."""
    packed = base64.b64encode(zlib.compress(pack(read).encode())).decode()
    name, body = plain_name(name), body if read.others else b""
    file = {"file": base64.b64encode(body).decode()} if body else {}
    token = keep_values(session, owner, _sent(layout), {"name": name, "read": packed, **file})
    return SentSheet(token, name, layout, read, columns_of(session, owner.organization_id, layout, read), body)


def other_sheet(
    session: PortalSession, owner: Owner, sent: SentSheet, name: str, limits: SheetLimits = SMALL_SHEET
) -> SentSheet:
    """Another sheet of the workbook that was sent, read and kept for its sender. Raises UnreadableSheet. The caller commits."""
    read = read_sheet(sent.body, sent.layout, limits, sheet=name)
    return keep_sheet(session, owner, sent.layout, sent.name, read, sent.body)


def find_sheet(session: PortalSession, owner: Owner, layout: SheetLayout, token: str) -> SentSheet:
    """The table that the sender's word stands for. Raises KeptGone."""
    kept = find_kept(session, owner, _sent(layout), token)
    read = unpack(zlib.decompress(base64.b64decode(kept["read"])))
    found = columns_of(session, owner.organization_id, layout, read)
    return SentSheet(token, kept["name"], layout, read, found, base64.b64decode(kept.get("file", "")))


def _sent(layout: SheetLayout) -> str:
    return f"{layout.key} sent"


def _done(layout: SheetLayout) -> str:
    return f"{layout.key} done"


def keep_outcomes(
    session: PortalSession,
    owner: Owner,
    sent: SentSheet,
    words: Mapping[int, str],
    *,
    again: Collection[int] = (),
    mapping: ColumnMapping | None = None,
) -> str:
    """The word by which the sender gets the file back: `words` say by its number what became of a row, `again` are
    the rows that were not taken. The caller commits."""
    head = (mapping or sent.found.mapping).head
    told = {str(number): text for number, text in words.items()}
    return keep_values(
        session, owner, _done(sent.layout), {"sent": sent.token, "words": told, "again": sorted(again), "head": head}
    )


def add_outcomes(
    session: PortalSession,
    owner: Owner,
    layout: SheetLayout,
    token: str,
    words: Mapping[int, str],
    *,
    again: Collection[int] = (),
) -> str:
    """The word for the same file after a further step: of these rows something else is said now. Raises KeptGone. The caller
    commits."""
    kept = find_kept(session, owner, _done(layout), token)
    told = kept["words"] | {str(number): text for number, text in words.items()}
    return keep_values(session, owner, _done(layout), {**kept, "words": told, "again": sorted(again)})


def outcomes_kept(session: PortalSession, owner: Owner, layout: SheetLayout, token: str) -> bool:
    """Does the word still stand for a file that is given back?"""
    try:
        find_kept(session, owner, _done(layout), token)
    except KeptGone:
        return False
    return True


def give_sheet_back(
    session: PortalSession, owner: Owner, layout: SheetLayout, token: str, *, only_again: bool = False
) -> tuple[str, GivenBack]:
    """A name and the file that was sent, with a column that says what became of each row; `only_again` has the rows
    alone that were not taken. Raises KeptGone, DocumentError."""
    kept = find_kept(session, owner, _done(layout), token)
    sent = find_sheet(session, owner, layout, kept["sent"])
    words = {int(number): text for number, text in kept["words"].items()}
    only = set(kept["again"]) if only_again else None
    made = give_back(sent.read, words, head=kept["head"], only=only, limits=AT_ONCE)
    stem = sent.name.rpartition(".")[0] or sent.name
    return f"{stem}{' to correct' if only_again else ' with what we did'}.{made.ending}", made


class _ColumnsForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Says for each column of somebody's table which of ours it is."""

    table = HiddenField()
    sent: SentSheet
    form_errors: list[str]

    def mapping(self) -> ColumnMapping:
        """What was chosen."""
        places = {one.place: self[f"column_{one.place}"].data or "" for one in self.sent.found.mapping.theirs}
        return chosen_columns(self.sent.found.mapping, places)

    def validate(self, extra_validators: Any = None) -> bool:
        """Each of ours is chosen once at most, and what is required at all."""
        fine = super().validate(extra_validators)
        problems = self.mapping().problems(self.sent.layout)
        self.form_errors = [*self.form_errors, *problems]
        return bool(fine and not problems)


def columns_form(sent: SentSheet, *, bound: bool = True) -> Any:
    """The form of the page where somebody says what the columns are; `bound` to what the request has sent, or with
    the best guess.

    `form.validate_on_submit()`, then `form.mapping()`.
    """
    found = sent.found.mapping
    choices = [SelectChoice("", _NOT_USED)]
    choices += [
        SelectChoice(one.key, f"{one.label} (required)" if one.required else one.label) for one in sent.layout.columns
    ]
    fields = {
        f"column_{one.place}": SelectField(
            one.heading[:1].upper() + one.heading[1:],
            choices=choices,
            default=found.keys.get(one.place, ""),
            description=", ".join(one.sample),
        )
        for one in found.theirs
    }
    form = type("ColumnsForm", (_ColumnsForm,), {**fields, "sent": sent})
    return form() if bound else form(formdata=None, table=sent.token)


class OtherSheetForm(FlaskForm):  # type: ignore[misc] # Flask-WTF has no types
    """Says which other sheet of a workbook is to be read."""

    table = HiddenField()
    sheet = SelectField("Sheet of the workbook")

    @classmethod
    def of(cls, sent: SentSheet, *, bound: bool = True) -> Any:
        """The form of what was sent; `bound` to what the request has sent."""
        form = cls() if bound else cls(formdata=None, table=sent.token, sheet=sent.read.sheet)
        form.sheet.choices = [SelectChoice(name) for name in (sent.read.sheet, *sent.read.others)]
        return form


class SheetField(FileField):  # type: ignore[misc] # Flask-WTF has no types
    """The field of a form with which a table is sent. `required`: the message when none was chosen; without it none
    need be."""

    def __init__(self, label: str = "Table", required: str = "", **options: Any) -> None:
        render = {"accept": ACCEPTED, **options.pop("render_kw", {})}
        super().__init__(label, render_kw=render, **options)
        self.required = required

    def pre_validate(self, _form: Any) -> None:
        """Somebody who is asked for a table has chosen one."""
        if self.required and not self.data:
            raise StopValidation(self.required)


def problem_page(problems: Sequence[RowProblem], number: int, size: int = PAGE_SIZE) -> Listing[RowProblem]:
    """A page of what is wrong in a table, for `ui.sheet_problems`. Raises PastTheEnd."""
    start = (number - 1) * size
    return Listing(list(problems[start : start + size]), number, size, len(problems))
