"""The sample plugin's long form, as people fill it in."""

from __future__ import annotations

import io
import re
from typing import Any
from urllib.parse import urlsplit

from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from .client import PortalClient, tree_of

REPORT = "/apps/sample/report"
WHAT = {"note": "Note 12", "kind": "typo"}
WHEN = {"first": "2026-03-02", "last": "", "more": ""}


def begin(client: PortalClient, below: str = "") -> str:
    """The path of a new draft, without a slash at its end; `below` stands before it, as for one of several organizations."""
    answer = client.post(f"{below}{REPORT}/begin")
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removesuffix("/steps/what")


def hidden(page: TestResponse) -> dict[str, str]:
    """The version and the word of the page that a step's form carries."""
    form = next(form for form in tree_of(page).iter("form") if form.get("id") == "fields")
    fields = {
        field.get("name"): field.get("value", "") for field in form.iter("input") if field.get("type") == "hidden"
    }
    return {name: value for name, value in fields.items() if name in ("version", "page", "back")}


def save(
    client: PortalClient, draft: str, step: str, typed: dict[str, Any], go: str = "continue", **more: Any
) -> TestResponse:
    """Open a step, fill it in, and press a button."""
    query = f"?back={more.pop('back')}" if "back" in more else ""
    given = hidden(client.get(f"{draft}/steps/{step}{query}"))
    return client.post(f"{draft}/steps/{step}/save", {**given, **typed, "go": go, **more})


def save_file(client: PortalClient, draft: str, name: str, body: bytes, go: str = "continue") -> TestResponse:
    """Attach a file in the step *Proof*."""
    given = hidden(client.get(f"{draft}/steps/proof"))
    parts = {**given, "csrf_token": client.csrf_token(), "go": go, "files": [FileStorage(io.BytesIO(body), name)]}
    boundary, sent = encode_multipart(parts)
    kind = f"multipart/form-data; boundary={boundary}"
    return client.flask.post(f"{draft}/steps/proof/save", data=sent, content_type=kind)


def filled(client: PortalClient, below: str = "", **what: str) -> str:
    """A draft with everything in it, ready to be sent."""
    draft = begin(client, below)
    assert save(client, draft, "what", {**WHAT, **what}).status_code == 303
    assert save(client, draft, "when", WHEN).status_code == 303
    answer = save_file(client, draft, "note.txt", b"The note itself.\n")
    assert path_of(answer) == f"{draft}/review"
    return draft


def path_of(answer: TestResponse) -> str:
    """Where an answer leads."""
    assert answer.status_code == 303, (answer.status_code, answer.text)
    return urlsplit(answer.headers["Location"]).path


def steps_of(page: TestResponse) -> list[str]:
    """The steps as the page lists them, links in brackets."""
    nav = next(one for one in tree_of(page).iter("nav") if one.get("aria-label") == "Steps")
    found = []
    for item in nav.iter("li"):
        words = re.sub(r"\s+", " ", "".join(item.itertext())).strip().replace(" , done", ", done")
        found.append(f"[{words}]" if next(item.iter("a"), None) is not None else words)
    return found
