"""*View all accounts*: delegates look after the accounts of their own organization, and of no other."""

from __future__ import annotations

import csv
import datetime as dt
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal import clock as portal_clock
from hp_portal.core.delegates import accounts
from hp_portal.core.delegates.holding import ChangedMeanwhile
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.identity.unconfirmed import unconfirmed_address
from hp_portal.core.organizations.models import Organization
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.factors import add_app, disowned_change
from tests.support.html import text_of
from tests.support.messages import mails
from tests.support.people import NEW_PASSWORD, enter, find, follow, recorded, set_password
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

VERBS = ("unlock", "password-link", "end-sessions", "deactivate", "reactivate", "make-delegate", "end-delegate")
REASON = {"reason": "Left the office"}
PAST = "changed in the meantime"


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Sample Clinic")


@pytest.fixture
def delegate(world: World, clinic: Organization) -> PortalClient:
    world.person("d.elegate", organization=clinic, delegate=True)
    return world.sign_in("d.elegate")


def names(page: TestResponse) -> list[str]:
    """The people in the list, in its order."""
    heads = [cell for cell in tree_of(page).iter("th") if cell.get("scope") == "row"]
    return [text_of(link) for cell in heads for link in cell.iter("a")]


def do(client: PortalClient, person: Person, verb: str, **data: str) -> TestResponse:
    """Press a button on somebody's page; the page after it."""
    return client.post(f"/accounts/{person.id}/{verb}", {**REASON, **data}, follow_redirects=True)


def change(world: World, person: Person, **values: Any) -> None:
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(**values))
        session.commit()


def test_the_list_has_everybody_of_the_organization_and_nobody_else(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    world.person("b.clerk", organization=clinic, applications=())
    world.person("x.stranger", organization=world.organization("Other Clinic"))
    world.staff("a.staff")
    home = delegate.get("/")
    assert "/accounts" in home.text
    page = delegate.get("/accounts")
    with world.session() as session:
        people = set(session.scalars(sa.select(Person.name).where(Person.organization_id == clinic.id)))
    assert set(names(page)) == people
    assert "2 accounts" in page.text
    assert recorded(world, "delegates.account.listed") == [{"filters": {}, "found": 2}]


def test_only_delegates_open_it(world: World, clinic: Organization, delegate: PortalClient) -> None:
    person = world.person("b.clerk", organization=clinic)
    clerk = world.sign_in("b.clerk")
    assert "/accounts" not in clerk.get("/").text
    for address in ("/accounts", "/accounts/csv", f"/accounts/{person.id}"):
        assert clerk.get(address).status_code == 403
    assert delegate.get(f"/accounts/{person.id}").status_code == 200


def test_no_account_of_another_organization_is_found_or_changed(world: World, delegate: PortalClient) -> None:
    """Nor one of the payer's staff."""
    stranger = world.person("x.stranger", organization=world.organization("Other Clinic"), delegate=True)
    application = world.applications[0]
    for person in (stranger, world.staff("a.staff")):
        before = find(world, person.username)
        assert before is not None
        kept = {name: getattr(before, name) for name in ("deactivated_at", "is_delegate", "password_hash")}
        assert delegate.get(f"/accounts/{person.id}").status_code == 404
        for verb in (*VERBS, f"applications/{application}"):
            assert delegate.post(f"/accounts/{person.id}/{verb}", {**REASON, "enabled": "0"}).status_code == 404
        after = find(world, person.username)
        assert {name: getattr(after, name) for name in kept} == kept
    assert names(delegate.get("/accounts?name=stranger")) == []


def test_narrowing_and_sorting(world: World, clinic: Organization, delegate: PortalClient, clock: Clock) -> None:
    old = world.person("o.ld", organization=clinic, applications=())
    safe = world.person("s.afe", organization=clinic)
    gone = world.person("g.one", organization=clinic)
    lost = world.person("l.ocked", organization=clinic)
    add_app(world, safe)
    change(world, gone, deactivated_at=clock.now())
    for _ in range(world.settings.attempts_per_account):
        enter(world, "l.ocked", "wrong")
    world.sign_in("o.ld")
    with world.session() as session:
        long_ago = clock.now() - dt.timedelta(days=100)
        session.execute(sa.update(SignIn).where(SignIn.person_id == old.id).values(created_at=long_ago))
        session.commit()

    def shown(query: str) -> list[str]:
        found = names(delegate.get(f"/accounts?{query}"))
        with world.session() as session:
            by_name = dict(session.execute(sa.select(Person.name, Person.username)).all())
        return [by_name[one] for one in found]

    assert shown("state=deactivated") == ["g.one"]
    assert shown("state=locked") == ["l.ocked"]
    assert shown("state=delegate") == ["d.elegate"]
    assert "g.one" not in shown("state=active")
    assert shown("factor=yes") == ["s.afe"]
    assert "s.afe" not in shown("factor=no")
    assert shown("seen=90") == ["o.ld"]
    assert set(shown("seen=never")) == {"s.afe", "g.one", "l.ocked"}
    assert "o.ld" not in shown(f"application={world.applications[0]}")
    assert shown(f"name={lost.email.upper()}") == ["l.ocked"]
    assert shown("name=l.ocked") == ["l.ocked"]
    assert shown("name=%25") == shown("name=l_ocked") == []
    assert shown("sort=-seen")[:2] == ["d.elegate", "o.ld"]
    assert shown("sort=username") == ["d.elegate", "g.one", "l.ocked", "o.ld", "s.afe"]
    assert len(shown("seen=%20&state=%20&factor=%20&application=%20")) == 5
    assert delegate.get("/accounts?state=nonsense").status_code == 422
    assert delegate.get("/accounts/csv?state=nonsense").status_code == 422


def test_the_list_as_csv(world: World, clinic: Organization, delegate: PortalClient) -> None:
    person = world.person("b.clerk", organization=clinic)
    change(world, person, name="=Evil()")
    change(world, world.person("n.ew", organization=clinic), email=unconfirmed_address())
    own = find(world, "d.elegate")
    assert own is not None
    tomorrow = portal_clock.today(world.settings.payer.zone) + dt.timedelta(days=1)
    form = {"day": tomorrow.isoformat(), "successor": str(own.id), "known": "0", "reason": "Moves away"}
    assert delegate.post(f"/accounts/{person.id}/leaving/save", form).status_code == 303
    answer = delegate.get("/accounts/csv?sort=username")
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    assert [row["User name"] for row in rows] == ["b.clerk", "d.elegate", "n.ew"]
    assert rows[0]["Name"] == "'=Evil()", "no formula"
    assert [row["Leaves on"] for row in rows] == [tomorrow.isoformat(), "", ""]
    assert rows[2]["E-mail"] == "", "what stands in the place of an address is none"
    assert (rows[1]["Delegate"], rows[0]["Delegate"]) == ("yes", "no")
    assert recorded(world, "delegates.account.downloaded") == [{"filters": {}, "found": 3}]
    assert len(list(csv.reader(io.StringIO(delegate.get("/accounts/csv?state=delegate").data.decode())))) == 2


def test_deactivating_ends_sessions_at_once_and_reactivating_brings_everything_back(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    clerk = world.sign_in("b.clerk")
    assert "is deactivated" in do(delegate, person, "deactivate").text
    assert clerk.get("/my-sign-ins").status_code == 303
    assert enter(world, "b.clerk", PASSWORD) == 422
    assert recorded(world, "people.person.deactivated") == [
        {"person": person.id, "sign_ins_ended": 1, "reason": "Left the office"}
    ]
    assert PAST in do(delegate, person, "deactivate").text, "twice"
    assert "active again" in do(delegate, person, "reactivate").text
    assert PAST in do(delegate, person, "reactivate").text
    assert enter(world, "b.clerk", PASSWORD) == 303
    told = mails(world, "account_told")
    assert [(to, values["what"]) for to, values in told] == [
        (person.email, "deactivated"),
        (person.email, "reactivated"),
    ]


def test_a_reason_is_asked_for_and_what_was_typed_stays(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    answer = delegate.post(f"/accounts/{person.id}/deactivate", {"reason": "no"})
    assert answer.status_code == 422
    assert 'value="no"' in answer.text
    assert enter(world, "b.clerk", PASSWORD) == 303


def test_a_password_link_goes_to_the_persons_own_address_alone(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    shown = do(delegate, person, "password-link")
    ((to, values),) = mails(world, "password_link")
    assert to == person.email
    path = urlsplit(values["link"]).path
    assert path not in shown.text
    assert path.rpartition("/")[2] not in shown.text
    client = world.client()
    follow(client, path)
    assert set_password(client).status_code == 303
    assert enter(world, "b.clerk", NEW_PASSWORD) == 303
    change(world, person, email=unconfirmed_address())
    assert "has not confirmed" in do(delegate, person, "password-link").text
    do(delegate, person, "deactivate")
    assert PAST in do(delegate, person, "password-link").text
    assert len(mails(world, "password_link")) == 1


def test_unlocking_and_ending_sessions(world: World, clinic: Organization, delegate: PortalClient) -> None:
    person = world.person("b.clerk", organization=clinic)
    clerk = world.sign_in("b.clerk")
    for _ in range(world.settings.attempts_per_account):
        enter(world, "b.clerk", "wrong")
    assert enter(world, "b.clerk", PASSWORD) == 429
    assert "Locked" in delegate.get(f"/accounts/{person.id}").text
    do(delegate, person, "unlock")
    assert enter(world, "b.clerk", PASSWORD) == 303
    assert "signed out of 2 sessions" in do(delegate, person, "end-sessions").text
    assert "was not signed in" in do(delegate, person, "end-sessions").text
    assert clerk.get("/my-sign-ins").status_code == 303


def test_applications_are_given_and_taken_and_only_those_that_are_enabled(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic, applications=())
    clerk, key = world.sign_in("b.clerk"), "tax-id-npi-access"
    address = f"/accounts/{person.id}/applications/{key}"
    assert clerk.get("/apps/tax-id-npi-access/").status_code == 403
    assert "now has" in delegate.post(address, {"enabled": "1"}, follow_redirects=True).text
    assert clerk.get("/apps/tax-id-npi-access/").status_code == 200
    assert "no longer has" in delegate.post(address, {"enabled": "0"}, follow_redirects=True).text
    assert clerk.get("/apps/tax-id-npi-access/").status_code == 403
    assert [(values["given"], values["taken"]) for _, values in mails(world, "account_told")] == [
        (["Tax ID & NPI access"], []),
        ([], ["Tax ID & NPI access"]),
    ]
    assert delegate.post(address, {"enabled": "2"}).status_code == 400
    world.disable(key, "physician")
    assert delegate.post(address, {"enabled": "1"}).status_code == 404
    assert recorded(world, "person.application.given")[-1] == {"person": person.id, "application": key}


def test_a_new_delegate_is_told_and_asked_for_the_agreement(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    clerk = world.sign_in("b.clerk")
    assert "is a delegate now" in do(delegate, person, "make-delegate").text
    assert PAST in do(delegate, person, "make-delegate").text
    assert clerk.get("/accounts").location == "/terms?next=/accounts"
    assert mails(world, "account_told")[-1][1]["what"] == "delegate"
    assert "not a delegate anymore" in do(delegate, person, "end-delegate").text
    assert clerk.get("/accounts").status_code == 403
    assert (
        recorded(world, "people.delegate.made") == recorded(world, "people.delegate.ended") == [{"person": person.id}]
    )


def test_the_last_delegate_stays(world: World, clinic: Organization, delegate: PortalClient, clock: Clock) -> None:
    own = find(world, "d.elegate")
    assert own is not None
    gone = world.person("g.one", organization=clinic, delegate=True)
    change(world, gone, deactivated_at=clock.now())
    assert "last delegate" in do(delegate, own, "end-delegate").text
    assert "Another delegate can" in do(delegate, own, "deactivate").text
    second = world.person("s.econd", organization=clinic, terms=False)
    do(delegate, second, "make-delegate")
    assert "last delegate" in do(delegate, own, "end-delegate").text, "the second has not accepted yet"
    with world.session() as session:
        world.accept_terms(session, session.get_one(Person, second.id))
    assert "not a delegate anymore" in do(delegate, own, "end-delegate").text
    assert delegate.get("/accounts").status_code == 403
    other = world.sign_in("s.econd")
    assert "last delegate" in do(other, second, "end-delegate").text


@pytest.mark.parametrize("verb", ["end-delegate", "deactivate"])
def test_two_delegates_who_end_each_other_leave_one(world: World, clinic: Organization, verb: str) -> None:
    """One is first; the other is told that something has changed, and does nothing."""
    people = [world.person(name, organization=clinic, delegate=True) for name in ("f.irst", "s.econd")]
    clients = [world.sign_in(one.username) for one in people]
    for client, other in zip(clients, reversed(people), strict=True):
        client.get(f"/accounts/{other.id}")

    def end(place: int) -> int:
        return clients[place].post(f"/accounts/{people[1 - place].id}/{verb}", REASON).status_code

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(end, (0, 1)))
    with world.session() as session:
        left = session.scalars(
            sa.select(Person.username).where(
                Person.organization_id == clinic.id, Person.is_delegate, Person.deactivated_at.is_(None)
            )
        ).all()
    assert len(left) == 1


def test_an_account_that_nobody_can_write_to_is_told_nothing(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    change(world, person, email=unconfirmed_address())
    assert "Not confirmed yet" in delegate.get(f"/accounts/{person.id}").text
    do(delegate, person, "deactivate")
    assert mails(world, "account_told") == []


def test_a_new_delegate_has_as_many_days_for_a_second_factor_as_a_new_account(
    database_url: str, make_app: MakeApp, clock: Clock
) -> None:
    world = World(make_app(database_url, second_factor_for={"delegates": None}, second_factor_days=14))
    clinic = world.organization("Sample Clinic")
    world.person("d.elegate", organization=clinic, delegate=True)
    person = world.person("b.clerk", organization=clinic, terms=False)
    begun = clock.now()
    clock.set(begun + dt.timedelta(days=13))
    delegate = world.sign_in("d.elegate")
    do(delegate, person, "make-delegate")
    with world.session() as session:
        world.accept_terms(session, session.get_one(Person, person.id))
    clock.set(begun + dt.timedelta(days=26))
    assert world.sign_in("b.clerk").get("/accounts").status_code == 200
    clock.set(begun + dt.timedelta(days=27, seconds=5))
    assert "/sign-in-security" in world.sign_in("b.clerk").get("/accounts").location


@pytest.mark.parametrize("now", ["no delegate", "elsewhere"])
def test_whoever_is_no_delegate_of_the_organization_anymore_does_nothing(
    world: World, clinic: Organization, now: str
) -> None:
    """Ended while the request was under way."""
    world.person("s.econd", organization=clinic, delegate=True)
    own, person = (
        world.person("d.elegate", organization=clinic, delegate=True),
        world.person("b.clerk", organization=clinic),
    )
    actor = cast(Actor, SimpleNamespace(person_id=own.id, organization_id=clinic.id, display_name="D", is_staff=False))
    if now == "no delegate":
        change(world, own, is_delegate=False)
    else:
        change(world, person, organization_id=world.organization("Other Clinic").id)
    with world.session() as session, pytest.raises(ChangedMeanwhile):
        accounts.deactivate(session, actor, session.get_one(Person, person.id), "Left the office")
    assert enter(world, "b.clerk", PASSWORD) == 303


def test_an_account_that_its_owner_has_locked_is_opened_by_staff_first(
    world: World, clinic: Organization, delegate: PortalClient
) -> None:
    person = world.person("b.clerk", organization=clinic)
    change_id = disowned_change(world, person)
    do(delegate, person, "deactivate")
    assert "Locked by its owner" in delegate.get(f"/accounts/{person.id}").text
    assert "Our staff look into it first" in do(delegate, person, "reactivate").text
    assert enter(world, "b.clerk", PASSWORD) == 422
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:unlock"))
    world.sign_in("a.staff").post(f"/staff/people/locked/{change_id}", {"reason": "Spoke to her"})
    assert "active again" in do(delegate, person, "reactivate").text
