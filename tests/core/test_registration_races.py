"""The same twice: two browsers, a double click, the same second. One clear result each."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from hp_portal.core.registration.models import Registration
from tests.core.test_registration_joins import FRESH, NPI, TIN, Scene, payments, scene
from tests.support.registering import PERSON, Visitor, asking, mails, registrations, tidy

__all__ = ["payments", "scene"]


def wants_to_join(scene: Scene, path: str = "check") -> Visitor:
    """Somebody before the last button."""
    visitor = Visitor(scene.world)
    visitor.begin(path)
    visitor.prove(**({"tin": TIN} if path == "mail" else {"number": FRESH, "amount": "100.00"}), npi=NPI)
    assert visitor.go_on("join").location == "/register/finish"
    return visitor


def test_who_asks_once_more_is_led_to_the_first_request(scene: Scene) -> None:
    first = wants_to_join(scene)
    first.finish()
    second = wants_to_join(scene)
    assert "You have already asked" in second.client.post("/register/finish", follow_redirects=True).text
    assert [one.state for one in registrations(scene.world)] == ["asked"]
    assert len(mails(scene.world, "a.delegate@office.example")) == 1
    scene.client().post(f"/joins/{scene.case().id}/decline", {"answer": "You work for our neighbor."})
    for visitor in (first, second):
        assert "You work for our neighbor." in visitor.client.get("/register/status").text
    wants_to_join(scene).finish()
    assert [one.state for one in registrations(scene.world)] == ["declined", "asked"], "what has ended is no obstacle"


def test_a_stranger_is_not_told_that_somebody_has_asked(scene: Scene) -> None:
    wants_to_join(scene).finish()
    answers = []
    for email in ("mina.keeper@office.example", "nobody@office.example"):
        stranger = Visitor(scene.world, email=email)
        stranger.choose("check")
        answers.append((stranger.say_who().location, stranger.client.get("/register/mail").text.count("asked")))
    assert answers[0] == answers[1]


def test_a_proof_that_comes_with_the_second_request_counts(scene: Scene) -> None:
    wants_to_join(scene, "mail").finish()
    assert scene.case().proved_at is None
    wants_to_join(scene).finish()
    assert scene.case().proved_at is not None
    scene.clock.advance(days=5)
    tidy(scene.world)
    assert scene.case().state == "staff", "without a proof it would have expired"


def test_two_windows_ask_to_join_at_once(scene: Scene) -> None:
    visitors = [wants_to_join(scene) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: one.finish().location, visitors))
    assert answers == ["/register/status"] * 2
    assert [one.state for one in registrations(scene.world)] == ["asked"]
    assert len(mails(scene.world, "a.delegate@office.example")) == 1
    for visitor in visitors:
        assert "Waiting for the delegates" in visitor.client.get("/register/status").text


def test_the_database_takes_no_second_request_that_waits(scene: Scene) -> None:
    def add(state: str) -> None:
        with scene.world.session() as session:
            row: Registration = asking(scene.harbor)
            row.email = PERSON["email"]
            row.state = state
            session.add(row)

    for state in ("declined", "asked", "withdrawn"):
        add(state)
    with pytest.raises(IntegrityError):
        add("staff")
    with scene.world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Registration.id))) == 3
