"""Telling people and programs how long to wait."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from flask import Response

from hp_portal.core.limits.attempts import TooManyAttempts

LONGEST_IN_MINUTES = 90


def wait_words(error: TooManyAttempts) -> str:
    """How long to wait, as people say it: `1 minute`, `14 minutes`, `3 hours`."""
    if error.minutes > LONGEST_IN_MINUTES:
        return f"{math.ceil(error.minutes / 60)} hours"
    return "1 minute" if error.minutes == 1 else f"{error.minutes} minutes"


def with_retry_after(response: Response, error: TooManyAttempts) -> Response:
    """Tell programs, too, how long to wait."""
    response.headers["Retry-After"] = str(error.seconds)
    return response


def too_many(
    form: Any,
    error: TooManyAttempts,
    draw: Callable[[Any, int], Response],
    words: str = "Too many failed attempts. Wait {wait}, then try again.",
) -> Response:
    """The form again, with what was typed, as 429: in words how long to wait, and `Retry-After` for programs.

    `draw(form, status)` is the view's own way to show the form; `{wait}` in `words` becomes `14 minutes`. A view that does not
    catch TooManyAttempts gets the portal's error page, with the same words and header.
    """
    form.form_errors = [words.format(wait=wait_words(error))]
    return with_retry_after(draw(form, 429), error)
