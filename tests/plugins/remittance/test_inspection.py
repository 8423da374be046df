"""A reported payment opened by staff: found by number, with a reason, read only."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.kept.models import KeptValues
from tests.support.client import PortalClient, heading_of
from tests.support.world import World

from .inquiry import Office, claim, events

INSPECT = "/staff/remittance/inspect"
WHY = "call from Birch of May 4"


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=["staff:console:open", "remittance:payment:inspect"])
    return world.sign_in("a.staff")


def reasons(world: World, event: str) -> list[str]:
    with world.session() as session:
        return list(session.scalars(sa.select(AuditEvent.reason).where(AuditEvent.event == event)))


def seek(staff: PortalClient, number: str, reason: str = WHY) -> str:
    """Where a search leads."""
    answer = staff.post(INSPECT, {"number": number, "reason": reason})
    assert answer.status_code == 303
    return str(answer.location)


def test_the_record_names_claims_to_staff_who_may_open_them(world: World, staff: PortalClient) -> None:
    """A claim's number may be the patient's account; for others its place in the payment says which it was."""
    payment = Office(world).paid("9400000001", claim(1))
    staff.get(f"{INSPECT}/{payment}/claims/1?{seek(staff, '9400000001').partition('?')[2]}")
    searching = ["staff:console:open", "staff:activity:search"]
    world.staff("a.auditor", permissions=searching)
    world.staff("a.keeper", permissions=[*searching, "remittance:payment:inspect"])
    pages = {who: world.sign_in(who).get("/staff/activity").text for who in ("a.auditor", "a.keeper")}
    assert "26X000001" in pages["a.keeper"]
    assert "26X000001" not in pages["a.auditor"]
    assert "claim 1" in pages["a.auditor"]


def test_a_payment_is_opened_with_a_reason(world: World, staff: PortalClient) -> None:
    payment = Office(world).paid("9400000001", claim(1), claim(2, ("OTHER", "BEN")))
    address = seek(staff, "94-0000 0001")
    assert address.startswith(f"{INSPECT}/{payment}?why=")
    page = staff.get(address)
    assert heading_of(page) == "EFT 9400000001"
    assert WHY in page.text
    assert "SAMPLE, ANN" in page.text
    assert "OTHER, BEN" in page.text
    word = address.partition("?")[2]
    opened = staff.get(f"{INSPECT}/{payment}/claims/1?{word}")
    assert heading_of(opened) == "Claim 26X000001"
    assert "CO-45" in opened.text
    for shown in (page, opened):
        assert "/apps/remittance" not in shown.text, "nothing of the provider's own pages, which staff cannot open"
        assert "<form" not in shown.text.partition("<main")[2].partition("</main")[0]
    assert events(world, "remittance.payment.sought") == [{"number": "94-0000 0001", "found": 1}]
    assert events(world, "remittance.payment.inspected") == [
        {"payment": payment, "number": "9400000001", "page": 1, "sort": "", "shown": 2, "rows": "1-2"}
    ]
    assert events(world, "remittance.claim.inspected") == [{"payment": payment, "claim": 1}]
    for event in ("remittance.payment.sought", "remittance.payment.inspected", "remittance.claim.inspected"):
        assert reasons(world, event) == [WHY]


def test_several_payments_with_one_number(world: World, staff: PortalClient) -> None:
    first = Office(world).paid("1001")
    second = Office(world, "Aspen Sample Clinic").paid("1001", issued=dt.date(2026, 3, 9))
    answer = staff.post(INSPECT, {"number": "1001", "reason": WHY})
    assert answer.status_code == 200
    for payment in (first, second):
        assert f'href="{INSPECT}/{payment}?why=' in answer.text
    assert events(world, "remittance.payment.inspected") == []


def test_nothing_opens_without_a_reason_of_one_s_own(world: World, staff: PortalClient) -> None:
    office = Office(world)
    payment, other = office.paid("9400000001"), office.paid("9400000002")
    word = seek(staff, "9400000001").partition("?")[2]
    world.staff("b.staff", permissions=["staff:console:open", "remittance:payment:inspect"])
    colleague = world.sign_in("b.staff")
    refused = [
        staff.get(f"{INSPECT}/{payment}"),
        staff.get(f"{INSPECT}/{payment}/claims/1"),
        staff.get(f"{INSPECT}/{payment}?why={'x' * 32}"),
        staff.get(f"{INSPECT}/{other}?{word}"),
        staff.get(f"{INSPECT}/{other}/claims/1?{word}"),
        colleague.get(f"{INSPECT}/{payment}?{word}"),
    ]
    assert [(answer.status_code, answer.location) for answer in refused] == [(303, INSPECT)] * 6
    assert events(world, "remittance.payment.inspected") == []
    assert events(world, "remittance.claim.inspected") == []


def test_a_reason_holds_for_an_hour(world: World, staff: PortalClient) -> None:
    Office(world).paid("9400000001")
    address = seek(staff, "9400000001")
    with world.session() as session:
        kept = session.scalars(sa.select(KeptValues)).one()
        assert kept.expires_at - clock.now() <= dt.timedelta(hours=1)
        kept.expires_at = clock.now()
    assert staff.get(address).location == INSPECT


def test_what_is_no_payment_is_kept_as_a_hash(world: World, staff: PortalClient) -> None:
    answer = staff.post(INSPECT, {"number": "M00000123", "reason": WHY})
    assert "No payment has this number" in answer.text
    (event,) = events(world, "remittance.payment.sought")
    assert event["found"] == 0
    assert len(event["number"]) == 64


@pytest.mark.parametrize(
    ("data", "says"),
    [({"number": "1"}, "Say why"), ({"reason": WHY}, "Enter the number"), ({"number": "1", "reason": "x"}, "3 to 200")],
)
def test_both_are_asked(world: World, staff: PortalClient, data: dict[str, str], says: str) -> None:
    answer = staff.post(INSPECT, data)
    assert answer.status_code == 422
    assert says in answer.text
    assert events(world, "remittance.payment.sought") == []


def test_a_payment_that_is_not_there(staff: PortalClient) -> None:
    assert staff.get(f"{INSPECT}/999999").status_code == 404
    assert staff.get(f"{INSPECT}/999999/claims/1").status_code == 404
