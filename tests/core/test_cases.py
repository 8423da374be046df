"""A case from the first click of an office to the answer: both sides, the clock, the history, the queue."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re

import pytest
import sqlalchemy as sa
from alembic import command

from hp_portal import migrations, row_security
from hp_portal.core.cases.models import Case, CaseEntry, CaseNote
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.staff_roles import StaffRolePermission
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.refusals.models import Refusal
from hp_portal.database import changing_schema
from tests.conftest import MakeApp
from tests.support.cases import portal_case
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.databases import as_owner, database_of
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.people import recorded
from tests.support.registering import mails
from tests.support.world import World

TIN, NPI = make_tin(4712), make_npi(4712)
THURSDAY = dt.datetime(2026, 11, 19, 16, tzinfo=dt.UTC)
SEND = "/apps/tax-id-npi-access/case/send"
KIND = "tax-id-npi-access.without-payment"


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    clock.set(THURSDAY)
    world = World(make_app(database_url, holidays_state="MN", closed_on="2026-11-27"))
    harbor = world.organization("Harbor Clinic")
    world.person("a.clerk", name="Anna Clerk", organization=harbor)
    world.person("b.clerk", name="Ben Clerk", organization=harbor)
    world.person("s.stranger")
    world.staff("w.worker", permissions=["staff:console:open", "staff:cases:work", "staff:tax-ids:manage"])
    return world


def ask(client: PortalClient, about: str = "The first payment is still to come.", tin: str = TIN) -> str:
    """Ask for a Tax ID; the path of the case."""
    answer = client.post(SEND, {"tin": tin, "npi": NPI, "phone": "952-555-0100", "about": about})
    assert answer.status_code == 303, answer.text
    assert re.fullmatch(r"/cases/\d+", answer.location)
    return str(answer.location)


def shown(client: PortalClient, path: str) -> str:
    return text_of(tree_of(client.get(path)))


def case_of(world: World) -> Case:
    with world.session() as session:
        return session.scalars(sa.select(Case).order_by(Case.id.desc()).limit(1)).one()


def step(client: PortalClient, path: str, key: str, seen: str, words: str = "") -> int:
    return int(client.post(f"{path}/step", {"step": key, "seen": seen, "words": words}).status_code)


def test_a_case_from_the_question_to_the_answer(portal: World, clock: Clock) -> None:
    office, staff = portal.sign_in("a.clerk"), portal.sign_in("w.worker")
    path = ask(office)
    page = shown(office, path)
    case = case_of(portal)
    number = f"{case.number[:4]}-{case.number[4:]}"
    assert number in page
    assert "We answer within 5 business days." in page
    # Five business days after Thursday: Thanksgiving, and the Friday on which the payer is closed, do not count.
    assert case.due_on == dt.date(2026, 11, 30)
    assert "Nov 30, 2026" in page
    assert number in shown(office, "/")
    assert number not in shown(portal.sign_in("b.clerk"), "/"), "the home page lists one's own"
    assert number in shown(portal.sign_in("b.clerk"), "/cases/")
    assert number not in shown(portal.sign_in("b.clerk"), "/cases/?mine=y")
    links = [link.get("href") or "" for link in tree_of(office.get("/cases/")).iter("a")]
    [download] = [link for link in links if "/csv" in link]
    rows = list(csv.reader(io.StringIO(office.get(download).text)))
    assert rows[1][0] == number

    assert "1 case is assigned to nobody" in shown(staff, "/staff/")
    there = f"/staff{path}"
    assert number in shown(staff, "/staff/cases?show=unassigned")
    worker = staff.post(f"{there}/assign", {"worker": str(person_id(portal, "w.worker"))})
    assert worker.status_code == 303
    assert number not in shown(staff, "/staff/cases?show=unassigned")
    assert number in shown(staff, "/staff/cases?show=mine")
    assert staff.post(f"{there}/note", {"note": "Call them first."}).status_code == 303
    assert "Call them first." in shown(staff, there)
    assert "Call them first." not in shown(office, path)

    assert step(staff, there, "ask", "received") == 422, "a question needs words"
    assert step(staff, there, "ask", "received", "Whose dentist is this?") == 303
    assert "Whose dentist is this?" in shown(office, path)
    assert "w.worker" not in shown(office, path).lower()
    [(mail, values)] = mails(portal, "a.clerk@office.example")
    assert number in mail.subject
    assert "dentist" not in str(values)
    assert case_of(portal).due_on is None, "the clock stands while we wait for the office"
    clock.set(THURSDAY + dt.timedelta(days=12))  # Tuesday, December 1
    office, staff = portal.sign_in("a.clerk"), portal.sign_in("w.worker")
    assert "overdue" not in shown(staff, "/staff/")
    assert step(office, path, "reply", "question", "It is Dr. Sample’s office.") == 303
    # Two business days had not passed when the clock stopped: all five were left.
    assert case_of(portal).due_on == dt.date(2026, 12, 8)
    assert "1 case has a new message" in shown(staff, "/staff/")

    assert step(staff, there, "linked", "received") == 422, "nothing is linked yet"
    assert (
        "not linked to the organization yet" in staff.post(f"{there}/step", {"step": "linked", "seen": "received"}).text
    )
    payee = portal.payee(TIN, NPI)
    with portal.session() as session:
        organization_id = case_of(portal).organization_id
        session.add(Grant(organization_id=organization_id, payee_id=payee.id, proof="staff", granted_at=clock.now()))
    assert step(staff, there, "linked", "received") == 303
    case = case_of(portal)
    assert (case.state, case.in_time, case.due_on) == ("linked", True, None)
    assert "Done on" in shown(office, path)
    assert number not in shown(office, "/")
    assert number not in shown(office, "/cases/")
    assert number in shown(office, "/cases/?show=ended")
    assert [one["step"] for one in recorded(portal, "case.stepped")] == ["ask", "reply", "linked"]
    assert "Took a case" not in shown(office, "/my-activity")
    assert f"{number} " in shown(office, "/my-activity")


def person_id(world: World, username: str) -> int:
    with world.session() as session:
        return session.scalars(sa.select(Person.id).where(Person.username == username)).one()


def test_nobody_else_sees_a_case(portal: World) -> None:
    path = ask(portal.sign_in("a.clerk"))
    stranger = portal.sign_in("s.stranger")
    for answer in (
        stranger.get(path),
        stranger.post(f"{path}/comment", {"comment": "Hello"}),
        stranger.post(f"{path}/step", {"step": "withdraw", "seen": "received"}),
        stranger.get(f"/staff{path}"),
    ):
        assert answer.status_code == 404
    with portal.session() as session:
        looked = session.execute(sa.select(Refusal.table, Refusal.row_id).where(Refusal.kind == "row")).all()
        assert [tuple(one) for one in looked] == [("portal_case", int(path.rpartition("/")[2]))] * 3
    portal.person("c.clerk", organization=portal_organization(portal), applications=["remittance"])
    colleague = portal.sign_in("c.clerk")
    assert colleague.get(path).status_code == 404, "without the application, its cases are not seen"
    assert "No case fits" in colleague.get("/cases/").text
    portal.staff("o.other", permissions=["staff:console:open", "staff:cases:work"])
    other = portal.sign_in("o.other")
    assert other.get(f"/staff{path}").status_code == 404, "a kind that one may not decide"
    assert "No case fits" in other.get("/staff/cases?show=all").text
    assert step(other, f"/staff{path}", "answer", "received", "No.") == 404
    chosen = [f"{path.rpartition('/')[2]}:received:"]
    assert other.post("/staff/cases/many", {"deed": "assign:", "case": chosen}).status_code == 303
    assert other.post("/staff/cases/many", {"deed": f"assign:{person_id(portal, 'w.worker')}", "case": chosen}).location
    with portal.session() as session:
        assert session.scalars(sa.select(Case.assigned_to_id)).all() == [None]
    worker = portal.sign_in("w.worker")
    assert step(worker, f"/staff{path}", "withdraw", "received") == 404, "a step of the office’s own"
    assert step(portal.sign_in("a.clerk"), path, "answer", "received", "Yes.") == 404, "a step of the staff’s own"
    with portal.session() as session:
        assert session.scalars(sa.select(Case.state)).all() == ["received"]


def portal_organization(world: World) -> Organization:
    with world.session() as session:
        return session.scalars(sa.select(Organization).where(Organization.name == "Harbor Clinic")).one()


def test_the_second_of_two_who_decide_is_told(portal: World) -> None:
    path = f"/staff{ask(portal.sign_in('a.clerk'))}"
    portal.staff("v.worker", permissions=["staff:cases:work", "staff:tax-ids:manage"])
    first, second = portal.sign_in("w.worker"), portal.sign_in("v.worker")
    assert step(first, path, "ask", "received", "Who are you?") == 303
    answer = second.post(f"{path}/step", {"step": "answer", "seen": "received", "words": "We do not know you."})
    assert answer.status_code == 409
    page = text_of(tree_of(answer))
    assert "Somebody else has taken this case a step further" in page
    assert "We do not know you." in answer.text, "nothing typed is lost"
    assert "Who are you?" in page
    with portal.session() as session:
        assert session.scalar(sa.select(sa.func.count()).where(CaseEntry.what == "step")) == 1


def test_many_cases_at_once(portal: World, clock: Clock) -> None:
    office, staff = portal.sign_in("a.clerk"), portal.sign_in("w.worker")
    paths = [ask(office, tin=make_tin(number)) for number in range(5000, 5004)]
    ids = [int(path.rpartition("/")[2]) for path in paths]
    assert step(staff, f"/staff{paths[0]}", "ask", "received", "Who?") == 303
    me = person_id(portal, "w.worker")
    assert staff.post("/staff/cases/many", {"deed": f"assign:{me}"}).status_code == 422, "none is checked"
    chosen = [f"{one}:received:" for one in ids]
    other = portal.staff("o.other", permissions=["staff:cases:work"]).id
    refused = staff.post("/staff/cases/many", {"deed": f"assign:{other}", "case": chosen})
    assert "may not decide such cases" in text_of(tree_of(refused)), "they would not see them"
    assert staff.post("/staff/cases/many", {"deed": f"assign:{me}", "case": chosen[:3]}).status_code == 303
    assert staff.post("/staff/cases/many", {"deed": "step:answer", "case": chosen}).status_code == 422, "one kind first"
    many = f"/staff/cases/many?kind={KIND}"
    assert staff.post(many, {"deed": "step:linked", "case": chosen, "words": ""}).status_code == 422, "not for many"
    answer = staff.post(many, {"deed": "step:answer", "case": chosen, "words": "Please call us."})
    assert answer.status_code == 303
    told = shown(staff, answer.location)
    assert "Done with 3 cases." in told
    assert "Somebody else has taken it a step further meanwhile." in told
    with portal.session() as session:
        states = session.scalars(sa.select(Case.state).where(Case.id.in_(ids)).order_by(Case.id)).all()
        assert states == ["question", "answered", "answered", "answered"]
        assert session.scalar(sa.select(sa.func.count()).where(Case.assigned_to_id == me)) == 3

    # The next case in the queue, in the order in which they are due; then those that wait, then none.
    more = [ask(office, tin=make_tin(number)) for number in (5010, 5011)]
    assert staff.get(f"/staff{more[0]}/next").location == f"/staff{more[1]}"
    assert staff.get(f"/staff{more[1]}/next").location == f"/staff{paths[0]}"
    assert staff.get(f"/staff{paths[0]}/next").location == f"/staff{more[0]}"
    assert staff.get(f"/staff{paths[0]}/next?show=waiting").location == "/staff/cases?show=waiting"

    clock.set(THURSDAY + dt.timedelta(days=30))
    staff = portal.sign_in("w.worker")
    assert "2 cases are overdue" in shown(staff, "/staff/")
    figures = shown(staff, "/staff/cases/figures")
    assert "Tax ID without a payment30.03 of 3" in figures
    saved = staff.post("/staff/cases/views?show=overdue", {"name": "Late ones"})
    assert saved.status_code == 303
    assert "Late ones" in shown(staff, "/staff/cases")


def test_messages_wait_until_somebody_has_read_them(portal: World, clock: Clock) -> None:
    office, staff = portal.sign_in("a.clerk"), portal.sign_in("w.worker")
    path = ask(office)
    assert office.post(f"{path}/comment", {"comment": " "}).status_code == 422
    assert office.post(f"{path}/comment", {"comment": "Is it there?"}).status_code == 303
    first = asked_at(staff.get(f"/staff{path}").text)
    clock.advance(minutes=1)
    assert office.post(f"{path}/comment", {"comment": "It is urgent."}).status_code == 303
    assert staff.post(f"/staff{path}/read", {"asked_at": first}).status_code == 303
    assert "1 case has a new message" in shown(staff, "/staff/"), "the second one was not on that page"
    assert staff.post(f"/staff{path}/read", {"asked_at": asked_at(staff.get(f"/staff{path}").text)}).status_code == 303
    assert "new message" not in shown(staff, "/staff/")
    assert staff.post(f"/staff{path}/comment", {"comment": "We look into it."}).status_code == 303
    assert "We look into it." in shown(office, path)
    [(mail, values)] = mails(portal, "a.clerk@office.example")
    assert "we have written" in mail.subject
    assert "look into" not in str(values)


def asked_at(page: str) -> str:
    return str(re.findall(r'name="asked_at" value="([^"]+)"', page)[0])


def test_the_history_of_cases_is_never_changed(portal: World) -> None:
    path = ask(portal.sign_in("a.clerk"))
    assert portal.sign_in("w.worker").post(f"/staff{path}/note", {"note": "Called."}).status_code == 303
    for statement in (
        sa.update(CaseEntry).values(state="linked"),
        sa.update(CaseNote).values(person_id=None),
        sa.update(CaseNote).values(words_sealed=None),
        sa.delete(CaseEntry),
        sa.delete(CaseNote),
    ):
        with (
            pytest.raises(sa.exc.DBAPIError, match=r"history of cases is never changed|permission denied"),
            portal.session() as session,
        ):
            session.execute(statement.execution_options(synchronize_session=False))


def test_open_cases_go_to_the_colleague_who_takes_over(portal: World) -> None:
    path = ask(portal.sign_in("a.clerk"))
    portal.person("d.delegate", organization=portal_organization(portal), delegate=True)
    with portal.session() as session:  # of an organization that the person has worked for before
        other = portal_case(session, portal.organization(), KIND, "received", person_id=person_id(portal, "a.clerk")).id
    delegate = portal.sign_in("d.delegate")
    answer = delegate.post(
        f"/accounts/{person_id(portal, 'a.clerk')}/leaving/save",
        {"day": "2026-11-19", "successor": str(person_id(portal, "b.clerk")), "reason": "Retired", "known": "0"},
    )
    assert answer.status_code == 303, answer.text
    colleague = portal.sign_in("b.clerk")
    assert "Handed on to Ben Clerk" in shown(colleague, path)
    with portal.session() as session:
        assert session.get_one(Case, other).person_id == person_id(portal, "a.clerk")
    assert f'href="{path}"' in colleague.get("/").text
    [(_, values)] = [found for found in mails(portal, "b.clerk@office.example") if found[1].get("handed")]
    assert values["handed"] == ["1 open case"]


def test_questions_of_before_are_cases_after_the_upgrade(portal: World) -> None:
    office, staff = portal.sign_in("a.clerk"), portal.sign_in("w.worker")
    paths = [ask(office, tin=make_tin(5100)), ask(office, tin=make_tin(5101))]
    assert step(staff, f"/staff{paths[1]}", "answer", "received", "Call us.") == 303
    with portal.session() as session:
        session.execute(sa.delete(StaffRolePermission).where(StaffRolePermission.permission == "staff:cases:work"))
    with as_owner(portal.app) as engine:
        chain, of_profiles = (migrations.chains_of(portal.app)[key] for key in ("core", "profiles"))
        with changing_schema(engine) as connection:
            connection.info["hp_portal.vault"] = database_of(portal.app).vault
            row_security.lift(connection)
            # Its tables refer to cases.
            command.downgrade(of_profiles.config(connection=connection), "base")
            command.downgrade(chain.config(connection=connection), "1795950500")
            found = connection.execute(
                sa.text("SELECT asked_by_id, settled_at, about FROM tax_id_case ORDER BY id")
            ).all()
            assert [(row[0] is not None, row[1] is not None) for row in found] == [(True, False), (True, True)]
            connection.execute(sa.text("UPDATE tax_id_case SET answer = 'Of before' WHERE settled_at IS NOT NULL"))
        assert migrations.upgrade(portal.app).failed == {}
    with portal.session() as session:
        cases = session.execute(sa.select(Case.state, Case.ended_at, Case.person_id).order_by(Case.id)).all()
        assert [(state, ended is not None) for state, ended, _ in cases] == [("received", False), ("answered", True)]
        assert all(person for _, _, person in cases)
    staff = portal.sign_in("w.worker")
    listed = shown(staff, "/staff/cases?show=all")
    assert listed.count("Tax ID without a payment") >= 2
    with portal.session() as session:
        key = session.scalars(sa.select(Case.id).where(Case.state == "answered")).one()
    assert "Of before" in shown(portal.sign_in("a.clerk"), f"/cases/{key}")


def test_a_case_is_handed_to_a_colleague_who_is_told(portal: World) -> None:
    office, ben = portal.sign_in("a.clerk"), portal.sign_in("b.clerk")
    path = ask(office)
    choices = dict(re.findall(r'<option value="(\d+)"[^>]*>([^<]+)', office.get(path).text))
    assert set(choices.values()) == {"Ben Clerk"}, "neither oneself nor somebody of another office"
    [key] = choices
    assert office.post(f"{path}/hand", {"colleague": id_of(portal, "s.stranger")}).status_code == 422
    assert office.post(f"{path}/hand", {"colleague": key}).status_code == 303
    [(message, told)] = mails(portal, "b.clerk@office.example")
    assert message.template == "case_handed"
    assert told["giver"] == "Anna Clerk"
    assert "Handed on to Ben Clerk" in shown(ben, path)
    assert "has this case" in shown(ben, path)
    assert path in ben.get("/").text, "on the home page of who has it"
    assert path not in office.get("/").text
    assert portal.sign_in("w.worker").post(f"{path}/hand", {"colleague": key}).status_code == 404
    # Whoever takes it over from somebody else is not told of their own deed.
    assert office.post(f"{path}/hand", {"colleague": id_of(portal, "a.clerk")}).status_code == 303
    assert mails(portal, "a.clerk@office.example") == []


def id_of(world: World, username: str) -> str:
    with world.session() as session:
        return str(session.scalars(sa.select(Person.id).where(Person.username == username)).one())
