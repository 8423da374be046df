"""Who has which application, in one table; and the name and address of an account, corrected by a delegate."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.delegates import table
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.memberships import add_membership
from tests.support.client import PortalClient, tree_of
from tests.support.messages import mails
from tests.support.people import find, recorded
from tests.support.world import World

pytestmark = pytest.mark.either_database

REMITTANCE, TAX_IDS = "remittance", "tax-id-npi-access"


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Sample Clinic")


@pytest.fixture
def delegate(world: World, clinic: Organization) -> PortalClient:
    world.person("d.elegate", organization=clinic, delegate=True, name="Dana Delegate")
    return world.sign_in("d.elegate")


def fields(page: TestResponse) -> dict[str, list[str]]:
    """What the table sends as it is shown."""
    found: dict[str, list[str]] = {"seen": [], "give": []}
    for one in tree_of(page).iter("input"):
        name = one.get("name", "")
        if name == "seen" or (name == "give" and one.get("checked") is not None):
            found[name].append(one.get("value", ""))
    return found


def save(client: PortalClient, sent: dict[str, list[str]]) -> TestResponse:
    return client.post("/accounts/applications/save", sent, follow_redirects=True)


def given(world: World, person: Person) -> set[str]:
    with world.session() as session:
        wanted = sa.select(PersonApplication.application).where(PersonApplication.person_id == person.id)
        return set(session.scalars(wanted))


def test_one_save_gives_and_takes_for_everybody(world: World, clinic: Organization, delegate: PortalClient) -> None:
    one = world.person("o.ne", organization=clinic, applications=(), name="Olga One")
    two = world.person("t.wo", organization=clinic, name="Tom Two", applications=(REMITTANCE, TAX_IDS))
    gone = world.person("g.one", organization=clinic, name="Gus Gone")
    stranger = world.person("s.tranger", organization=world.organization("Other Clinic"), applications=())
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == gone.id).values(deactivated_at=dt.datetime.now(dt.UTC)))
    page = delegate.get("/accounts/applications")
    assert "Gus Gone" not in page.text
    assert "Stranger" not in page.text
    assert "Olga One" not in delegate.get("/accounts/applications?name=t.w").text
    sent = fields(page)
    assert "Nothing was changed" in save(delegate, sent).text
    sent["give"] = [*(one for one in sent["give"] if one != f"{two.id}:{TAX_IDS}"), f"{one.id}:{REMITTANCE}"]
    sent["seen"] += [f"{stranger.id}:"]
    sent["give"] += [f"{stranger.id}:{REMITTANCE}", f"{one.id}:no-such-thing"]
    assert "Saved for 2 people: Olga One; Tom Two." in save(delegate, sent).text
    assert (given(world, one), given(world, two), given(world, stranger)) == ({REMITTANCE}, {REMITTANCE}, set())
    told = [(to, values["given"], values["taken"]) for to, values in mails(world, "account_told")]
    assert told == [(one.email, ["Remittance Inquiry"], []), (two.email, [], ["Tax ID & NPI access"])]
    assert recorded(world, "person.application.given") == [{"person": one.id, "application": REMITTANCE}]
    assert recorded(world, "person.application.taken") == [{"person": two.id, "application": TAX_IDS}]
    for wrong in (["x:remittance"], ["1"], [f"{number}:" for number in range(table.SIZE + 1)], ["1:a"] * 400):
        assert delegate.post("/accounts/applications/save", {"seen": wrong}).status_code == 400
    world.person("c.lerk", organization=clinic)
    assert world.sign_in("c.lerk").get("/accounts/applications").status_code == 403


def test_what_another_delegate_has_changed_meanwhile_stays_and_is_told(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    one = world.person("o.ne", organization=clinic, applications=(TAX_IDS,), name="Olga One")
    two = world.person("t.wo", organization=clinic, applications=(), name="Tom Two")
    gone = world.person("g.one", organization=clinic, applications=(), name="Gus Gone")
    world.person("s.econd", organization=clinic, delegate=True)
    second = world.sign_in("s.econd")
    mine, theirs = fields(delegate.get("/accounts/applications")), fields(second.get("/accounts/applications"))
    theirs["give"] = [*(key for key in theirs["give"] if key != f"{one.id}:{TAX_IDS}"), f"{one.id}:{REMITTANCE}"]
    save(second, theirs)
    second.post(f"/accounts/{gone.id}/deactivate", {"reason": "Left the office"})
    mine["give"] += [f"{two.id}:{REMITTANCE}", f"{gone.id}:{REMITTANCE}"]
    said = save(delegate, mine).text
    assert "Saved for 1 person: Tom Two." in said
    assert "Olga One now has Remittance Inquiry; Olga One no longer has Tax ID &amp; NPI access" in said
    assert "not active anymore: Gus Gone" in said
    assert (given(world, one), given(world, two), given(world, gone)) == ({REMITTANCE}, {REMITTANCE}, set())


def test_two_saves_at_once_have_one_result(world: World, clinic: Organization, delegate: PortalClient) -> None:
    """Both give the same: the person has it once, and is told once; the other delegate reads what has happened."""
    one = world.person("o.ne", organization=clinic, applications=(), name="Olga One")
    world.person("s.econd", organization=clinic, delegate=True)
    clients = [delegate, world.sign_in("s.econd")]
    sent = fields(delegate.get("/accounts/applications"))
    sent["give"] += [f"{one.id}:{REMITTANCE}"]
    with ThreadPoolExecutor(2) as pool:
        pages = [page.text for page in pool.map(lambda client: save(client, sent), clients)]
    assert sum("Saved for 1 person" in page for page in pages) == 1
    assert sum("since you opened the table: Olga One now has Remittance Inquiry" in page for page in pages) == 1
    assert len(mails(world, "account_told")) == len(recorded(world, "person.application.given")) == 1


def test_forty_people_are_one_page_and_few_statements(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    """As many for forty as for four."""

    def statements() -> int:
        counted = 0

        def count(*_given: object) -> None:
            nonlocal counted
            counted += 1

        sa.event.listen(world.database.engine, "before_cursor_execute", count)
        try:
            assert delegate.get("/accounts/applications").status_code == 200
        finally:
            sa.event.remove(world.database.engine, "before_cursor_execute", count)
        return counted

    world.person("o.ne", organization=clinic)
    statements()
    few = statements()
    with world.session() as session:
        row = {column.key: getattr(find(world, "o.ne"), column.key) for column in Person.__table__.columns}
        for number in range(38):
            session.add(Person(**{**row, "id": None, "username": f"p{number}", "email": f"p{number}@office.example"}))
    assert statements() == few
    assert len(set(fields(delegate.get("/accounts/applications"))["seen"])) >= 40


def edit(client: PortalClient, person: Person, **values: str) -> TestResponse:
    data = {"name": person.name, "email": person.email, "known": person.name, **values}
    return client.post(f"/accounts/{person.id}/edit/save", data, follow_redirects=True)


def test_a_name_is_corrected_and_an_address_counts_once_it_is_confirmed(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic, name="Bo Clark")
    taken = world.person("t.aken", organization=world.organization("Other Clinic"))
    assert 'value="Bo Clark"' in delegate.get(f"/accounts/{person.id}/edit").text
    assert edit(delegate, person, name="B0").status_code == 422
    assert "Nothing was changed" in edit(delegate, person).text
    assert "The name is corrected" in edit(delegate, person, name="Bo Clerk").text
    assert "changed in the meantime" in edit(delegate, person, name="Bob Clerk").text, "as it was another name"
    assert mails(world, "account_told")[-1][1]["before"] == "Bo Clark"
    assert recorded(world, "people.person.renamed") == [{"person": person.id, "before": "Bo Clark"}]
    said = {
        email: edit(delegate, person, name="Bo Clerk", known="Bo Clerk", email=email).text.count("is on its way")
        for email in ("new@office.example", taken.email)
    }
    assert set(said.values()) == {1}, "nobody learns that an address is taken"
    assert [to for to, _ in mails(world, "email_taken")] == [taken.email]
    assert [to for to, _ in mails(world, "account_changed")] == [person.email] * 2, "told at once, where they are now"
    edit(delegate, person, name="Bo Clerk", known="Bo Clerk", email="new@office.example")
    ((_, values),) = mails(world, "email_confirm")[-1:]
    client = world.client()
    client.get(urlsplit(values["link"]).path)
    found = find(world, "b.clerk")
    assert found is not None
    assert found.email == person.email, "looking changes nothing"
    client.post("/confirm-email")
    found = find(world, "b.clerk")
    assert found is not None
    assert found.email == "new@office.example"
    assert [to for to, _ in mails(world, "account_changed")][-2:] == ["new@office.example", person.email], "both"
    for _ in range(5):
        answer = edit(delegate, person, name="Bo Clerk", known="Bo Clerk", email="many@office.example")
    assert answer.status_code == 429


def test_whose_name_and_address_a_delegate_leaves_alone(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    own, person = find(world, "d.elegate"), world.person("b.clerk", organization=clinic, name="Bo Clerk")
    assert own is not None
    assert "Another delegate can" in edit(delegate, own, name="Dan Delegate").text
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(email=unconfirmed_address()))
    assert "has not confirmed an address yet" in edit(delegate, person, email="new@office.example").text
    other = world.person("o.ther", organization=world.organization("Other Clinic"), name="Otto Other")
    with world.session() as session:
        account = session.get_one(Person, other.id)
        member = add_membership(session, None, [], account=account, organization_id=clinic.id)
        session.flush()
    for page in (
        edit(delegate, member, name="Otto Else"),
        delegate.get(f"/accounts/{member.id}/edit", follow_redirects=True),
    ):
        assert "serves another organization as well" in page.text
    with world.session() as session:
        assert session.get_one(Person, other.id).name == "Otto Other"
