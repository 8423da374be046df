"""Telling people and programs how long to wait."""

from __future__ import annotations

from flask import Response

from hp_portal.core.limits.attempts import TooManyAttempts


def wait_words(error: TooManyAttempts) -> str:
    """How long to wait, as people say it: `1 minute`, `14 minutes`."""
    return "1 minute" if error.minutes == 1 else f"{error.minutes} minutes"


def with_retry_after(response: Response, error: TooManyAttempts) -> Response:
    """Tell programs, too, how long to wait."""
    response.headers["Retry-After"] = str(int(error.wait.total_seconds()) + 1)
    return response
