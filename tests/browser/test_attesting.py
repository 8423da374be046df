"""Attesting 40 practitioners with two exceptions in a browser, by keyboard and without JavaScript on a phone: in two minutes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

from hp_portal_plugins.profiles.loading.importing import load_file
from tests.browser.conftest import Live
from tests.browser.walking import Walk
from tests.plugins.profiles.test_attesting import record_of
from tests.plugins.profiles.test_seeing import TODAY
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.live import LiveServer
from tests.support.world import World

MOST_SECONDS, MOST_PAGES = 120, 6


@pytest.fixture
def live(sqlite_app: Flask, clock: Clock) -> Iterator[Live]:
    clock.set(TODAY)
    world = World(sqlite_app)
    office = world.organization("Aspen Clinic")
    world.grant(office, world.payee(make_tin(41), make_npi(41)))
    world.payee(make_tin(42), make_npi(42))
    world.person("a.clerk", name="Casey Clerk", organization=office)
    with world.session() as session:
        assert not load_file(session, io.BytesIO(record_of(7, 12).encode()), "record.csv").refused
    server = LiveServer(sqlite_app)
    yield Live(server.url, sqlite_app, world)
    server.stop()


@pytest.mark.parametrize("keyboard", [True, False], ids=["keyboard", "phone"])
def test_forty_practitioners_with_two_exceptions_take_two_minutes(live: Live, new_context: Any, keyboard: bool) -> None:
    """Both are told in words, the rest is confirmed with one signature; the agreement that is signed is read at another time."""
    walk = Walk.begin(live, new_context, keyboard=keyboard)
    walk.sign_in("a.clerk")
    walk.go("/apps/profiles/attestation")
    walk.keys = walk.clicks = 0
    again = False
    for words in ("Left us.", "Has moved."):
        walk.see("Attestation", again=again)
        walk.press("Not right")
        walk.see("What is not right?", again=again)
        walk.enter("What is not right?", words)
        walk.press("Leave it out, and tell us")
        again = True
    walk.see("Attestation", again=True)
    walk.says("Left out, because it is not right", "Sample07, Aspen Site: case", "Sample12, Aspen Site: case")
    walk.tick("I have read the agreement, and sign electronically")
    walk.enter("Your name, as a signature", "Casey Clerk")
    if keyboard:
        walk.press("Attest")
    else:
        walk.page.get_by_role("button", name="Attest", exact=True).click()
    walk.see("Attestation", again=True)
    walk.says("Thank you. 38 practitioners at 1 location are attested.")
    seconds = walk.seconds(agreements=False)
    read = "; ".join(f"{one.heading}: {one.words} words" for one in walk.seen)
    print(f"{len(walk.seen)} pages, {walk.clicks} clicks, {walk.keys} keys, {seconds:.0f} seconds; {read}")
    assert seconds <= MOST_SECONDS
    assert len(walk.seen) <= MOST_PAGES
