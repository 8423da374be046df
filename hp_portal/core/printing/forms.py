"""A form as PDF: tagged, PDF/UA-1, with its number on every page and a QR code that says what it belongs to."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

import segno

from hp_portal import clock
from hp_portal.core.documents.limited import BY_THE_WORKER, DocumentLimits, Progress, no_progress
from hp_portal.core.documents.rendering import render_pdf
from hp_portal.core.web.formats import show_datetime
from hp_portal.printed import NOT_GIVEN, PrintedAnswers, PrintedForm, PrintedPart, PrintedSection, PrintedTable
from hp_portal.settings import Payer

_TEMPLATE = Path(__file__).with_name("form.typ")
_QUIET = 2
MOST_COLUMNS = 6
PDF_TYPE = "application/pdf"


@dataclass(frozen=True)
class PrintedSignature:
    """An electronic signature as paper and screens show it. `changed`: what was signed says something else by now."""

    name: str
    typed: str
    at: dt.datetime
    address: str
    agreement: str
    version: str
    digest: str
    changed: bool = False
    id: int = 0


def form_pdf(
    form: PrintedForm,
    payer: Payer,
    *,
    case_number: str = "",
    standing: Sequence[PrintedSection] = (),
    signatures: Sequence[PrintedSignature] = (),
    sign_on_paper: bool = False,
    limits: DocumentLimits = BY_THE_WORKER,
    progress: Progress = no_progress,
) -> bytes:
    """What a form says, as PDF.

    `case_number` stands at the head of every page, as people read it, and in the QR code, which says nothing else. `standing` are
    sections that are no part of the form, such as where a case stands; they come first. `sign_on_paper`: with a line for a
    signature and the day. Any text can be printed: letters that no font of ours has become a sign that stands for them, and a
    sentence says so. Raises DocumentError.
    """
    return _typeset(
        form, payer, case_number, standing, signatures, sign_on_paper, blank=False, limits=limits, progress=progress
    )


def blank_form_pdf(
    form: PrintedForm, payer: Payer, *, sign_on_paper: bool = True, limits: DocumentLimits = BY_THE_WORKER
) -> bytes:
    """The form to fill by hand, with boxes instead of answers, whatever `form` answers. Its QR code says which form it is."""
    return _typeset(form.blank(), payer, "", (), (), sign_on_paper, blank=True, limits=limits, progress=no_progress)


def _typeset(
    form: PrintedForm,
    payer: Payer,
    case_number: str,
    standing: Sequence[PrintedSection],
    signatures: Sequence[PrintedSignature],
    sign_on_paper: bool,
    *,
    blank: bool,
    limits: DocumentLimits,
    progress: Progress,
) -> bytes:
    # Capitals, digits and these signs make the smallest code.
    pointer = f"CASE {case_number}" if case_number else f"FORM {form.number} {form.version}".upper()
    drawn, width = _code(pointer)
    named = f"Form {form.number}, version {form.version}" if form.number else ""
    data = {
        "title": form.title,
        "named": named,
        "case": case_number,
        "pointer": pointer,
        "code": drawn,
        "code_width": width,
        "blank": blank,
        "standing": [_section(one, blank=False) for one in standing],
        "sections": [_section(one, blank=blank) for one in form.sections],
        "files": list(form.files),
        "signatures": [_signature(one, payer) for one in signatures],
        "sign_on_paper": sign_on_paper,
        "from": [payer.name, *payer.address],
        "contact": [*filter(None, (payer.phone, payer.hours, payer.email))],
        "made": "" if blank else show_datetime(clock.now(), payer.zone),
    }
    # It stands at the foot of each page, where there is one line.
    short = shorten(form.title, 90, placeholder="…") or form.title[:90]
    title = f"{short}, case {case_number}" if case_number else short
    return render_pdf(_TEMPLATE, data, title=title, author=payer.name, payer=payer, limits=limits, progress=progress)


def _code(text: str) -> tuple[str, float]:
    """A QR code as SVG, and how wide it is in mm so that the code itself is 30 mm wide beside its quiet zone."""
    code, drawn = segno.make_qr(text, error="q", boost_error=False), io.BytesIO()
    code.save(drawn, kind="svg", border=_QUIET, xmldecl=False)
    modules = code.symbol_size(border=0)[0]
    return drawn.getvalue().decode(), 30 * (modules + 2 * _QUIET) / modules


def _section(section: PrintedSection, *, blank: bool) -> dict[str, Any]:
    parts = [part for one in section.parts for part in _narrow(one)]
    return {
        "title": section.title,
        "parts": [_part(one, blank=blank) for one in parts],
        "new_page": section.new_page,
    }


def _narrow(part: PrintedPart) -> list[PrintedPart]:
    """A table with more columns than a page has room for, as several, each with its first column."""
    if not isinstance(part, PrintedTable) or len(part.headers) <= MOST_COLUMNS:
        return [part]
    step = MOST_COLUMNS - 1
    return [
        PrintedTable(
            (part.headers[0], *part.headers[at : at + step]),
            tuple((row[0], *row[at : at + step]) for row in part.rows),
            part.caption if at == 1 else f"{part.caption} (continued)" if part.caption else "Continued",
        )
        for at in range(1, len(part.headers), step)
    ]


def _part(part: PrintedPart, *, blank: bool) -> dict[str, Any]:
    said: dict[str, Any] = {"kind": part.kind, **part.contents()}
    if isinstance(part, PrintedAnswers):
        said["answers"] = [
            {"label": one.label, "value": one.value.strip() or NOT_GIVEN, "lines": one.lines, "hint": one.hint}
            for one in part.answers
        ]
    elif part.kind == "text":
        said["lines"] = getattr(part, "lines", 1)
        said["text"] = said["text"].strip() or ("" if blank else NOT_GIVEN)
    return said


def _signature(one: PrintedSignature, payer: Payer) -> dict[str, Any]:
    return {
        "typed": one.typed,
        "facts": [
            ["Signed by", one.name],
            ["Signed on", f"{show_datetime(one.at, payer.zone)} ({one.at:%Y-%m-%d %H:%M:%S} UTC)"],
            ["Network address", one.address or "Unknown"],
            ["Agreement, version", one.version],
        ],
        "agreement": one.agreement,
        "digest": one.digest,
        "changed": one.changed,
    }
