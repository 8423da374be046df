"""One EFT told in several files: staff say that the payments are its parts, and then its amount counts once."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal_plugins.remittance.demo.writing import PaymentText, Reason, Service
from hp_portal_plugins.remittance.inquiry.chart import paid_by_month
from hp_portal_plugins.remittance.intake.deciding import KEEP, REPLACE, VOID_EARLIER, VOID_LATER, decide, undo
from hp_portal_plugins.remittance.intake.in_parts import PARTS
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.models import Payment
from tests.support.client import PortalClient
from tests.support.pdf import TaggedPdf
from tests.support.world import World

from .inquiry import DAY, Office, claim, events, url_of
from .test_same_number_decisions import QUEUE, text_of

pytestmark = pytest.mark.either_database

HOME = "/apps/remittance/"
DENIED = Service("HC:99213", 5000, (Reason("CO", "197", 5000),), DAY)


@pytest.fixture
def parts(office: Office) -> tuple[int, int]:
    """An EFT of $300.00 in two files, with a claim of $150.00 in each."""
    return part(office, 1), part(office, 2)


def part(office: Office, number: int, off_by: int = 15000, eft: str = "4512") -> int:
    one = claim(number)
    return office.paid(eft, claim(number, services=(*one.services, DENIED)), off_by=off_by)


def pairs(world: World) -> list[int]:
    with world.session() as session:
        return list(session.scalars(sa.select(SameNumber.id).order_by(SameNumber.id)))


def say(world: World, *decisions: tuple[int, str]) -> None:
    """Decide about pairs, or undo a decision, by their places."""
    ids = pairs(world)
    for place, verb in decisions:
        with world.session() as session:
            if verb == "undo":
                undo(session, ids[place], "A mistake.")
            else:
                decide(session, ids[place], verb, "The bank made one payment.")


def joined(world: World) -> list[int | None]:
    """Of each payment which it is a part of; its own amount counts where that is itself, or nothing."""
    with world.session() as session:
        rows = session.execute(sa.select(Payment.id, Payment.part_of_id, Payment.later_part).order_by(Payment.id)).all()
    assert all(row.later_part == (row.part_of_id not in (None, row.id)) for row in rows)
    return [row.part_of_id for row in rows]


def test_the_queue_proposes_it_where_all_claims_come_to_the_amount(
    office: Office, parts: tuple[int, int], staff: PortalClient
) -> None:
    page = f"{QUEUE}/{pairs(office.world)[0]}"
    assert "Parts of one payment?" in text_of(staff, QUEUE)
    assert "They look like parts of one payment" in text_of(staff, page)
    third = part(office, 3)
    assert third == parts[1] + 1
    assert "They look like parts" in text_of(staff, page), "two of three still come to it"
    office.paid("4513", claim(4), off_by=30000)
    for number in (5, 6):
        office.paid("4513", claim(number), off_by=30000)
    assert text_of(staff, QUEUE).count("Parts of one payment?") == 4, "all three of the number come to it"
    office.paid("4514", claim(7), off_by=100)
    office.paid("4514", claim(8), off_by=100)
    assert text_of(staff, QUEUE).count("Parts of one payment?") == 4, "these two do not"


def test_the_amount_counts_once_and_the_claims_of_both(
    office: Office, parts: tuple[int, int], staff: PortalClient
) -> None:
    client, world = office.client, office.world
    said = {"decision": PARTS, "reason": "The bank made one payment."}
    assert staff.post(f"{QUEUE}/{pairs(world)[0]}/decide", said).status_code == 303
    assert joined(world) == [parts[0], parts[0]]
    assert events(world, "remittance.same-number.decided") == [
        {"payment": parts[1], "earlier": parts[0], "decision": "parts"}
    ]
    for here in parts:
        for address in (url_of(here), url_of(here, 1)):
            page = text_of(client, address)
            assert "Part of EFT 4512, $300.00; together with its other part (1 claim, $150.00, imported on " in page
            assert ") it balances. Sums include the amount once." in page
            assert f'href="{url_of(parts[0] if here == parts[1] else parts[1])}"' in client.get(address).text
        assert "Adds up with its other parts" in text_of(client, url_of(here))
        pdf = TaggedPdf(client.get(f"{url_of(here)}/pdf").data).text
        assert "it balances. Sums include the amount once." in pdf
        assert "This payment adds up, all its parts together" in pdf
    found = text_of(client, f"{HOME}?number=4512")
    assert "2 payments found, $300.00 together" in found
    assert "1 of these is not in the sum" in found
    assert found.count("Part of a payment") == 2
    assert "2 lines" in text_of(client, f"{HOME}denials?issued_from=any")
    search = client.post(f"{HOME}search", {"claim_number": "26X000002"}, follow_redirects=True)
    assert "not in the sum" not in search.text
    with world.app.test_request_context(), world.session() as session:
        assert paid_by_month(session, DAY)[-1].paid == 30000


def test_downloads_together_have_both_and_add_the_amount_once(office: Office, parts: tuple[int, int]) -> None:
    say(office.world, (0, PARTS))
    chosen = office.client.post(f"{HOME}payments/together", {"payment": [str(one) for one in parts]}).headers[
        "Location"
    ]
    page = text_of(office.client, chosen)
    assert "1 payment in US dollars $300.00" in page
    assert "1 payment is a later part of a payment that came in several" in page

    def file(kind: str) -> bytes:
        found = office.client.get(f"{chosen.replace('together?', f'together/{kind}?')}&reason=posting")
        assert found.status_code == 200
        return bytes(found.data)

    assert file("835").count(b"TRN*1*4512") == 2
    rows = list(csv.DictReader(io.StringIO(file("csv").decode("utf-8-sig"))))
    assert [row["payment_standing"] for row in rows] == ["", "", "part", "part"]
    assert {row["payment_balances"] for row in rows} == {"yes"}
    workbook: Any = openpyxl.load_workbook(io.BytesIO(file("xlsx")))
    sums = [row for row in workbook["Sums"].iter_rows(values_only=True) if row[0] == "USD"]
    assert [(row[1], float(row[2])) for row in sums] == [(1, 300.0)]
    by_sheet = {
        name: [dict(zip(rows[0], row, strict=True))["Counts"] for row in rows[1:]]
        for name in ("Payments", "Claims")
        for rows in [list(workbook[name].iter_rows(values_only=True))]
    }
    assert by_sheet == {"Payments": ["yes", "with the first part"], "Claims": ["yes", "yes"]}


def test_parts_that_do_not_balance_say_by_how_much(office: Office) -> None:
    two = part(office, 1, 20000), part(office, 2, 20000)
    say(office.world, (0, PARTS))
    for here in two:
        page = text_of(office.client, url_of(here))
        assert "it does not balance: all parts come to $300.00, which is $50.00 less than the payment." in page
        assert "The payment is $350.00, which is $50.00 more than the claims and adjustments of all its parts" in page


ORDERS: dict[str, tuple[list[tuple[int, str]], list[int | None]]] = {
    "two of three": ([(0, PARTS)], [1, 1, None]),
    "three": ([(0, PARTS), (1, PARTS)], [1, 1, 1]),
    "the later pair first": ([(1, PARTS), (0, PARTS)], [1, 1, 1]),
    "undone": ([(0, PARTS), (0, "undo")], [None, None, None]),
    "the first pair undone": ([(0, PARTS), (1, PARTS), (0, "undo")], [None, 2, 2]),
    "the other one is no part": ([(0, PARTS), (1, KEEP)], [1, 1, None]),
    "the first voided": ([(1, PARTS), (0, VOID_EARLIER)], [None, 2, 2]),
    "one voided": ([(0, PARTS), (1, VOID_LATER)], [1, 1, None]),
    "one voided that was a part": ([(0, PARTS), (1, VOID_EARLIER)], [None, None, None]),
    "one replaced: the later takes its place": ([(0, PARTS), (1, REPLACE)], [1, None, 1]),
    "replaced, then no parts after all": ([(0, PARTS), (1, REPLACE), (0, "undo")], [None, None, None]),
    "replaced, undone": ([(0, PARTS), (1, REPLACE), (1, "undo")], [1, 1, None]),
}


def test_parts_follow_from_all_decisions_in_whatever_order(office: Office) -> None:
    """Three payments of a number for each case, all in one file: the second pair is of the second and the third."""
    texts = [
        PaymentText(f"47{case:03}", "ACH", DAY, office.payee_text, (claim(10 * case + number),), off_by=15000)
        for case in range(len(ORDERS))
        for number in (1, 2, 3)
    ]
    office.imported(*texts)
    for case, (decisions, _) in enumerate(ORDERS.values()):
        say(office.world, *((2 * case + place, verb) for place, verb in decisions))
    found = joined(office.world)
    of_case = {how: found[3 * case : 3 * case + 3] for case, how in enumerate(ORDERS)}
    assert {how: [key and key - 3 * case for key in of_case[how]] for case, how in enumerate(ORDERS)} == {
        how: expected for how, (_, expected) in ORDERS.items()
    }


def test_only_payments_of_one_payee_and_one_amount_can_be_parts(office: Office, staff: PortalClient) -> None:
    other = Office(office.world, "Cedar Sample Clinic")
    office.paid("4512", claim(1))
    office.paid("4512", claim(2), claim(3))
    office.paid("4513", claim(4))
    office.paid("4513", claim(5), payee=other.payee_text)
    for pair in pairs(office.world):
        page = f"{QUEUE}/{pair}"
        assert "parts of one payment, each with" not in text_of(staff, page)
        assert staff.post(f"{page}/decide", {"decision": PARTS, "reason": "Typed."}).status_code == 422
    assert joined(office.world) == [None] * 4


def test_many_pairs_can_be_parts_at_once(office: Office, parts: tuple[int, int], staff: PortalClient) -> None:
    """Those that cannot be stay in the queue."""
    office.paid("4513", claim(3))
    office.paid("4513", claim(4), claim(5))
    chosen = [str(pair) for pair in pairs(office.world)]
    assert "Parts of one payment?" in text_of(staff, f"{QUEUE}/together?pair={'&pair='.join(chosen)}")
    staff.post(f"{QUEUE}/together", {"decision": PARTS, "reason": "The bank made one.", "pair": chosen})
    assert joined(office.world) == [parts[0], parts[0], None, None]
    assert "4513" in text_of(staff, QUEUE)
