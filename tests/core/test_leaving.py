"""*This person leaves on …*: the day comes, the account ends, and a colleague takes over; the only delegate stays until then."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.core.delegates import leaving
from hp_portal.core.delegates.models import Invitation
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.models import EmailChange, FactorReset, Leaving
from hp_portal.core.registration import closing
from hp_portal.worker import all_jobs, run_job
from tests.sample_plugin import notes
from tests.sample_plugin.notes import Note
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.drafts import draft_row
from tests.support.factors import add_app
from tests.support.html import text_of
from tests.support.locks import locks_taken
from tests.support.messages import mails
from tests.support.people import enter, find, recorded
from tests.support.registering import asking, mailed_text
from tests.support.world import PASSWORD, World

pytestmark = pytest.mark.either_database

NOON = dt.datetime(2026, 6, 1, 17, tzinfo=dt.UTC)
# The payer is in Chicago: June 5 begins there at five o'clock UTC.
BEFORE, BEGINS = dt.datetime(2026, 6, 5, 4, 59, tzinfo=dt.UTC), dt.datetime(2026, 6, 5, 5, tzinfo=dt.UTC)


@pytest.fixture
def world(sample_world: World, clock: Clock) -> World:
    clock.set(NOON)
    return sample_world


@pytest.fixture
def clinic(world: World) -> Organization:
    return world.organization("Sample Clinic")


@pytest.fixture
def delegate(world: World, clinic: Organization) -> PortalClient:
    world.person("d.elegate", organization=clinic, delegate=True, name="Dana Delegate")
    return world.sign_in("d.elegate")


def written(world: World) -> list[tuple[str, str]]:
    return [(email.partition("@")[0], values["what"]) for email, values in mails(world, "account_leaving")]


def known(world: World) -> int:
    with world.session() as session:
        return session.scalar(sa.select(Leaving.id).where(Leaving.ended_at.is_(None))) or 0


def leaves(client: PortalClient, person: Person, to: Person, day: str = "2026-06-05", **values: Any) -> TestResponse:
    data = {"day": day, "successor": str(to.id), "reason": "New job", "known": "0", **values}
    return client.post(f"/accounts/{person.id}/leaving/save", data, follow_redirects=True)


def work(world: World) -> None:
    job = next(one for one in all_jobs(world.app) if one.key == "people.leave")
    with world.app.app_context():
        assert run_job(world.app, job)


def accept(world: World, person: Person) -> None:
    with world.session() as session:
        world.accept_terms(session, session.get_one(Person, person.id), but=("terms-of-use",))


def is_active(world: World, username: str) -> bool:
    person = find(world, username)
    return person is not None and person.deactivated_at is None


def test_on_the_day_the_account_ends_and_a_colleague_takes_over(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    own = find(world, "d.elegate")
    assert own is not None
    person = world.person("b.clerk", organization=clinic, delegate=True, name="Bo Clerk")
    clerk, locked = world.sign_in("b.clerk"), world.person("l.ocked", organization=clinic)
    clerk.post("/accounts/invitations/new", {"name": "Robin Newcomer", "email": "robin@office.example"})
    add_app(world, locked)
    clerk.post(f"/accounts/{locked.id}/lost-factors", {"lost-reason": "Lost the phone"})
    delegate.post(
        f"/accounts/{person.id}/edit/save", {"name": "Bo Clerk", "email": "bo@new.example", "known": "Bo Clerk"}
    )
    with world.session() as session:
        session.add(Note(organization_id=clinic.id, text=f"{person.id}:call back"))
        draft_row(session, clinic, person.id)
    asked = delegate.get(f"/accounts/{person.id}/leaving")
    assert "Dana Delegate, delegate" in asked.text
    for day, words in (("2026-05-31", "Choose today"), ("2027-07-01", "Choose today"), ("soon", "valid date")):
        refused = leaves(delegate, person, own, day)
        assert refused.status_code == 422
        assert words in refused.text
    assert leaves(delegate, person, person).status_code == 422, "not to themselves"
    assert "Bo Clerk leaves on Jun 5, 2026, in 4 days" in leaves(delegate, person, own).text
    assert written(world) == [("b.clerk", "planned"), ("d.elegate", "planned")]
    assert "leaves on" in delegate.get("/accounts").text
    world.staff("a.staff", permissions=("staff:console:open", "staff:people:search"))
    assert "Bo Clerk leaves on Jun 5, 2026" in world.sign_in("a.staff").get(f"/staff/people/{person.id}").text
    clock.set(BEFORE)
    work(world)
    assert is_active(world, "b.clerk")
    clock.set(BEGINS)
    work(world)
    work(world)
    assert not is_active(world, "b.clerk")
    assert clerk.get("/my-sign-ins").status_code == 303
    assert enter(world, "b.clerk", PASSWORD) == 422
    with world.session() as session:
        assert session.scalars(sa.select(Invitation.invited_by_id)).all() == [own.id]
        assert session.scalar(sa.select(sa.func.count(EmailChange.id)).where(EmailChange.ended_at.is_(None))) == 0
        (reset,) = session.scalars(sa.select(FactorReset))
        assert (reset.asked_by_id, reset.ended_at) == (own.id, None), "the successor asks now"
        assert session.scalars(sa.select(Note.text)).all() == [f"{own.id}:call back"]
        last = session.scalars(
            sa.select(Message).where(Message.template == "account_leaving").order_by(Message.id.desc()).limit(1)
        ).one()
        assert values_of(session, last)["handed"] == [
            "1 sample notes",
            "1 draft",
            "the request to remove the second factors of Person L Ocked",
            "1 open invitation",
        ]
    assert written(world)[2:] == [("b.clerk", "done"), ("d.elegate", "done")], "once"
    assert recorded(world, "delegates.leaving.done") == [{"person": person.id, "successor": own.id}]
    with world.session() as session:
        path = urlsplit(
            values_of(session, session.scalars(sa.select(Message).where(Message.template == "invitation")).one())[
                "link"
            ]
        ).path
    visitor = world.client()
    visitor.get(path)
    assert "Dana Delegate" in visitor.get("/invitation").text, "the link goes on in the successor's name"


def test_changed_taken_back_and_today(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, person = find(world, "d.elegate"), world.person("b.clerk", organization=clinic, name="Bo Clerk")
    assert own is not None
    other = world.person("o.ther", organization=clinic)
    world.sign_in("b.clerk")
    leaves(delegate, person, own)
    first = known(world)
    assert "changed in the meantime" in leaves(delegate, person, own, "2026-06-12").text, "planned by somebody else"
    assert "Jun 20" in leaves(delegate, person, other, "2026-06-20", known=str(first)).text
    clock.set(BEGINS)
    work(world)
    assert is_active(world, "b.clerk")
    delegate = world.sign_in("d.elegate")
    for number in (first, 0, "x"):
        answer = delegate.post(f"/accounts/{person.id}/leaving/stay", {"known": str(number)}, follow_redirects=True)
        assert "changed in the meantime" in answer.text
    stays = delegate.post(f"/accounts/{person.id}/leaving/stay", {"known": str(known(world))}, follow_redirects=True)
    assert "Bo Clerk stays" in stays.text
    assert written(world)[-2:] == [("b.clerk", "withdrawn"), ("o.ther", "withdrawn")]
    clock.set(dt.datetime(2026, 6, 21, 12, tzinfo=dt.UTC))
    work(world)
    assert is_active(world, "b.clerk")
    delegate = world.sign_in("d.elegate")
    leaves(delegate, person, own, "2026-06-30")
    delegate.post(f"/accounts/{person.id}/deactivate", {"reason": "Left early"})
    assert known(world) == 0, "deactivated, nobody leaves any more"
    delegate.post(f"/accounts/{person.id}/reactivate")

    def fail(*_: object) -> list[str]:
        raise RuntimeError("nobody hands this over")

    monkeypatch.setattr(notes, "hand_over", fail)
    world.person("o.delegate", organization=clinic, delegate=True)
    assert "has left" in leaves(delegate, person, own, "2026-06-21").text
    with world.session() as session:
        last = session.scalars(sa.select(Message).order_by(Message.id.desc()).limit(2)).all()[1]
    assert values_of(session, last)["failed"] == ["Sample notes"]
    told = mailed_text(world, own.email)
    assert "could not be handed over: Sample notes. Our staff see" in told
    assert "Nothing was open" not in told
    world.staff("a.staff", permissions=("staff:console:open", "staff:plugins:read"))
    assert [to for to, what in written(world) if what == "failed"] == ["o.delegate"], "the other delegates, too"
    failed = {"person": person.id, "applications": "Sample notes"}
    assert recorded(world, "delegates.leaving.not-handed") == [failed]
    read = text_of(tree_of(world.sign_in("o.delegate").get("/our-activity")))
    assert "What Bo Clerk had open could not be handed over: Sample notes" in read
    assert "portal_person_leaves" in world.sign_in("a.staff").get("/staff/plugins").text
    assert not is_active(world, "b.clerk"), "today counts at once"
    assert len(recorded(world, "delegates.leaving.planned")) == 4
    assert len(recorded(world, "delegates.leaving.withdrawn")) == 1


def test_the_only_delegate_stays_until_the_successor_has_accepted(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    own, clerk = find(world, "d.elegate"), world.person("c.lerk", organization=clinic, name="Casey Clerk")
    assert own is not None
    assert "becomes a delegate now" in delegate.get(f"/accounts/{own.id}/leaving").text
    refused = leaves(delegate, own, clerk, "2026-06-01")
    assert refused.status_code == 422
    assert "stays until somebody else has accepted" in refused.text
    leaves(delegate, own, clerk)
    made = find(world, "c.lerk")
    assert made is not None
    assert made.is_delegate
    for moment in (BEGINS, BEGINS + dt.timedelta(days=1)):
        clock.set(moment)
        work(world)
        assert is_active(world, "d.elegate")
    assert written(world)[2:] == [("d.elegate", "late"), ("c.lerk", "late")], "told once"
    assert "was to leave" in world.sign_in("d.elegate").get(f"/accounts/{own.id}").text.replace("You were", "was")
    accept(world, clerk)
    work(world)
    assert not is_active(world, "d.elegate")
    assert written(world)[4:] == [("d.elegate", "done"), ("c.lerk", "done")]


def test_a_delegate_who_leaves_today_is_signed_out(world: World, clinic: Organization, delegate: PortalClient) -> None:
    own, second = find(world, "d.elegate"), world.person("s.econd", organization=clinic, delegate=True)
    assert own is not None
    other = world.organization("Other Clinic")
    world.membership(own, other)
    world.membership(second, other)
    below = f"/o/{clinic.id}/accounts/{own.id}/leaving/save"
    data = {"day": "2026-06-01", "successor": str(second.id), "reason": "New job", "known": "0"}
    answer = delegate.post(below, data)
    assert answer.location == f"/o/{other.id}/", "they work on where they work as well"
    assert "You have left Sample Clinic" in delegate.get(answer.location).text
    assert delegate.get("/my-sign-ins").status_code == 200
    with world.session() as session:
        assert session.get_one(Person, own.id).deactivated_at is not None
    # With no other organization, or none by now, one is signed out.
    client = world.sign_in("s.econd")
    third = world.person("t.hird", organization=clinic, delegate=True)
    with world.session() as session:
        elsewhere = sa.update(Person).where(Person.account_id == second.id)
        session.execute(elsewhere.values(deactivated_at=NOON))
    add_app(world, third)
    client.post(f"/accounts/{third.id}/lost-factors", {"lost-reason": "Lost the phone"})
    answer = client.post(f"/o/{clinic.id}/accounts/{second.id}/leaving/save", {**data, "successor": str(third.id)})
    assert answer.location == "/sign-in"
    assert "are signed out" in client.get(answer.location).text
    assert client.get("/accounts").status_code == 303
    with world.session() as session:
        open_ones = sa.select(SignIn.id).where(SignIn.person_id == second.id, SignIn.ended_at.is_(None))
        assert session.scalars(open_ones).all() == []
        # Nobody goes on asking for their own factors; they are told that these stay.
        assert session.scalars(sa.select(FactorReset.outcome)).all() == ["canceled"]
        told = sa.select(Message).where(Message.template == "account_changed").order_by(Message.id.desc()).limit(1)
        message = session.scalars(told).one()
        assert message.recipient == third.email
        assert "has left, so they stay" in values_of(session, message)["what"]
    assert recorded(world, "people.factors.reset-canceled") == [{"person": third.id}]


def test_a_successor_who_has_left_as_well_is_followed_by_another(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    own, person = find(world, "d.elegate"), world.person("b.clerk", organization=clinic)
    chosen = world.person("c.hosen", organization=clinic)
    assert own is not None
    leaves(delegate, person, chosen)
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == chosen.id).values(deactivated_at=clock.now()))
    clock.set(BEGINS)
    work(world)
    assert recorded(world, "delegates.leaving.done") == [{"person": person.id, "successor": own.id}]


def test_whoever_has_been_moved_does_not_leave_the_other_organization(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    own, person = find(world, "d.elegate"), world.person("b.clerk", organization=clinic)
    other = world.organization("Other Clinic")
    assert own is not None
    leaves(delegate, person, own)
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == person.id).values(organization_id=other.id))
    clock.set(BEGINS)
    work(world)
    assert is_active(world, "b.clerk")
    assert known(world) == 0


def test_two_delegates_at_once_have_one_result(world: World, clinic: Organization, delegate: PortalClient) -> None:
    """Both see the page before; one says when, and the other is told that it has changed."""
    own, second = find(world, "d.elegate"), world.person("s.econd", organization=clinic, delegate=True)
    assert own is not None
    person = world.person("b.clerk", organization=clinic)
    clients = [delegate, world.sign_in("s.econd")]

    def say(place: int) -> str:
        return leaves(clients[place], person, (own, second)[place], f"2026-06-1{place}").text

    with ThreadPoolExecutor(2) as pool:
        pages = list(pool.map(say, (0, 1)))
    assert sum("changed in the meantime" in page for page in pages) == 1
    assert len(recorded(world, "delegates.leaving.planned")) == 1
    # The two delegates leave today at once: one of them stays.
    for client, one in zip(clients, (own, second), strict=True):
        client.get(f"/accounts/{one.id}/leaving")

    def go(place: int) -> TestResponse:
        return leaves(clients[place], (own, second)[place], person, "2026-06-01")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(go, (0, 1)))
    assert is_active(world, "d.elegate") != is_active(world, "s.econd")


def test_locks_are_taken_in_the_order_of_everybody_else(
    world: World, clinic: Organization, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Registrations before accounts, and of two accounts the older one first."""
    clerk = world.person("c.lerk", organization=clinic)
    own = world.person("d.elegate", organization=clinic, delegate=True)
    client = world.sign_in("d.elegate")
    with world.session() as session:
        case = asking(clinic, person_id=own.id)
        case.state = "pin"
        session.add(case)
        session.flush()
        waits = f"registration:{case.id}"
    taken = locks_taken(monkeypatch)
    leaves(client, own, clerk)
    organization, accounts = f"delegates of {clinic.id}", [f"account:{one.id}" for one in (clerk, own)]
    assert taken == [organization, waits, *accounts]
    accept(world, clerk)
    clock.set(BEGINS)
    taken.clear()
    work(world)
    assert taken == [organization, waits, accounts[1]]
    assert not is_active(world, "d.elegate")


def test_what_begins_to_wait_while_somebody_leaves_is_not_locked_behind_the_account(
    world: World, clinic: Organization, delegate: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    clerk, own = world.person("c.lerk", organization=clinic), find(world, "d.elegate")
    assert own is not None
    hold, ended = leaving._hold_both, []

    def hold_and_wait(session: Any, person: Person, successor: Person | None) -> None:
        hold(session, person, successor)
        case = asking(clinic, person_id=person.id)
        case.state = "pin"
        session.add(case)
        session.flush()

    monkeypatch.setattr(leaving, "_hold_both", hold_and_wait)
    monkeypatch.setattr(closing, "end_pins", lambda session, one: ended.append(one.state))
    taken = locks_taken(monkeypatch)
    assert "has left" in leaves(delegate, clerk, own, "2026-06-01").text
    assert taken == [f"delegates of {clinic.id}", f"account:{own.id}", f"account:{clerk.id}"]
    assert ended == ["pin"], "its letter is not sent"


def test_another_organizations_people_are_not_found(world: World, delegate: PortalClient) -> None:
    stranger = world.person("x.stranger", organization=world.organization("Other Clinic"))
    own = find(world, "d.elegate")
    assert own is not None
    assert delegate.get(f"/accounts/{stranger.id}/leaving").status_code == 404
    assert delegate.get(f"/accounts/{stranger.id}/edit").status_code == 404
    assert leaves(delegate, stranger, own).status_code == 404
    assert leaves(delegate, own, stranger).status_code == 422
    for verb in ("leaving/stay", "edit/save"):
        assert delegate.post(f"/accounts/{stranger.id}/{verb}", {"known": "0"}).status_code == 404


def test_one_delegate_alone_is_advised_to_name_a_second(
    world: World, clinic: Organization, delegate: PortalClient, clock: Clock
) -> None:
    advice = "You are the only delegate"
    assert advice in delegate.get("/").text
    delegate.post("/accounts/second-delegate/not-now")
    assert advice not in delegate.get("/").text
    clock.set(NOON + dt.timedelta(days=91))
    delegate = world.sign_in("d.elegate")
    assert advice in delegate.get("/").text, "it comes again"
    delegate.post(
        "/accounts/invitations/new", {"name": "Robin Newcomer", "email": "robin@office.example", "delegate": "y"}
    )
    assert advice not in delegate.get("/").text, "while somebody is invited to be one"
    clock.set(NOON + dt.timedelta(days=99))
    delegate = world.sign_in("d.elegate")
    assert advice in delegate.get("/").text
    clerk = world.person("c.lerk", organization=clinic)
    assert advice not in world.sign_in("c.lerk").get("/").text
    delegate.post(f"/accounts/{clerk.id}/make-delegate")
    assert advice not in delegate.get("/").text
