"""The tests' own support: what it promises the other tests."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person
from tests.support import html
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
