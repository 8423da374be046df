"""Forms on paper. A `printing.PrintedForm` says what stands on one; the layout is the portal's."""

from __future__ import annotations

from hp_portal.core.printing.forms import PrintedSignature, blank_form_pdf, form_pdf
from hp_portal.printed import (
    PrintedAnswer,
    PrintedAnswers,
    PrintedChoices,
    PrintedForm,
    PrintedNote,
    PrintedSection,
    PrintedTable,
    PrintedText,
    before_and_after,
)

__all__ = [
    "PrintedAnswer",
    "PrintedAnswers",
    "PrintedChoices",
    "PrintedForm",
    "PrintedNote",
    "PrintedSection",
    "PrintedSignature",
    "PrintedTable",
    "PrintedText",
    "before_and_after",
    "blank_form_pdf",
    "form_pdf",
]
