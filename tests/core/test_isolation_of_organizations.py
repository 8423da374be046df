"""Somebody who works for two organizations: every page of one shows nothing of the other, whichever rows its address names."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support import matrix
from tests.support.client import PortalClient
from tests.support.matrix import Scene, Side, build_scene
from tests.support.world import World

# The one page that is there to name them all.
NAMES_ALL = {"organizations.choose"}


@pytest.fixture
def scene(sample_world: World) -> Scene:
    built = build_scene(sample_world)
    person = sample_world.person("both", organization=built.own.organization, name="Both Sides", delegate=True)
    sample_world.membership(person, built.other.organization, delegate=True)
    return built


def _without_links_to(side: Side, text: str) -> str:
    """A page without what leads away from it: the switcher, and where else a row may be looked for."""
    return re.sub(rf'<a [^>]*href="/o/{side.organization.id}/[^"]*"[^>]*>.*?</a>', "", text, flags=re.DOTALL)


@pytest.mark.parametrize("fragment", [False, True], ids=["pages", "fragments"])
def test_no_page_of_one_organization_shows_anything_of_the_other(scene: Scene, fragment: bool) -> None:
    """Rows in the addresses are the first one's; asked for below either organization, as a page and as a part of one."""
    client, seen, shown = scene.world.sign_in("both"), [], ""
    for route, method, rule in matrix.routes(scene.world.app):
        if method != "GET" or rule.kind == "staff" or route.endpoint in NAMES_ALL:
            continue
        url = matrix.url_of(scene, route, None)
        for side, stranger in ((scene.own, scene.other), (scene.other, scene.own)):
            answer = client.get(f"/o/{side.organization.id}{url}", fragment=fragment, check=False)
            text = _without_links_to(stranger, answer.get_data().decode(errors="replace"))
            seen += [f"{side.organization.name}: {route.rule}: {word}" for word in stranger.secrets if word in text]
            seen += [f"{side.organization.name}: {route.rule}: {answer.status_code}"] * (answer.status_code >= 500)
            shown += text if side is scene.own else ""
            answer.close()
    assert not seen, "\n".join(seen)
    missing = [word for word in scene.own.secrets if word.lower() not in shown.lower()]
    assert fragment or not missing


def test_eight_threads_that_switch_see_no_foreign_row(scene: Scene) -> None:
    sides = (scene.own, scene.other)
    token = _token_of(scene.world.sign_in("both"))
    paths = ("/accounts", "/my-activity", "/", "/apps/tax-id-npi-access/")

    def switch(number: int) -> list[str]:
        client, wrong = PortalClient(scene.world.app, token), []
        for turn in range(6):
            side, stranger = sides[(number + turn) % 2], sides[(number + turn + 1) % 2]
            path = paths[(number // 2 + turn) % len(paths)]
            answer = client.get(f"/o/{side.organization.id}{path}", check=False)
            text = _without_links_to(stranger, answer.text)
            if answer.status_code != 200 or f"Working for <strong>{side.organization.name}<" not in text:
                wrong.append(f"{path}: {answer.status_code}")
            wrong += [f"{path}: {word}" for word in (*stranger.secrets, stranger.person.name) if word in text]
            if path == "/accounts" and side.person.name not in text:
                wrong.append(f"{path}: nobody of {side.organization.name}")
        return wrong

    with ThreadPoolExecutor(8) as threads:
        wrong = [line for lines in threads.map(switch, range(8)) for line in lines]
    assert not wrong, "\n".join(wrong)


def _token_of(client: PortalClient) -> str:
    with client.flask.session_transaction() as kept:
        token: str = kept["_user_id"]
    return token
