"""What every answer tells the browser, whoever asks, errors included."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from tests.conftest import MakeApp
from tests.support.client import PortalClient
from tests.support.databases import prepare_database
from tests.support.world import World

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
}
POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "form-action 'self'",
    "object-src 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.fixture
def by_tls(make_app: MakeApp, tmp_path: Path) -> Flask:
    app = make_app(f"sqlite:///{tmp_path}/portal.sqlite", https=True)
    prepare_database(app)
    return app


@pytest.mark.parametrize("url", ["/", "/sign-in", "/nothing-here", "/my-activity", "/healthz", "/readyz", "/sign-out"])
def test_every_answer_carries_them(by_tls: Flask, url: str) -> None:
    answer = PortalClient(by_tls).get(url, base_url="https://localhost", check=False)
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    policy = {part.strip() for part in answer.headers["Content-Security-Policy"].split(";")}
    assert policy >= POLICY
    assert not any("unsafe" in part or "*" in part or "http" in part for part in policy)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_what_is_public_may_be_asked_for_by_three_methods_alone(by_tls: Flask) -> None:
    client = PortalClient(by_tls).flask
    for method in ("TRACE", "PUT", "DELETE", "PATCH", "CONNECT"):
        assert client.open("/sign-in", method=method, base_url="https://localhost").status_code in (400, 405), method


def test_the_session_cookie_is_the_host_s_alone_and_signed_with_sha_256(by_tls: Flask) -> None:
    world = World(by_tls)
    world.person("a.clerk")
    answer = PortalClient(by_tls).get("/sign-in", base_url="https://localhost")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-hp_portal=")
    for flag in ("Secure", "HttpOnly", "Path=/", "SameSite=Lax"):
        assert flag in cookie, cookie
    assert "Domain" not in cookie
    signer = by_tls.session_interface.get_signing_serializer(by_tls)  # type: ignore[attr-defined]
    assert isinstance(signer, URLSafeTimedSerializer)
    assert signer.make_signer().digest_method is hashlib.sha256


def test_no_header_is_sent_twice(by_tls: Flask) -> None:
    for url in ("/sign-in", "/nothing-here", "/healthz"):
        answer = PortalClient(by_tls).get(url, base_url="https://localhost", check=False)
        names = [name for name, _ in answer.headers if name != "Vary"]
        assert sorted(names) == sorted(set(names))
