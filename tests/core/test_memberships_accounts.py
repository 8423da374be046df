"""One account behind several organizations: what delegates and staff of each do with it, and what closes all of it."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people import accounts, resting
from hp_portal.core.people.changes import disown, remove_factors, tell_change
from hp_portal.core.people.models import FactorReset
from hp_portal.core.registration.moving import move_person
from hp_portal.worker import all_jobs, run_job
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.factors import add_app, code, first_step, second_step
from tests.support.locks import locks_taken
from tests.support.messages import mails
from tests.support.people import PERMISSIONS, enter, find, recorded
from tests.support.registering import asking, mailed_text
from tests.support.world import PASSWORD, World

NOON = dt.datetime(2026, 6, 1, 12, 0, 5, tzinfo=dt.UTC)


class Two:
    """Somebody of a practice who works for a hospital as well, each with a delegate of its own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.practice, self.hospital = world.organization("Birch Practice"), world.organization("Lake Hospital")
        self.person = world.person("mina.keeper", organization=self.practice, name="Mina Keeper")
        self.there = world.membership(self.person, self.hospital)
        world.person("p.delegate", organization=self.practice, delegate=True, name="Paula Practice")
        world.person("h.delegate", organization=self.hospital, delegate=True, name="Hanna Hospital")

    def row(self, row: Person) -> Person:
        with self.world.session() as session:
            return session.get_one(Person, row.id)

    @property
    def active(self) -> list[bool]:
        return [self.row(one).deactivated_at is None for one in (self.person, self.there)]


@pytest.fixture
def two(world: World, clock: Clock) -> Two:
    clock.set(NOON)
    return Two(world)


def run(world: World, key: str) -> None:
    (job,) = [one for one in all_jobs(world.app) if one.key == key]
    with world.app.app_context():
        assert run_job(world.app, job)


def below(organization: Organization, path: str) -> str:
    return f"/o/{organization.id}{path}"


def test_delegates_of_each_organization_look_after_the_account_and_never_read_of_the_other(two: Two) -> None:
    world, page = two.world, f"/accounts/{two.there.id}"
    add_app(world, two.person)
    person, hospital = first_step(world, "mina.keeper"), world.sign_in("h.delegate")
    second_step(person, code())
    assert person.get(below(two.practice, "/")).status_code == 200
    assert "Never" in hospital.get(page).text, "signing in for the other one is not theirs to know"
    person.get(below(two.hospital, "/my-activity"))
    shown = hospital.get(page)
    assert "Never" not in shown.text
    assert "Set up" in shown.text
    listed = hospital.get("/accounts?factor=yes").text
    assert "Mina Keeper" in listed
    assert "Mina Keeper" in hospital.get("/accounts/csv").text
    assert "Mina Keeper" not in hospital.get("/accounts?seen=never").text
    assert hospital.get(f"/accounts/{two.person.id}").status_code == 404
    # Locked for whoever tries the name, and unlocked by either.
    for _ in range(world.settings.attempts_per_account):
        enter(world, "mina.keeper", "wrong")
    assert "Mina Keeper" in hospital.get("/accounts?state=locked").text
    hospital.post(f"{page}/unlock", follow_redirects=True)
    assert "Mina Keeper" not in hospital.get("/accounts?state=locked").text
    # A lost factor is a matter for staff: delegates of one organization never weaken what opens another.
    assert "our staff help them back in" in hospital.get(page).text
    refused = hospital.post(f"{page}/lost-factors", {"lost-reason": "Called her"}, follow_redirects=True)
    assert "delegates cannot remove its second factors" in refused.text
    practice = world.sign_in("p.delegate")
    world.person("h.second", organization=two.hospital, delegate=True)
    for days, what in ((1, "/agree"), (0, "")):
        with world.session() as session:  # asked before the account came to open both
            values = {"asked_at": NOON, "due_at": NOON + dt.timedelta(days=days), "reason": "Called her"}
            session.add(FactorReset(person_id=two.there.id, asked_by_id=find(world, "h.delegate").id, **values))  # type: ignore[union-attr] # made above
        if what:
            second = world.sign_in("h.second")
            assert "Agree: remove" not in second.get(page).text
            second.post(f"{page}/lost-factors{what}")
            hospital.post(f"{page}/lost-factors/cancel")
        else:
            run(world, "people.reset-factors")
    assert "Called her" not in practice.get(f"/accounts/{two.person.id}").text
    with world.session() as session:
        assert list(session.scalars(sa.select(FactorReset.outcome))) == ["canceled", "canceled"]
    assert [one["person"] for one in recorded(world, "people.factors.reset-canceled")] == [two.there.id] * 2
    assert recorded(world, "people.factors.removed") == []
    assert person.get(below(two.practice, "/my-activity")).status_code == 200
    # Whoever removes them, the delegates of both are told.
    with world.app.test_request_context(), world.session() as session:
        remove_factors(session, session.get_one(Person, two.there.id), "Called her", "factors-reset")
    told = {to for to, _ in mails(two.world, "account_reset")}
    assert told == {f"{one}@office.example" for one in ("p.delegate", "h.delegate", "h.second")}
    assert "/sign-in?next=" in (person.get(below(two.practice, "/my-activity")).location or "")
    assert enter(world, "mina.keeper", PASSWORD) == 303
    hospital.post(f"{page}/end-sessions")
    with world.session() as session:
        open_ones = sa.select(sa.func.count()).where(SignIn.person_id == two.person.id, SignIn.ended_at.is_(None))
        assert session.scalar(open_ones) == 0
    hospital.post(f"{page}/password-link")
    ((to, link),) = mails(two.world, "password_link")
    assert (to, link["organization"]) == ("mina.keeper@office.example", "Lake Hospital")
    for path in ("/accounts", page, "/accounts/csv", "/my-activity"):
        assert "Birch" not in hospital.get(path).text
        assert "Lake" not in practice.get(path.replace(page, f"/accounts/{two.person.id}")).text


def test_what_locks_the_account_closes_it_everywhere(two: Two) -> None:
    world = two.world
    client = world.sign_in("mina.keeper")
    with world.app.test_request_context(), world.session() as session:
        tell_change(session, session.get_one(Person, two.person.id), "password")
    token = mails(two.world, "account_changed")[0][1]["link"].rpartition("/")[2]
    with world.app.test_request_context(), world.session() as session:
        disown(session, token)
    assert two.active == [False, False]
    assert client.get(below(two.hospital, "/")).location is not None
    told = {to for to, _ in mails(two.world, "account_locked")}
    assert told == {"p.delegate@office.example", "h.delegate@office.example"}
    hospital = world.sign_in("h.delegate")
    hospital.post(f"/accounts/{two.there.id}/reactivate")
    assert two.active == [False, False]
    assert "Locked by its owner" in hospital.get(f"/accounts/{two.there.id}").text


def test_an_account_rests_as_a_whole_and_not_while_an_organization_has_no_other_delegate(
    two: Two, clock: Clock
) -> None:
    world = two.world

    def work(day: int) -> None:
        clock.set(NOON + dt.timedelta(days=day))
        with world.app.test_request_context(), world.session() as session:
            resting.rest_accounts(session, world.settings)

    with world.session() as session:
        session.get_one(Person, two.there.id).is_delegate = True
        session.execute(sa.update(Person).where(Person.username == "h.delegate").values(deactivated_at=NOON))
    for day in (77, 88, 91, 95):
        work(day)
    assert two.active == [True, True]
    with world.session() as session:
        session.get_one(Person, two.there.id).is_delegate = False
    for day in (96, 99, 102):
        work(day)
    assert two.active == [False, False]
    links = [values["link"].rpartition("/")[2] for _, values in mails(two.world, "account_rested_delegate")]
    assert str(two.person.id) in links
    assert enter(world, "mina.keeper", PASSWORD) == 422


def test_the_other_organization_goes_on_whichever_row_ends(two: Two) -> None:
    world = two.world
    add_app(world, two.person)
    practice, client = world.sign_in("p.delegate"), world.sign_in("mina.keeper")
    page = f"/accounts/{two.person.id}"
    done = practice.post(f"{page}/deactivate", {"reason": "Left the practice"}, follow_redirects=True).text
    assert "they no longer work for your organization in the portal" in done
    assert "sessions have been ended" not in done, "they go on where they work as well"
    text = mailed_text(world, two.person.email)
    assert "you no longer work for Birch Practice in the portal" in text
    assert "sign in" not in text
    assert "Lake" not in text
    assert two.active == [False, True]
    assert client.get(below(two.practice, "/my-activity")).status_code == 403
    assert client.get("/my-activity").status_code == 200
    # Signing in, its second step and all that is one's own hang on the row that has ended.
    client = first_step(world, "mina.keeper@office.example")
    assert second_step(client, code()).location == "/"
    assert "Lake Hospital" in client.get("/").text
    assert "Sample telephone" in client.get("/sign-in-security").text
    assert "Signed in" in client.get("/my-activity").text
    practice.post(f"/accounts/{two.person.id}/reactivate")
    assert two.active == [True, True]
    assert client.get("/my-activity").location is not None


def test_staff_see_one_account_and_end_one_organization_or_all(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    world = two.world
    world.staff("a.staff", permissions=PERMISSIONS)
    staff: PortalClient = world.sign_in("a.staff")
    found = staff.post("/staff/organizations", {"query": "mina.keeper"}, follow_redirects=True).text
    assert found.count("One of several") == 2
    page = staff.get(f"/staff/people/{two.there.id}")
    assert heading_of(page).startswith("Mina Keeper")
    assert f'href="/staff/people/{two.person.id}">Birch Practice' in page.text
    ended = staff.post(f"/staff/people/{two.there.id}/deactivate", {"reason": "Left"}, follow_redirects=True)
    assert "Mina Keeper no longer works for this organization." in ended.text
    assert two.active == [True, False]
    staff.post(f"/staff/people/{two.there.id}/reactivate")
    with world.session() as session:
        cases = [asking(two.practice, person_id=two.person.id), asking(two.hospital, person_id=two.there.id)]
        for case in cases:
            case.state = "pin"
            session.add(case)
        session.flush()
        waits = [f"registration:{case.id}" for case in cases]
    taken = locks_taken(monkeypatch)
    closed = staff.post(
        f"/staff/people/{two.there.id}/deactivate", {"reason": "Left", "whole": "1"}, follow_redirects=True
    )
    assert "account is deactivated" in closed.text
    assert two.active == [False, False]
    assert taken == [*waits, f"account:{two.person.id}"], "as whoever decides about a registration takes them"
    assert "Deactivate the whole account" not in staff.get(f"/staff/people/{two.there.id}").text


def test_somebody_moved_to_where_they_work_already_keeps_one_row_there(two: Two) -> None:
    with two.world.session() as session:
        row, hospital = session.get_one(Person, two.person.id), session.get_one(Organization, two.hospital.id)
        accounts.deactivate(session, session.get_one(Person, two.there.id), "Left")
        move_person(session, row, hospital, delegate=True)
    assert two.active == [False, True]
    assert (two.row(two.person).organization_id, two.row(two.there).is_delegate) == (two.practice.id, True)
