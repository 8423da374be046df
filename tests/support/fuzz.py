"""Hostile requests for every route. Nobody types the names of parameters: the app tells which ones it asks for."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from flask import Flask, Request, got_request_exception, request
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import Rule as Route

from hp_portal.core.identity.models import Person

from . import matrix
from .client import PortalClient
from .matrix import Scene

# NUL, control characters, what looks like a number and is none, what is too long, what only looks like nothing.
VALUES = (
    "\x00",
    "a\x00b",
    " ",
    "\u202e\u200b\ufeff\u0085\u2028",
    "x" * 10_000,
    "é" * 10_000,
    "9" * 25,
    "-1",
    "0",
    "1e999",
    "NaN",
    "\u0661\u0662\u0663",
    "²",
    "%00%ff",
    "'\")};--",
    "9999-99-99",
    "0000-00-00",
    "10000-01-01",
    "\U0010ffff",
    "[::1",
)
# What both databases take alike: SQLite, which is faster, is asked it where all parameters get the same.
TEXT_ALONE = frozenset((" ", VALUES[3], "\u0661\u0662\u0663", "²", "%00%ff", "'\")};--", "\U0010ffff", "[::1"))
# What SQLite might refuse and PostgreSQL takes, or each in its own way. The rest is refused by PostgreSQL alone, if by any.
OF_SQLITE = frozenset(("9" * 25, "-1", "1e999", "10000-01-01"))
# What a long form does with what somebody types is another thing in every form; its other pages are the same in all.
OF_EACH_FORM = frozenset(("save", "check"))
# The names that stand in addresses are tried with these as well.
IN_ADDRESSES = ("\x00", "%00", "9" * 25, "-1", "0", "\u0661", "x" * 3000, "..", "\u202e", "%ff", " ")
# Routes that stand for all where a header is tried.
WITH_HEADERS = (
    "/",
    "/sign-in",
    "/change-password",
    "/apps/remittance/search",
    "/apps/remittance/",
    "/staff/organizations",
    "/healthz",
)
HEADERS = {
    "X-Forwarded-For": ("x" * 200, "1" * 46, "999.999.999.999", "[::1", "::ffff:1.2.3.4%eth0", ",,,", "é"),
    "X-Forwarded-Proto": ("javascript", "x" * 3000),
    "HX-Current-URL": ("http://[", "//x", "x" * 3000, "http://localhost:99999/x", "é"),
    "HX-Target": ("x" * 3000, "é"),
    "User-Agent": ("", "x" * 3000, "é\u0085"),
    "Referer": ("http://[", "x" * 3000),
    "If-None-Match": ('W/"', "x" * 3000),
    "If-Modified-Since": ("yesterday", "x" * 3000),
    "Range": ("bytes=5-1", "bytes=-", "x" * 300),
    "Accept": ("x" * 3000, "*/*;q=é"),
    "Cookie": ("session=x", "session=" + "." * 3000, "remember_token=\u00e9", "=;=;;"),
    "Content-Type": (
        "multipart/form-data",
        "multipart/form-data; boundary=é",
        "application/json",
        "text/plain; charset=x",
    ),
}


class Asked:
    """The names of parameters that each endpoint has asked for."""

    def __init__(self) -> None:
        self.names: dict[str, set[str]] = defaultdict(set)

    def note(self, app: Flask) -> None:
        """Note from now on what views of this app ask for."""
        app.request_class = type("NotingRequest", (Request,), {"parameter_storage_class": self._storage()})

    def of(self, endpoint: str) -> list[str]:
        """What an endpoint has asked for so far, but the form's token."""
        return sorted(self.names[endpoint] - {"csrf_token"})

    def _storage(self) -> type[ImmutableMultiDict[str, Any]]:
        asked = self

        class Noting(ImmutableMultiDict[str, Any]):
            def _note(self, key: object) -> None:
                if isinstance(key, str):
                    asked.names[request.endpoint or ""].add(key)

            def __getitem__(self, key: str) -> Any:
                self._note(key)
                return super().__getitem__(key)

            def __contains__(self, key: object) -> bool:
                self._note(key)
                return super().__contains__(key)

            def get(self, key: str, *arguments: Any, **options: Any) -> Any:
                self._note(key)
                return super().get(key, *arguments, **options)

            def getlist(self, key: str, *arguments: Any, **options: Any) -> Any:
                self._note(key)
                return super().getlist(key, *arguments, **options)

        return Noting


class Fuzz:
    """Sends hostile requests to every route of the scene's app and collects what ended in an error of the portal."""

    def __init__(self, scene: Scene) -> None:
        self.scene, self.app = scene, scene.world.app
        self.asked = Asked()
        self.asked.note(self.app)
        self.sent = 0
        self.problems: list[str] = []
        self._clients: dict[int | None, PortalClient] = {}
        self._error: Exception | None = None
        every = sorted(self.app.extensions["hp_portal.directory"].staff_permissions)
        self._staff = scene.world.staff("fuzz.staff", permissions=every)
        self._delegate = matrix.cast_person(scene, "delegate")
        # Before the first request: some end what an address names.
        self._values = {route.endpoint: matrix.values_of(scene, route, person) for route, _, person in self.routes()}
        adapter = self.app.url_map.bind("localhost")
        self._urls = {endpoint: adapter.build(endpoint, values) for endpoint, values in self._values.items()}
        got_request_exception.connect(self._note_error, self.app)
        self._hung: set[tuple[object, str]] = set()

    def _note_error(self, sender: Flask, exception: Exception, **extra: Any) -> None:
        del sender, extra
        self._error = exception

    def routes(self) -> Iterator[tuple[Route, str, Person | None]]:
        for route, method, rule in matrix.routes(self.app):
            yield route, method, self._staff if rule.kind == "staff" else self._delegate

    def first_of_its_sort(self, route: Route) -> bool:
        """Is what answers this route hung nowhere else, or at no route that was asked about before?"""
        act = getattr(inspect.unwrap(self.app.view_functions[route.endpoint]), "__func__", None)
        if act is None or act.__name__ in OF_EACH_FORM:
            return True
        sort = act, route.endpoint.partition(".")[0]
        known = sort in self._hung
        self._hung.add(sort)
        return not known

    def send(
        self, route: Route, method: str, person: Person | None, what: str, options: dict[str, Any], url: str = ""
    ) -> None:
        """One request; `options` are those of werkzeug's test client."""
        self.sent += 1
        self._error = None
        client = self._client(person)
        if method == "POST" and "data" in options:
            options["data"] = {"csrf_token": client.csrf_token(), **options["data"]}
        # Everybody from an address of their own: no limit stands before what is looked for.
        everywhere = {"REMOTE_ADDR": f"10.{self.sent >> 16 & 255}.{self.sent >> 8 & 255}.{self.sent & 255}"}
        address = url or self._urls[route.endpoint]
        response = client.flask.open(address, method=method, environ_overrides=everywhere, **options)
        if response.status_code >= 500 or self._error is not None:
            self.problems.append(f"{method} {route.rule} with {what}: {response.status_code} {self._error!r:.200}")
        kind = response.headers.get("Content-Type", "")
        if response.data and (not kind or (kind.startswith("text/") and "charset=utf-8" not in kind.replace('"', ""))):
            self.problems.append(f"{method} {route.rule} with {what}: {response.status_code} is of the type {kind!r}")
        if response.status_code == 401 or response.headers.get("Location", "").startswith("/sign-in"):
            self._clients.pop(person.id if person else None, None)
        response.close()

    def _client(self, person: Person | None) -> PortalClient:
        key = person.id if person else None
        if key not in self._clients:
            self._clients[key] = self.scene.world.sign_in(person.username) if person else PortalClient(self.app)
        return self._clients[key]

    def parameters(self, route: Route, method: str, person: Person | None) -> None:
        """Every value in every parameter that the view asks for: in all at once, and beside other odd values in two others;
        and all twice. Some of the threes go to each database, and of the rest what it may refuse. A view that asks for
        nothing gets nothing."""
        where = "data" if method == "POST" else "query_string"
        self.send(route, method, person, "nothing", {where: {}})
        if not self.asked.of(route.endpoint):
            return  # whatever is sent, nobody reads it
        sqlite = self.scene.world.database.engine.dialect.name == "sqlite"
        for row, value in enumerate(VALUES):
            names = self.asked.of(route.endpoint)
            if sqlite == (value in TEXT_ALONE) or (sqlite and value in OF_SQLITE):
                self.send(route, method, person, f"{value[:20]!r} in {names}", {where: dict.fromkeys(names, value)})
            for column in range(0, len(names) if len(names) > 1 else 0, 3):
                if (row + column) % 8 in (2, 6) if sqlite else (row + column) % 8 == 0:
                    some = names[column : column + 3]
                    odd = {name: VALUES[(row + 7 * place) % len(VALUES)] for place, name in enumerate(some)}
                    told = ", ".join(f"{text[:20]!r} in {name}" for name, text in odd.items())
                    self.send(route, method, person, told, {where: odd})
        names = self.asked.of(route.endpoint)
        self.send(route, method, person, f"{names} repeated", {where: {name: ["1", "\x00"] for name in names}})

    def addresses(self, route: Route, method: str, person: Person | None) -> None:
        """Odd values in place of what the route's address names."""
        for name in sorted(route.arguments):
            for value in IN_ADDRESSES[self.scene.world.database.engine.dialect.name == "sqlite" :: 2]:
                values = self._values[route.endpoint] | {name: value}
                try:
                    url = self.app.url_map.bind("localhost").build(route.endpoint, values)
                except ValueError:
                    continue  # no address can hold it
                options: dict[str, Any] = {"data": {}} if method == "POST" else {}
                self.send(route, method, person, f"{value[:20]!r} as {name}", options, url)

    def headers(self, route: Route, method: str, person: Person | None) -> None:
        """Odd headers, at the routes that stand for all."""
        if route.rule not in WITH_HEADERS:
            return
        for name, values in HEADERS.items():
            for value in values:
                headers = {name: value.encode().decode("latin-1")}
                self.send(route, method, person, f"{name}: {value[:20]!r}", {"headers": headers})
