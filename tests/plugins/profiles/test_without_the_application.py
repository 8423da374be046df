"""Somebody without Provider Data Profiles is told which delegate to ask, by name, at every door of it."""

from __future__ import annotations

from flask import Flask

from tests.support.client import words_of
from tests.support.matrix import routes
from tests.support.world import World

ANY = {"kind": "pdf", "step": "who"}


def test_every_entry_names_the_delegate(sqlite_app: Flask) -> None:
    world = World(sqlite_app)
    office = world.organization("Aspen Clinic")
    world.person("d.legate", name="Dana Delegate", organization=office, delegate=True)
    world.person("o.ther", name="Olive Other", organization=world.organization("Birch Clinic"), delegate=True)
    world.person("n.obody", organization=office, applications=())
    somebody = world.sign_in("n.obody")
    home = words_of(somebody.get("/"))
    assert "Dana Delegate" in home
    urls = sqlite_app.url_map.bind("localhost")
    asked = 0
    for route, method, _ in routes(sqlite_app):
        if not route.endpoint.startswith("profiles.") or method != "GET":
            continue
        path = urls.build(route.endpoint, {name: ANY.get(name, 1) for name in route.arguments})
        answer = somebody.get(path)
        said = words_of(answer)
        assert answer.status_code == 403, path
        assert "You have not been given this application." in said, path
        assert "Your delegate can confirm it: Dana Delegate." in said, path
        assert "Olive Other" not in said, path
        asked += 1
    assert asked > 40
