"""A provider ends what a billing organization sees, and extends what ends by itself."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal.clock import now as the_time
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant
from hp_portal.core.tax_ids import billing_access
from tests.plugins.remittance.inquiry import Office, url_of
from tests.plugins.remittance.town import WHO, Town, table
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.messages import mails


@pytest.fixture
def town(office: Office) -> Town:
    return Town(office)


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
