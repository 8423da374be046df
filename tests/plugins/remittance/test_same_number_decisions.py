"""What staff decide about two payments of one number, and what providers see of it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import replace
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from hp_portal.clock import now
from hp_portal.core.organizations.models import Grant
from hp_portal.hookspecs import PaymentProof
from hp_portal_plugins.remittance.demo.writing import PaymentText, ProviderReason
from hp_portal_plugins.remittance.inquiry.chart import paid_by_month
from hp_portal_plugins.remittance.inquiry.news import news
from hp_portal_plugins.remittance.intake.models import SameNumber
from hp_portal_plugins.remittance.intake.proofs import verify_payment
from hp_portal_plugins.remittance.models import Payment
from tests.support.client import PortalClient, tree_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.pdf import TaggedPdf
from tests.support.world import World

from .import_files import import_835
from .inquiry import DAY, Office, claim, events, url_of, words
from .test_history import history

pytestmark = pytest.mark.either_database

READ, DECIDE = "remittance:import:read", "remittance:payment:decide"
QUEUE = "/staff/remittance/same-number"


@pytest.fixture
def pair(office: Office) -> tuple[int, int]:
    """The claim of $150.00, sent again under the same number beside another claim: $300.00."""
    return office.paid("4512", claim(1)), office.paid("4512", claim(1), claim(2))


def row(world: World) -> SameNumber:
    with world.session() as session:
        return session.scalars(sa.select(SameNumber).order_by(SameNumber.id.desc()).limit(1)).one()


def decide(staff: PortalClient, world: World, verb: str, reason: str = "The sender told us.") -> Any:
    return staff.post(f"{QUEUE}/{row(world).id}/decide", {"decision": verb, "reason": reason})


def undo(staff: PortalClient, world: World) -> Any:
    return staff.post(f"{QUEUE}/{row(world).id}/undo", {"reason": "It was the other one."})


def standing(world: World) -> list[tuple[str | None, int | None, bool]]:
    """How each payment stands, in the order in which they came."""
    with world.session() as session:
        found = session.execute(
            sa.select(Payment.set_aside, Payment.replaced_by_id, Payment.in_question).order_by(Payment.id)
        )
        return [(one.set_aside, one.replaced_by_id, one.in_question) for one in found]


def text_of(client: PortalClient, address: str) -> str:
    return words(tree_of(client.get(address)))


def test_both_sides_show_their_amounts_in_their_currency(office: Office, staff: PortalClient) -> None:
    """Two in Canadian dollars: the comparison does not call them US dollars."""
    first = PaymentText("4512", "ACH", DAY, office.payee_text, (claim(1),), currency="CAD")
    office.imported(first)
    office.imported(replace(first, claims=(claim(1), claim(2))))
    text = text_of(staff, f"{QUEUE}/{row(office.world).id}")
    assert "CAD 150.00" in text
    assert "CAD 300.00" in text
    assert "$" not in text


def test_what_waits_stands_on_the_console_and_in_the_queue(
    office: Office, pair: tuple[int, int], staff: PortalClient
) -> None:
    assert "payment has the number of another" in text_of(staff, "/staff/")
    page = text_of(staff, QUEUE)
    assert "4512 EFT" in page
    assert "$150.00" in page
    assert "$300.00" in page
    side_by_side = text_of(staff, f"{QUEUE}/{row(office.world).id}")
    assert "What differs: amount" in side_by_side
    assert "1 claim is in both with the same amounts" in side_by_side
    assert "Counts not until somebody decides yes" in side_by_side, "the earlier, whose claim the later has too"
    assert "SAMPLE" not in side_by_side.replace(office.payee_text.name, "")
    viewed = events(office.world, "remittance.same-number.viewed")
    assert viewed == [{"payment": pair[1], "earlier": pair[0]}]


VERBS: dict[str, list[tuple[str | None, int | None, bool]]] = {
    "kept": [(None, None, False), (None, None, False)],
    "replaced": [("replaced", 2, False), (None, None, False)],
    "earlier-voided": [("voided", None, False), (None, None, False)],
    "later-voided": [(None, None, False), ("voided", None, False)],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_decision_is_recorded_and_can_be_undone(
    office: Office, pair: tuple[int, int], staff: PortalClient, verb: str
) -> None:
    world = office.world
    assert standing(world) == [(None, None, True), (None, None, True)]
    assert decide(staff, world, verb).status_code == 303
    expected = [(how, pair[1] if by else None, asked) for how, by, asked in VERBS[verb]]
    assert standing(world) == expected
    assert (row(world).state, row(world).reason) == (verb, "The sender told us.")
    decided = events(world, "remittance.same-number.decided")
    assert decided == [{"payment": pair[1], "earlier": pair[0], "decision": verb}]
    assert "Nothing waits" in text_of(staff, QUEUE)
    assert "4512" in text_of(staff, f"{QUEUE}?decided=1")
    assert undo(staff, world).status_code == 303
    assert standing(world) == [(None, None, True), (None, None, True)]
    assert row(world).state == "waits"
    assert events(world, "remittance.same-number.undone") == decided


def test_a_decision_needs_a_choice_and_a_reason_and_the_permission(
    office: Office, pair: tuple[int, int], staff: PortalClient
) -> None:
    world = office.world
    refused = staff.post(f"{QUEUE}/{row(world).id}/decide", {"decision": "", "reason": "typed"})
    assert refused.status_code == 422
    assert "Choose what the two payments are." in refused.text
    assert 'value="typed"' in refused.text
    assert decide(staff, world, "replaced", reason="").status_code == 422
    assert decide(staff, world, "deleted").status_code == 422
    world.staff("b.staff", permissions=["staff:console:open", READ])
    reader = world.sign_in("b.staff")
    assert "Decide" not in text_of(reader, f"{QUEUE}/{row(world).id}")
    assert decide(reader, world, "kept").status_code == 403
    assert undo(reader, world).status_code == 403
    assert standing(world) == [(None, None, True), (None, None, True)]


def test_nobody_decides_twice(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    world = office.world
    decide(staff, world, "replaced")
    assert decide(staff, world, "later-voided").status_code == 303
    assert standing(world)[1] == (None, None, False), "the first decision stands"
    undo(staff, world)
    assert undo(staff, world).status_code == 303
    assert len(events(world, "remittance.same-number.undone")) == 1


def test_a_payment_is_not_set_aside_twice(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    """Three of one number: the second is voided, so that the third can neither replace nor void it."""
    world = office.world
    third = office.paid("4512", claim(1), claim(3), claim(4))
    with world.session() as session:
        first_pair, second_pair, third_pair = session.scalars(sa.select(SameNumber.id).order_by(SameNumber.id))
    staff.post(f"{QUEUE}/{first_pair}/decide", {"decision": "later-voided", "reason": "No payment."})
    assert standing(world) == [(None, None, True), ("voided", None, True), (None, None, True)]
    page = text_of(staff, f"{QUEUE}/{second_pair}")
    assert "The later replaces the earlier" not in page
    assert "Further payments with this number" in page
    assert staff.post(f"{QUEUE}/{second_pair}/decide", {"decision": "replaced", "reason": "Typed."}).status_code == 422
    staff.post(f"{QUEUE}/{second_pair}/decide", {"decision": "kept", "reason": "One is voided."})
    assert standing(world) == [(None, None, True), ("voided", None, False), (None, None, True)]
    staff.post(f"{QUEUE}/{third_pair}/decide", {"decision": "kept", "reason": "Both are payments."})
    assert standing(world) == [(None, None, False), ("voided", None, False), (None, None, False)]
    assert third == pair[1] + 1


def test_the_same_contents_again_do_not_bring_back_what_was_voided(
    office: Office, pair: tuple[int, int], staff: PortalClient
) -> None:
    world = office.world
    decide(staff, world, "later-voided")
    text = office.client.get(f"{url_of(pair[1])}/835").data
    report = import_835(world, text, "again.835")
    assert (report.payments, report.already_known) == (0, ["4512"])
    assert standing(world)[1][0] == "voided"


def test_a_replaced_payment_says_so_wherever_it_is_shown(
    office: Office, pair: tuple[int, int], staff: PortalClient
) -> None:
    first, second = pair
    client = office.client
    assert "Another payment has this number" in text_of(client, url_of(first))
    assert "we are finding out which of them counts" in text_of(client, url_of(second))
    decide(staff, office.world, "replaced")
    for address in (url_of(first), url_of(first, 1)):
        page = client.get(address).text
        assert "Replaced: this payment does not count any more" in page
        assert url_of(second) in page
    assert "This payment replaces an earlier one" in text_of(client, url_of(second))
    assert "Replaced" in text_of(client, "/apps/remittance/?number=4512")
    assert "Replaced" in text_of(client, "/apps/remittance/")


def test_a_replacement_that_one_may_not_see_is_not_named(office: Office, staff: PortalClient) -> None:
    """The payer sent it to the wrong payee first: the first one's office learns nothing of the other."""
    other = Office(office.world, "Cedar Sample Clinic")
    first = office.paid("4512", claim(1))
    second = office.paid("4512", claim(1), payee=other.payee_text)
    decide(staff, office.world, "replaced")
    page = office.client.get(url_of(first)).text
    assert "is not among the payments that you can see" in page
    assert url_of(second) not in page
    assert "CEDAR" not in page
    replacing = other.client.get(url_of(second)).text
    assert "replaces" not in replacing
    assert url_of(first) not in replacing
    assert other.client.get(url_of(first)).status_code == 404


def net(office: Office, payment: int) -> str:
    return history(office, payment)[-1]


def test_the_history_does_not_add_two_of_one_number(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    first, second = pair
    world = office.world
    assert net(office, first) == "Net effect $150.00"
    assert "Sent again under the same number" in history(office, second)[0]
    for verb, expected, marked in (
        ("kept", "$300.00", None),
        ("replaced", "$150.00", 0),
        ("later-voided", "$150.00", 1),
        ("earlier-voided", "$150.00", 0),
    ):
        decide(staff, world, verb)
        rows = history(office, first)
        assert rows[-1] == f"Net effect {expected}", verb
        said = [place for place, text in enumerate(rows[:-1]) if "does not count" in text]
        assert said == ([] if marked is None else [marked])
        undo(staff, world)


def test_no_sum_counts_what_is_set_aside(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    def paid() -> int:
        with office.world.session() as session:
            return sum(month.paid for month in paid_by_month(session, DAY))

    assert paid() == 30000, "the later one has the claim of the earlier one"
    decide(staff, office.world, "kept")
    assert paid() == 45000
    undo(staff, office.world)
    decide(staff, office.world, "replaced")
    assert paid() == 30000
    undo(staff, office.world)
    decide(staff, office.world, "later-voided")
    assert paid() == 15000


def test_a_voided_payment_proves_nothing(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    def proved(amount: int) -> bool:
        with office.world.session() as session:
            proof = PaymentProof("4512", office.payee_text.tin, office.payee_text.npi, amount=amount)
            return verify_payment(session, proof) is not None

    assert (proved(15000), proved(30000)) == (True, True)
    decide(staff, office.world, "later-voided")
    assert (proved(15000), proved(30000)) == (True, False)


@pytest.mark.parametrize("verb", ["replaced", "earlier-voided"])
def test_downloads_say_that_a_payment_does_not_count(
    office: Office, pair: tuple[int, int], staff: PortalClient, verb: str
) -> None:
    decide(staff, office.world, verb)
    word = "Replaced" if verb == "replaced" else "Voided"
    first = url_of(pair[0])
    workbook = openpyxl.load_workbook(io.BytesIO(office.client.get(f"{first}/xlsx").data))
    facts = {
        str(fact): str(value) for fact, value in workbook["Payment"].iter_rows(min_row=2, max_col=2, values_only=True)
    }
    assert facts["Counts"] == word.lower()
    assert facts["How it stands"].startswith(f"{word} by the payer on")
    lines = list(csv.DictReader(io.StringIO(office.client.get(f"{first}/csv").text)))
    assert lines
    assert {line["payment_standing"] for line in lines} == {word.lower()}
    for address in (f"{first}/pdf", f"{first}/claims/1/pdf"):
        assert f"{word} by the payer" in TaggedPdf(office.client.get(address).data).text
    name = office.client.get(f"{first}/835").headers["Content-Disposition"]
    assert f"-{word.lower()}.835" in name
    assert "replaced" not in office.client.get(f"{url_of(pair[1])}/835").headers["Content-Disposition"]


def test_news_of_claims_leave_out_what_does_not_count(office: Office, staff: PortalClient) -> None:
    """A claim is neither reversed nor taken back by a payment that is voided."""
    first = office.paid("4511", claim(1), claim(3))
    office.paid("4512", claim(2))
    taken = (ProviderReason("WO", claim(3).control, 1000),)
    office.paid("4512", claim(2), claim(1).reversed(), adjusted=taken)
    said = [word for word in ("Reversed", "Taken back") if word in text_of(office.client, url_of(first))]
    assert said == ["Reversed", "Taken back"]
    decide(staff, office.world, "later-voided")
    said = [word for word in ("Reversed", "Taken back") if word in text_of(office.client, url_of(first))]
    assert said == []


def test_payees_not_on_record_leave_out_what_does_not_count_and_what_is_new_lists_it(
    office: Office, pair: tuple[int, int], staff: PortalClient
) -> None:
    """The number of new payments is that of the list it leads to, where a voided one says that it is."""
    world = office.world
    stranger = replace(office.payee_text, tin=make_tin(77), npi=make_npi(77))
    office.paid("4599", claim(5), payee=stranger)
    office.paid("4599", claim(6), payee=stranger)

    def counts() -> list[str]:
        with world.app.test_request_context(), world.session() as session:
            new = news(session, now() - dt.timedelta(days=1))[0].text
        page = text_of(staff, "/staff/remittance/payees-not-on-record")
        return [new, "$300.00" if "$300.00" in page else "$150.00"]

    assert counts() == ["4 new payments", "$300.00"]
    decide(staff, world, "later-voided")
    assert counts() == ["4 new payments", "$150.00"]


def test_the_report_of_an_import_leads_to_the_queue(office: Office, pair: tuple[int, int], staff: PortalClient) -> None:
    with office.world.session() as session:
        file_id = session.scalar(sa.select(Payment.file_id).where(Payment.id == pair[1]))
    page = staff.get(f"/staff/remittance/files/{file_id}").text
    assert "Same number, other contents" in page
    assert "other amount" in page
    assert f'href="{QUEUE}"' in page


def test_an_ended_grant_hides_both(office: Office, pair: tuple[int, int], world: World) -> None:
    with world.session() as session:
        for grant in session.scalars(sa.select(Grant)):
            grant.ended_at = grant.granted_at
    assert [office.client.get(url_of(payment)).status_code for payment in pair] == [404, 404]
