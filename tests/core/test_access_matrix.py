"""Every route against every kind of person, generated from the app's own routes."""

from __future__ import annotations

import pytest

from tests.support import matrix
from tests.support.client import FRAGMENT_HEADERS, page_problems
from tests.support.matrix import OPEN, Scene, build_scene
from tests.support.world import World

# Who looks for what is another organization's: in the answers of the first test, and in fragments in one of their own.
LOOKING = ("wrong organization", "allowed", "delegate", "no application given")


@pytest.fixture
def scene(sample_world: World) -> Scene:
    return build_scene(sample_world)


@pytest.mark.parametrize("persona", matrix.PERSONAS)
def test_every_route_answers_as_its_rule_says(scene: Scene, persona: str) -> None:
    """And shows nothing of another organization, whichever organization's things the URL names."""
    wrong = []
    check = persona in ("anonymous", "allowed", "staff with permission")
    for route, method, rule in matrix.routes(scene.world.app):
        person = matrix.cast_person(scene, persona, rule.permission if rule.kind == "staff" else "")
        response = matrix.ask(scene, route, method, person, check=False)
        if check:
            wrong += page_problems(response, f"{method} {route.rule}")
        wanted, got = matrix.expected(scene, route, rule, persona), matrix.outcome(response)
        if got != wanted and not (wanted == OPEN and got == "404" and route.endpoint in matrix.MAY_MISS):
            wrong.append(f"{method} {route.rule} [{rule}]: {got} instead of {wanted}")
        if persona in LOOKING and rule.kind != "staff":
            wrong += [f"{method} {route.rule}: {word}" for word in foreign_words(scene, persona, response.data)]
        response.close()
    assert not wrong, "\n".join(wrong)


def foreign_words(scene: Scene, persona: str, data: bytes) -> list[str]:
    """What an answer shows of the organization that this person is not of."""
    stranger = scene.own if persona == "wrong organization" else scene.other
    return [word for word in stranger.secrets if word.encode() in data]


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


@pytest.mark.parametrize("persona", LOOKING)
def test_no_fragment_shows_anything_of_another_organization(scene: Scene, persona: str) -> None:
    """Whoever asks, and whichever organization's things the URL names. Of whole pages the first test tells."""
    seen = []
    for route, method, rule in matrix.routes(scene.world.app):
        if rule.kind == "staff":
            continue
        person = matrix.cast_person(scene, persona)
        response = matrix.ask(scene, route, method, person, fragment=True, check=False)
        seen += [f"{method} {route.rule}: {word}" for word in foreign_words(scene, persona, response.data)]
        response.close()
    assert not seen, "\n".join(seen)


def test_the_secrets_are_shown_to_their_owner(scene: Scene) -> None:
    """What the tests above look for is there to be found."""
    person = matrix.cast_person(scene, "allowed")
    shown = b"".join(
        matrix.ask(scene, route, method, person, check=False).data
        for route, method, rule in matrix.routes(scene.world.app)
        if method == "GET" and rule.kind != "staff"
    ).decode(errors="replace")
    missing = [word for word in scene.own.secrets if word.lower() not in shown.lower()]
    assert not missing


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
