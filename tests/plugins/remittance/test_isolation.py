"""Two organizations: through no address, search, word, link or list does one see a trace of the other's payments."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from flask import Flask

from hp_portal_plugins.remittance.demo.writing import ProviderReason
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of

HOME = "/apps/remittance/"
SERVICE = (DAY - dt.timedelta(days=20)).isoformat()
# Everything of the other organization begins with one of these and stands nowhere else.
MARKERS = ("771177", "SECRETNAME", "26S", "SECRET SAMPLE CLINIC", "KRYPTO")


class Two:
    """One's own office, and another's, with claims of the same account numbers and members."""

    def __init__(self, world: World) -> None:
        self.mine = Office(world, "Birch Sample Clinic")
        self.other = Office(world, "Secret Sample Clinic")
        hidden = claim(1, ("SECRETNAME", "KRYPTO"), control="26S000001")
        self.others_payment = self.other.paid("771177", hidden, claim(2, ("SECRETNAME", "KRYPTO"), control="26S000002"))
        self.other.paid("771178", hidden.reversed(), claim(8, ("SECRETNAME", "KRYPTO"), control="26S000008"))
        self.own = self.mine.paid(
            "4512",
            claim(1, ("SAMPLE", "ANN")),
            claim(3, ("SAMPLE", "BOB")),
            adjusted=(ProviderReason("WO", "26S000002", 100), ProviderReason("WO", "ACCT00002", 100)),
        )

    def word(self, office: Office, **typed: str) -> str:
        return str(office.client.post("/apps/remittance/search", typed).headers["Location"])


@pytest.fixture
def two(world: World) -> Two:
    return Two(world)


def assert_no_trace(response: Any, *, typed: str = "") -> None:
    text = response.text.replace(typed, "") if typed else response.text
    for marker in MARKERS:
        assert marker.lower() not in text.lower(), f"{marker} at {response.request.path}"


def remittance_urls(app: Flask, payment: int) -> list[tuple[str, str]]:
    """Every address of the application about one payment, from the app itself."""
    found = []
    for rule in app.url_map.iter_rules():
        if not rule.rule.startswith(HOME) or "payment_id" not in rule.arguments:
            continue
        values = dict.fromkeys(rule.arguments, 1) | {"payment_id": payment}
        with app.test_request_context():
            address = app.url_map.bind("localhost").build(rule.endpoint, values)
        found += [(method, address) for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}]
    return found


def test_every_address_of_anothers_payment_is_as_if_it_did_not_exist(app: Flask, two: Two) -> None:
    addresses = remittance_urls(app, two.others_payment)
    assert len(addresses) >= 8
    for method, address in addresses:
        for fragment in (False, True):
            call = two.mine.client.get if method == "GET" else two.mine.client.post
            answer = call(address, fragment=fragment)
            never = call(address.replace(f"/{two.others_payment}", "/987654"), fragment=fragment)
            assert answer.status_code == never.status_code == 404, address
            assert without_ids(answer.text) == without_ids(never.text), address
            assert_no_trace(answer)


def without_ids(text: str) -> str:
    """The page without what differs with every request: its id, the form token and the word a typed number is kept under."""
    text = re.sub(r'(csrf-token" content|csrf_token" value)="[^"]*"', "", text)
    text = re.sub(r"\?search=[\w-]{32}", "?search=", text)
    return re.sub(r"\b[0-9a-f]{32}\b", "", text)


@pytest.mark.parametrize("fragment", [False, True])
def test_a_search_answers_the_same_whether_a_check_does_not_exist_or_is_anothers(two: Two, fragment: bool) -> None:
    for query in ("number={}", "number={}&amount_min=1", "number={}&sort=amount"):
        others = two.mine.client.get(HOME + "?" + query.format("771177"), fragment=fragment)
        never = two.mine.client.get(HOME + "?" + query.format("661166"), fragment=fragment)
        assert others.status_code == never.status_code == 200
        assert without_ids(others.text).replace("771177", "N") == without_ids(never.text).replace("661166", "N")
        assert_no_trace(others, typed="771177")
    searches = events(two.mine.world, "remittance.payment.searched")
    assert {event["shown"] for event in searches} == {0}


@pytest.mark.parametrize("typed", ["26S000001", "M00000002"])
def test_anothers_claim_number_in_the_box_is_no_claim_number(two: Two, typed: str) -> None:
    others = two.mine.client.get(f"{HOME}?number={typed}", fragment=True)
    never = two.mine.client.get(f"{HOME}?number=26N000001", fragment=True)
    assert others.text == never.text


def test_lists_and_searches_hold_only_ones_own(two: Two) -> None:
    client = two.mine.client
    payee = two.other.payee.id
    for address in (
        HOME,
        f"{HOME}?issued_from=2020-01-01",
        f"{HOME}?amount_min=0&amount_max=999999",
        f"{HOME}?payee={payee}",
        f"{HOME}?zero=1",
        f"{HOME}?issued_from=2020-01-01&page=2",
    ):
        assert_no_trace(client.get(address))


@pytest.mark.parametrize(
    "typed",
    [
        {"claim_number": "26S000001"},
        {"claim_number": "ACCT-00001"},
        {"patient_account": "ACCT-00002"},
        {"member_id": "M00000001"},
        {"last_name": "Secretname", "service_from": SERVICE},
        {"last_name": "Sample", "service_from": SERVICE},
    ],
    ids=str,
)
def test_searches_by_claim_hold_only_ones_own(two: Two, typed: dict[str, str]) -> None:
    answer = two.mine.client.get(two.word(two.mine, **typed), fragment=True)
    assert answer.status_code == 200
    assert_no_trace(answer)


def test_anothers_kept_search_is_gone(two: Two) -> None:
    address = two.word(two.other, member_id="M00000001")
    assert "SECRETNAME" in two.other.client.get(address).text
    answer = two.mine.client.get(address)
    assert answer.status_code == 404
    assert_no_trace(answer)


def test_own_pages_do_not_lead_to_anothers_claims(two: Two) -> None:
    """The provider-level adjustments name the other's claim and account numbers, the claim has the same account."""
    for address in (url_of(two.own), url_of(two.own, 1), f"{url_of(two.own)}?sort=-patient"):
        response = two.mine.client.get(address)
        assert response.status_code == 200
        assert_no_trace(response, typed="26S000002")
        assert f"/payments/{two.others_payment}" not in response.text
    opened = two.mine.client.get(url_of(two.own, 1), fragment=True)
    assert "This claim in other payments" not in opened.text


def test_what_is_seen_ends_with_the_grant(world: World, two: Two) -> None:
    client = two.mine.client
    assert client.get(url_of(two.own)).status_code == 200
    from hp_portal.core.organizations.models import Grant

    with world.session() as session:
        grant = session.query(Grant).filter(Grant.organization_id == two.mine.organization.id).one()
    world.end_grant(grant)
    assert client.get(url_of(two.own)).status_code == 404
    assert client.get(url_of(two.own, 1), fragment=True).status_code == 404
    assert "No results found" in client.get(f"{HOME}?number=4512").text


def test_sharing_one_payee_shows_its_payments_to_both(world: World, two: Two) -> None:
    world.grant(two.mine.organization, two.other.payee)
    assert two.mine.client.get(f"{HOME}?number=771177").headers["Location"] == url_of(two.others_payment)
    assert two.mine.client.get(url_of(two.others_payment, 1)).status_code == 200
