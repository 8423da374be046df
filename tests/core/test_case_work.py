"""Daily work with cases: what is found, who is told, and what happens when two people, or two sides, act at once."""

from __future__ import annotations

import datetime as dt
import re

import pytest
import sqlalchemy as sa

from hp_portal.core.cases.models import Case
from hp_portal.core.identity.applications import PersonApplication
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from tests.conftest import MakeApp
from tests.support.cases import portal_case, tax_id_case
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.registering import mails
from tests.support.world import World

pytestmark = pytest.mark.either_database

KIND = "tax-id-npi-access.without-payment"
THURSDAY = dt.datetime(2026, 11, 19, 16, tzinfo=dt.UTC)
TAX_IDS = ["staff:console:open", "staff:cases:work", "staff:tax-ids:manage"]


class Desk:
    """An office with a clerk and a delegate, two of the staff, and cases."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.harbor: Organization = world.organization("Harbor Clinic")
        self.clerk = world.person("a.clerk", name="Anna Clerk", organization=self.harbor)
        self.delegate = world.person("d.delegate", organization=self.harbor, delegate=True)
        self.worker = world.staff("w.worker", permissions=TAX_IDS)
        self.other = world.staff("v.worker", permissions=TAX_IDS)

    def case(self, *, days: int = 5, **values: object) -> str:
        """A case that is due in some days; its path."""
        with self.world.session() as session:
            case_id = tax_id_case(session, self.harbor).case_id
            case = session.get_one(Case, case_id)
            case.person_id, case.counts = self.clerk.id, "business"
            case.due_on = THURSDAY.date() + dt.timedelta(days=days)
            for name, value in values.items():
                setattr(case, name, value)
        return f"/cases/{case_id}"

    def row(self, path: str) -> Case:
        with self.world.session() as session:
            return session.get_one(Case, int(path.rpartition("/")[2]))

    def sign_in(self, name: str) -> PortalClient:
        return self.world.sign_in(name)


@pytest.fixture
def desk(database_url: str, make_app: MakeApp, clock: Clock) -> Desk:
    clock.set(THURSDAY)
    return Desk(World(make_app(database_url)))


def shown(client: PortalClient, path: str) -> str:
    return text_of(tree_of(client.get(path)))


def step(client: PortalClient, path: str, key: str, seen: str, words: str = "", **more: str) -> int:
    return int(client.post(f"{path}/step", {"step": key, "seen": seen, "words": words, **more}).status_code)


def test_cases_are_found_by_words_and_by_number_whatever_is_filtered_for(desk: Desk) -> None:
    done = desk.case(ended_at=THURSDAY, state="answered", title="Tax ID 50% done")
    number = desk.row(done).number
    desk.case(title="Another one")
    for client, base in ((desk.sign_in("a.clerk"), "/cases/"), (desk.sign_in("w.worker"), "/staff/cases")):
        assert "50% done" in shown(client, f"{base}?show=all&q=50%25+DONE")
        assert "Another one" not in shown(client, f"{base}?show=all&q=50%25+DONE")
        assert "50% done" in shown(client, f"{base}?q={number[:4]}-{number[4:]}"), "also one that is done"
        wrong = client.get(f"{base}?q={number[:-1]}{(int(number[-1]) + 1) % 10}")
        assert wrong.status_code == 422
        assert "Check each digit" in text_of(tree_of(wrong))
    assert "50% done" in desk.sign_in("a.clerk").get("/cases/csv?show=ended&q=done").text
    answer = desk.sign_in("w.worker").get(done)
    assert answer.location == f"/staff{done}", "staff who follow an office’s link"


def test_a_message_that_staff_have_not_seen_goes_on_waiting(desk: Desk, clock: Clock) -> None:
    path = desk.case()
    office, staff = desk.sign_in("a.clerk"), desk.sign_in("w.worker")
    read = re.findall(r'name="read" value="([^"]*)"', staff.get(f"/staff{path}").text)
    assert set(read) == {""}
    assert office.post(f"{path}/comment", {"comment": "STOP: wrong Tax ID"}).status_code == 303
    assert staff.post(f"/staff{path}/comment", {"comment": "We look into it.", "read": ""}).status_code == 303
    assert step(staff, f"/staff{path}", "ask", "received", "Which one?", read="") == 303
    assert "1 case has a new message" in shown(staff, "/staff/")
    [seen] = set(re.findall(r'name="read" value="([^"]*)"', staff.get(f"/staff{path}").text))
    assert staff.post(f"/staff{path}/comment", {"comment": "Thank you.", "read": seen}).status_code == 303
    assert desk.row(path).asked_at is None
    page = shown(office, path)
    assert "Write your answer to our question above." in page
    assert "Send message" not in page, "one way to answer"
    assert step(office, path, "withdraw", "question") == 303
    assert desk.row(path).asked_at is None, "nothing to answer"


def test_what_was_late_stays_late(desk: Desk, clock: Clock) -> None:
    path = desk.case(days=-20)
    staff = desk.sign_in("w.worker")
    assert step(staff, f"/staff{path}", "ask", "received", "Which one?") == 303
    assert step(staff, f"/staff{path}", "answer", "question", "No.") == 303
    assert desk.row(path).in_time is False, "a question does not make it good"
    assert step(desk.sign_in("a.clerk"), path, "again", "answered", "Please look again.") == 303
    assert desk.row(path).due_on == dt.date(2026, 11, 27), "the clock runs anew, without Thanksgiving"
    assert step(staff, f"/staff{path}", "answer", "received", "Still no.") == 303
    assert desk.row(path).in_time is False


def test_the_next_case_is_the_next_one_after_a_decision_as_well(desk: Desk) -> None:
    first, second, third = (desk.case(days=days) for days in (1, 2, 3))
    desk.case(due_on=None, days_left=4, state="question")
    staff = desk.sign_in("w.worker")
    done = staff.post(f"/staff{second}/step", {"step": "answer", "seen": "received", "words": "No."})
    page = tree_of(staff.get(done.location))
    [following] = [link.get("href") or "" for link in page.iter("a") if text_of(link) == "Next case"]
    assert staff.get(following).location == f"/staff{third}"
    assert staff.get(f"/staff{first}/next").location == f"/staff{third}"


def test_messages_go_to_those_who_may_see_the_case(desk: Desk) -> None:
    path = desk.case()
    staff = desk.sign_in("w.worker")
    with desk.world.session() as session:
        session.execute(sa.delete(PersonApplication).where(PersonApplication.person_id == desk.clerk.id))
    assert staff.post(f"/staff{path}/comment", {"comment": "Hello."}).status_code == 303
    assert mails(desk.world, "a.clerk@office.example") == []
    assert len(mails(desk.world, "d.delegate@office.example")) == 1
    # Nor does a case go to a successor who may not see it.
    heir = desk.world.person("h.heir", organization=desk.harbor, applications=["remittance"], name="Hal Heir")
    delegate = desk.sign_in("d.delegate")
    leaving = {"day": "2026-11-19", "successor": str(heir.id), "reason": "Retired", "known": "0"}
    assert delegate.post(f"/accounts/{desk.clerk.id}/leaving/save", leaving).status_code == 303
    assert desk.row(path).person_id == desk.delegate.id
    handed = [values["handed"] for _, values in mails(desk.world, "h.heir@office.example") if values.get("handed")]
    assert handed == [["1 open case, which Person D Delegate has now"]]
    activity = delegate.get("/our-activity").text
    assert f'href="{path}"' in activity
    with desk.world.session() as session:
        session.execute(sa.delete(PersonApplication).where(PersonApplication.person_id == desk.delegate.id))
    activity = delegate.get("/our-activity").text
    assert (f'href="{path}"' in activity, "Sample case" in activity) == (False, False), "no longer for these eyes"


def test_what_was_written_is_not_lost_when_no_step_is_left(desk: Desk) -> None:
    path = desk.case()
    staff = desk.sign_in("w.worker")
    assert step(desk.sign_in("a.clerk"), path, "withdraw", "received") == 303
    answer = staff.post(f"/staff{path}/step", {"step": "ask", "seen": "received", "words": "A long question."})
    assert answer.status_code == 409
    assert "What you wrote was not sent" in text_of(tree_of(answer))
    assert "A long question." in answer.text


def test_cases_of_somebody_who_has_gone_are_nobodys(desk: Desk) -> None:
    path = desk.case(assigned_to_id=desk.other.id)
    staff = desk.sign_in("w.worker")
    assert "assigned to nobody" not in shown(staff, "/staff/")
    with desk.world.session() as session:
        session.get_one(Person, desk.other.id).deactivated_at = THURSDAY
    assert "1 case is assigned to nobody" in shown(staff, "/staff/")
    number = desk.row(path).number
    assert number[:4] in shown(staff, "/staff/cases?show=unassigned")
    assert staff.get(f"/staff/cases?worker={desk.other.id}").status_code == 200
    assert "(cannot work on cases now)" in shown(staff, f"/staff{path}")


def test_nobody_takes_a_case_away_unseen(desk: Desk) -> None:
    path = desk.case()
    first, second = desk.sign_in("w.worker"), desk.sign_in("v.worker")
    key = path.rpartition("/")[2]
    shown_to_both = {"deed": f"assign:{desk.worker.id}", "case": [f"{key}:received:"]}
    assert first.post("/staff/cases/many", shown_to_both).status_code == 303
    answer = second.post("/staff/cases/many", {**shown_to_both, "deed": f"assign:{desk.other.id}"})
    assert "has taken it in the meantime" in shown(second, answer.location)
    answer = second.post(f"/staff{path}/assign", {"worker": str(desk.other.id), "was": ""})
    assert "Nothing was done." in shown(second, answer.location)
    assert desk.row(path).assigned_to_id == desk.worker.id
    assert second.post(f"/staff{path}/assign", {"worker": str(desk.other.id), "was": str(desk.worker.id)}).location
    assert desk.row(path).assigned_to_id == desk.other.id


def test_what_is_checked_on_a_later_page_stays_checked(desk: Desk) -> None:
    with desk.world.session() as session:
        for _ in range(26):
            portal_case(session, desk.harbor, KIND, "received")
    staff = desk.sign_in("w.worker")
    page = staff.get("/staff/cases?page=2&sort=-opened")
    [action] = re.findall(r'action="(/staff/cases/many[^"]*)"', page.text)
    [box] = re.findall(r'name="case" value="([^"]+)"', page.text)
    answer = staff.post(action.replace("&amp;", "&"), {"case": [box]})
    assert answer.status_code == 422
    assert re.search(rf'value="{box}"[^>]* checked', answer.text)
    long = "\N{GRINNING FACE}" * 100
    assert staff.post(f"/staff/cases/views?q={long}", {"name": "Long"}).status_code == 303


def test_the_console_counts_what_one_may_decide(desk: Desk) -> None:
    desk.case()
    desk.world.staff("o.other", permissions=["staff:console:open", "staff:cases:work"])
    assert "assigned to nobody" not in shown(desk.sign_in("o.other"), "/staff/")
    assert "1 case is assigned to nobody" in shown(desk.sign_in("w.worker"), "/staff/")
