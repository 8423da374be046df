"""An office marks payments and claims as posted: for everybody there, for nobody else, and it is told what happened since."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.demo.writing import PaymentText, ProviderReason
from hp_portal_plugins.remittance.intake.deciding import REPLACE, decide
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.office.models import Posting
from tests.support.client import tree_of
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of, words

HOME = "/apps/remittance/"


@pytest.fixture
def office(world: World) -> Office:
    return Office(world, username="pat.poster")


def state(client: Any, payment: int, number: int | None = None) -> str:
    """What the page of a payment, or of one of its claims, says of posting, without the buttons."""
    (found,) = [part for part in tree_of(client.get(url_of(payment, number))).iter("div") if part.get("id") == "posted"]
    for buttons in [part for part in found.iter("div") if "posted-buttons" in (part.get("class") or "")]:
        buttons.clear()
    return words(found).removeprefix("Posted by your office ")


def marked(client: Any, payment: int) -> list[int]:
    """The claims of a payment whose rows say that they are posted."""
    news = [words(part) for part in tree_of(client.get(url_of(payment))).iter("div") if part.get("class") == "news"]
    return [place for place, text in enumerate(news, 1) if "Posted on" in text]


def listed(client: Any, query: str) -> dict[str, str]:
    """The payments of a list by number, with what it says of posting."""
    tables = [part for part in tree_of(client.get(HOME + query)).iter("table") if part.get("id") == "payments"]
    rows = [row for table in tables for row in table.iter("tr") if row.find("td") is not None]
    return {words(row.findall("th")[0]).split()[0]: words(row.findall("td")[-1]) for row in rows}


def do(client: Any, payment: int, deed: str = "post", **typed: Any) -> Any:
    return client.post(f"{url_of(payment)}/posted", {"deed": deed, **typed})


def test_claims_and_payments_are_posted_for_the_whole_office_and_for_nobody_else(office: Office, world: World) -> None:
    payment = office.paid("4512", *(claim(n) for n in range(1, 5)))
    office.paid("4513")
    world.person("cole.colleague", organization=office.organization)
    colleague = world.sign_in("cole.colleague")
    # A billing service sees the same payment and keeps marks of its own.
    service = Office(world, "Elm Sample Billing")
    world.grant(service.organization, office.payee)
    assert state(office.client, payment) == "Not posted"

    answer = do(office.client, payment, claim=["2", "3"])
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith("#claims-of-payment")
    assert marked(colleague, payment) == [2, 3]
    assert state(colleague, payment).startswith("Partly posted (2 of 4 claims) Last on ")
    assert state(colleague, payment).endswith(" by Person Pat Poster")
    assert "Posted on" in state(colleague, payment, 2)
    assert state(colleague, payment, 1) == "Not posted"
    assert listed(colleague, "?unposted=1") == {"4512": "Partly posted (2 of 4 claims)", "4513": "Not posted"}
    # The row that a click opens, and the list of claims found, say so as well.
    assert "by Person Pat Poster" in colleague.get(url_of(payment, 2), fragment=True).text
    found = colleague.post(f"{HOME}search", {"claim_number": "26X000002"}).headers["Location"]
    assert "by Person Pat Poster" in colleague.get(found).text

    do(colleague, payment, all="1")
    assert state(office.client, payment).startswith("Posted ")
    assert state(office.client, payment).endswith(" by Person Cole Colleague")
    # Who marked a claim first stays.
    assert state(office.client, payment, 2).endswith(" by Person Pat Poster")
    assert listed(office.client, "?unposted=1") == {"4513": "Not posted"}
    assert listed(office.client, "") == {"4512": "Posted", "4513": "Not posted"}

    assert state(service.client, payment) == "Not posted"
    assert marked(service.client, payment) == []
    assert listed(service.client, "")["4512"] == "Not posted"
    with world.session_of(service.organization) as session:
        assert session.scalars(sa.select(Posting)).all() == []

    do(colleague, payment, "take-back", claim=["1", "3"])
    assert marked(office.client, payment) == [2, 4]
    do(office.client, payment, "take-back", all="1")
    assert marked(office.client, payment) == []
    assert state(office.client, payment) == "Not posted"
    assert [
        (event["payment"], event["claims"], event["all"]) for event in events(world, "remittance.payment.posted")
    ] == [
        (payment, "2-3", False),
        (payment, "1,4", True),
    ]
    assert [event["claims"] for event in events(world, "remittance.payment.unposted")] == ["1,3", "2,4"]
    activity = office.client.get("/my-activity").text
    assert "Marked 2 claims of" in activity


def test_what_cannot_be_marked_is_said_and_changes_nothing(office: Office, world: World) -> None:
    payment = office.paid("4512", claim(1), claim(2))
    answer = do(office.client, payment)
    assert answer.status_code == 422
    assert "No claim is chosen" in answer.text
    for numbers in (["99", "x", "-1", "9" * 30], ["4294967297"]):
        answer = do(office.client, payment, claim=numbers)
        assert answer.status_code in (303, 422)
    assert office.client.post(f"{url_of(payment, 99)}/posted", {"deed": "post"}).status_code == 404
    assert state(office.client, payment) == "Not posted"
    # Twice is once, on the claim's own page too.
    for _ in range(2):
        assert office.client.post(f"{url_of(payment, 1)}/posted", {"deed": "post"}).status_code == 303
    assert len(events(world, "remittance.payment.posted")) == 1
    office.client.post(f"{url_of(payment, 1)}/posted", {"deed": "take-back"})
    do(office.client, payment, "take-back", all="1")
    assert len(events(world, "remittance.payment.unposted")) == 1
    # A payment of adjustments alone is marked as a whole.
    (alone,) = office.imported(
        PaymentText("4514", "ACH", DAY, office.payee_text, (), (ProviderReason("L6", "26X000001", -500),), 0)
    )
    do(office.client, alone, all="1")
    assert state(office.client, alone).startswith("Posted ")
    do(office.client, alone, "take-back", all="1")
    assert state(office.client, alone) == "Not posted"


def test_what_happens_after_posting_is_said_where_the_mark_stands(office: Office, world: World) -> None:
    payment, other = office.paid("4512", claim(1), claim(2)), office.paid("4520", claim(7))
    do(office.client, payment, all="1")
    do(office.client, other, all="1")

    def news(number: int) -> str:
        return state(office.client, payment, number)

    assert "before" not in news(1)
    office.paid("4600", claim(1).reversed(), adjusted=(ProviderReason("WO", "26X000002", 100),))
    assert news(1).endswith("by Person Pat Poster, before it was reversed")
    assert news(2).endswith("before money was taken back")
    # Marked once more, it is posted as it stands now.
    do(office.client, payment, "take-back", claim=["1"])
    do(office.client, payment, claim=["1"])
    assert "before" not in news(1)

    later = office.paid("4512", claim(1), claim(2), claim(3))
    assert "Posted before another payment with its number came" in office.client.get(url_of(payment)).text
    assert listed(office.client, "?number=4512&zero=&amount_min=1")["4512"]
    assert "before another" not in office.client.get(url_of(later)).text
    with world.session() as session:
        pair = session.scalars(sa.select(SameNumber.id)).one()
        decide(session, pair, REPLACE, "Sent again.")
    page = office.client.get(url_of(payment)).text
    assert "Posted before it was replaced" in page
    states = listed(office.client, "?issued_from=2020-01-01")
    assert "Posted before it was replaced" in states.values() or "Posted before it was replaced" in page
    # What does not count is not waiting to be posted, marked or not; what counts instead is.
    do(office.client, payment, "take-back", all="1")
    waiting = office.client.get(f"{HOME}?unposted=1").text
    assert f'href="{url_of(later)}"' in waiting
    assert f'href="{url_of(payment)}"' not in waiting
    # A mark made afterwards has nothing to add.
    do(office.client, payment, all="1")
    assert "Posted before it was replaced" not in office.client.get(url_of(payment)).text
