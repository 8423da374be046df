"""While it is not decided which of two payments of one number counts, no sum counts a claim twice that both have."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.demo.writing import PaymentText, ProviderReason, Reason, Service
from hp_portal_plugins.remittance.downloads import together_views
from hp_portal_plugins.remittance.intake.deciding import KEEP, REPLACE, VOID_EARLIER, VOID_LATER, decide, undo
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.models import Payment
from tests.support.client import tree_of

from .inquiry import DAY, Office, claim, words

HOME = "/apps/remittance/"
LATER = DAY + dt.timedelta(days=1)
DENIED = Service("HC:99213", 5000, (Reason("CO", "197", 5000),), DAY - dt.timedelta(days=20))


@pytest.fixture
def again(office: Office) -> tuple[int, int]:
    """A payment with a denied line and money taken back, and the same sent again under another date."""
    paid = claim(1, services=(*claim(1).services, DENIED))
    taken = (ProviderReason("WO", "26X000777", -2000),)
    return office.paid("4512", paid, adjusted=taken), office.paid("4512", paid, adjusted=taken, issued=LATER)


def adding(office: Office) -> list[int]:
    """The payments that sums include."""
    with office.world.session() as session:
        return list(session.scalars(sa.select(Payment.id).where(Payment.adds()).order_by(Payment.id)))


def text(office: Office, url: str) -> str:
    return words(tree_of(office.client.get(url)))


def test_a_payment_sent_again_is_in_no_sum_and_says_so(office: Office, again: tuple[int, int]) -> None:
    earlier, later = again
    assert adding(office) == [later]
    with office.world.session() as session:
        amount = f"{session.get_one(Payment, later).amount / 100:.2f}"
    found = text(office, f"{HOME}?number=4512")
    assert f"2 payments found, ${amount} together" in found
    assert "1 of these is not in the sum" in found
    assert "Sent again" in found
    assert "In question" in found
    assert "no sum includes this one" in text(office, f"{HOME}payments/{earlier}")
    assert "no sum includes this one" not in text(office, f"{HOME}payments/{later}")
    search = office.client.post(f"{HOME}search", {"claim_number": "26X000001"}, follow_redirects=True)
    assert "1 of these is not in the sum" in search.text
    left_out = "1 payment was sent again under the same number and is left out here"
    denials = text(office, f"{HOME}denials?issued_from=any")
    assert "1 line" in denials
    assert left_out in denials
    recoveries = text(office, f"{HOME}recoveries")
    assert "$20.00 still to be taken" in recoveries
    assert left_out in recoveries


def test_what_is_downloaded_together_says_so_and_has_no_payment_twice(office: Office, again: tuple[int, int]) -> None:
    chosen = office.client.post(f"{HOME}payments/together", {"payment": [str(one) for one in again]})
    page = office.client.get(chosen.headers["Location"])
    assert "2 payments have the number of another payment" in page.text
    assert "1 payment in US dollars" in words(tree_of(page))
    joint = office.client.get(f"{chosen.headers['Location'].replace('together?', 'together/835?')}&reason=posting")
    assert joint.data.count(b"TRN*1*4512") == 1
    assert LATER.strftime("%Y%m%d").encode() in joint.data
    table = office.client.get(f"{chosen.headers['Location'].replace('together?', 'together/csv?')}&reason=posting")
    assert b",repeated," in table.data
    assert b",in question," in table.data


@pytest.mark.parametrize(
    ("verb", "add"), [(KEEP, [0, 1]), (REPLACE, [1]), (VOID_EARLIER, [1]), (VOID_LATER, [0])], ids=str
)
def test_a_decision_says_what_adds_and_undoing_it_asks_again(
    office: Office, again: tuple[int, int], verb: str, add: list[int]
) -> None:
    with office.world.session() as session:
        pair = session.scalars(sa.select(SameNumber.id)).one()
        decide(session, pair, verb, "The sender told us.")
    assert adding(office) == [again[place] for place in add]
    with office.world.session() as session:
        undo(session, pair, "A mistake.")
    assert adding(office) == [again[1]]


def test_payments_without_a_claim_in_common_both_count(office: Office) -> None:
    """One EFT told in two files; or a claim and its reversal under one number."""
    split = [office.paid("4513", claim(2)), office.paid("4513", claim(3))]
    turned = [office.paid("4514", claim(4)), office.paid("4514", claim(4, status="22"), issued=LATER)]
    assert adding(office) == [*split, *turned]


def test_of_many_payments_of_a_number_a_page_names_a_few_and_counts_the_others(office: Office) -> None:
    """Notices with a placeholder number. What replaces the first one is named, however many came later."""
    nothing = Service("HC:99213", 5000, (Reason("CO", "29", 5000),), DAY)
    texts = [
        PaymentText("999999", "NON", DAY, office.payee_text, (claim(number, services=(nothing,)),))
        for number in range(24)
    ]
    notices = office.imported(*texts)
    with office.world.session() as session:
        decide(session, session.scalars(sa.select(sa.func.min(SameNumber.id))).one(), REPLACE, "Sent again.")
        session.execute(sa.update(Payment).where(Payment.id == notices[-2]).values(effective_on=None))
    last = office.client.get(f"{HOME}payments/{notices[-1]}").text
    assert "22 other payments have this number" in last
    assert last.count('<span class="code">999999</span></a> of ') == 4
    assert last.count('<span class="code">999999</span></a> without a date') == 1
    assert f'and <a href="{HOME}?number=999999">17 more</a>' in last
    assert f'href="{HOME}payments/{notices[1]}"' in office.client.get(f"{HOME}payments/{notices[0]}").text


def test_a_joint_835_that_the_worker_makes_is_named_by_what_is_in_it(
    office: Office, again: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together_views, "is_small_835", lambda _size: False)
    chosen = office.client.post(f"{HOME}payments/together", {"payment": [str(one) for one in again]}).headers[
        "Location"
    ]
    office.client.get(f"{chosen.replace('together?', 'together/835?')}&reason=posting")
    assert "1 payment as one 835" in text(office, "/documents/")


def test_two_in_one_file_are_one_payment_in_sums(office: Office) -> None:
    texts = [PaymentText("4515", "ACH", day, office.payee_text, (claim(5),), (), 0) for day in (DAY, LATER)]
    first, second = office.imported(*texts)
    assert adding(office) == [second]
    assert first < second
