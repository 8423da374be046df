"""The log: a JSON line for each request, in UTC, that names its route and nothing that somebody typed."""

from __future__ import annotations

import datetime as dt
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import structlog

from hp_portal.app import create_app
from hp_portal.core.access import rules as access
from tests.support.client import PortalClient
from tests.support.databases import Databases, settings_for
from tests.support.world import PASSWORD, World

Lines = list[dict[str, Any]]


def lines_of(log: io.StringIO) -> Lines:
    """What has been logged since the last look; each line has to be JSON by itself."""
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    log.seek(0)
    log.truncate()
    return lines


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


@pytest.fixture
def world(databases: Databases, tmp_path: Path, log: io.StringIO) -> World:
    """A portal that logs as in production."""
    url = databases.new_sqlite(tmp_path / "portal.sqlite")
    log.truncate(0)
    log.seek(0)
    # Made anew: where it writes its log was settled when an app was made.
    return World(create_app(settings_for(url, databases.instance, log_format="json")))


def test_a_request_is_a_line_without_what_was_typed(world: World, log: io.StringIO) -> None:
    world.person("a.clerk")
    client = world.client()
    lines_of(log)
    client.post("/sign-in?next=/secret-place", {"username": "a.clerk", "password": PASSWORD})
    client.get("/set-password/secret-token", headers={"Referer": "/secret-page", "User-Agent": "secret-agent"})
    lines = lines_of(log)
    assert [(line["event"], line["method"], line["route"]) for line in lines] == [
        ("request", "POST", "/sign-in"),
        ("request", "GET", "/set-password/<token>"),
    ]
    assert not any(word in json.dumps(lines) for word in ("secret", "a.clerk", PASSWORD))
    for line in lines:
        assert dt.datetime.fromisoformat(line["timestamp"]).utcoffset() == dt.timedelta(0)
        assert len(line["request_id"]) == 32


def test_an_error_is_logged_with_the_number_that_the_page_shows(world: World, log: io.StringIO) -> None:
    def fail() -> str:
        raise RuntimeError("the cause")

    world.app.view_functions["pages.contact"] = access.public(fail)
    lines_of(log)
    answer = PortalClient(world.app).get("/contact", check=False)
    assert answer.status_code == 500
    lines = lines_of(log)
    number = answer.headers["X-Request-ID"]
    assert number in answer.text
    assert [line["request_id"] for line in lines if "the cause" in line.get("exception", "")] == [number]


def test_no_text_begins_a_line_of_its_own(world: World, log: io.StringIO) -> None:
    text = 'x\n{"event": "forged"}\r\n\u2028"\x1b[31m'
    lines_of(log)
    structlog.get_logger().info("said", text=text)
    assert [(line["event"], line["text"]) for line in lines_of(log)] == [("said", text)]
