"""A browser without a screen: keeps cookies, fills in the CSRF token, checks every page it is given."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

from flask import Flask, session
from flask_wtf.csrf import generate_csrf
from werkzeug.test import TestResponse

from . import html

FRAGMENT_HEADERS = {"HX-Request": "true", "HX-Request-Type": "partial"}


class PortalClient:
    """A visitor of `app`. `token` is the cookie's token of somebody already signed in."""

    def __init__(self, app: Flask, token: str | None = None) -> None:
        self.app = app
        self.flask = app.test_client()
        if token is not None:
            with self.flask.session_transaction() as kept:
                kept["_user_id"] = token
                kept["_fresh"] = True

    def get(self, url: str, *, fragment: bool = False, check: bool = True, **options: Any) -> TestResponse:
        """GET; `fragment` asks as htmx does for a part of a page. Redirects are not followed unless asked."""
        return self._open("GET", url, fragment, check, options)

    def post(
        self,
        url: str,
        data: dict[str, Any] | None = None,
        *,
        fragment: bool = False,
        check: bool = True,
        **options: Any,
    ) -> TestResponse:
        """POST a form with this session's CSRF token."""
        options["data"] = {"csrf_token": self.csrf_token(), **(data or {})}
        return self._open("POST", url, fragment, check, options)

    def csrf_token(self) -> str:
        """A token that this session's forms would carry."""
        with self.flask.session_transaction() as kept, self.app.test_request_context():
            if "csrf_token" in kept:
                session["csrf_token"] = kept["csrf_token"]
            token: str = generate_csrf()
            kept["csrf_token"] = session["csrf_token"]
        return token

    def _open(self, method: str, url: str, fragment: bool, check: bool, options: dict[str, Any]) -> TestResponse:
        headers = {**(FRAGMENT_HEADERS if fragment else {}), **options.pop("headers", {})}
        response = self.flask.open(url, method=method, headers=headers, **options)
        if check and (problems := page_problems(response, f"{method} {url}")):
            raise html.BadPage("; ".join(problems))
        return response


def page_problems(response: TestResponse, what: str) -> list[str]:
    """The rules of pages that an answer breaks, with the request's name; none when it is no HTML."""
    if response.mimetype != "text/html" or 300 <= response.status_code < 400 or not response.text.strip():
        return []
    try:
        if response.text.lstrip().lower().startswith("<!doctype"):
            html.check_page(response.text)
        else:
            html.check_fragment(response.text)
    except html.BadPage as error:
        return [f"{what} ({response.status_code}): {error}"]
    return []


def tree_of(response: TestResponse) -> ElementTree.Element:
    """The answer as a tree, for finding things in it."""
    whole = response.text.lstrip().lower().startswith("<!doctype")
    return html.parse(response.text, fragment=not whole)[0]


def words_of(response: TestResponse) -> str:
    """The text of the page, or of a part of one, with single spaces, as people read it."""
    return html.text_of(tree_of(response))


def heading_of(response: TestResponse) -> str:
    """The text of the page's h1."""
    return next((html.text_of(element) for element in tree_of(response).iter("h1")), "")
