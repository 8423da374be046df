"""A claim's row says its news without being opened: why nothing was paid, what became of it in other payments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.codes.explanations import explanations
from hp_portal_plugins.remittance.demo.writing import ClaimText, PaymentText, ProviderReason, Reason, Service
from tests.support.client import tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of, words

pytestmark = pytest.mark.either_database

LESS = (Service("HC:99213", 20000, (Reason("CO", "45", 15000),), DAY - dt.timedelta(days=20)),)


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(days=number)


def news(office: Office, payment: int, query: str = "") -> list[str]:
    """The last cell of every claim's row."""
    tree = tree_of(office.client.get(url_of(payment) + query))
    return [words(part) for part in tree.iter("div") if part.get("class") == "news"]


def denied(number: int, *reasons: Reason, remarks: tuple[str, ...] = (), status: str = "4") -> ClaimText:
    service = Service("HC:99213", sum(reason.amount for reason in reasons), reasons, DAY, remarks=remarks)
    return claim(number, services=(service,), status=status)


def test_a_denial_says_why(office: Office) -> None:
    payment = office.paid(
        "4512",
        denied(1, Reason("CO", "45", 9000), Reason("CO", "18", 3000)),
        denied(2, Reason("CO", "16", 9000), remarks=("N382",)),
        denied(3, Reason("PR", "1", 9000), status="1"),
        claim(4),
        denied(5, Reason("CO", "260", 9000)),
        denied(6, Reason("CO", "Z99", 9000)),
        method="NON",
    )
    assert news(office, payment) == [
        "Denied: duplicate CO-18",
        f"Denied: information missing CO-16 N382 {explanations('RARC')['N382'].clause}",
        "Processed as primary Nothing paid: deductible PR-1",
        "Processed as primary",
        "Denied CO-260 paid by the enhanced Medicaid fee schedule of the Affordable Care Act",
        "Denied CO-Z99 No explanation is loaded.",
    ]


def test_reversed_corrected_and_taken_back(office: Office) -> None:
    first = office.paid("4501", claim(1), issued=day(0))
    second = office.paid("4502", claim(1).reversed(), claim(2), claim(3), issued=day(30))
    third = office.paid("4503", claim(1, services=LESS), issued=day(60))
    taken = office.paid("4504", claim(4), issued=day(90), adjusted=(ProviderReason("WO", "26X000001", 5000),))
    back = "Taken back $50.00 in EFT 4504, May 31, 2026"
    assert news(office, first) == [
        f"Processed as primary Reversed later on Apr 1, 2026 in EFT 4502 Corrected on May 1, 2026 in EFT 4503 {back}"
    ]
    assert news(office, second)[0] == (f"Reversal of EFT 4501, Mar 2, 2026 Corrected on May 1, 2026 in EFT 4503 {back}")
    assert news(office, third) == [f"Processed as primary Correction of EFT 4501, Mar 2, 2026 {back}"]
    assert news(office, taken) == ["Processed as primary"]
    # The closed row that a click leads back to says the same.
    closed = office.client.get(f"{url_of(third, 1)}?closed=1", fragment=True)
    assert f"Correction of EFT 4501, Mar 2, 2026 {back}" in words(tree_of(closed))


def test_every_amount_is_in_the_currency_of_the_payment_that_it_is_of(office: Office) -> None:
    """Also those of another payment than the one that is shown: a Canadian payment of which one in dollars takes money back."""
    adjusted = (ProviderReason("L6", "26X000001", -1234),)
    text = PaymentText("4503", "ACH", DAY, office.payee_text, (claim(1),), adjusted, currency="CAD")
    (canadian,) = office.imported(text)
    takes = replace(text, number="4504", issued=day(9), claims=(claim(2),), currency="")
    (dollars,) = office.imported(replace(takes, provider_reasons=(ProviderReason("WO", "26X000001", 5000),)))
    assert news(office, canadian)[0].endswith("Taken back $50.00 in EFT 4504, Mar 11, 2026")
    tree = tree_of(office.client.get(url_of(canadian)))
    (level,) = [one for one in tree.iter("section") if one.get("id") == "provider-level"]
    assert [words(cell) for cell in level.iter("td") if cell.get("data-label") == "Amount"] == ["−CAD 12.34"] * 2
    office.imported(
        replace(text, number="4505", issued=day(12), provider_reasons=(ProviderReason("WO", "26X000002", 7),))
    )
    assert news(office, dollars)[0].endswith("Taken back CAD 0.07 in EFT 4505, Mar 14, 2026")


def test_what_was_taken_back_before_is_not_told_of_what_came_later(office: Office) -> None:
    office.paid("4501", claim(4), issued=day(0), adjusted=(ProviderReason("WO", "26X000001", 5000),))
    later = office.paid("4502", claim(1), issued=day(30), adjusted=(ProviderReason("L6", "26X000001", -100),))
    assert news(office, later) == ["Processed as primary"]


def test_another_organizations_payments_are_no_news(office: Office, world: World) -> None:
    payment = office.paid("4501", claim(1), issued=day(0))
    other = Office(world, "Oak Sample Clinic")
    other.paid("4502", claim(1).reversed(), claim(2), claim(3), issued=day(30))
    other.paid("4503", claim(2), issued=day(40), adjusted=(ProviderReason("WO", "26X000001", 5000),))
    assert news(office, payment) == ["Processed as primary"]


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that are executed meanwhile."""
    engine = world.app.extensions["hp_portal.database"].engine
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize("query", ["", "?open=all"])
def test_a_page_takes_as_many_statements_for_many_claims_as_for_two(office: Office, query: str) -> None:
    def payments(number: str, first: int, count: int) -> int:
        numbers = range(first, first + count)
        paid = office.paid(
            number,
            *(denied(n, Reason("CO", "16", 100), remarks=("N382",)) if n % 2 else claim(n) for n in numbers),
        )
        back = tuple(ProviderReason("WO", f"26X{n:06}", 100) for n in numbers)
        again = (claim(n, services=LESS) for n in numbers)
        office.paid(f"{number}1", *(claim(n).reversed() for n in numbers), *again, issued=day(9), adjusted=back)
        return paid

    few, many = payments("41", 100, 2), payments("42", 200, 49)
    took = []
    for payment in (few, few, many):
        with counted(office.world) as statements:
            assert office.client.get(url_of(payment) + query).status_code == 200
        took.append(len(statements))
    assert took[1] == took[2]


def test_totals_are_of_all_claims_that_are_wanted_not_of_the_page(office: Office) -> None:
    payment = office.paid(
        "4512",
        *(claim(n) for n in range(60)),
        *(denied(n, Reason("CO", "18", 9000)) for n in range(60, 70)),
    )

    def total(query: str) -> str:
        tree = tree_of(office.client.get(url_of(payment) + query))
        (foot,) = [
            foot for table in tree.iter("table") if table.get("id") == "claims-table" for foot in table.iter("tfoot")
        ]
        return words(foot)

    assert total("") == "Total of 70 claims $12,900.00 $3,900.00 $1,200.00 $9,000.00"
    assert total("?sort=-patient&page=2") == total("")
    second = words(tree_of(office.client.get(f"{url_of(payment)}?page=2")))
    assert "Open the 20 claims on this page" in second, "not all 70"
    assert total("?status=4") == "Total of 10 claims $900.00 $900.00 $0.00 $0.00 Of the claims that match"


def test_all_claims_of_a_page_open_at_once_and_close_again(office: Office) -> None:
    first = office.paid("4501", claim(1), issued=day(0))
    payment = office.paid("4512", claim(1).reversed(), claim(2), claim(3), issued=day(9))
    page = office.client.get(url_of(payment))
    (link,) = [link for link in tree_of(page).iter("a") if link.get("id") == "open-all"]
    assert words(link) == "Open all 3 claims"
    opened = office.client.get((link.get("href") or "").partition("#")[0], fragment=True)
    tables = [table for table in tree_of(opened).iter("table") if (table.get("id") or "").startswith("lines-")]
    assert len(tables) == 3
    names = [words(caption) for caption in tree_of(opened).iter("caption")]
    assert len(names) == len(set(names)) == 5, "every table has a name of its own"
    assert "This claim in other payments" in opened.text
    event = events(office.world, "remittance.payment.viewed")[-1]
    assert event["opened"] == "1-3"
    assert event["also"] == {str(first): "1"}
    (link,) = [link for link in tree_of(opened).iter("a") if link.get("id") == "open-all"]
    assert words(link) == "Close all 3 claims"
    assert "lines-" not in office.client.get((link.get("href") or "").partition("#")[0], fragment=True).text


def test_claims_with_very_many_services_do_not_all_open_at_once(office: Office) -> None:
    lines = (Service("HC:99213", 100, (), DAY),) * 150
    payment = office.paid("4512", *(claim(n, services=lines) for n in range(4)))
    response = office.client.get(f"{url_of(payment)}?open=all")
    tables = [table for table in tree_of(response).iter("table") if (table.get("id") or "").startswith("lines-")]
    assert len(tables) == 2
    assert "The first 2 claims are open." in response.text
