"""Addresses below an organization: `/o/12/accounts` is the page `/accounts` for somebody who works for several organizations.

What stands before a page stays with it: every address that the page is given by `url_for` has it as well, so that a tab stays
with the organization it was opened for. Addresses in messages have none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from flask import Flask, Response, request, session
from flask.globals import request_ctx

_PREFIX = re.compile(r"/o/([1-9][0-9]{0,17})(?=/|$)")
_KEY = "hp_portal.organization"
_FLASHES = "_flashes"
Answer = Iterable[bytes]


def split(path: str) -> tuple[int | None, str]:
    """The organization that stands before a path, None without one, and the rest: `/o/12/accounts?page=2` is
    `(12, "/accounts?page=2")`."""
    found = _PREFIX.match(path)
    if found is None:
        return None, path
    rest = path[found.end() :]
    return int(found[1]), rest if rest.startswith("/") else f"/{rest}"


def below(organization_id: int, path: str) -> str:
    """A path of this portal below an organization, whatever stood before it."""
    return f"/o/{organization_id}{split(path)[1]}"


def asked_organization() -> int | None:
    """The organization that stands before this request's address."""
    found: int | None = request.environ.get(_KEY)
    return found


def here(*, query: bool = True) -> str:
    """The path of this request as the browser knows it."""
    return request.script_root + (request.full_path.removesuffix("?") if query else request.path)


def leave() -> None:
    """Have the addresses of this answer no organization before them: it is not of the one that was asked for."""
    request.environ.pop(_KEY, None)
    request.root_path = ""
    request.__dict__.pop("script_root", None)
    if request_ctx.url_adapter is not None:
        request_ctx.url_adapter.script_name = "/"


def _kept_for(organization_id: int) -> str:
    return f"{_FLASHES} {organization_id}"


def _take_own() -> None:
    """What is to be said on the next page is said on the next page of the same organization."""
    asked = asked_organization()
    if asked is not None and _kept_for(asked) in session:
        session[_FLASHES] = [*session.get(_FLASHES, []), *session.pop(_kept_for(asked))]


def _leave_own(response: Response) -> Response:
    asked = asked_organization()
    if asked is not None and _FLASHES in session:
        session[_kept_for(asked)] = session.pop(_FLASHES)
    return response


def install(app: Flask) -> None:
    """Take what stands before addresses away before they are looked up, and keep the notices of organizations apart."""
    app.before_request(_take_own)
    app.after_request(_leave_own)
    inner: Callable[[dict[str, Any], Any], Answer] = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Answer:
        organization_id, rest = split(environ["PATH_INFO"])
        if organization_id is not None:
            environ["SCRIPT_NAME"] = f"{environ.get('SCRIPT_NAME', '')}/o/{organization_id}"
            environ["PATH_INFO"] = rest
            environ[_KEY] = organization_id
        return inner(environ, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
