"""Addresses as they stand in messages: complete, and the same wherever they are written."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from flask import current_app, has_request_context, request

from hp_portal.core.web.render import settings


def public_address() -> str:
    """The portal's address as people reach it, such as `https://portal.plan.example`: that of HP_PORTAL_PUBLIC_URL; without it
    the one of this request, and outside of requests the first of HP_PORTAL_HOSTS."""
    chosen = settings()
    if chosen.public_url:
        return chosen.public_url
    if has_request_context():
        return request.host_url.removesuffix("/")
    return f"{'https' if chosen.https else 'http'}://{chosen.hosts[0].removeprefix('.')}"


def absolute_url(endpoint: str, **values: Any) -> str:
    """The complete address of a page, for e-mails, letters and faxes: `absolute_url("pages.home")`.

    Needs an app context, not a request, so that jobs can call it. Templates of messages have it as well.
    """
    address = urlsplit(public_address())
    adapter = current_app.url_map.bind(address.netloc, url_scheme=address.scheme)
    return adapter.build(endpoint, values, force_external=True)
