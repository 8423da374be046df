"""Telling people and programs how long to wait."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from typing import Any

from flask import Response

from hp_portal import clock
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.web.formats import show_datetime
from hp_portal.core.web.render import settings

LONGEST_IN_MINUTES = 90


def wait_words(error: TooManyAttempts) -> str:
    """How long to wait, as people say it: `1 minute`, `14 minutes`, `3 hours`."""
    if error.minutes > LONGEST_IN_MINUTES:
        return f"{math.ceil(error.minutes / 60)} hours"
    return "1 minute" if error.minutes == 1 else f"{error.minutes} minutes"


def again_at(error: TooManyAttempts) -> str:
    """The first whole minute in which a try is let in, in the payer's zone."""
    at = (clock.now() + dt.timedelta(seconds=error.seconds + 59)).replace(second=0, microsecond=0)
    return show_datetime(at, settings().payer.zone)


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

    `draw(form, status)` is the view's own way to show the form; `{wait}` in `words` becomes `14 minutes`, `{at}` the moment from
    which on it can be tried again, `Mar 2, 2026, 4:05 PM CST`. A view that does not
    catch TooManyAttempts gets the portal's error page, with the same words and header.
    """
    form.form_errors = [words.format(wait=wait_words(error), at=again_at(error))]
    return with_retry_after(draw(form, 429), error)
