"""Nothing is typed twice: *Back*, another way, wrong entries, and everything for a last check."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.test_registration import NPI, NUMBER, TIN, payments, portal
from tests.core.test_registration_joins import FRESH, Scene, scene
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.registering import ADDRESS, Visitor
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal", "scene"]
CHECK = {"number": "7-wrong", "tin": "12-345", "vendor_number": "V1", "npi": "12"}


def fields(client: PortalClient, url: str) -> dict[str, str]:
    """What the page's fields hold; of choices and boxes what is chosen."""
    found = {}
    page = tree_of(client.get(url))
    for field in page.iter("input"):
        if field.get("type") not in ("radio", "checkbox") or field.get("checked") is not None:
            found[field.get("name", "")] = field.get("value", "")
    return {**found, **{area.get("name", ""): text_of(area) for area in page.iter("textarea")}}


def has(client: PortalClient, url: str, typed: dict[str, Any]) -> bool:
    held = fields(client, url)
    return {name: held.get(name) for name in typed} == typed


@pytest.fixture
def visitor(portal: World) -> Visitor:
    visitor = Visitor(portal)
    visitor.begin("check")
    return visitor


@pytest.mark.parametrize("button", [{"back": "you"}, {"back": "start"}, {}])
def test_what_is_wrong_or_not_sent_is_kept(visitor: Visitor, button: dict[str, str]) -> None:
    """By *Back*, by *Choose another way*, and when it was refused; a word that is no step leads nowhere."""
    answer = visitor.prove(**CHECK, **button)
    assert answer.location == {"you": "/register/you", "start": "/register"}.get(button.get("back", ""))
    assert has(visitor.client, "/register/proof", CHECK)
    assert visitor.prove(**CHECK, back="/sign-in").status_code == 422


def test_each_way_keeps_what_was_typed_on_it(visitor: Visitor) -> None:
    visitor.prove(**CHECK)
    visitor.choose("mail")
    assert fields(visitor.client, "/register/proof")["tin"] == ""
    visitor.prove(tin=TIN, npi=NPI)
    visitor.choose("billing")
    visitor.prove(organization="Ledger Billing", tin=make_tin(9), address=ADDRESS, answers="Owen Ledger")
    visitor.choose("unlisted")
    assert visitor.client.get("/register/finish").location == "/register/proof", (
        "answers of another way are none of this"
    )
    visitor.choose("check")
    assert has(visitor.client, "/register/proof", CHECK)
    visitor.choose("mail")
    assert has(visitor.client, "/register/proof", {"tin": TIN, "npi": NPI})


def test_back_from_oneself(visitor: Visitor) -> None:
    typed = {"name": "M", "email": "nobody", "telephone": "1", "job": "Biller"}
    assert visitor.say_who(**typed, back="start").location == "/register"
    assert has(visitor.client, "/register/you", typed)
    assert visitor.client.get("/register/proof").status_code == 200, "what was sent before holds"


def test_back_from_the_last_step_keeps_the_name_and_never_the_password(visitor: Visitor) -> None:
    visitor.prove(number=NUMBER, npi=NPI, amount="100.00")
    assert visitor.finish(username="harbor.mina", back="proof").location == "/register/proof"
    held = fields(visitor.client, "/register/finish")
    assert (held["username"], held["new"], held["terms_of_use"]) == ("harbor.mina", "", "2026-01")
    visitor.finish(new="short")
    assert fields(visitor.client, "/register/finish")["username"] == "mina.keeper"


def test_back_from_who_is_registered(scene: Scene) -> None:
    visitor = scene.visitor()
    sent = {"route": "left", "left_reason": "leave", "back": "proof"}
    assert visitor.client.post("/register/organization", sent).location == "/register/proof"
    assert has(visitor.client, "/register/organization", {"route": "left", "left_reason": "leave"})


def test_the_last_step_shows_everything(scene: Scene) -> None:
    visitor = Visitor(scene.world)
    visitor.begin("check")
    given = {"number": FRESH, "npi": scene.payee.npi, "amount": "100.00", "paid_on": "2026-02-20"}
    visitor.prove(**given)
    visitor.go_on("left", "leave")
    page = " ".join(" ".join(tree_of(visitor.client.get("/register/finish")).itertext()).split())
    for said in (
        "How you register Change With a check or an EFT",
        "Amount of the payment $100.00",
        "Date of the payment Feb 20, 2026",
        "You chose The person who registered cannot help: register me anyway",
        "Why nobody can help you They are on leave",
    ):
        assert said in page


def test_the_last_step_shows_the_kind_of_provider(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("unlisted")
    visitor.prove(organization="New Shore Clinic", audience="dental", tin=TIN, address=ADDRESS)
    page = " ".join(" ".join(tree_of(visitor.client.get("/register/finish")).itertext()).split())
    assert "Kind of provider Dental" in page
