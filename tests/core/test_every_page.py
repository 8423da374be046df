"""What holds on every page, whichever application it is of: names are text, GET only reads."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from werkzeug.routing import Rule as Route

from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from tests.support import matrix
from tests.support.client import FRAGMENT_HEADERS, PortalClient, tree_of
from tests.support.matrix import Scene, build_scene
from tests.support.world import World

HOSTILE = """<b data-planted>&amp;"'"""
# What a GET may write all the same, with the reason.
WRITTEN_BY_READING = {
    "audit_event": "what was seen is recorded",
    "pace": "how many pages one address has read in this minute",
    "audit_window": "what was refused is counted",
    "portal_draft_visit": "who has a draft open, told to others who open it",
    "refusal": "what was refused is noted",
    "sign_in": "when the session was last used",
}
# GETs that change something, with the reason.
CHANGING = {
    "/set-password": "asked for without a link, it is counted as a failed try",
    "/not-me": "asked for without a link, it is counted as a failed try",
    "/documents/<id:document_id>": "opened when it is ready, a document is no news on the home page any more",
    "/staff/letters/print-runs/<id:run_id>/pdf": "letters are marked as mailed once somebody has opened them",
}


@pytest.fixture
def scene(sample_world: World) -> Scene:
    return build_scene(sample_world)


def readers(scene: Scene) -> Iterator[tuple[Route, Person]]:
    """Every address that is opened with GET, with somebody who may."""
    for route, method, rule in matrix.routes(scene.world.app):
        if method == "GET":
            persona = "staff with permission" if rule.kind == "staff" else "delegate"
            person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
            assert person is not None
            yield route, person


@contextmanager
def writes(scene: Scene) -> Iterator[set[str]]:
    """The tables that are written to within the block."""
    tables: set[str] = set()

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if found := re.match(r"\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+(\w+)", statement):
            tables.add(found.group(1))

    engine = scene.world.database.engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield tables
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


@pytest.mark.either_database
def test_names_are_shown_as_text(scene: Scene) -> None:
    with scene.world.session() as session:
        for model in (Organization, Payee, Person):
            session.execute(sa.update(model).values(name=HOSTILE))
    planted, shown = [], 0
    for route, person in readers(scene):
        for headers in ({}, FRAGMENT_HEADERS):
            answer = matrix.ask(scene, route, "GET", person, headers=headers)
            if answer.mimetype == "text/html":
                shown += "&lt;b data-planted&gt;&amp;amp;&#34;&#39;" in answer.text
                planted += [route.rule] if "data-planted>" in answer.text else []
            answer.close()
    assert not planted
    assert shown > 20


@pytest.mark.either_database
def test_get_changes_nothing(scene: Scene) -> None:
    asked = [(route, person, matrix.url_of(scene, route, person)) for route, person in readers(scene)]
    written: dict[str, set[str]] = {}
    for route, person, url in asked:
        client = scene.world.sign_in(person.username)
        with writes(scene) as tables:
            client.get(url).close()
        if changed := tables - WRITTEN_BY_READING.keys():
            written[route.rule] = changed
    assert {rule: tables for rule, tables in written.items() if rule not in CHANGING} == {}
    assert CHANGING.keys() - written.keys() == set(), "no longer needed in the list"


def test_text_is_decoded_once(scene: Scene) -> None:
    client = scene.world.client()
    box = next(one for one in tree_of(client.get("/help/?q=%252541%26lt%3B")).iter("input") if one.get("name") == "q")
    assert box.get("value") == "%2541&lt;"
    assert client.get("/help/%2573igning-in").status_code == 404, "not /help/signing-in"
    form = client.post("/sign-in", {"username": "%41&#65;", "password": "x"})
    named = next(one for one in tree_of(form).iter("input") if one.get("name") == "username")
    assert named.get("value") == "%41&#65;"


def test_of_a_repeated_key_the_first_counts_and_an_address_fills_in_no_form(scene: Scene) -> None:
    client: PortalClient = scene.world.client()
    box = next(one for one in tree_of(client.get("/help/?q=first&q=second")).iter("input") if one.get("name") == "q")
    assert box.get("value") == "first"
    form = client.post("/sign-in?username=from-the-address", {"username": ["one", "two"], "password": "x"})
    named = next(one for one in tree_of(form).iter("input") if one.get("name") == "username")
    assert named.get("value") == "one"
    empty = client.post("/sign-in?username=from-the-address", {"password": "x"})
    assert "Enter your user name" in empty.text
    assert "from-the-address" not in empty.text
