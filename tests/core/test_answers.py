"""Ids in addresses, and the answers that forms have in common."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Blueprint, Flask, Response, get_flashed_messages
from flask.typing import ResponseReturnValue
from flask_wtf import FlaskForm
from wtforms import StringField

from hp_portal import addresses
from hp_portal.api import Application, Permission, TooManyAttempts, access, after_post, hookimpl, too_many
from hp_portal.core.limits.waiting import with_retry_after
from tests.conftest import MakeApp
from tests.support.client import FRAGMENT_HEADERS
from tests.support.world import World

WAIT = dt.timedelta(minutes=13, seconds=20)


@pytest.mark.parametrize(("bits", "most"), [(64, 2**63 - 1), (32, 2**31 - 1)])
def test_an_id_is_what_the_database_takes(bits: int, most: int) -> None:
    app = Flask(__name__)
    addresses.install(app)
    app.add_url_rule(f"/notes/<id({bits}):note_id>", view_func=lambda note_id: str(note_id), endpoint="note")
    client = app.test_client()
    assert client.get(f"/notes/{most}").text == str(most)
    for wrong in (str(most + 1), "-1", "x", "1.5", "9" * 40):
        assert client.get(f"/notes/{wrong}").status_code == 404


class GuessForm(FlaskForm):  # type: ignore[misc]
    class Meta:
        csrf = False

    number = StringField("Number")


def guessing() -> Application:
    """An application whose every try is one too many: caught by its form, and not caught."""
    blueprint = Blueprint("guessing", __name__)

    def draw(form: GuessForm, status: int) -> Response:
        return Response(f"{form.form_errors} {form.number.data}", status)

    @blueprint.post("/caught")
    @access.requires("guessing:number:guess")
    def caught() -> ResponseReturnValue:
        return too_many(GuessForm(), TooManyAttempts(WAIT), draw)

    @blueprint.route("/", methods=["GET", "POST"])
    @access.requires("guessing:number:guess")
    def index() -> ResponseReturnValue:
        raise TooManyAttempts(WAIT)

    permissions = (Permission("guessing:number:guess", "Guess"),)
    return Application("guessing", "Guessing", "", 1, blueprint, "guessing.index", permissions=permissions)


@pytest.fixture
def world(sqlite_app: Flask, make_app: MakeApp) -> World:
    from types import ModuleType

    plugin = ModuleType("guessing")
    plugin.portal_application = hookimpl(guessing, specname="portal_application")  # type: ignore[attr-defined]
    url = sqlite_app.extensions["hp_portal.settings"].database_url
    world = World(make_app(url, extra_plugins={"guessing": plugin}))
    world.enable("guessing", "physician")
    world.person("a.clerk", applications=("guessing",))
    return world


def test_too_many_tries_keep_what_was_typed_and_say_how_long_to_wait(world: World) -> None:
    answer = world.sign_in("a.clerk").post("/apps/guessing/caught", {"number": "4711"}, check=False)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "801")
    assert "Wait 14 minutes, then try again." in answer.text
    assert "4711" in answer.text


@pytest.mark.parametrize("fragment", [False, True])
def test_a_form_that_forgets_to_catch_them_answers_the_same(world: World, fragment: bool) -> None:
    answer = world.sign_in("a.clerk").post("/apps/guessing/", fragment=fragment)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "801")
    assert "You can try again in 14 minutes." in answer.text


def test_a_wait_is_never_nothing() -> None:
    assert with_retry_after(Response(), TooManyAttempts(dt.timedelta(0))).headers["Retry-After"] == "1"


def test_after_a_post_htmx_gets_the_block_and_a_browser_the_way_back(sqlite_app: Flask) -> None:
    def answer(**headers: str) -> Response:
        with sqlite_app.test_request_context("/x", method="POST", headers=headers):
            made = after_post("/back", "errors/fragment.html", "b", message="Saved.", code=404, detail=None)
            assert get_flashed_messages(with_categories=True) == [("good", "Saved.")]
            return made

    plain = answer()
    assert (plain.status_code, plain.headers["Location"]) == (303, "/back")
    with (
        sqlite_app.test_request_context("/x", method="POST", headers=FRAGMENT_HEADERS),
        pytest.raises(Exception, match="b"),
    ):
        after_post("/back", "errors/fragment.html", "b", message="Saved.")
