"""Agreements in versions: who is asked for which, from when, what is kept, and how staff write and publish them."""

from __future__ import annotations

import datetime as dt
import json

import pytest
import sqlalchemy as sa

from hp_portal.core.agreements.accepting import accept, current_agreements
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Acceptance, Person
from hp_portal.database import is_postgresql
from tests.support.client import PortalClient
from tests.support.clock import Clock
from tests.support.world import World

pytestmark = pytest.mark.either_database

# 10 PM on March 1 in the payer's zone, where March 2 has not begun.
NIGHT = dt.datetime(2026, 3, 2, 4, tzinfo=dt.UTC)
TERMS, DELEGATES = "/staff/agreements/terms-of-use", "/staff/agreements/site-delegate-agreement"
NEW = "# New terms\n\nOf {payer}, with <b>marks</b>."


@pytest.fixture
def staff(world: World) -> PortalClient:
    world.staff("a.staff", permissions=("staff:console:open", "staff:agreements:manage"))
    return world.sign_in("a.staff")


def publish(staff: PortalClient, where: str, day: str, text: str = NEW, revision: str = "1") -> str:
    assert staff.post(f"{where}/draft", {"text": text, "revision": "0"}).status_code == 303
    answer = staff.post(f"{where}/publish", {"applies_on": day, "revision": revision})
    assert answer.status_code == 303, answer.text
    return staff.get("/staff/agreements").text


def kept(world: World, person_id: int) -> list[tuple[str, str]]:
    with world.session() as session:
        rows = sa.select(Acceptance.agreement, Acceptance.version).where(Acceptance.person_id == person_id)
        return [(row.agreement, row.version) for row in session.execute(rows.order_by(Acceptance.id))]


def test_a_version_applies_from_its_day_on(world: World, staff: PortalClient, clock: Clock) -> None:
    clock.set(NIGHT)
    person = world.person("a.clerk")
    client, staff = world.sign_in("a.clerk"), world.sign_in("a.staff")
    listed = publish(staff, TERMS, "2026-03-02")
    assert "Applies later" in listed
    assert client.get("/").status_code == 200, "the day has not begun where the payer is"
    clock.set(NIGHT + dt.timedelta(hours=3))
    client = world.sign_in("a.clerk")
    assert client.get("/my-activity").location == "/terms?next=/my-activity"
    asked = client.get("/terms").text
    assert "Of Sample Health Plan, with &lt;b&gt;marks&lt;/b&gt;." in asked
    old = client.post("/terms", {"terms_of_use": "2026-01"})
    assert old.status_code == 422, "the text of another version was ticked"
    assert "changed while this page was open" in old.text
    assert client.post("/terms", {"terms_of_use": "2026-03-02", "next": "/my-activity"}).location == "/my-activity"
    assert client.get("/my-activity").status_code == 200
    assert kept(world, person.id) == [("terms-of-use", "2026-01"), ("terms-of-use", "2026-03-02")]
    staff = world.sign_in("a.staff")
    assert staff.get("/staff/agreements").location.startswith("/terms"), "staff accept it, too"
    staff.post("/terms", {"terms_of_use": "2026-03-02"})
    assert "2 of 2 people with an active account have accepted" in staff.get("/staff/agreements").text


def test_delegates_accept_their_agreement_as_well(world: World) -> None:
    person = world.person("a.delegate", delegate=True, terms=False)
    client = world.sign_in("a.delegate")
    asked = client.get("/", follow_redirects=True).text
    for words in ("Confidential terms of use", "Site delegate agreement", "Terms of use and agreements"):
        assert words in asked
    assert asked.count('<div class="choice"><input') == 2
    half = client.post("/terms", {"terms_of_use": "2026-01"})
    assert half.status_code == 422
    assert "Check the box to accept: Site delegate agreement" in half.text
    assert half.text.count("<input checked ") == 1, "the tick is kept"
    assert kept(world, person.id) == [], "one without the other is nothing"
    both = {"terms_of_use": "2026-01", "site_delegate_agreement": "2026-11"}
    assert client.post("/terms", both).status_code == 303
    assert client.post("/terms", both).status_code == 303, "again changes nothing"
    assert client.get("/").status_code == 200
    assert kept(world, person.id) == [("terms-of-use", "2026-01"), ("site-delegate-agreement", "2026-11")]
    with world.session() as session:
        events = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields).where(AuditEvent.event.like("identity.%accepted"))
        ).all()
    assert [(event, json.loads(fields)) for event, fields in events] == [
        ("identity.terms.accepted", {"version": "2026-01"}),
        ("identity.delegate-agreement.accepted", {"version": "2026-11"}),
    ]


def test_whoever_becomes_a_delegate_is_asked_and_who_is_none_is_not(world: World, staff: PortalClient) -> None:
    person = world.person("a.clerk")
    client = world.sign_in("a.clerk")
    publish(staff, DELEGATES, "2999-01-01")
    assert client.get("/").status_code == 200
    for delegate, status in ((True, 303), (False, 200)):
        with world.session() as session:
            session.execute(sa.update(Person).where(Person.id == person.id).values(is_delegate=delegate))
        assert client.get("/").status_code == status
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.username == "a.staff").values(is_delegate=True))
    assert staff.get("/staff/").status_code == 200, "staff are delegates of nobody"


def test_accepting_without_being_signed_in(world: World) -> None:
    """As on the last page of a registration."""
    person = world.person("a.new", terms=False, delegate=True)
    with world.session() as session:
        found = current_agreements(session, world.settings, delegate=True)
        accept(session, person.id, found, "192.0.2.1")
        accept(session, person.id, found, "192.0.2.1")
    assert [one.title for one in found] == ["Confidential terms of use", "Site delegate agreement"]
    assert world.sign_in("a.new").get("/").status_code == 200
    with world.session() as session:
        rows = session.scalars(sa.select(AuditEvent).where(AuditEvent.event.like("identity.%accepted"))).all()
        assert {(row.person_id, row.organization_id, row.address) for row in rows} == {
            (person.id, person.organization_id, "192.0.2.1")
        }
        assert len(rows) == 2
        assert [one.key for one in current_agreements(session, world.settings, delegate=False)] == ["terms-of-use"]


def test_a_draft_is_saved_previewed_and_discarded(world: World, staff: PortalClient) -> None:
    page = staff.get(f"{TERMS}/draft").text
    assert "Your account is yours alone" in page, "it begins with what applies now"
    assert "payment data of {payer}" in page, "as it is written"
    assert "Publish" not in page, "nothing to publish yet"
    assert staff.post(f"{TERMS}/draft", {"text": "short", "revision": "0"}).status_code == 422
    assert staff.post(f"{TERMS}/draft", {"text": NEW, "revision": "0"}).status_code == 303
    page = staff.get(f"{TERMS}/draft").text
    assert '<h3 id="terms-of-use-new-terms">New terms</h3>' in page
    other = staff.post(f"{TERMS}/draft", {"text": NEW + " Mine.", "revision": "0"})
    assert other.status_code == 409
    assert "Mine." in other.text, "nothing typed is lost"
    assert 'name="revision" type="hidden" value="1"' in other.text
    assert staff.post(f"{TERMS}/publish", {"applies_on": "2999-01-01", "revision": "0"}).status_code == 409
    assert staff.post(f"{TERMS}/discard", {"revision": "0"}).status_code == 303
    assert "Continue the draft" in staff.get("/staff/agreements").text, "a changed draft is not discarded"
    assert staff.post(f"{TERMS}/discard", {"revision": "1"}).status_code == 303
    assert "Continue the draft" not in staff.get("/staff/agreements").text
    assert staff.get("/staff/agreements/no-such/draft", check=False).status_code == 404


def test_what_is_not_published(world: World, staff: PortalClient, clock: Clock) -> None:
    clock.set(NIGHT)
    staff = world.sign_in("a.staff")
    before = staff.get(f"{TERMS}/draft").text
    assert "Your account is yours alone" in before
    staff.post(f"{TERMS}/draft", {"text": NEW, "revision": "0"})
    early = staff.post(f"{TERMS}/publish", {"applies_on": "2026-02-28", "revision": "1"})
    assert early.status_code == 422
    assert "today or a later day" in early.text
    assert staff.post(f"{TERMS}/publish", {"applies_on": "", "revision": "1"}).status_code == 422
    assert staff.post(f"{TERMS}/publish", {"applies_on": "2026-03-02", "revision": "1"}).status_code == 303
    staff.post(f"{TERMS}/draft", {"text": NEW, "revision": "0"})
    same = staff.post(f"{TERMS}/publish", {"applies_on": "2026-03-02", "revision": "1"})
    assert same.status_code == 422
    assert "says what the newest version says" in same.text
    staff.post(f"{TERMS}/draft", {"text": NEW + " And more.", "revision": "1"})
    assert staff.post(f"{TERMS}/publish", {"applies_on": "2026-03-02", "revision": "2"}).status_code == 303
    assert "2026-03-02, 2" in staff.get("/staff/agreements").text, "a name is given once"
    with world.session() as session:
        clock.set(NIGHT + dt.timedelta(days=1))
        (terms,) = current_agreements(session, world.settings, delegate=False)
    assert terms.version == "2026-03-02, 2", "of two for a day the later one counts"


def test_the_latest_day_counts_whenever_it_was_published(world: World, staff: PortalClient, clock: Clock) -> None:
    clock.set(NIGHT)
    staff, person = world.sign_in("a.staff"), world.person("a.clerk", terms=False)
    publish(staff, TERMS, "2026-03-05")
    publish(staff, TERMS, "2026-03-03", NEW + " Before that.")
    clock.set(NIGHT + dt.timedelta(days=5))
    assert world.sign_in("a.clerk").post("/terms", {"terms_of_use": "2026-03-05"}).status_code == 303
    assert world.sign_in("a.clerk").get("/").status_code == 200
    assert kept(world, person.id) == [("terms-of-use", "2026-03-05")]


def test_a_published_version_cannot_be_changed(world: World, staff: PortalClient) -> None:
    """On PostgreSQL the portal's role may not; on SQLite there is no page that would."""
    publish(staff, TERMS, "2999-01-01")
    with world.database.new_session() as session:
        if not is_postgresql(session):
            return
    for statement in ("UPDATE agreement_version SET text = 'x'", "DELETE FROM agreement_version"):
        with world.database.engine.connect() as connection, pytest.raises(sa.exc.ProgrammingError, match="permission"):
            connection.exec_driver_sql(statement)
