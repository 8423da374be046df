"""Attesting what is too much for one page: only what somebody was shown, as it is now, is ever signed."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hp_portal_plugins.profiles.attesting import statement
from hp_portal_plugins.profiles.attesting.models import Attestation
from hp_portal_plugins.profiles.record.applying import Fact, Stated, apply_change
from tests.support.client import PortalClient, words_of
from tests.support.clock import Clock
from tests.support.world import World

from .forms import Office

URL = "/apps/profiles/attestation"
ACCEPTING = ("new", "existing", "referral", "closed")


@pytest.fixture
def office(sqlite_app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Four locations with five lines, two lines a page, the last one with a location where nobody works."""
    monkeypatch.setattr(statement, "ON_A_PAGE", 2)
    return Office(World(sqlite_app), clock, sites=4)


def hidden(page: str, name: str) -> str:
    return str((re.findall(rf'name="{name}"[^>]*value="([^"]*)"', page) or [""])[0])


def go_on(page: str) -> str:
    """The address behind *Seen, go on*; empty where there is none."""
    found = re.findall(r'href="([^"]*/pages\?[^"]*seen=[^"]*)"', page)
    return str(found[0]).replace("&amp;", "&") if found else ""


def sign(client: PortalClient, office: Office, seen: str, signing: str) -> Any:
    sent = {"seen": seen, "signing": signing, "agree": "y", "signature": office.person.name}
    return client.post(f"{URL}/sign", sent)


def rows_on(page: str) -> list[str]:
    """The lines on a page, each with all that is published of it; and the facts of its locations."""
    part = page[page.index("Everything on this page") :]
    rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>|<dl class=\"facts\">.*?</dl>", part, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]


def test_one_goes_through_every_page_and_signs_on_the_last(office: Office) -> None:
    client = office.client
    page = client.get(URL)
    assert "That is 5 lines on 3 pages" in words_of(page)
    assert 'name="signing"' not in page.text
    path, shown = f"{URL}/pages?number=1", []
    while path:
        page = client.get(path)
        shown += rows_on(page.text)
        path = go_on(page.text)
        assert bool(path) == ('name="signing"' not in page.text), "one signs on the last page alone"
    assert len([row for row in shown if ", Ann" in row]) == 5
    everything, signing = hidden(page.text, "seen"), hidden(page.text, "signing")
    assert client.get(f"{URL}/pages?number=4").status_code == 404
    assert client.get(f"{URL}/pages?number=x").status_code == 404
    for left in range(3):
        some = " ".join(word for place, word in enumerate(everything.split()) if place != left)
        refused = sign(client, office, some, signing)
        assert refused.status_code == 422
        assert f"Not seen yet, or changed since: page {left + 1}." in words_of(refused)
        assert f"Page {left + 1} of 3" in words_of(refused), "it is shown now"
    assert sign(client, office, everything, signing).status_code == 303


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("see"), st.integers(1, 3)),
            st.tuples(st.just("change"), st.integers(0, 4)),
            st.tuples(st.just("move"), st.integers(0, 3)),
            st.tuples(st.just("sign"), st.just(0)),
        ),
        max_size=8,
    )
)
def test_nothing_is_signed_that_was_not_shown(office: Office, deeds: list[tuple[str, int]]) -> None:
    """Whatever changes between the pages and the signature: what is signed stood on a page that somebody has seen, as it is."""
    client, world, seen, shown = office.client, office.world, "", set()
    signing = ""
    for deed, which in [*deeds, *[("see", number) for number in range(1, 4)], ("sign", 0)]:
        if deed == "see":
            page = client.get(f"{URL}/pages?number={which}&seen={seen.replace(' ', '%20')}").text
            shown |= set(rows_on(page))
            ahead = re.findall(r"seen=([^\"&]*)", go_on(page))
            seen = hidden(page, "seen") or (ahead[0].replace("+", " ").replace("%20", " ") if ahead else seen)
            signing = hidden(page, "signing") or signing
        elif deed == "sign":
            last = _attested(world)
            answer = sign(client, office, seen, signing)
            if answer.status_code == 303:
                now = {
                    row for number in range(1, 4) for row in rows_on(client.get(f"{URL}/pages?number={number}").text)
                }
                assert now <= shown
                assert _attested(world) == last + 1
                seen, signing, shown = "", "", set()
            else:
                assert answer.status_code == 422
                assert _attested(world) == last
        else:
            _change(world, office, deed, which)


def _attested(world: World) -> int:
    with world.session() as session:
        return session.scalar(sa.select(sa.func.count(Attestation.id))) or 0


_turn = iter(range(10**9))


def _change(world: World, office: Office, deed: str, which: int) -> None:
    turn, day = next(_turn), dt.date(2026, 5, 1)
    with world.session() as session:
        if deed == "change":
            fact = Fact("affiliation", which + 1, "accepting", "", ACCEPTING[turn % 4], day)
        else:
            fact = Fact("location", office.sites[which], "phone", "", f"952555{turn % 10000:04d}", day)
        apply_change(session, Stated("loaded", "Meanwhile"), [fact])
