"""No request, however odd, ends in an error of the portal: every route, every parameter it asks for, on both databases."""

from __future__ import annotations

import pytest

from tests.conftest import MakeApp
from tests.support.databases import prepare_database
from tests.support.fuzz import Fuzz
from tests.support.matrix import build_scene
from tests.support.world import World


@pytest.fixture
def fuzz(database_url: str, make_app: MakeApp) -> Fuzz:
    app = make_app(database_url, trusted_proxies=1)
    prepare_database(app)
    return Fuzz(build_scene(World(app)))


@pytest.mark.parametrize("part", ["parameters", "addresses", "headers"])
def test_no_request_ends_in_an_error(fuzz: Fuzz, part: str) -> None:
    for route, method, person in fuzz.routes():
        if fuzz.first_of_its_sort(route):
            getattr(fuzz, part)(route, method, person)
    assert fuzz.sent > 200
    assert not fuzz.problems, "\n".join(fuzz.problems)
