"""Every route against every kind of person, generated from the app's own routes.

An answer is asked for once, and everything that must hold of it is looked for in it: asking takes far longer than looking.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support import matrix
from tests.support.client import FRAGMENT_HEADERS, page_problems
from tests.support.matrix import OPEN, Scene, build_scene
from tests.support.nu import keep_page, nu_problems
from tests.support.world import World

# Who looks for what is another organization's, in pages and in fragments.
LOOKING = ("wrong organization", "allowed", "delegate", "no application given")
# Whose pages and fragments the Nu HTML checker reads as well, with SQLite alone: of HTML one kind of database tells enough.
CHECKED = ("anonymous", "allowed", "delegate", "no application given", "staff with permission")
# Who asks for fragments: whoever is allowed to sees no more of them than a delegate.
FRAGMENTS = ("wrong organization", "delegate", "no application given", "anonymous", "staff with permission")
# Who must find the button to sign out, by the rule of the page: a delegate, if it is not of the console.
SIGNED_IN = {"staff": "staff with permission"}


def on(*pairs: tuple[str, tuple[str, ...]]) -> pytest.MarkDecorator:
    """Run a test with these kinds of databases, each with these people."""
    marks = {"sqlite": (), "postgresql": (pytest.mark.postgresql,)}
    cases = [pytest.param(kind, persona, marks=marks[kind]) for kind, people in pairs for persona in people]
    return pytest.mark.parametrize(("database_kind", "persona"), cases, indirect=["database_kind"])


@pytest.fixture
def scene(sample_world: World) -> Scene:
    return build_scene(sample_world)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "pages"
    made.mkdir()
    return made


# On both: whom the gate turns away is found out by reading rows, too.
@on(("postgresql", matrix.PERSONAS), ("sqlite", matrix.PERSONAS))
def test_every_route_answers_as_its_rule_says(scene: Scene, database_kind: str, persona: str, folder: Path) -> None:
    """And shows nothing of another organization, whichever organization's things the URL names, and is a page as it must be."""
    wrong, shown = [], ""
    for route, method, rule in matrix.routes(scene.world.app):
        person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
        response = matrix.ask(scene, route, method, person, check=False)
        if persona in CHECKED:
            wrong += page_problems(response, f"{method} {route.rule}")
            keep_page(folder, f"{route.endpoint}-{method}", response)
        wanted, got = matrix.expected(scene, route, rule, persona), matrix.outcome(response)
        if got != wanted and not (wanted == OPEN and got == "404" and route.endpoint in matrix.MAY_MISS):
            wrong.append(f"{method} {route.rule} [{rule}]: {got} instead of {wanted}")
        if persona in LOOKING and rule.kind != "staff":
            wrong += [f"{method} {route.rule}: {word}" for word in foreign_words(scene, persona, response.data)]
            shown += response.get_data().decode(errors="replace").lower() if method == "GET" else ""
        reads = method == "GET" and persona == SIGNED_IN.get(rule.kind, "delegate")
        if reads and not lets_sign_out(response):
            wrong.append(f"{method} {route.rule} ({response.status_code}): nothing to sign out with")
        response.close()
    if persona == "allowed":  # what is looked for is there to be found
        wrong += [f"{word} is shown nowhere" for word in scene.own.secrets if word.lower() not in shown]
    wrong += nu_problems(folder) if database_kind == "sqlite" and persona in CHECKED else []
    assert not wrong, "\n".join(wrong)


def foreign_words(scene: Scene, persona: str, data: bytes) -> list[str]:
    """What an answer shows of the organization that this person is not of."""
    stranger = scene.own if persona == "wrong organization" else scene.other
    return [word for word in stranger.secrets if word.encode() in data]


def lets_sign_out(response: TestResponse) -> bool:
    """Does a page have the button? What is no page of its own need not."""
    if response.mimetype != "text/html" or not response.text.lstrip().lower().startswith("<!doctype"):
        return True
    return re.search(r'<form[^>]* action="/sign-out"', response.text) is not None


@pytest.mark.parametrize("persona", ["allowed", "staff with permission"])
def test_a_number_that_no_row_can_have_is_not_found(scene: Scene, persona: str) -> None:
    """Neither database takes an integer of more than 64 bits."""
    wrong = []
    for route, method, rule in matrix.routes(scene.world.app):
        person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
        for name in sorted(
            route.arguments - {"topic", "application", "audience", "token", "permission", "agreement", "step", "kind"}
        ):
            response = matrix.ask(scene, route, method, person, {name: 2**70}, check=False)
            if response.status_code != 404:
                wrong.append(f"{method} {route.rule}: {response.status_code} for {name}")
    assert not wrong, "\n".join(wrong)


@on(("postgresql", ("wrong organization", "delegate")), ("sqlite", FRAGMENTS))
def test_no_fragment_shows_anything_of_another_organization(
    scene: Scene, database_kind: str, persona: str, folder: Path
) -> None:
    """Whoever asks, and whichever organization's things the URL names. Of whole pages the first test tells."""
    wrong = []
    for route, method, rule in matrix.routes(scene.world.app):
        person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
        response = matrix.ask(scene, route, method, person, fragment=True, check=False)
        if persona in LOOKING and rule.kind != "staff":
            wrong += [f"{method} {route.rule}: {word}" for word in foreign_words(scene, persona, response.data)]
        if persona in CHECKED:
            keep_page(folder, f"{route.endpoint}-{method}", response)
        response.close()
    wrong += nu_problems(folder) if database_kind == "sqlite" and persona in CHECKED else []
    assert not wrong, "\n".join(wrong)


def test_an_ended_session_sends_htmx_to_the_sign_in_page(scene: Scene) -> None:
    """Followed as a redirect, the sign-in page would be swapped into the middle of the page."""
    for route, method, rule in matrix.routes(scene.world.app):
        if rule.kind != "public":
            response = matrix.ask(scene, route, method, None, headers=FRAGMENT_HEADERS)
            assert response.status_code == 401, route.rule
            assert response.headers["HX-Redirect"].startswith("/sign-in?next="), route.rule


def test_without_the_token_nothing_is_posted(scene: Scene) -> None:
    """Also by those whom the gate lets in."""
    for route, method, rule in matrix.routes(scene.world.app):
        if method != "POST":
            continue
        staff = rule.kind == "staff"
        persona = {"staff": "staff with permission", "delegate": "delegate"}.get(rule.kind, "allowed")
        person = matrix.cast_person(scene, persona, rule.permission * staff)
        assert person is not None
        client = scene.world.sign_in(person.username)
        assert client.flask.post(matrix.url_of(scene, route, person)).status_code == 400, route.rule
