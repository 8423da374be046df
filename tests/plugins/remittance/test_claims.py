"""The claims of a payment: pages, filter, order, and one opened."""

from __future__ import annotations

import pytest

from hp_portal_plugins.remittance.demo.writing import Patient, Reason, Service
from tests.support.client import heading_of, tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of, words

pytestmark = pytest.mark.either_database


@pytest.fixture
def mixed(office: Office) -> int:
    """Three claims: one paid $150.00, one denied, one paid $15.00."""
    denied = Service("HC:99214", 9000, (Reason("CO", "29", 9000),), DAY)
    small = Service("HC:99212", 1500, (), DAY)
    return office.paid(
        "4512",
        claim(1, ("SAMPLE", "ANN")),
        claim(2, ("EXAMPLE", "BOB"), services=(denied,), status="4"),
        claim(3, ("MOCKUP", "CARLA"), services=(small,), status="2"),
    )


def patients(response: object) -> list[str]:
    """The names in the table of claims, from the top."""
    links = [link for link in tree_of(response).iter("a") if link.get("class") == "opener"]  # type: ignore[arg-type]
    return [words(link) for link in links]


def test_a_row_has_what_people_compare(office: Office, mixed: int) -> None:
    response = office.client.get(url_of(mixed))
    rows = [words(row) for row in tree_of(response).iter("tr")]
    (row,) = [row for row in rows if "SAMPLE, ANN" in row]
    expected = "26X000001 Yours: ACCT-00001 Feb 10, 2026 $200.00 $50.00 $20.00 $150.00 Processed as primary"
    assert row == f"SAMPLE, ANN {expected}"


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("order", ["SAMPLE, ANN", "EXAMPLE, BOB", "MOCKUP, CARLA"]),
        ("patient", ["EXAMPLE, BOB", "MOCKUP, CARLA", "SAMPLE, ANN"]),
        ("-claim", ["MOCKUP, CARLA", "EXAMPLE, BOB", "SAMPLE, ANN"]),
        ("-charged", ["SAMPLE, ANN", "EXAMPLE, BOB", "MOCKUP, CARLA"]),
        ("paid", ["EXAMPLE, BOB", "MOCKUP, CARLA", "SAMPLE, ANN"]),
        ("service", ["SAMPLE, ANN", "EXAMPLE, BOB", "MOCKUP, CARLA"]),
    ],
)
def test_claims_can_be_sorted(office: Office, mixed: int, sort: str, expected: list[str]) -> None:
    assert patients(office.client.get(f"{url_of(mixed)}?sort={sort}", fragment=True)) == expected


def test_claims_of_one_status(office: Office, mixed: int) -> None:
    response = office.client.get(f"{url_of(mixed)}?status=4")
    assert patients(response) == ["EXAMPLE, BOB"]
    assert "Denied (1)" in response.text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sam", ["SAMPLE, ANN"]),
        ("Bob", ["EXAMPLE, BOB"]),
        ("Bob Example", ["EXAMPLE, BOB"]),
        ("example, b", ["EXAMPLE, BOB"]),
        ("acct-00003", ["MOCKUP, CARLA"]),
        ("26x000001", ["SAMPLE, ANN"]),
        ("%", []),
        ("nobody", []),
    ],
)
def test_claims_are_filtered_by_name_or_number_that_stays_out_of_the_address(
    office: Office, mixed: int, text: str, expected: list[str]
) -> None:
    answer = office.client.post(f"{url_of(mixed)}/filter", {"text": text, "sort": "patient"})
    address = answer.headers["Location"]
    assert answer.status_code == 303
    assert text.lower() not in address.lower().replace("%", "") or text == "%"
    response = office.client.get(address)
    assert patients(response) == expected
    assert "sort=patient" in address
    assert ("No claims match" in response.text) == (not expected)


def test_a_filter_is_one_payments_and_one_persons(office: Office, mixed: int) -> None:
    other = office.paid("4600", claim(7, ("PLACEHOLDER", "DAN")))
    answer = office.client.post(f"{url_of(mixed)}/filter", {"text": "sam"})
    word = answer.headers["Location"].split("filter=")[1].split("#")[0]
    office.world.person("colleague", organization=office.organization)
    colleague = office.world.sign_in("colleague")
    for client, payment, names in ((office.client, other, 1), (colleague, mixed, 3)):
        response = client.get(f"{url_of(payment)}?filter={word}")
        assert "This filter is no longer there" in response.text
        assert len(patients(response)) == names


def test_a_status_alone_leads_to_an_address_to_keep(office: Office, mixed: int) -> None:
    answer = office.client.post(f"{url_of(mixed)}/filter", {"text": " ", "status": "4"})
    assert answer.headers["Location"] == f"{url_of(mixed)}?status=4#claims-of-payment"


def test_claims_come_in_pages_of_50(office: Office) -> None:
    payment = office.paid("4700", *(claim(place, (f"P{place:03}", "PAT")) for place in range(1, 121)))
    first = office.client.get(url_of(payment))
    assert len(patients(first)) == 50
    assert "1–50 of 120 claims" in first.text
    last = office.client.get(f"{url_of(payment)}?page=3", fragment=True)
    assert patients(last) == [f"P{place:03}, PAT" for place in range(101, 121)]
    assert office.client.get(f"{url_of(payment)}?page=4").status_code == 404


def test_a_claim_opens_in_place_and_closes_again(office: Office, mixed: int) -> None:
    opened = office.client.get(url_of(mixed, 1), fragment=True)
    assert "<html" not in opened.text
    assert 'id="claim-1"' in opened.text
    assert 'aria-expanded="true"' in opened.text
    assert "99213" in opened.text
    closed = office.client.get(f"{url_of(mixed, 1)}?closed=1", fragment=True)
    assert 'aria-expanded="false"' in closed.text
    assert "99213" not in closed.text


def test_lines_say_why_they_are_not_paid_as_charged(office: Office, mixed: int) -> None:
    text = words(tree_of(office.client.get(url_of(mixed, 1), fragment=True)))
    assert "CO-45 $30.00 Charge above the agreed or allowed amount." in text
    assert "PR-3 $20.00 The patient’s copay: a fixed amount for the visit or service. The patient owes this." in text


def test_a_claim_has_a_page_of_its_own(office: Office) -> None:
    whole = claim(
        5,
        ("SAMPLE", "ANN"),
        reasons=(Reason("OA", "23", 1000),),
        subscriber=Patient("SAMPLE", "PARENT", "M9"),
        rendering=("HELPER", "1999999992"),
        remarks=("MA01",),
        drg="470",
    )
    payment = office.paid("4512", whole)
    response = office.client.get(url_of(payment, 1))
    text = words(next(tree_of(response).iter("main")))
    assert heading_of(response) == "Claim 26X000005"
    for shown in ("SAMPLE, ANN", "M00000005", "PARENT", "HELPER", "1999999992", "470", "ACCT-00005", "Received"):
        assert shown in text, shown
    assert "Charged $200.00 − Adjustments $60.00 = Paid $140.00" in text
    assert "OA-23 $10.00 What an earlier payer paid or took off." in text
    assert "MA01 A notice: the decision may be appealed." in text
    assert url_of(payment) in response.text


def test_an_unknown_reason_shows_as_its_code(office: Office) -> None:
    service = Service("HC:99213", 20000, (Reason("ZZ", "Z77", 20000),), DAY)
    payment = office.paid("4512", claim(1, services=(service,)))
    assert "ZZ-Z77 $200.00 No explanation is loaded." in words(
        tree_of(office.client.get(url_of(payment, 1), fragment=True))
    )


@pytest.mark.parametrize("address", ["/claims/99", "/claims/0"])
def test_no_such_claim_is_404(office: Office, mixed: int, address: str) -> None:
    assert office.client.get(url_of(mixed) + address).status_code == 404
    assert office.client.get(f"{url_of(mixed)}{address}?closed=1", fragment=True).status_code == 404


def test_looking_at_a_claim_is_recorded(office: Office, mixed: int) -> None:
    office.client.get(url_of(mixed, 2), fragment=True)
    office.client.get(url_of(mixed, 3))
    # A closed row, too, shows the patient, and nobody need have opened it before.
    assert "SAMPLE" in office.client.get(f"{url_of(mixed, 1)}?closed=1", fragment=True).text
    assert events(office.world, "remittance.claim.viewed") == [
        {"payment": mixed, "claim": 2, "also": {}},
        {"payment": mixed, "claim": 3, "also": {}},
        {"payment": mixed, "claim": 1, "also": {}},
    ]


def test_a_claim_that_does_not_add_up_is_marked(office: Office, world: World) -> None:
    payment = office.paid("4512", claim(1), claim(2))
    from hp_portal_plugins.remittance.models import Claim, Payment

    with world.session() as session:
        session.get_one(Claim, (payment, 2)).balanced = False
        session.get_one(Payment, payment).balanced = False
    response = office.client.get(url_of(payment))
    text = response.text
    (table,) = [table for table in tree_of(response).iter("table") if table.get("id") == "claims-table"]
    assert words(table).count("Does not add up") == 1
    assert "In 1 claim, marked in the list" in text
    assert "This claim does not add up" in office.client.get(url_of(payment, 2)).text
