"""Security headers on every answer, cookies, and which proxies are believed."""

from __future__ import annotations

import hashlib

from flask import Flask, Response, g, session
from flask.sessions import SecureCookieSessionInterface
from flask_wtf import CSRFProtect
from flask_wtf.csrf import generate_csrf
from itsdangerous import URLSafeTimedSerializer
from werkzeug.middleware.proxy_fix import ProxyFix

from hp_portal.core.web import bodies
from hp_portal.settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def fixed_headers(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The headers of every answer, pages and static files alike."""
    always = (
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        ("X-Content-Type-Options", "nosniff"),
        ("X-Frame-Options", "DENY"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    )
    strict_transport = ("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    return (*always, strict_transport) if settings.https else always


class CookieSessions(SecureCookieSessionInterface):
    """Flask's sessions in a cookie signed with HMAC-SHA-256, with one signer for all requests instead of one for each."""

    digest_method = staticmethod(hashlib.sha256)

    def __init__(self) -> None:
        self._signer: URLSafeTimedSerializer | None = None

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        if self._signer is None:
            self._signer = super().get_signing_serializer(app)
        return self._signer


class CsrfTokens:
    """The token of forms, signed once for a sign-in and not once for each page: it does not run out.

    Remembers those of the last people who asked.
    """

    KEPT = 1000

    def __init__(self) -> None:
        self._signed: dict[str, str] = {}

    def __call__(self) -> str:
        """For templates, in the place of Flask-WTF's `csrf_token`."""
        signed = self._signed.get(session.get("csrf_token", ""))
        if signed is None:
            signed = generate_csrf()
            if len(self._signed) >= self.KEPT:
                self._signed.clear()
            self._signed[session["csrf_token"]] = signed
        return signed


def protect_forms(app: Flask, *other_ways: str) -> None:
    """Refuse forms that were sent without the token of the person's session, but for views (by module and name) that something
    in their address entitles to, whoever is signed in."""
    protect = CSRFProtect(app)
    for view in other_ways:
        protect.exempt(view)
    app.jinja_env.globals["csrf_token"] = CsrfTokens()


def install(app: Flask, settings: Settings) -> None:
    """Set cookies' flags, trust the configured proxies, add headers."""
    app.config.update(
        SECRET_KEY=settings.secret_key.get_secret_value(),
        SESSION_COOKIE_NAME="__Host-hp_portal" if settings.https else "hp_portal",
        SESSION_COOKIE_SECURE=settings.https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=bodies.SMALL,
        MAX_FORM_MEMORY_SIZE=1024 * 1024,
        # A form stays usable as long as the sign-in; the cookie's signature and the session bind the token.
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=settings.https,
    )
    app.session_interface = CookieSessions()
    bodies.install(app)
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    fixed = fixed_headers(settings)
    without_policy = [header for header in fixed if header[0] != "Content-Security-Policy"]

    @app.after_request
    def add_headers(response: Response) -> Response:
        headers = response.headers
        # Nothing else sets these, but for a view with a policy of its own: no need to look for each whether it is there.
        headers.extend(fixed if "Content-Security-Policy" not in headers else without_policy)
        headers.add("X-Request-ID", g.get("request_id", ""))
        if "Cache-Control" not in headers:
            headers.add("Cache-Control", "no-store")
        return response
