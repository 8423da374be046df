"""Tax ID & NPI access: what is linked, and linking more with a payment as proof."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.hookspecs import PayeeRef, PaymentProof, hookimpl
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.pool import Refillable
from tests.support.world import World

pytestmark = pytest.mark.either_database

DAY = dt.date(2026, 3, 2)
TIN, NPI, NUMBER = make_tin(4711), make_npi(4711), "PROOF-0042"


class Payments(Refillable):
    """A plugin that knows the payments of a test."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str | None, str | None], PayeeRef] = {}
        self.asked: list[PaymentProof] = []

    @hookimpl
    def portal_verify_payment(self, proof: PaymentProof) -> PayeeRef | None:
        self.asked.append(proof)
        return self.known.get((proof.number, proof.tin, proof.npi))


@pytest.fixture
def payments() -> Payments:
    return Payments()


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, payments: Payments) -> World:
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}, proof_attempts=3))
    payee = world.payee(TIN, NPI, "Harbor Payee")
    payments.known[NUMBER, TIN, NPI] = PayeeRef(payee.id, False, NUMBER, 100, DAY)
    return world


def add(client: PortalClient, *, tin: str = TIN, npi: str = NPI, number: str = NUMBER) -> Any:
    return client.post("/apps/tax-id-npi-access/add", {"tin": tin, "npi": npi, "number": number})


def linked(client: PortalClient) -> list[list[str]]:
    tree = tree_of(client.get("/apps/tax-id-npi-access/"))
    return [[text_of(cell) for cell in row] for body in tree.iter("tbody") for row in body.iter("tr")]


def recorded(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        return [json.loads(fields) for fields in session.scalars(sa.select(AuditEvent.fields).filter_by(event=event))]


def test_adding_with_a_payment_links_at_once(portal: World) -> None:
    organization = portal.organization()
    portal.person("a.clerk", organization=organization, name="Anna Clerk")
    portal.person("b.clerk", organization=organization)
    portal.person("c.clerk")
    client = portal.sign_in("a.clerk")
    assert linked(client) == []
    assert "No Tax ID and NPI is linked yet" in client.get("/apps/tax-id-npi-access/").text
    answer = add(client, tin=f"{TIN[:2]}-{TIN[2:]}", npi=f" {NPI} ")
    assert answer.location == "/apps/tax-id-npi-access/"
    page = client.get(answer.location).text
    assert "Harbor Payee has been added" in page
    assert TIN not in page
    row = linked(portal.sign_in("b.clerk"))[0]
    assert row[:5] == ["Harbor Payee", "•••••4711ending in 4711", NPI, "V000001", "Check or EFT number"]
    assert row[5].endswith("by Anna Clerk")
    assert linked(portal.sign_in("c.clerk")) == []
    assert [entry["proof"] for entry in recorded(portal, "tax-id-npi-access.grant.added")] == ["check"]


def test_the_proof_by_a_notice_is_named_as_such(portal: World, payments: Payments) -> None:
    with portal.session() as session:
        payee_id = session.scalars(sa.select(Payee.id)).one()
    payments.known["NP77", TIN, NPI] = PayeeRef(payee_id, True, "NP77", 0, DAY)
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    add(client, number="NP77")
    assert linked(client)[0][4] == "Non-payment notice number"


def test_twice_is_once(portal: World) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    add(client)
    assert add(client).location == "/apps/tax-id-npi-access/"
    assert "has this Tax ID and NPI already" in client.get("/apps/tax-id-npi-access/").text
    assert len(linked(client)) == 1


@pytest.mark.parametrize("wrong", [{"tin": make_tin(1)}, {"npi": make_npi(1)}, {"number": "OTHER"}])
def test_what_does_not_match_is_not_told(portal: World, wrong: dict[str, str]) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    answer = add(client, **wrong)
    assert answer.status_code == 422
    assert "does not match a payment to this Tax ID and NPI that can be used" in answer.text
    assert linked(client) == []
    refused = recorded(portal, "tax-id-npi-access.grant.refused")
    assert len(refused) == 1
    assert TIN not in json.dumps(refused)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"tin": "12-345"}, "9 digits"),
        ({"tin": ""}, "Enter the Tax ID"),
        ({"npi": "1234567890"}, "check digit"),
        ({"npi": "3234567893"}, "starts with 1 or 2"),
        ({"number": "  "}, "Enter the number of a payment"),
        ({"number": "9" * 61}, "60 characters"),
    ],
)
def test_a_mistyped_number_says_what_to_do_and_asks_nobody(
    portal: World, payments: Payments, wrong: dict[str, str], says: str
) -> None:
    portal.person("a.clerk")
    answer = add(portal.sign_in("a.clerk"), **wrong)
    assert answer.status_code == 422
    assert says in answer.text
    assert payments.asked == []


def test_tries_are_limited_per_organization(portal: World) -> None:
    organization = portal.organization()
    for name in ("a.clerk", "b.clerk"):
        portal.person(name, organization=organization)
    portal.person("c.clerk")
    portal.person("d.clerk")
    for _ in range(3):
        assert add(portal.sign_in("a.clerk"), number="GUESS").status_code == 422
    blocked = add(portal.sign_in("b.clerk"))
    assert blocked.status_code == 429
    assert "try again in 15 minutes" in blocked.text
    assert 0 < int(blocked.headers["Retry-After"]) <= 15 * 60 + 1
    assert [entry["npi"] for entry in recorded(portal, "tax-id-npi-access.grant.blocked")] == [NPI]
    assert add(portal.sign_in("c.clerk")).status_code == 303, "another organization's own Tax ID"
    assert add(portal.sign_in("d.clerk"), tin=make_tin(2)).status_code == 422


def test_a_billing_organization_is_told_how_it_works(portal: World, payments: Payments) -> None:
    organization = portal.organization(audience="billing")
    portal.person("a.biller", organization=organization)
    client = portal.sign_in("a.biller")
    index = client.get("/apps/tax-id-npi-access/")
    assert "own office decides" in index.text
    assert "/apps/tax-id-npi-access/add" not in index.text
    form = client.get("/apps/tax-id-npi-access/add")
    assert [form.get("action") for form in tree_of(form).iter("form")] == ["/sign-out"]
    assert "at the provider’s own office" in form.text
    assert add(client).status_code == 403
    assert payments.asked == []
    with portal.session() as session:
        assert session.scalars(sa.select(Grant.id)).all() == []


def test_an_ended_link_is_not_listed_and_needs_another_payment(portal: World, payments: Payments) -> None:
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    add(client)
    with portal.session() as session:
        grant = session.scalars(sa.select(Grant)).one()
    portal.end_grant(grant)
    assert linked(client) == []
    assert add(client).status_code == 422, "the same payment proves nothing again"
    payments.known["PROOF-0043", TIN, NPI] = PayeeRef(grant.payee_id, False, "PROOF-0043", 100, DAY)
    assert add(client, number="PROOF-0043").status_code == 303
    assert len(linked(client)) == 1


def test_many_at_once_row_by_row(portal: World, payments: Payments) -> None:
    second, third = portal.payee(make_tin(1), make_npi(1), "Second"), portal.payee(make_tin(2), None, "Third")
    payments.known["P-2", make_tin(1), make_npi(1)] = PayeeRef(second.id, False, "P-2", 100, DAY)
    payments.known["P-3", make_tin(2), None] = PayeeRef(third.id, False, "P-3", 100, DAY)
    portal.person("a.clerk")
    client = portal.sign_in("a.clerk")
    send = "/apps/tax-id-npi-access/add-several/send"
    assert client.post(send, {"table": "Tax ID;Color\n1;2"}).status_code == 422
    table = [
        "Check number,NPI,Tax ID",
        f"{NUMBER},{NPI},{TIN}",
        f"P-2,{make_npi(1)},{make_tin(1)}",
        f"P-3,,{make_tin(2)}",
    ]
    wrong = [f"NO-{n},{NPI},{TIN}" for n in range(4)]
    answer = client.post(send, {"table": "\n".join([*table, "P-9,123,12", *wrong])})
    assert answer.status_code == 422
    text = text_of(tree_of(answer))
    assert "3 added, 5 not" in text
    assert "A Tax ID has 9 digits" in text
    assert text.count("This does not match a payment") == 3
    assert text.count("Not tried: there were too many numbers") == 1, "each row counts as a try"
    assert "NO-3" in answer.text
    assert [row[0] for row in linked(client)] == ["Harbor Payee", "Second", "Third"]
    assert len(recorded(portal, "tax-id-npi-access.grant.added")) == 3
    again = client.post(
        send, {"table": "\n".join(table[1:2]).replace(f"{NUMBER},{NPI},{TIN}", f"{TIN},{NPI},{NUMBER}")}
    )
    assert "Not tried" in text_of(tree_of(again))


def test_removing_says_what_is_lost_and_a_delegate_does_it(portal: World, payments: Payments) -> None:
    organization = portal.organization()
    portal.person("a.clerk", organization=organization, name="Anna Clerk")
    portal.person("d.delegate", organization=organization, delegate=True)
    portal.person("s.stranger", delegate=True)
    client = portal.sign_in("a.clerk")
    add(client)
    with portal.session() as session:
        grant_id = session.scalars(sa.select(Grant.id)).one()
    page = f"/apps/tax-id-npi-access/linked/{grant_id}"
    assert "Only a delegate" in client.get(page).text
    assert client.post(f"{page}/remove", {"reason": "closed"}).status_code == 422
    delegate = portal.sign_in("d.delegate")
    shown = text_of(tree_of(delegate.get(page)))
    assert "Anna Clerk" in shown
    assert "Anna Clerk, Person D Delegate" in shown
    assert portal.sign_in("s.stranger").get(page).status_code == 404
    assert portal.sign_in("s.stranger").post(f"{page}/remove", {"reason": "closed"}).status_code == 404
    assert delegate.post(f"{page}/remove", {"reason": ""}).status_code == 422
    assert delegate.post(f"{page}/remove", {"reason": "The office is closed."}).status_code == 303
    assert linked(client) == []
    with portal.session() as session:
        assert session.scalars(sa.select(Grant.ended_how)).one() == "own"


def test_without_a_payment_staff_get_a_case_with_what_was_typed(portal: World) -> None:
    portal.staff("s.links", permissions=["staff:tax-ids:manage", "staff:cases:work"])
    portal.person("a.clerk", name="Anna Clerk")
    client = portal.sign_in("a.clerk")
    form = client.post("/apps/tax-id-npi-access/case/start", {"tin": TIN, "npi": NPI}).text
    assert f'value="{TIN}"' in form
    assert f'value="{NPI}"' in form
    about = {"phone": "952-555-0100", "about": "The first payment is still to come."}
    send = "/apps/tax-id-npi-access/case/send"
    assert client.post(send, {"tin": TIN, "npi": NPI, **about, "phone": "1"}).status_code == 422
    for _ in range(2):
        assert client.post(send, {"tin": TIN, "npi": NPI, **about}).status_code == 303
    staff = portal.sign_in("s.links")
    [path] = {link.get("href") or "" for link in tree_of(staff.get("/staff/cases")).iter("a")} & {
        f"/staff/cases/{number}" for number in range(1, 9)
    }
    shown = staff.get(path).text
    assert "Anna Clerk" in shown
    assert TIN not in shown
