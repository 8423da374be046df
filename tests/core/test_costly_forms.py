"""What a form may be: whatever fills a megabyte, every page that takes a form answers. `bench.costly` tells what it costs."""

from __future__ import annotations

import gc

import pytest
from flask import Flask

from tests.support.client import PortalClient
from tests.support.costly import all_answers
from tests.support.matrix import build_scene
from tests.support.world import World


# A large file waits on disk until the request is forgotten; nobody closes it before.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_no_form_of_a_megabyte_is_an_error(sqlite_app: Flask) -> None:
    scene = build_scene(World(sqlite_app))
    answers = [(endpoint, what, answer.status_code) for endpoint, what, _, answer in all_answers(scene)]
    gc.collect()  # here, where what it says of the files is expected
    assert len({endpoint for endpoint, _, _ in answers}) > 50
    assert [one for one in answers if one[2] == 500] == []


def test_what_is_no_form_is_refused(sqlite_app: Flask) -> None:
    client = PortalClient(sqlite_app)
    for kind in ("application/json", "text/plain", "application/octet-stream"):
        headers = {"X-CSRFToken": client.csrf_token()}
        answer = client.flask.post("/sign-in", data="[" * 100_000, content_type=kind, headers=headers)
        assert answer.status_code == 415
    assert client.flask.post("/sign-in", headers={"X-CSRFToken": client.csrf_token()}).status_code == 422
