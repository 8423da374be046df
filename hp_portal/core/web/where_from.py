"""Where a request came from, by which name the portal was asked, and whether the proxies before it are set up as told."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from urllib.parse import urlsplit

from flask import Flask, Response, current_app, request

from hp_portal.settings import ConfigurationError, Settings

# Asked by machines, which know an address instead of a name. Neither answer says anything of the name.
ANY_NAME = frozenset({"/healthz", "/readyz"})


@lru_cache(4096)
def read_address(text: str) -> str:
    """An IP address in its usual form, at most 45 characters, or "" for anything that is none.

    `192.0.2.1:4711` and `[2001:db8::1]:4711` are read without the port, since some proxies forward it; an IPv4 address within
    IPv6 is the IPv4 address.
    """
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(found)


def client_address() -> str:
    """The address the request came from, as far as the trusted proxies tell; that of the connection when they tell nonsense."""
    address = read_address(request.remote_addr or "")
    if not address and (before := request.environ.get("werkzeug.proxy_fix.orig")):
        address = read_address(before["REMOTE_ADDR"] or "")
    return address


@lru_cache(4096)
def network_of(address: str) -> str:
    """What of an address counts as one visitor: an IPv4 address, of IPv6 the network of 64 bits that one customer is given."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network((address, 64), strict=False))


def counted_address() -> str:
    """What tries of this request's visitor are counted by."""
    return network_of(client_address())


@lru_cache(1024)
def _name_of(host: str) -> str:
    """The name in a Host header, without a port and in lower case."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].removesuffix(".")


def is_ours(host: str, names: Collection[str]) -> bool:
    """Is the portal one of `names` when asked for `host`? A name that begins with a dot stands for all below it."""
    name = _name_of(host)
    return name in names or any(one.startswith(".") and name.endswith(one) for one in names)


def install(app: Flask, settings: Settings) -> None:
    """Refuse requests for names that are not the portal's. Call before the gate is installed.

    Raises ConfigurationError when the address that stands in messages has none of these names.
    """
    names = frozenset(_name_of(name) if not name.count(":") > 1 else name.lower() for name in settings.hosts)
    if settings.public_url and not is_ours(urlsplit(settings.public_url).netloc, names):
        raise ConfigurationError(
            f"HP_PORTAL_PUBLIC_URL is {settings.public_url}, but the portal does not answer to this name. "
            "Add the name to HP_PORTAL_HOSTS."
        )

    @app.before_request
    def refuse_other_names() -> Response | None:
        environ = request.environ
        if is_ours(environ.get("HTTP_HOST", ""), names) or environ["PATH_INFO"] in ANY_NAME:
            return None
        said = "The portal does not answer to this name. Whoever runs it lists its names in HP_PORTAL_HOSTS.\n"
        return Response(said, 400, content_type="text/plain; charset=utf-8")


def proxy_warnings() -> list[str]:
    """What this request shows of proxies that HP_PORTAL_TRUSTED_PROXIES does not tell of, in sentences; mostly nothing."""
    settings: Settings = current_app.extensions["hp_portal.settings"]
    trusted, headers = settings.trusted_proxies, request.headers
    if not trusted:
        sent = [name for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host") if name in headers]
        if not sent:
            return []
        return [
            f"This request came with {' and '.join(sent)}, but HP_PORTAL_TRUSTED_PROXIES is 0. If you run a reverse proxy, "
            "the portal takes its address for everybody's: one person who types wrong passwords locks everybody out. Set "
            "HP_PORTAL_TRUSTED_PROXIES to the number of proxies."
        ]
    told = len([part for part in headers.get("X-Forwarded-For", "").split(",") if part.strip()])
    if told >= trusted:
        return []
    return [
        f"HP_PORTAL_TRUSTED_PROXIES is {trusted}, but this request came with {told or 'no'} forwarded "
        f"{'address' if told == 1 else 'addresses'}. Either the portal can be reached around the proxy, or the number is "
        "too high."
    ]
