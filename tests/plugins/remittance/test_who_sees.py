"""*Who can see our data*: who can, how much they opened of it, and inviting a billing service."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.record import Who, record
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.tax_ids import billing_access, seeing
from tests.plugins.remittance.inquiry import Office, url_of
from tests.plugins.remittance.town import WHO, Town, facts, table
from tests.support.clock import Clock
from tests.support.messages import mails
from tests.support.people import recorded


@pytest.fixture
def town(office: Office) -> Town:
    return Town(office)


def test_who_sees_what_and_how_much_they_opened(town: Town, clock: Clock) -> None:
    world, ledger = town.world, town.ledger.id
    clock.advance(days=-40)
    world.sign_in("l.edger").get(url_of(town.payment))
    clock.advance(days=40)
    for opened in (
        url_of(town.payment),
        f"{url_of(town.payment)}/claims/1",
        f"{url_of(town.payment)}/csv",
        url_of(town.others),
    ):
        town.biller.get(opened)
    town.clinic.client.get(url_of(town.payment))

    assert WHO in town.delegate.get("/").text, "one page from the home page"
    page = town.delegate.get(WHO)
    people = {row["Name"]: row for row in table(page, "people")}
    clerk = next(row for name, row in people.items() if "Delegate" not in name)
    assert (clerk["Sees payments in"], clerk["Opened in 30 days"]) == ("Remittance Inquiry", "1")
    assert people["Person D Elegate Delegate"]["Sees payments in"] == "Sees no payments"
    assert people["Person D Elegate Delegate"]["Last opened"] == "Not in 90 days"
    assert len(people) == 3
    assert facts(page, ledger)["Opened in 30 days"] == "3", "not what it opened of others, nor before"
    search = world.sign_in("l.edger").post("/apps/remittance/search", {"member_id": "M00000001"})
    searcher = world.sign_in("l.edger")
    searcher.get(search.location.partition("#")[0])
    searcher.get("/apps/remittance/")
    for vain in ("M00000077", "ACCT-00088"):
        town.clinic.client.get(town.clinic.client.post("/apps/remittance/search", {"member_id": vain}).location)
    again = town.delegate.get(WHO)
    assert facts(again, ledger)["Opened in 30 days"] == "4", "and the claims that a search has listed"
    people = {row["Name"]: row for row in table(again, "people")}
    assert next(row for name, row in people.items() if "Delegate" not in name)["Opened in 30 days"] == "1"
    assert facts(page, town.twin.id)["Last opened"] == "Not in 90 days"
    seen = table(page, f"sees-{ledger}")
    assert [(row["Name"], row["NPI"]) for row in seen] == [
        (town.clinic.payee_text.name, town.clinic.payee_text.npi),
        ("Birch Sample Clinic – Harbor", town.second.npi),
    ]
    assert seen[0]["Tax ID"].endswith(town.clinic.payee_text.tin[-4:])
    assert town.clinic.payee_text.tin not in page.text
    assert table(page, f"sees-{town.twin.id}")[0]["How it was granted"] == "Check or EFT number"
    assert "Cedar" not in page.text
    assert recorded(world, "tax-id-npi-access.access.listed")[-1] == {"people": 3, "others": [ledger, town.twin.id]}

    # Neither who of another provider proved a link, nor anything to whoever has access on trial.
    with world.session() as session:
        twin = session.scalars(sa.select(Person).where(Person.username == "t.win")).one()
        twin.name = "Terry Twin"
        session.get_one(Grant, town.twins.id).granted_by_id = twin.id
        biller = session.scalars(sa.select(Person).where(Person.username == "l.edger")).one()
        session.get_one(Grant, town.grant.id).granted_by_id = biller.id
    page = town.delegate.get(WHO)
    assert "Terry Twin" not in page.text
    assert f"by {biller.name}" in table(page, f"sees-{ledger}")[0]["How it was granted"]
    for unproved in ({"provisional": True}, {"validated_at": None}):
        with world.session() as session:
            row = session.get_one(Organization, town.twin.id)
            kept = {name: getattr(row, name) for name in unproved}
            for name, value in unproved.items():
                setattr(row, name, value)
        with world.session() as session, world.app.app_context():
            shown = seeing.who_sees(session, town.twin.id)
        assert ([one.name for one in shown.people], shown.others) == (["Terry Twin"], [])
        with world.session() as session:
            row = session.get_one(Organization, town.twin.id)
            for name, value in kept.items():
                setattr(row, name, value)

    # Others' delegates see their own side alone, and clerks nothing.
    assert "Birch" not in world.sign_in("l.edger").get(WHO).text
    assert "Ledger" in world.sign_in("t.win").get(WHO).text
    assert town.clinic.client.get(WHO).status_code == 403

    # When somebody who works for several organizations signs in for another one is not this one's business.
    clock.advance(days=1)
    several = world.person("s.everal", organization=town.clinic.organization)
    world.membership(several, town.other.organization, applications=())
    world.sign_in("s.everal")
    delegate = world.sign_in("d.elegate")
    last = {row["Name"]: row["Last sign-in"] for row in table(delegate.get(WHO), "people")}
    assert last[several.name] == "Never"
    assert last["Person D Elegate Delegate"] != "Never"
    listed = {row["Name"]: row for row in table(delegate.get("/accounts"), "accounts")}
    assert next(row["Last sign-in"] for name, row in listed.items() if several.name in name) == "Never"
    with world.session() as session, world.app.app_context():
        who = Who(person_id=several.id, organization_id=several.organization_id)
        record(session, "tax-id-npi-access.access.listed", who=who, people=1, others=[])
    last = {row["Name"]: row["Last sign-in"] for row in table(delegate.get(WHO), "people")}
    assert last[several.name] != "Never"

    # More people, payees and organizations cost no more statements.
    def statements() -> int:
        counted: list[object] = []
        sa.event.listen(world.database.engine, "before_cursor_execute", lambda *given: counted.append(given[2]))
        with world.session() as session, world.app.app_context():
            seeing.who_sees(session, town.clinic.organization.id)
        return len(counted)

    before = statements()
    for number in range(3):
        world.person(f"more.{number}", organization=town.clinic.organization)
        payee, agency = world.payee(), world.organization(audience="billing")
        world.grant(town.clinic.organization, payee)
        world.grant(agency, payee)
    assert statements() == before


def test_a_billing_service_is_invited(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    data = {"name": "Tally Sample Billing", "email": "desk@tally.example"}
    refused = town.delegate.post(f"{WHO}/invite", {**data, "email": "desk"})
    assert (refused.status_code, 'value="Tally Sample Billing"' in refused.text) == (422, True)
    assert "on its way to desk@tally.example" in town.delegate.post(f"{WHO}/invite", data, follow_redirects=True).text
    ((to, values),) = mails(town.world, "billing_invited")
    assert (to, values["organization"]) == ("desk@tally.example", "Birch Sample Clinic")
    assert recorded(town.world, "tax-id-npi-access.billing.invited") == [{"name": "Tally Sample Billing"}]
    monkeypatch.setattr(billing_access, "INVITATIONS", 1)
    assert town.delegate.post(f"{WHO}/invite", data).status_code == 429
    assert len(mails(town.world, "billing_invited")) == 1
