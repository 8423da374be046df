"""Forms of nearly a megabyte, filled with what is bad for whoever reads it: for every page that takes a form."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

from werkzeug.routing import Rule as Route
from werkzeug.test import TestResponse

from hp_portal.core.access.rules import Rule

from .client import PortalClient
from .fuzz import Asked
from .matrix import Scene, cast_person, routes, url_of

ROOM = 900_000  # what a request may have is a megabyte, the form's token included
LONG = {
    "the same letter": "a" * ROOM,
    "characters that stand for others": "4@8({[<369!1|07$5+%2" * (ROOM // 20),
    "letters that grow when they are normalized": "\ufdfa" * (ROOM // 9),
    "accents on accents": "e" + "\u0301" * (ROOM // 6),
    "digits": "9" * ROOM,
    "blanks": " " * ROOM + "x",
    "brackets": "(" * ROOM,
    "lines": "\r\n" * (ROOM // 6),
}
NAMES = (
    "username", "password", "current", "new", "again", "next", "reason", "number", "tin", "npi", "name", "email", "file", "list",
    "last_name", "first_name", "member_id", "service_from", "amount", "why-choice", "why-other", "q", "query",
)  # fmt: skip


def texts() -> list[dict[str, str]]:
    """Forms of nearly a megabyte: every field with another text of those that are bad, in every form with the next one."""
    bad = list(LONG.values())
    return [
        {name: bad[(place + turn) % len(bad)][: ROOM // len(NAMES)] for place, name in enumerate(NAMES)}
        for turn in range(len(bad))
    ]


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """The same, by what is bad about how they are written. They are read before a page is asked: some stand for all."""
    yield "many fields", {"data": "&".join(f"f{n}=" for n in range(ROOM // 8))}
    yield "one field many times", {"data": "&".join(["number=1"] * (ROOM // 9))}
    yield "nested names", {"data": "&".join(f"files-{n}-{n}-{n}=1" for n in range(ROOM // 24))}
    yield "percent signs", {"data": "number=" + "%" * ROOM}
    parts = "".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nx\r\n' for n in range(ROOM // 60))
    yield "many parts", {"data": parts + "--b--\r\n", "content_type": "multipart/form-data; boundary=b"}
    head = "\r\n".join(f"X-{n}: y" for n in range(ROOM // 12))
    yield (
        "a part of many headers",
        {
            "data": f'--b\r\nContent-Disposition: form-data; name="f"\r\n{head}\r\n\r\nx\r\n--b--\r\n',
            "content_type": "multipart/form-data; boundary=b",
        },
    )
    yield "a file", {"data": {"file": (io.BytesIO(b"Code,Description\n" + b"A1,b\n" * (ROOM // 5)), "codes.csv")}}
    yield "a list in a list", {"data": "[" * ROOM, "content_type": "application/json"}


def asked(scene: Scene, route: Route, rule: Rule) -> tuple[PortalClient, str]:
    """Somebody whom the page opens for, with an address of it."""
    personas = {"staff": "staff with permission", "delegate": "delegate"}
    person = None if rule.kind == "public" else cast_person(scene, personas.get(rule.kind, "allowed"), rule.permission)
    client = scene.world.sign_in(person.username) if person else PortalClient(scene.world.app)
    return client, url_of(scene, route, person)


def post(client: PortalClient, url: str, options: dict[str, Any]) -> tuple[float, TestResponse]:
    """The seconds of the processor that the answer took. Without a token nothing of a form is read, so it is there."""
    data = options["data"]
    token = client.csrf_token()
    if isinstance(data, dict):
        files = {
            name: (io.BytesIO(value[0].getvalue()), value[1])
            for name, value in data.items()
            if isinstance(value, tuple)
        }
        options = {**options, "data": {"csrf_token": token, **data, **files}}
    elif "content_type" not in options:
        options = {"data": f"csrf_token={token}&{data}", "content_type": "application/x-www-form-urlencoded"}
    headers = {"X-CSRFToken": token}
    began = time.process_time()
    answer = client.flask.post(url, headers=headers, **options)
    return time.process_time() - began, answer


def all_answers(scene: Scene) -> Iterator[tuple[str, str, float, TestResponse]]:
    """What every page that takes a form answers to some of them, and the seconds of the processor: its endpoint, with what. One
    that reads nothing of a form is sent a single one."""
    asked_for = Asked()
    asked_for.note(scene.world.app)
    filled, written = texts(), list(bodies())
    long = {"data": {"password": LONG["characters that stand for others"]}}
    posted = [(route, rule) for route, method, rule in routes(scene.world.app) if method == "POST"]
    for number, (route, rule) in enumerate(posted):
        client, url = asked(scene, route, rule)
        turns = [(2 * number + more) % len(filled) for more in range(2)]
        fields = [("one long field", long), *((f"turn {turn}", {"data": filled[turn]}) for turn in turns)]
        for what, options in [*fields, *written] if number % 4 == 0 else fields:
            seconds, answer = post(client, url, options)
            yield route.endpoint, what, seconds, answer
            if not asked_for.of(route.endpoint):
                break
            if answer.headers.get("Location", "").startswith("/sign-in"):
                client, url = asked(scene, route, rule)  # the form before it ended the session
