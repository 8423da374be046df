"""My activity: a person reads what was done under their own account."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.activity.reading import PAGE
from hp_portal.core.audit.models import AuditEvent
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.world import World

pytestmark = pytest.mark.either_database


def listed(client: PortalClient, url: str = "/my-activity", *, fragment: bool = False) -> tuple[list[str], str]:
    """What was done, as listed, and the address of the next page."""
    tree = tree_of(client.get(url, fragment=fragment))
    what = [text_of(cell) for cell in tree.iter("td") if cell.get("data-label") == "What"]
    return what, next((link.get("href", "") for link in tree.iter("a") if link.get("rel") == "next"), "")


def test_one_s_own_activity_newest_first(world: World) -> None:
    world.person("a.clerk")
    world.person("b.clerk")
    client = world.sign_in("a.clerk")
    world.sign_in("b.clerk").get("/apps/tax-id-npi-access/")
    client.get("/apps/tax-id-npi-access/")
    client.get("/my-activity")
    assert listed(client)[0] == ["Viewed page 1 of my activity", "Viewed Tax ID & NPI access: 0 linked"]


def test_tries_of_others_at_one_s_account_are_listed(world: World) -> None:
    world.person("a.clerk")
    world.client().post("/sign-in", {"username": "a.clerk", "password": "not this"})
    assert listed(world.sign_in("a.clerk"))[0] == ["Sign-in failed"]


def test_looking_is_recorded_itself(world: World) -> None:
    person = world.person("a.clerk")
    world.sign_in("a.clerk").get("/my-activity?page=1")
    with world.session() as session:
        row = session.scalars(sa.select(AuditEvent)).one()
    assert (row.event, row.person_id, row.fields) == ("audit.own.viewed", person.id, '{"page":1}')


def test_pages_do_not_repeat_what_the_one_before_showed(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for _ in range(PAGE):
        client.get("/my-activity", check=False)
    client.get("/apps/tax-id-npi-access/")
    first, following = listed(client)
    assert len(first) == PAGE
    assert first[0] == "Viewed Tax ID & NPI access: 0 linked"
    second, end = listed(client, following)
    assert (second, end) == (["Viewed page 1 of my activity"], "")


def test_a_page_comes_as_a_fragment(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    client.get("/my-activity")
    answer = client.get("/my-activity", fragment=True)
    assert "<h1" not in answer.text
    assert listed(client, fragment=True)[0] == ["Viewed page 1 of my activity"] * 2


def test_pages_that_do_not_exist(world: World) -> None:
    world.person("a.clerk")
    client = world.sign_in("a.clerk")
    for page in ("0", "-3", "x"):
        assert client.get(f"/my-activity?page={page}&newest={page}").status_code == 200
    for page in ("99", "9" * 30):
        assert client.get(f"/my-activity?page={page}&newest={page}").status_code == 404
