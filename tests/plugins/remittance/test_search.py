"""Searching by number and by what a payment is like."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.web.formats import parse_money
from hp_portal_plugins.remittance.demo.writing import PayeeText, PaymentText
from hp_portal_plugins.remittance.inquiry import forms, search
from hp_portal_plugins.remittance.keys import number_key
from hp_portal_plugins.remittance.models import REPLACED, Payment
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of, words

HOME = "/apps/remittance/"


def numbers(response: Any) -> list[str]:
    """The payment numbers of a list, from the top."""
    rows = [row for body in tree_of(response).iter("tbody") for row in body.iter("tr")]
    links = [link for row in rows for link in row.iter("a") if "/payments/" in (link.get("href") or "")]
    return [words(link) for link in links]


@pytest.mark.parametrize(
    "typed", ["0004512", "4512", "45 12", "45-12", " 0004512 ", "00-0045-12"], ids=lambda typed: f"[{typed}]"
)
def test_a_number_is_found_however_it_is_typed(office: Office, typed: str) -> None:
    payment = office.paid("0004512")
    office.paid("4513")
    response = office.client.get(HOME, query_string={"number": typed})
    assert (response.status_code, response.headers["Location"]) == (303, url_of(payment))


@pytest.mark.parametrize("typed", ["NP0000077", "np 77", "np-0077"])
def test_a_notice_of_no_payment_is_found_by_its_number(office: Office, typed: str) -> None:
    payment = office.paid("NP0000077", method="NON")
    office.paid("77")
    assert office.client.get(HOME, query_string={"number": typed}).headers["Location"] == url_of(payment)


def test_htmx_is_led_to_the_only_payment_by_header(office: Office) -> None:
    payment = office.paid("4512")
    response = office.client.get(f"{HOME}?number=4512", fragment=True)
    assert (response.status_code, response.headers["HX-Redirect"]) == (200, url_of(payment))


def test_several_payments_with_one_number_are_a_list_newest_first(office: Office) -> None:
    office.paid("4512", issued=DAY)
    office.paid("0004512", issued=DAY + dt.timedelta(days=30))
    response = office.client.get(f"{HOME}?number=4512")
    assert numbers(response) == ["0004512", "4512"]
    assert "2 payments found" in response.text


def test_a_fragment_is_the_results_and_no_page(office: Office) -> None:
    office.paid("4512", issued=DAY)
    office.paid("4512", issued=DAY + dt.timedelta(days=30))
    response = office.client.get(f"{HOME}?number=4512", fragment=True)
    assert "<html" not in response.text
    assert re.findall('<form [^>]*action="([^"]+)"', response.text) == ["/apps/remittance/payments/together"]
    assert len(numbers(response)) == 2
    assert len(response.data) < 10 * 1024
    assert "HX-Request-Type" in response.headers["Vary"]


def test_the_forms_of_a_fragment_have_the_token_of_whoever_asks(office: Office, world: World) -> None:
    office.paid("4512", issued=DAY)
    payment = office.paid("4512", issued=DAY + dt.timedelta(days=30))
    world.person("a.colleague", organization=office.organization, applications={"remittance"})
    colleague = world.sign_in("a.colleague")
    tokens = []
    for client in (office.client, colleague, office.client):
        answer = client.get(f"{HOME}?number=4512", fragment=True)
        tokens += [re.findall('name="csrf_token" value="([^"]+)"', answer.text)[0]]
    assert tokens[0] == tokens[2] != tokens[1]
    for token, status in zip(tokens[:2], (303, 400), strict=True):
        form = {"csrf_token": token, "payment": str(payment)}
        assert office.client.post(f"{HOME}payments/together", form, check=False).status_code == status, token


@pytest.fixture
def varied(office: Office) -> Office:
    """Payments of $300.00 in January, $150.00 in February, $0.00 in March, the last one to another payee."""
    office.paid("1001", claim(1), claim(2), issued=dt.date(2026, 1, 15))
    office.paid("1002", claim(3), issued=dt.date(2026, 2, 15), method="CHK")
    text = PayeeText("ELM SAMPLE CLINIC", make_tin(7001), make_npi(701), "V700001")
    office.second = office.add_payee(text)  # type: ignore[attr-defined]
    office.paid("NP1003", claim(4).__class__(**{**vars(claim(4)), "services": ()}), method="NON", payee=text)
    return office


Query = Callable[[Office], dict[str, Any]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"issued_from": "2026-02-01"}, ["NP1003", "1002"]),
        ({"issued_to": "2026-02-15"}, ["1002", "1001"]),
        ({"issued_from": "2/15/2026", "issued_to": "2/15/2026"}, ["1002"]),
        ({"amount_min": "150.01"}, ["1001"]),
        ({"amount_min": "$1", "amount_max": "150"}, ["1002"]),
        ({"amount_min": "300", "amount_max": "300"}, ["1001"]),
        ({"zero": "1"}, ["NP1003"]),
        ({"number": "1002", "amount_min": "100"}, ["1002"]),
        ({"number": "1002", "amount_min": "200"}, []),
    ],
    ids=str,
)
def test_payments_by_what_they_are_like(varied: Office, query: dict[str, str], expected: list[str]) -> None:
    assert numbers(varied.client.get(HOME, query_string=query)) == expected


def test_payments_of_one_payee(varied: Office) -> None:
    second: Any = varied.second  # type: ignore[attr-defined]
    assert numbers(varied.client.get(f"{HOME}?payee={second.id}")) == ["NP1003"]
    page = varied.client.get(HOME).text
    assert "ELM SAMPLE CLINIC" in page


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("date", ["1001", "1002", "NP1003"]),
        ("-date", ["NP1003", "1002", "1001"]),
        ("amount", ["NP1003", "1002", "1001"]),
        ("-amount", ["1001", "1002", "NP1003"]),
        ("number", ["1001", "1002", "NP1003"]),
        ("-payee", ["NP1003", "1002", "1001"]),
        ("nonsense", ["NP1003", "1002", "1001"]),
    ],
)
def test_results_can_be_sorted(varied: Office, sort: str, expected: list[str]) -> None:
    response = varied.client.get(f"{HOME}?issued_from=2026-01-01&sort={sort}")
    assert numbers(response) == expected


def test_a_heading_turns_the_direction_and_keeps_the_search(varied: Office) -> None:
    response = varied.client.get(f"{HOME}?issued_from=2026-01-01&sort=amount")
    (header,) = [cell for cell in tree_of(response).iter("th") if cell.get("aria-sort")]
    (link,) = header.iter("a")
    assert header.get("aria-sort") == "ascending"
    assert link.get("href") == "/apps/remittance/?issued_from=2026-01-01&sort=-amount"


def test_results_come_in_pages_of_25(office: Office) -> None:
    many = [
        PaymentText(f"2{place:03}", "ACH", DAY - dt.timedelta(days=place), office.payee_text, (claim(place),))
        for place in range(30)
    ]
    office.imported(*many)
    first = office.client.get(f"{HOME}?issued_from=2026-01-01")
    assert numbers(first) == [f"2{place:03}" for place in range(25)]
    # The sum is of all, not of those on the page.
    assert "30 payments found, $4,500.00 together" in words(tree_of(first))
    second = office.client.get(f"{HOME}?issued_from=2026-01-01&page=2", fragment=True)
    assert numbers(second) == [f"2{place:03}" for place in range(25, 30)]
    assert "26–30 of 30 payments" in second.text
    assert office.client.get(f"{HOME}?issued_from=2026-01-01&page=3").status_code == 404


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"issued_from": "soon"}, "Enter a date as month, day and year."),
        ({"issued_from": "2026-03-01", "issued_to": "2026-02-01"}, "This date lies before the first one."),
        ({"amount_min": "much"}, "Enter an amount in dollars"),
        ({"amount_min": "20", "amount_max": "10"}, "This amount is lower than the first one."),
        ({"payee": "999999"}, "Not a valid choice"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_named_at_its_field(office: Office, query: dict[str, str], words: str) -> None:
    response = office.client.get(HOME, query_string=query)
    assert response.status_code == 422
    assert words in response.text
    assert '<details class="disclosure" open' in response.text


def test_before_any_search_the_newest_payments_and_the_months_show(varied: Office, clock: Clock) -> None:
    clock.set(dt.datetime(2026, 3, 10, 18, 0, tzinfo=dt.UTC))
    client = varied.world.sign_in(varied.username)
    response = client.get(HOME)
    assert numbers(response) == ["NP1003", "1002", "1001"]
    tree = tree_of(response)
    (table,) = [table for table in tree.iter("table") if table.get("id") == "months"]
    rows = [words(row) for row in table.iter("tr")][1:]
    assert rows[:3] == ["March 2026 1 $0.00", "February 2026 1 $150.00", "January 2026 1 $300.00"]
    assert len(rows) == 12
    assert rows[-1] == "April 2025 0 $0.00"
    bars = [bar for bar in tree.iter() if str(bar.tag).endswith("rect") and bar.get("class") == "bar"]
    assert len(bars) == 12
    assert max(float(bar.get("height") or 0) for bar in bars) == 110
    assert "style=" not in response.text


def test_a_bar_leads_to_the_payments_of_its_month(varied: Office, clock: Clock) -> None:
    clock.set(dt.datetime(2026, 3, 10, 18, 0, tzinfo=dt.UTC))
    client = varied.world.sign_in(varied.username)
    tree = tree_of(client.get(HOME))
    (chart,) = [part for part in tree.iter() if str(part.tag).endswith("svg") and part.get("role") == "group"]
    bars = [part for part in chart.iter() if str(part.tag).endswith("}a") or part.tag == "a"]
    # Months without payments lead nowhere.
    assert [bar.get("aria-label") for bar in bars] == [
        "January 2026: 1 payment, $300.00",
        "February 2026: 1 payment, $150.00",
        "March 2026: 1 payment, $0.00",
    ]
    (table,) = [table for table in tree.iter("table") if table.get("id") == "months"]
    addresses = [bar.get("href") for bar in bars]
    assert addresses == [link.get("href") for link in table.iter("a")][::-1]
    assert [numbers(client.get(address or "")) for address in addresses] == [["1001"], ["1002"], ["NP1003"]]


def test_results_say_how_many_and_how_much(varied: Office) -> None:
    assert "3 payments found, $450.00 together" in words(tree_of(varied.client.get(f"{HOME}?issued_from=2026-01-01")))
    assert "2 payments found, $150.00 together" in words(tree_of(varied.client.get(f"{HOME}?issued_from=2026-02-01")))


def test_sums_say_what_they_leave_out(office: Office, clock: Clock) -> None:
    clock.advance(hours=1)
    office.paid("1001")
    office.paid("1002")
    replaced = office.paid("1003")
    canadian = PaymentText("1004", "ACH", DAY, office.payee_text, (claim(4),), currency="CAD")
    office.imported(canadian)
    with office.world.session() as session:
        session.execute(sa.update(Payment).where(Payment.id == replaced).values(set_aside=REPLACED))
        session.commit()
    clock.advance(hours=1)
    client = office.world.sign_in(office.username)
    said = (
        "2 of these are not in the sum: replaced, voided, sent again under the same number, a later part of a payment, or not "
        "in US dollars."
    )
    page = words(tree_of(client.get(f"{HOME}?issued_from=2026-01-01")))
    assert "4 payments found, $300.00 together" in page
    assert said in page
    # The number of new ones is that of the list they lead to.
    assert "4 new payments since your last visit." in words(tree_of(client.get(HOME)))
    assert "4 payments found" in words(tree_of(client.get(f"{HOME}?new=1")))
    # The same where the sum is not of one page alone.
    ids = [office.paid("2001", claim(10 + number)) for number in range(3)]
    with office.world.session() as session:
        session.execute(sa.update(Payment).where(Payment.id == ids[0]).values(set_aside=REPLACED))
        session.commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "PAGE", 2)
        page = words(tree_of(client.get(f"{HOME}?number=2001")))
    assert "3 payments found, $300.00 together 1 of these is not in the sum" in page


def test_what_is_new_since_the_last_visit_is_marked_and_a_list_of_its_own(office: Office, clock: Clock) -> None:
    office.paid("1001")
    assert "since your last visit" not in office.client.get(HOME).text.partition("Newest payments")[2], "a first visit"
    office.world.sign_in(office.username)
    clock.advance(hours=1)
    office.paid("1002")
    client = office.world.sign_in(office.username)
    page = tree_of(client.get(HOME))
    assert "1 new payment since your last visit." in words(page)
    assert [words(row).split()[0] for row in page.iter("tr") if "New" in words(row).split()] == ["1002"]
    assert numbers(client.get(f"{HOME}?new=1")) == ["1002"]
    clock.advance(hours=1)
    assert "Nothing new since your last visit." in words(tree_of(office.world.sign_in(office.username).get(HOME)))


def test_an_account_without_payments_is_told_so(office: Office) -> None:
    response = office.client.get(HOME)
    assert "No payments yet" in response.text
    assert "/apps/tax-id-npi-access/" in response.text


def test_nothing_found_gives_the_likely_reasons_in_order_and_two_ways_on(office: Office) -> None:
    response = office.client.get(f"{HOME}?number=998877")
    assert response.status_code == 200
    text = response.text
    reasons = ["not linked to your organization", "not been issued yet", "older than 7 years"]
    places = [text.index(reason) for reason in reasons]
    assert places == sorted(places)
    assert "Try another search" in text
    assert "View/add Tax ID &amp; NPI access" in text


def test_without_tax_id_access_nobody_is_sent_there(world: World) -> None:
    office = Office(world)
    world.person("no.access", organization=office.organization, applications=("remittance",))
    text = world.sign_in("no.access").get(f"{HOME}?number=998877").text
    assert "Try another search" in text
    assert "View/add" not in text


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "Enter a number"),
        ("--", "Enter a number"),
        ("12O45678", "has letters in it"),
        ("XY123456", "has letters in it"),
        ("123", "too short"),
        ("NP12", "too short"),
        ("9" * 51, "too long"),
        ("1234567893", "Tax ID or NPI"),
        ("12-3456789", "Tax ID or NPI"),
        ("123-45-6789", "Tax ID or NPI"),
    ],
)
def test_a_malformed_number_is_named_as_such(office: Office, typed: str, words: str) -> None:
    response = office.client.get(HOME, query_string={"number": typed})
    assert words in response.text
    assert "not linked to your organization" not in response.text


def test_ones_own_tax_id_in_the_box_is_named(office: Office) -> None:
    assert "Tax ID or NPI" in office.client.get(f"{HOME}?number={office.payee_text.tin}").text


def test_a_number_that_looks_odd_is_found_all_the_same(office: Office) -> None:
    payment = office.paid("1234567893")
    short = office.paid("AB7")
    assert office.client.get(f"{HOME}?number=1234567893").headers["Location"] == url_of(payment)
    assert office.client.get(f"{HOME}?number=ab-7").headers["Location"] == url_of(short)


@pytest.mark.parametrize("typed", ["Sample, Ann", "M00000061", "012-34-5678", "012345678", "61X"])
def test_what_is_no_number_of_a_payment_is_not_kept_readable(office: Office, typed: str) -> None:
    office.client.get(HOME, query_string={"number": typed})
    (event,) = events(office.world, "remittance.payment.searched")
    assert event["keys"] == {"number": hidden(office, typed)}


def hidden(office: Office, typed: str) -> str:
    """A number as the record has it when it is no payment's."""
    with office.world.session() as session:
        return session.vault.digest(number_key(typed), "remittance inquiry").hex()


def test_every_search_is_recorded(office: Office) -> None:
    payment = office.paid("4512")
    found = {"claims": {}, "shown": 1, "rows": str(payment), "page": 1, "sort": "-date"}
    office.client.get(HOME)
    office.client.get(f"{HOME}?number=45-12")
    office.client.get(f"{HOME}?amount_min=5&issued_from=2026-01-01")
    office.client.get(f"{HOME}?number=777777")
    assert events(office.world, "remittance.payment.searched") == [
        {"kind": "newest", "keys": {}, **found},
        {"kind": "number", "keys": {"number": "45-12"}, **found},
        {"kind": "payments", "keys": {"amount_min": "5.00", "issued_from": "2026-01-01"}, **found},
        {"kind": "number", "keys": {"number": hidden(office, "777777")}, **found, "shown": 0, "rows": ""},
    ]


@pytest.mark.parametrize(
    ("text", "cents"),
    [("", None), ("12", 1200), ("12.5", 1250), ("$1,234.56", 123456), (" 0 ", 0)],
)
def test_amounts_are_read_as_people_type_them(text: str, cents: int | None) -> None:
    assert parse_money(text) == cents


@pytest.mark.parametrize("text", ["-1", "1.234", "1e3", "٣", "9" * 13])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_money(text)


def test_forms_of_get_need_no_token() -> None:
    assert forms.PaymentSearchForm.Meta.csrf is False


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"{HOME}?number=12%0034", 200),
        (f"{HOME}?number={'%C3%A9' * 3000}", 200),
        (f"{HOME}?search=%00", 404),
        (f"{HOME}?payee=%00", 422),
        (f"{HOME}?payee=99999999999999999999", 422),
        (f"{HOME}?number=4599&page=999999999999999999999", 404),
        (f"{HOME}?amount_min=999999999999.99&page=x&sort=%00", 200),
        (f"{HOME}payments/1?status=%00&filter=%00&sort=%00", 200),
        (f"{HOME}payments/99999999999999999999", 404),
        (f"{HOME}payments/9223372036854775807", 404),
        (f"{HOME}payments/1/claims/99999999999", 404),
        (f"{HOME}payments/1/claims/2147483647", 404),
    ],
    ids=lambda value: str(value)[:60],
)
def test_odd_addresses_are_answered(office: Office, address: str, status: int) -> None:
    assert office.paid("4599") == 1
    assert office.client.get(address).status_code == status
