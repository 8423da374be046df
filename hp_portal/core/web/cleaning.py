"""What every line of text that somebody typed or pasted goes through."""

from __future__ import annotations

import unicodedata


def one_line(text: str | None) -> str | None:
    """The text without control characters (PostgreSQL stores no NUL) and without blanks around it: a WTForms filter."""
    if text is None:
        return None
    return "".join(letter for letter in text if unicodedata.category(letter) != "Cc").strip()
