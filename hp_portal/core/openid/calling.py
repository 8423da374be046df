"""Calls to the directory: encrypted, followed nowhere else, and over within seconds."""

from __future__ import annotations

import time
from typing import Any

import requests
import structlog
import urllib3
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.requests_client import OAuth2Session

from hp_portal.core.openid.refusals import Refused
from hp_portal.oidc_settings import is_safe_address

log = structlog.get_logger(__name__)
CONNECT, READ, WHOLE = 3.05, 4, 8  # seconds; the first and the last for a connection and a whole answer
MOST = 1_000_000  # bytes of an answer
# What goes wrong on the way, and what an answer may be that is none.
FAILED = (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError)


class AnswerTooLong(ValueError):
    """An answer takes too long, or has too many bytes."""


class BoundedSession(OAuth2Session):  # type: ignore[misc] # Authlib has no types
    """A session whose requests cannot hang, whoever answers."""

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        if not is_safe_address(url):
            raise ValueError("not https")
        options.update(timeout=(CONNECT, READ), allow_redirects=False, stream=True)
        ends = time.monotonic() + WHOLE
        answer: requests.Response = super().request(method, url, **options)
        with answer:
            answer._content = _read(answer, ends)
        return answer


def _read(answer: requests.Response, ends: float) -> bytes:
    parts, size = [], 0
    while part := answer.raw.read1(65_536, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > MOST or time.monotonic() > ends:
            raise AnswerTooLong("the answer takes too long")
    return b"".join(parts)


def get_json(url: str) -> dict[str, Any]:
    """A document of the directory's. Raises Refused."""
    try:
        with BoundedSession() as session:
            answer = session.request("GET", url, withhold_token=True, headers={"Accept": "application/json"})
            told = answer.json() if answer.status_code == 200 else None
    except FAILED as error:
        log.warning("openid.no-answer", address=url, error=str(error)[:200])
        raise Refused("silent") from error
    if not isinstance(told, dict):
        log.warning("openid.no-answer", address=url, status=answer.status_code)
        raise Refused("silent")
    return told


def redeem(session: BoundedSession, url: str, code: str, verifier: str) -> dict[str, Any]:
    """What the directory gives for a code. Raises Refused."""
    try:
        token = session.fetch_token(url, grant_type="authorization_code", code=code, code_verifier=verifier)
    except AuthlibBaseError as error:
        log.warning("openid.code-refused", error=str(error.error), told=str(error.description)[:200])
        raise Refused("code" if error.error == "invalid_grant" else "settings") from error
    except FAILED as error:
        log.warning("openid.no-answer", address=url, error=str(error)[:200])
        raise Refused("silent") from error
    return dict(token)
