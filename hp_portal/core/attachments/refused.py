"""Why a file is not accepted, for whoever sent it."""

from __future__ import annotations


class Refused(Exception):
    """The file cannot be given out; the text says why, and what to do."""


DAMAGED = "It cannot be opened: it is damaged, or a part of it is missing. Save it anew, best as PDF, and attach that."
TOO_COSTLY = (
    "Opening it takes more memory or time than one file may. Split it, or save it anew as PDF, and attach that."
)
