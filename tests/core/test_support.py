"""The tests' own support: what it promises the other tests."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa
from flask import Flask

from hp_portal.core.identity.models import Person
from tests.conftest import _runs_on_the_other
from tests.support import html
from tests.support.databases import Databases, data_key, database_of, settings_for
from tests.support.pool import Pool, Refillable
from tests.support.world import World


def test_world_builds_somebody_who_is_let_in(world: World) -> None:
    organization = world.organization("Sample Clinic")
    world.person("a.clerk", organization=organization)
    assert world.sign_in("a.clerk").get("/my-activity", check=False).status_code == 200
    assert world.client().get("/my-activity", check=False).status_code == 303


def test_client_fills_in_the_token(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    assert client.post("/sign-in/keep-alive").status_code == 204
    assert client.flask.post("/sign-in/keep-alive").status_code == 400


def test_a_test_sees_nothing_of_another(world: World) -> None:
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Person.id))) == 0


def test_an_app_serves_a_later_test_on_the_other_ones_database(databases: Databases, tmp_path: Path) -> None:
    pool = Pool()
    first, second = (settings_for(databases.new_sqlite(tmp_path / name), databases.instance) for name in ("1", "2"))
    app = pool.take(first)
    World(app).organization("Sample Clinic")
    assert pool.take(first) is not app, "one in use is nobody else's"
    pool.give_back(app)
    again = pool.take(second)
    assert again is app
    assert str(database_of(again).engine.url) == second.database_url
    world = World(again)
    with world.session() as session:
        assert session.scalar(sa.text("SELECT count(*) FROM organization")) == 0
    pool.give_back(again)
    other_key = settings_for(second.database_url, databases.instance, data_key=data_key("another"))
    assert pool.take(other_key) is not app


class Noted(Refillable):
    """A plugin that holds something."""

    def __init__(self, *notes: str) -> None:
        self.notes = list(notes)


class NotedOtherwise(Noted):
    """The same that does something else with it."""


def test_an_app_with_a_plugin_of_a_test_serves_a_later_one_with_its_own(databases: Databases, tmp_path: Path) -> None:
    pool = Pool()
    settings = settings_for(databases.new_sqlite(tmp_path / "1"), databases.instance)

    def in_app(app: Flask) -> Noted:
        return cast(Noted, app.extensions["hp_portal.plugins"].manager.get_plugin("noted"))

    first, second = Noted("of the first"), Noted()
    app = pool.take(settings, {"noted": first})
    pool.give_back(app)
    assert pool.take(settings) is not app, "without the plugin it is another app"
    assert pool.take(settings, {"noted": second}) is app
    assert in_app(app).notes == [], "nothing of the test before"
    second.notes.append("of the second")
    assert in_app(app).notes == ["of the second"]
    assert first.notes == ["of the first"]
    pool.give_back(app)
    for other in ({"noted": NotedOtherwise()}, {"another-name": Noted()}, {"noted": object()}):
        assert pool.take(settings, other) is not app
    assert pool.take(settings, {"noted": Noted()}) is app
    app.extensions["hp_portal.plugins"].manager.register(object(), "more")
    pool.give_back(app)
    assert pool.take(settings, {"noted": Noted()}) is not app


def test_a_test_that_plays_with_what_is_installed_shares_no_app(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, settings = Pool(), settings_for(databases.new_sqlite(tmp_path / "1"), databases.instance)
    usual = pool.take(settings)
    pool.give_back(usual)
    with monkeypatch.context() as patched:
        patched.setattr(importlib.metadata, "entry_points", lambda group: [])
        without = pool.take(settings)
        assert "remittance" not in without.extensions["hp_portal.plugins"].states
        pool.give_back(without)
    assert pool.take(settings) is usual
    assert pool.take(settings) is not without


def test_an_app_that_a_test_changed_serves_no_other(databases: Databases, tmp_path: Path) -> None:
    pool = Pool()
    settings = settings_for(databases.new_sqlite(tmp_path / "1"), databases.instance)
    for change in (
        lambda app: app.add_url_rule("/more", "more", lambda: ""),
        lambda app: app.before_request_funcs.setdefault(None, []).append(lambda: None),
        lambda app: app.config.update(MORE=1),
        lambda app: app.jinja_env.globals.update(more=1),
        lambda app: setattr(database_of(app), "dispatch", None),
        lambda app: app.extensions["hp_portal.plugins"].manager.register(object(), "more"),
        lambda app: setattr(app.extensions["hp_portal.plugins"].states["remittance"], "error", "broken"),
    ):
        app = pool.take(settings)
        change(app)
        pool.give_back(app)
        fresh = pool.take(settings)
        assert fresh is not app
        pool.give_back(fresh)


def test_a_full_pool_forgets_what_nobody_has_asked_for_the_longest(
    databases: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.support.pool.KEPT", 2)
    pool, url = Pool(), databases.new_sqlite(tmp_path / "1")
    settings = [settings_for(url, databases.instance, proof_days=days) for days in (1, 2, 3)]
    apps = [pool.take(one) for one in settings]
    for app in (*apps[1:], apps[0]):
        pool.give_back(app)
    assert pool.take(settings[0]) is apps[0]
    assert pool.take(settings[-1]) is apps[-1]
    assert pool.take(settings[1]) is not apps[1]


def test_a_test_on_either_database_runs_on_one_and_others_on_both() -> None:
    def dropped(name: str, kind: str, *, either: bool) -> bool:
        case = SimpleNamespace(params={"database_kind": kind})
        found = SimpleNamespace(
            nodeid=f"test_x.py::{name}[{kind}]", callspec=case, get_closest_marker=lambda _name: either or None
        )
        return _runs_on_the_other(cast(pytest.Item, found))

    kinds = [("sqlite", "postgresql")[dropped(f"test_{n}", "sqlite", either=True)] for n in range(40)]
    assert all(
        dropped(f"test_{n}", "sqlite", either=True) != dropped(f"test_{n}", "postgresql", either=True)
        for n in range(40)
    )
    assert 10 < kinds.count("sqlite") < 30
    assert not dropped("test_1", "sqlite", either=False)
    assert not dropped("test_1", "postgresql", either=False)


HEAD = "<!doctype html><html lang=en><title>T</title><meta name=robots content=noindex>"
PAGE = HEAD + "<body><main><h1>One</h1>{}</main></body></html>"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("<h1>Two</h1>", "2 h1"),
        ("<p id=a></p><p id=a></p>", "id 'a' 2 times"),
        ("<p style='color:red'>x</p>", "inline style"),
        ("<script>1</script>", "inline script"),
        ("<p onclick='x()'>x</p>", "onclick"),
        ("<p hx-on:click='x()'>x</p>", "hx-on:click"),
        ("<p data-hx-on:click='x()'>x</p>", "data-hx-on:click"),
        ("<p hx-get='/x'>x</p>", "write data-hx-get"),
        ("<meta name=description content=x>", "or both"),
        ("<a href='javascript:x()'>x</a>", "script in href"),
        ("<input name=q>", "no label"),
        ("<form method=post action=/x></form>", "csrf_token"),
        ("<a href='/x'></a>", "empty <a>"),
        ("<button type=button></button>", "empty <button>"),
        ("<img src=x>", "no alt"),
        ("<a href='#nowhere'>x</a>", "leads nowhere"),
        ("<p aria-describedby=nobody>x</p>", "points at nothing"),
        ("<p><div></div></p>", "unexpected-end-tag"),
    ],
)
def test_a_bad_page_is_named(body: str, problem: str) -> None:
    html.check_page(PAGE.format("<p>fine</p>"))
    with pytest.raises(html.BadPage, match=problem.replace("(", r"\(")):
        html.check_page(PAGE.format(body))
