"""Searching by what tells of a patient: posted, kept sealed, seen by one person for some hours."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa

from hp_portal.core.kept.models import KeptValues
from hp_portal.worker import all_jobs
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, words

HOME = "/apps/remittance/"
SEARCH = "/apps/remittance/search"
SERVICE = (DAY - dt.timedelta(days=20)).isoformat()


@pytest.fixture
def office(world: World) -> Office:
    office = Office(world)
    office.paid("4512", claim(1, ("SAMPLE", "ANNA")), claim(2, ("SAMPLE", "BOB")))
    office.paid("4513", claim(3, ("EXAMPLE", "CARLA")), issued=DAY + dt.timedelta(days=7))
    return office


def searched(office: Office, **typed: str) -> Any:
    """The page that a posted search leads to."""
    answer = office.client.post(SEARCH, typed)
    assert answer.status_code == 303, answer.text
    return office.client.get(answer.headers["Location"], fragment=True)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ({"claim_number": "26x 000001"}, ["26X000001"]),
        ({"claim_number": "acct 00002"}, ["26X000002"]),
        ({"patient_account": "ACCT00003"}, ["26X000003"]),
        ({"member_id": "m-00000003"}, ["26X000003"]),
        ({"last_name": "sample", "service_from": SERVICE}, ["26X000001", "26X000002"]),
        ({"last_name": "Sample", "first_name": "An", "service_from": SERVICE}, ["26X000001"]),
        ({"last_name": "Samp", "service_from": SERVICE}, []),
        ({"last_name": "sample", "service_from": "2025-01-01", "service_to": "2025-12-31"}, []),
        ({"last_name": "sample", "service_from": "2026-01-01", "service_to": "2026-12-31"}, ["26X000001", "26X000002"]),
        ({"member_id": "M00000001", "service_from": "2025-01-01"}, []),
        ({"patient_account": "26X000001"}, []),
    ],
    ids=str,
)
def test_claims_are_found_with_their_payments(office: Office, typed: dict[str, str], found: list[str]) -> None:
    text = searched(office, **typed).text
    for number in ("26X000001", "26X000002", "26X000003"):
        assert (number in text) == (number in found)
    assert ("No results found" in text) == (not found)


def test_a_result_shows_the_claim_and_leads_to_it(office: Office) -> None:
    text = searched(office, member_id="M00000002").text
    assert "1 claim found" in text
    for shown in ("4512", "SAMPLE, BOB", "Feb 10, 2026", "$150.00", "Processed as primary", "/claims/2"):
        assert shown in text


def test_what_was_typed_stands_neither_in_the_address_nor_readable_in_the_database(office: Office) -> None:
    answer = office.client.post(SEARCH, {"last_name": "Sample", "service_from": SERVICE})
    parts = urlsplit(answer.headers["Location"])
    assert parts.path == HOME
    assert parts.query.startswith("search=")
    assert "sample" not in parts.query.lower()
    with office.world.session() as session:
        sealed = session.scalars(sa.select(KeptValues.sealed)).one()
    assert b"Sample" not in sealed
    assert "sample" in office.client.get(answer.headers["Location"]).text.lower()


def test_a_word_is_nobody_elses(office: Office) -> None:
    """Not a colleague's, not another organization's: the same answer as for a word that never was."""
    address = office.client.post(SEARCH, {"member_id": "M00000001"}).headers["Location"]
    office.world.person("colleague", organization=office.organization)
    other = Office(office.world, "Oak Sample Clinic")
    for client in (office.world.sign_in("colleague"), other.client):
        answer = client.get(address, fragment=True)
        never = client.get(f"{HOME}?search=never", fragment=True)
        assert answer.status_code == never.status_code == 404
        assert answer.text == never.text
        assert "This search is no longer there" in answer.text
    assert office.client.get(address).status_code == 200


def test_a_word_ends_after_twelve_hours_and_is_removed(office: Office, clock: Clock) -> None:
    address = office.client.post(SEARCH, {"member_id": "M00000001"}).headers["Location"]
    (job,) = [job for job in all_jobs(office.world.app) if job.key == "kept.forget-expired"]

    def left() -> int:
        with office.world.session() as session:
            job.run(session)
            return session.scalar(sa.select(sa.func.count(KeptValues.id))) or 0

    assert left() == 1
    clock.advance(hours=12, seconds=1)
    client = office.world.sign_in(office.username)
    assert client.get(address).status_code == 404
    assert left() == 0


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "Enter a claim number, patient account, member ID or last name."),
        ({"service_from": SERVICE}, "Enter a claim number, patient account, member ID or last name."),
        ({"claim_number": "--"}, "Enter a claim number, patient account, member ID or last name."),
        ({"last_name": "Sample"}, "A name needs the dates of service."),
        ({"member_id": "M1", "first_name": "Ann"}, "Enter the last name, too."),
        ({"member_id": "M1", "service_from": "x"}, "Enter a date as month, day and year."),
        ({"member_id": "M1", "service_from": "2026-02-02", "service_to": "2026-02-01"}, "lies before the first one"),
    ],
    ids=str,
)
def test_a_search_that_says_too_little_is_told_what_to_do(office: Office, typed: dict[str, str], said: str) -> None:
    answer = office.client.post(SEARCH, typed)
    assert answer.status_code == 422
    assert said in answer.text


def test_the_record_has_keyed_hashes_of_what_was_asked(office: Office) -> None:
    searched(office, member_id="m 00000001", last_name="Sample", service_from=SERVICE)
    (event,) = events(office.world, "remittance.payment.searched")
    assert event["kind"] == "claims"
    assert event["shown"] == 1
    assert set(event["keys"]) == {"member_id", "patient", "service_from", "service_to"}
    with office.world.session() as session:
        assert event["keys"]["member_id"] == session.vault.digest("M00000001", "remittance inquiry").hex()
    assert "00000001" not in str(event)
    assert "SAMPLE" not in str(event).upper()


def test_results_can_be_sorted_without_losing_the_search(office: Office) -> None:
    office.paid("4514", claim(9, ("SAMPLE", "ZOE")), issued=DAY + dt.timedelta(days=1))
    address = office.client.post(SEARCH, {"last_name": "sample", "service_from": SERVICE}).headers["Location"]
    newest, oldest = office.client.get(address).text, office.client.get(f"{address}&sort=issued", fragment=True).text
    assert newest.index(">4514<") < newest.index(">4512<")
    assert oldest.index(">4512<") < oldest.index(">4514<")


def test_claims_found_come_in_pages_with_what_is_paid_for_all(office: Office) -> None:
    office.paid("4600", *(claim(100 + place, ("MANY", "PAT")) for place in range(30)))
    answer = office.client.post(SEARCH, {"last_name": "Many", "service_from": SERVICE})
    first = office.client.get(answer.headers["Location"])
    assert first.text.count("MANY, PAT") == 25
    assert "30 claims found, $4,500.00 paid together" in words(tree_of(first))
    second = office.client.get(f"{answer.headers['Location']}&page=2", fragment=True)
    assert second.text.count("MANY, PAT") == 5
    assert "26–30 of 30 claims" in second.text


def test_control_characters_are_let_fall(office: Office) -> None:
    assert "26X000002" in searched(office, member_id="M\x00000\x1f00002").text
