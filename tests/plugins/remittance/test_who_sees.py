"""*Who can see our data*: who can, how much they opened of it, and ending what a billing organization sees."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any
from xml.etree.ElementTree import Element

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.clock import now as the_time
from hp_portal.core.audit.record import Who, record
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.tax_ids import billing_access, seeing
from hp_portal.core.tax_ids.models import LINKED, LinkNotice
from tests.plugins.remittance.inquiry import Office, claim, url_of
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.people import recorded
from tests.support.world import World

WHO = "/who-can-see-our-data"


def table(page: TestResponse, name: str) -> list[dict[str, str]]:
    """The rows of a table by the names of their columns."""
    found: Element | None = next((one for one in tree_of(page).iter("table") if one.get("id") == name), None)
    rows = [row for body in found.iter("tbody") for row in body.iter("tr")] if found is not None else []
    return [
        {
            cell.get("data-label", "" if cell.tag == "td" else "Name"): text_of(cell)
            for cell in row
            if cell.tag in ("th", "td")
        }
        for row in rows
    ]


def facts(page: TestResponse, organization: int) -> dict[str, str]:
    panel = next(one for one in tree_of(page).iter("section") if one.get("id") == f"organization-{organization}")
    pairs = [one for facts in panel.iter("dl") for one in facts.iter("div")]
    return {text_of(next(one.iter("dt"))): text_of(next(one.iter("dd"))) for one in pairs}


def mails(world: World, template: str) -> list[tuple[str, dict[str, Any]]]:
    with world.session() as session:
        rows = session.scalars(sa.select(Message).where(Message.template == template).order_by(Message.id))
        return [(row.recipient, values_of(session, row)) for row in rows]


class Town:
    """A clinic with two delegates and a clerk, a billing service that works for it and for another office, and a twin of the
    clinic with the same Tax ID."""

    def __init__(self, office: Office) -> None:
        world = self.world = office.world
        self.clinic, self.other = office, Office(world, "Cedar Sample Clinic", "cedar")
        self.twin = world.organization("Twin Sample Clinic")
        self.ledger = world.organization("Ledger Sample Billing", audience="billing")
        for username, organization in (("d.elegate", office.organization), ("e.lse", office.organization)):
            world.person(username, organization=organization, delegate=True, applications=())
        world.person("l.edger", organization=self.ledger, delegate=True)
        world.person("t.win", organization=self.twin, delegate=True)
        self.second = world.payee(office.payee_text.tin, name="Birch Sample Clinic – Harbor")
        world.grant(office.organization, self.second)
        self.grant = world.grant(self.ledger, office.payee)
        self.more = world.grant(self.ledger, self.second)
        self.elsewhere = world.grant(self.ledger, self.other.payee)
        self.twins = world.grant(self.twin, office.payee, proof="check")
        self.payment, self.others = office.paid("4501", claim(1), claim(2)), self.other.paid("4502", claim(3))
        self.delegate, self.biller = world.sign_in("d.elegate"), world.sign_in("l.edger")

    def end(self, client: PortalClient, **what: int) -> TestResponse:
        asked = {name: str(value) for name, value in what.items()}
        data = {"reason": "Contract ended", "shown": self.shown(client, **what), **asked}
        return client.post(f"{WHO}/end/confirmed", data, follow_redirects=True)

    def shown(self, client: PortalClient, **what: int) -> str:
        """The access that the page lists as what would be ended."""
        page = client.get(f"{WHO}/end?" + "&".join(f"{name}={value}" for name, value in what.items()))
        if page.status_code != 200:
            return ""
        return next(one.get("value", "") for one in tree_of(page).iter("input") if one.get("name") == "shown")

    def twin_objects(self) -> None:
        """The twin was told of the access of the billing service, and has objected to it."""
        now = the_time()
        with self.world.session() as session:
            notice = LinkNotice(
                organization_id=self.twin.id,
                kind=LINKED,
                payee_id=self.clinic.payee.id,
                other_id=self.ledger.id,
                grant_id=self.grant.id,
                at=now,
                objected_at=now,
                objection="Who is this?",
            )
            session.add(notice)

    def is_open(self, grant: Grant) -> bool:
        with self.world.session() as session:
            return session.get_one(Grant, grant.id).ended_at is None


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


def test_a_provider_ends_what_a_billing_organization_sees(town: Town) -> None:
    world = town.world
    assert town.biller.get(url_of(town.payment)).status_code == 200
    question = town.delegate.get(f"{WHO}/end?grant={town.grant.id}")
    assert town.clinic.payee_text.name in question.text
    assert "Harbor" not in question.text
    refused = town.delegate.post(f"{WHO}/end/confirmed", {"grant": str(town.grant.id), "reason": ""})
    assert (refused.status_code, "Say why" in refused.text, town.is_open(town.grant)) == (422, True, True)

    town.twin_objects()
    said = town.end(town.delegate, grant=town.grant.id)
    assert "Ledger Sample Billing no longer sees payments to" in said.text
    assert (town.is_open(town.grant), town.is_open(town.more), town.is_open(town.elsewhere)) == (False, True, True)
    assert town.biller.get(url_of(town.payment)).status_code == 404, "with the next page"
    assert town.biller.get(url_of(town.others)).status_code == 200
    told = dict(mails(world, "access_ended"))
    assert set(told) == {"e.lse@office.example", "l.edger@office.example", "t.win@office.example"}
    assert {values["own"] for name, values in told.items() if name.startswith("l.edger")} == {True}
    assert "by Person D Elegate" in told["e.lse@office.example"]["how"]
    ours = "".join(row["What"] for row in table(town.delegate.get("/our-activity"), "events"))
    assert ("Contract ended" in ours, "objection" in ours) == (True, False)
    # The reason is for those it was written for.
    assert {name.partition("@")[0]: values["reason"] for name, values in told.items()} == {
        "e.lse": "Contract ended",
        "l.edger": "",
        "t.win": "",
    }
    twin = world.sign_in("t.win")
    answered = twin.get("/apps/tax-id-npi-access/").text
    assert ("The provider’s office has ended this access" in answered, "Contract ended" in answered) == (True, False)
    for read in ("/our-activity", "/my-activity"):
        assert "Contract ended" not in twin.get(read).text
        assert "Contract ended" not in world.sign_in("l.edger").get(read).text
    assert "was ended by the provider’s office" in world.sign_in("l.edger").get("/my-activity").text
    assert "nothing to end any more" in town.end(town.delegate, grant=town.grant.id).text
    assert len(mails(world, "access_ended")) == 3, "told once"

    # Neither another provider's, nor what is about payees of others, nor by whoever is no provider.
    for client, grant in (
        (town.delegate, town.twins),
        (town.delegate, town.elsewhere),
        (world.sign_in("l.edger"), town.more),
    ):
        assert "nothing to end any more" in town.end(client, grant=grant.id).text
        assert town.is_open(grant)
    with world.session() as session, world.app.app_context():
        actor = _actor(session, "d.elegate")
        assert (
            billing_access.end_billing_access(session, actor, [town.twins.id, town.elsewhere.id], "Past the page") == []
        )
        assert (
            billing_access.end_billing_access(session, _actor(session, "l.edger"), [town.more.id], "Not a provider")
            == []
        )
        session.execute(sa.update(Person).where(Person.username == "d.elegate").values(is_delegate=False))
        with pytest.raises(billing_access.NoDelegate):
            billing_access.end_billing_access(session, actor, [town.more.id], "No delegate any more")
        session.rollback()

    # What cannot be read stands for nothing, and what came since the page was shown is not ended unseen.
    for odd in ("1x", "", "0", "9" * 30):
        for name in ("grant", "organization"):
            data = {"reason": "Contract ended", "shown": str(town.more.id), name: odd}
            assert town.delegate.post(f"{WHO}/end/confirmed", data).status_code == 404
            assert town.delegate.get(f"{WHO}/end?{name}={odd}").status_code == 404
    assert town.is_open(town.more)
    before = town.shown(town.delegate)
    assert before == str(town.more.id)
    newer = world.grant(world.organization("Newer Sample Billing", audience="billing"), town.second)
    data = {"reason": "Contract ended", "shown": before}
    refused = town.delegate.post(f"{WHO}/end/confirmed", data)
    assert (refused.status_code, "More access was given since" in refused.text) == (409, True)
    assert ("Newer Sample Billing" in refused.text, 'value="Contract ended"' in refused.text) == (True, True)
    assert (town.is_open(town.more), town.is_open(newer)) == (True, True)
    assert "Newer Sample Billing no longer sees" in town.end(town.delegate, grant=newer.id).text

    # To another NPI of the same Tax ID, which was approved by somebody with a link: listed and ended, not extended.
    branch = world.payee(town.clinic.payee_text.tin, name="Birch Sample Clinic – Branch")
    lone = world.organization("Lone Sample Billing", audience="billing")
    end = the_time() + dt.timedelta(days=10)
    by_link = world.grant(lone, branch, proof="approval", ends_at=end)
    twins = world.grant(town.twin, branch)
    page = town.delegate.get(WHO)
    assert [row["Name"] for row in table(page, f"sees-{lone.id}")] == [branch.name]
    assert f"ending?grant={by_link.id}" not in page.text
    assert branch.name not in "".join(row["Name"] for row in table(page, f"sees-{town.twin.id}"))
    assert town.delegate.get(f"{WHO}/ending?grant={by_link.id}").location == WHO
    assert "nothing to end any more" in town.end(town.delegate, grant=twins.id).text
    assert "Lone Sample Billing no longer sees payments to" in town.end(town.delegate, grant=by_link.id).text
    assert (town.is_open(by_link), town.is_open(twins)) == (False, True)

    # All of one, and all of all.
    agency = world.organization("Second Sample Billing", audience="billing")
    third = world.grant(agency, town.second)
    assert "Ledger Sample Billing no longer sees" in town.end(town.delegate, organization=town.ledger.id).text
    assert (town.is_open(town.more), town.is_open(third)) == (False, True)
    again = world.grant(town.ledger, town.clinic.payee)
    assert "2 billing organizations no longer see payments to 2 of your payees" in town.end(town.delegate).text
    assert (town.is_open(third), town.is_open(again), town.is_open(town.twins)) == (False, False, True)
    assert "No billing organization can see your payments" in town.delegate.get(WHO).text


def _actor(session: Any, username: str) -> Any:
    person = session.scalars(sa.select(Person).where(Person.username == username)).one()
    return SimpleNamespace(person_id=person.id, organization_id=person.organization_id, display_name=person.name)


def test_access_that_ends_soon_is_asked_about_and_extended_or_not(town: Town, clock: Clock) -> None:
    world, now = town.world, dt.datetime(2026, 3, 2, 18, tzinfo=dt.UTC)
    clock.set(now)
    end = dt.datetime(2026, 6, 1, 5, tzinfo=dt.UTC)  # the midnight after May 31 in Chicago
    third = world.payee(name="Birch Sample Clinic – Third")
    world.grant(town.clinic.organization, third)
    grant = world.grant(town.ledger, third, proof="approval", ends_at=end)
    short = world.grant(
        world.organization("Short Sample Billing", audience="billing"), third, ends_at=now + dt.timedelta(days=20)
    )

    def ask() -> list[str]:
        before = len(mails(world, "access_ending"))
        with world.app.app_context(), world.session() as session:
            billing_access.ask_about_endings(session)
        return [to.partition("@")[0] for to, _ in mails(world, "access_ending")[before:]]

    def ends_at() -> dt.datetime | None:
        with world.session() as session:
            return session.get_one(Grant, grant.id).ends_at

    assert ask() == [], "nothing is asked of what was given for less than 30 days"
    clock.set(end - dt.timedelta(days=30, minutes=1))
    assert ask() == []
    clock.set(end - dt.timedelta(days=30))
    assert ask() == ["d.elegate", "e.lse"], "the office alone, and once"
    assert ask() == []
    delegate, other = world.sign_in("d.elegate"), world.sign_in("e.lse")
    assert "The access of Ledger Sample Billing ends soon" in delegate.get("/").text
    row = next(one for one in table(delegate.get(WHO), f"sees-{town.ledger.id}") if "Third" in one["Name"])
    assert "May 31, 2026" in row["Until"]
    assert "Ends soon" in row["Until"]
    assert row["How it was granted"] == "Approved by the provider’s office"

    path = f"{WHO}/ending?grant={grant.id}"
    shown = next(one.get("value", "") for one in tree_of(delegate.get(path)).iter("input") if one.get("name") == "ends")
    to = f"{WHO}/ending/answered?grant={grant.id}"
    for until, says in (
        *(("", "Enter the last day"), ("2026-05-01", "after today")),
        ("2031-01-01", "Choose a day"),
        ("2026-05-31", "It can be seen until 05/31/2026 already"),
    ):
        refused = delegate.post(to, {"ends": shown, "answer": "extend", "until": until})
        assert (refused.status_code, says in refused.text) == (422, True)
    said = delegate.post(to, {"ends": shown, "answer": "extend", "until": "2026-12-31"}, follow_redirects=True)
    assert "until Dec 31, 2026" in said.text
    assert ends_at() == dt.datetime(2027, 1, 1, 6, tzinfo=dt.UTC)
    assert [to for to, _ in mails(world, "access_extended")] == ["l.edger@office.example"]
    assert "ends soon" not in delegate.get("/").text
    late = other.post(to, {"ends": shown, "answer": "end"}, follow_redirects=True)
    assert "Another delegate has answered meanwhile" in late.text
    with world.session() as session, world.app.app_context():
        stale = billing_access.Ending(grant.id, "Ledger Sample Billing", "Third", end)
        with pytest.raises(billing_access.AnsweredMeanwhile):
            billing_access.answer_ending(session, _actor(session, "e.lse"), stale, None)
    assert "was extended until" in world.sign_in("l.edger").get("/my-activity").text

    # Asked again before the new end; what is let end does, by itself.
    clock.set(dt.datetime(2026, 12, 10, 18, tzinfo=dt.UTC))
    assert ask() == ["d.elegate", "e.lse"]
    delegate = world.sign_in("d.elegate")
    shown = next(one.get("value", "") for one in tree_of(delegate.get(path)).iter("input") if one.get("name") == "ends")
    assert "ends on its day" in delegate.post(to, {"ends": shown, "answer": "end"}, follow_redirects=True).text
    assert "ends soon" not in delegate.get("/").text
    assert ends_at() == dt.datetime(2027, 1, 1, 6, tzinfo=dt.UTC)
    assert "Third" in delegate.get(WHO).text
    clock.set(dt.datetime(2027, 1, 1, 6, tzinfo=dt.UTC))
    delegate = world.sign_in("d.elegate")
    assert "Third" not in str(table(delegate.get(WHO), f"sees-{town.ledger.id}"))
    for gone in (grant, town.twins, short):
        assert delegate.get(f"{WHO}/ending?grant={gone.id}").location == WHO
    late = delegate.post(
        f"{WHO}/ending/answered?grant={town.twins.id}", {"ends": "", "answer": "end"}, follow_redirects=True
    )
    assert "nothing to end any more" in late.text


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
