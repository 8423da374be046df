"""Which patients a page showed is told by its event alone: by the numbers of claims, whatever was filtered and sorted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.shown import read_spans, spans
from hp_portal_plugins.remittance.demo.writing import ProviderReason
from hp_portal_plugins.remittance.models import Claim
from tests.plugins.remittance.inquiry import DAY, Office, claim, events, url_of
from tests.support.world import World

pytestmark = pytest.mark.either_database

SEARCH = "/apps/remittance/search"
Seen = set[tuple[int, int]]


@pytest.fixture
def payments(office: Office) -> tuple[int, int]:
    """A payment of 70 claims whose patients all have names of their own, and one that reverses and names two of them."""
    statuses = ("1", "2", "4")
    first = office.paid("4501", *(claim(n, (f"NAME{n:03}X", "ANN"), status=statuses[n % 3]) for n in range(1, 71)))
    named = ProviderReason("WO", "26X000007", 1000)
    second = office.paid(
        "4502", claim(3, ("NAME003X", "ANN")).reversed(), claim(99, ("NAME099X", "BO")), adjusted=(named,)
    )
    return first, second


def told(world: World, key: str) -> Seen:
    """The claims that the newest event of a kind says were shown."""
    event = events(world, key)[-1]
    seen = {(int(payment), number) for payment, text in _beside(event) for number in read_spans(text)}
    if "claim" in event:
        seen.add((event["payment"], event["claim"]))
    elif "payment" in event:
        seen |= {(event["payment"], number) for number in read_spans(event["rows"])}
    return seen


def _beside(event: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from event.get("also", {}).items()
    yield from event.get("claims", {}).items()


def patients(world: World, seen: Seen) -> set[str]:
    with world.session() as session:
        claims = session.scalars(sa.select(Claim))
        return {one.patient_last_name or "" for one in claims if (one.payment_id, one.claim) in seen}


def on_page(text: str) -> set[str]:
    return set(re.findall(r"NAME\d{3}X", text))


def claims_on(text: str) -> Seen:
    """The claims that a page leads to: every one that it shows."""
    return {(int(one), int(two)) for one, two in re.findall(r"/payments/(\d+)/claims/(\d+)[\"?#]", text)}


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", 50),
        ("?page=2", 20),
        ("?sort=patient", 50),
        ("?sort=-patient&page=2", 20),
        ("?status=2", 24),
        ("?status=2&sort=-patient", 24),
        ("?sort=paid&page=2", 20),
    ],
)
@pytest.mark.parametrize("fragment", [False, True])
def test_a_page_of_claims_is_told_by_its_event(
    office: Office, payments: tuple[int, int], query: str, shown: int, fragment: bool
) -> None:
    text = office.client.get(url_of(payments[0]) + query, fragment=fragment).text
    seen = told(office.world, "remittance.payment.viewed")
    # The third claim's news lead to its reversal in the other payment.
    assert seen - {(payments[1], 1)} == {one for one in seen if one[0] == payments[0]}
    assert len(seen - {(payments[1], 1)}) == shown
    assert seen == claims_on(text)
    assert patients(office.world, seen) == on_page(text)


def test_a_filter_by_a_patient_s_name_is_told_and_not_kept_readable(office: Office, payments: tuple[int, int]) -> None:
    to = office.client.post(f"{url_of(payments[0])}/filter", {"text": "name01", "status": "2"}).headers["Location"]
    text = office.client.get(to.partition("#")[0]).text
    (event,) = events(office.world, "remittance.payment.viewed")
    assert (
        told(office.world, "remittance.payment.viewed")
        == claims_on(text)
        == {(payments[0], n) for n in (10, 13, 16, 19)}
    )
    assert "name01" not in str(event).lower()
    with office.world.session() as session:
        assert event["filter"] == session.vault.digest("NAME01", "remittance inquiry").hex()
    assert event["status"] == "2"
    assert "filtered by name or number, filtered by status" in office.client.get("/my-activity").text


def test_patients_named_beside_the_claims_are_told(office: Office, payments: tuple[int, int]) -> None:
    text = office.client.get(url_of(payments[1])).text
    seen = told(office.world, "remittance.payment.viewed")
    assert (payments[0], 7) in seen
    assert seen == claims_on(text)
    assert patients(office.world, seen) == on_page(text) == {"NAME003X", "NAME007X", "NAME099X"}
    # Without the page around the claims the adjustments are not shown.
    part = office.client.get(url_of(payments[1]), fragment=True).text
    assert (
        told(office.world, "remittance.payment.viewed")
        == claims_on(part)
        == {(payments[0], 3), (payments[1], 1), (payments[1], 2)}
    )


@pytest.mark.parametrize("fragment", [False, True])
def test_a_claim_and_where_else_it_appears_are_told(office: Office, payments: tuple[int, int], fragment: bool) -> None:
    text = office.client.get(url_of(payments[0], 3), fragment=fragment).text
    seen = told(office.world, "remittance.claim.viewed")
    assert seen == {(payments[0], 3), (payments[1], 1)}
    assert claims_on(text) <= seen
    assert patients(office.world, seen) == {"NAME003X"}


@pytest.mark.parametrize("sort", ["", "&sort=issued"])
def test_the_results_of_a_search_by_claims_are_told(office: Office, payments: tuple[int, int], sort: str) -> None:
    often = office.paid("4503", *(claim(200 + n, ("NAME003X", "ANN")) for n in range(12)))
    asked = {"last_name": "NAME003X", "service_from": "2026-01-01", "service_to": DAY.isoformat()}
    text = office.client.get(office.client.post(SEARCH, asked).headers["Location"] + sort).text
    seen = told(office.world, "remittance.payment.searched")
    assert seen == claims_on(text) == {(payments[0], 3), (payments[1], 1)} | {(often, n) for n in range(1, 13)}
    assert patients(office.world, seen) == on_page(text)
    event = events(office.world, "remittance.payment.searched")[-1]
    assert sorted(read_spans(event["rows"])) == sorted([*payments, often])


def test_what_staff_open_is_told(office: Office, payments: tuple[int, int]) -> None:
    office.world.staff("s.staff", permissions=["remittance:payment:inspect"])
    staff = office.world.sign_in("s.staff")
    given = {"number": "4501", "reason": "Reported by the office"}
    to = staff.post("/staff/remittance/inspect", given).headers["Location"]
    text = staff.get(f"{to}&sort=-patient&page=2").text
    seen = told(office.world, "remittance.payment.inspected")
    assert len(seen) == 20
    assert patients(office.world, seen) == on_page(text)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [([], ""), ([7], "7"), ([3, 1, 2], "1-3"), ([1, 2, 4, 4, 9, 10], "1-2,4,9-10"), (range(1, 51), "1-50")],
)
def test_numbers_are_kept_in_short(numbers: list[int], text: str) -> None:
    assert spans(numbers) == text
    assert read_spans(text) == sorted(set(numbers))
