"""Access reviews: begun by the worker, decided row by row, signed, reminded of, and kept for the auditor."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pikepdf
import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from hp_portal.clock import now as the_time
from hp_portal.core.delegates import review_reminding, reviewing
from hp_portal.core.delegates.models import AccessReview
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.tax_ids import seeing
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.messages import mails
from tests.support.people import recorded
from tests.support.world import World

REVIEW = "/access-review"
START = dt.datetime(2026, 1, 15, 18, tzinfo=dt.UTC)


def work(world: World) -> None:
    """What the worker does."""
    with world.app.app_context(), world.session() as session:
        review_reminding.go_on_with_reviews(session, world.settings)


def told(world: World) -> list[tuple[str, str]]:
    """Who was told what."""
    return [(email.partition("@")[0], values["what"]) for email, values in mails(world, "access_review")]


def decisions(page: TestResponse) -> dict[str, str]:
    """What the page shows beside each row."""
    rows = [row for body in tree_of(page).iter("tbody") for row in body.iter("tr")]
    return {
        text_of(next(row.iter("th"))): next(
            (
                text_of(badge)
                for cell in row.iter("td")
                for badge in cell.iter("span")
                if "badge" in badge.get("class", "")
            ),
            "",
        )
        for row in rows
    }


class Clinic:
    """A clinic with two delegates and a clerk, for which a billing service works, when its first review has begun."""

    def __init__(self, world: World, clock: Clock) -> None:
        clock.set(START)
        self.world = world
        self.organization = world.organization("Harbor Sample Clinic")
        self.dana = world.person("d.ana", organization=self.organization, delegate=True, name="Dana Delegate")
        self.eve = world.person("e.ve", organization=self.organization, delegate=True, name="Eve Delegate")
        self.clerk = world.person("c.lerk", organization=self.organization, name="Casey Clerk")
        self.payee = world.payee(name="Harbor Sample Payee")
        world.grant(self.organization, self.payee)
        self.ledger = world.organization("Ledger Sample Billing", audience="billing")
        world.person("l.edger", organization=self.ledger, delegate=True)
        self.grant = world.grant(self.ledger, self.payee)
        clock.set(START.replace(month=4))
        work(world)
        self.id = self.review().id

    def review(self) -> AccessReview:
        with self.world.session() as session:
            of = AccessReview.organization_id == self.organization.id
            return session.scalars(sa.select(AccessReview).where(of).order_by(AccessReview.id.desc()).limit(1)).one()

    def decide(self, client: PortalClient, subject: str, decision: str, before: str = "") -> TestResponse:
        data = {"subject": subject, "decision": decision, "before": before}
        return client.post(f"{REVIEW}/{self.id}/decide", data, follow_redirects=True)

    def everything(self, client: PortalClient, but: dict[str, str] | None = None) -> dict[str, str]:
        """Decide every row: to keep it, or as given."""
        wanted = {f"person:{one.id}": "keep" for one in (self.dana, self.eve, self.clerk)}
        wanted |= {f"organization:{self.ledger.id}": "keep", **(but or {})}
        for subject, decision in wanted.items():
            self.decide(client, subject, decision)
        return wanted

    def sign(self, client: PortalClient, name: str = "dana  delegate", shown: str | None = None) -> TestResponse:
        page = client.get(REVIEW)
        found = next((one for one in tree_of(page).iter("input") if one.get("name") == "shown"), None)
        known = found.get("value", "") if found is not None else ""
        return client.post(
            f"{REVIEW}/{self.id}/sign", {"agree": "y", "name": name, "shown": known if shown is None else shown}
        )

    def of_name(self, name: str) -> int:
        with self.world.session() as session:
            return session.scalars(sa.select(Person.id).where(Person.name == name)).one()

    def of(self, model: Any, key: int) -> Any:
        with self.world.session() as session:
            return session.get_one(model, key)


@pytest.fixture
def clinic(world: World, clock: Clock) -> Clinic:
    return Clinic(world, clock)


def test_a_review_is_decided_row_by_row_and_signed(clinic: Clinic) -> None:
    world = clinic.world
    dana, eve = world.sign_in("d.ana"), world.sign_in("e.ve")
    assert told(world) == [("d.ana", "start"), ("e.ve", "start")], (
        "not the billing service, which has one account alone"
    )
    assert "Review who has access" in dana.get("/").text
    assert "Review who has access" not in world.sign_in("c.lerk").get("/").text
    assert world.sign_in("c.lerk").get(REVIEW).status_code == 403
    page = dana.get(REVIEW)
    rows = ["Casey Clerk", "Dana Delegate Delegate", "Eve Delegate Delegate", "Ledger Sample Billing"]
    assert list(decisions(page)) == rows
    assert "4 rows are not decided yet" in page.text

    # One after the other, kept on the server; nothing has an effect yet, and everything can be changed.
    clinic.decide(dana, f"person:{clinic.clerk.id}", "end")
    clinic.decide(dana, f"organization:{clinic.ledger.id}", "keep")
    page = clinic.decide(dana, f"organization:{clinic.ledger.id}", "end", "keep")
    assert list(decisions(page).values()) == ["End", "", "", "End"]
    assert clinic.of(Person, clinic.clerk.id).deactivated_at is None
    assert clinic.of(Grant, clinic.grant.id).ended_at is None
    assert "cannot end your own account" in clinic.decide(dana, f"person:{clinic.dana.id}", "end").text
    assert "has no access any more" in clinic.decide(dana, "person:999999", "end").text
    assert dana.post(f"{REVIEW}/{clinic.id}/decide", {"subject": "person:1", "decision": "perhaps"}).status_code == 400

    # The other delegate sees that, is told, and does not overwrite unseen what was decided meanwhile.
    assert "Dana Delegate works on this review, too" in eve.get(REVIEW).text
    assert "has decided about this row meanwhile" in clinic.decide(eve, f"person:{clinic.clerk.id}", "keep").text
    assert "works on this review, too" not in dana.get(REVIEW).text
    clinic.decide(eve, f"person:{clinic.clerk.id}", "keep", "end")
    clinic.decide(eve, f"person:{clinic.clerk.id}", "end", "keep")
    clinic.decide(eve, f"person:{clinic.dana.id}", "end")
    clinic.decide(dana, f"person:{clinic.eve.id}", "keep")
    refused = clinic.sign(dana)
    assert (refused.status_code, "wants to end your own account" in refused.text) == (409, True)
    clinic.decide(dana, f"person:{clinic.dana.id}", "keep", "end")

    # A signature is one's own name, and an agreement.
    wrong = clinic.sign(dana, "Eve Delegate")
    assert (wrong.status_code, "Type your name as it stands" in wrong.text, 'value="Eve Delegate"' in wrong.text) == (
        422,
        True,
        True,
    )
    missing = dana.post(f"{REVIEW}/{clinic.id}/sign", {"name": "Dana Delegate"})
    assert (missing.status_code, "gone through every row" in missing.text) == (422, True)
    clerk = world.sign_in("c.lerk")
    answer = clinic.sign(dana)
    assert answer.status_code == 303, answer.text
    assert clinic.of(Person, clinic.clerk.id).deactivated_at is not None
    assert clinic.of(Person, clinic.eve.id).deactivated_at is None
    assert clinic.of(Grant, clinic.grant.id).ended_at is not None
    assert clerk.get("/my-activity").status_code == 303, "signed out at once"
    assert told(world)[2:] == [("e.ve", "signed")]
    kept = clinic.review()
    assert (kept.signed_name, kept.signed_by_id, kept.address) == ("dana delegate", clinic.dana.id, "127.0.0.1")
    assert kept.digest == hashlib.sha256(kept.contents.encode()).hexdigest()
    (event,) = recorded(world, "delegates.access-review.signed")
    assert event == {"review": clinic.id, "kept": 2, "ended": 2, "digest": kept.digest}
    said = dana.get("/our-activity").text
    assert "Signed the access review: 2 kept, 2 ended" in said
    assert "Decided in the access review to end the access of Ledger Sample Billing" in said
    assert "has signed this review meanwhile" in clinic.decide(eve, f"person:{clinic.eve.id}", "end").text
    assert (
        "has signed this review meanwhile"
        in eve.post(
            f"{REVIEW}/{clinic.id}/sign", {"agree": "y", "name": "Eve Delegate", "shown": ""}, follow_redirects=True
        ).text
    )


def test_what_changed_since_must_be_decided_anew(clinic: Clinic, clock: Clock) -> None:
    world = clinic.world
    dana = world.sign_in("d.ana")
    clinic.everything(dana)
    shown = next(one.get("value") for one in tree_of(dana.get(REVIEW)).iter("input") if one.get("name") == "shown")
    clock.advance(minutes=5)
    world.person("n.ew", organization=clinic.organization, name="Nina New")
    refused = clinic.sign(dana, shown=shown)
    assert (refused.status_code, "Something has changed" in refused.text) == (409, True)
    page = dana.get(REVIEW)
    assert "Nina New New since the review began" in decisions(page)
    assert "1 row is not decided yet" in page.text
    with world.session() as session, world.app.app_context():
        now = reviewing.open_review(session, cast(Actor, SimpleNamespace(organization_id=clinic.organization.id)))
    assert now is not None
    assert clinic.sign(dana, shown=now.shown).status_code == 409, "whatever is said to have been shown"
    assert clinic.review().signed_at is None
    clinic.decide(dana, f"person:{clinic.of_name('Nina New')}", "keep")
    assert "not decided yet" not in dana.get(REVIEW).text

    # Access that goes on for longer than what was kept.
    with world.session() as session:
        session.get_one(Grant, clinic.grant.id).ends_at = the_time() + dt.timedelta(days=900)
    assert "Ledger Sample Billing Changed since it was decided" in decisions(dana.get(REVIEW))
    clinic.decide(dana, f"organization:{clinic.ledger.id}", "keep")
    assert "not decided yet" not in dana.get(REVIEW).text

    # More access of somebody who was decided about already; and less of it counts as a change as well.
    second = world.payee(name="Harbor Sample Second")
    world.grant(clinic.organization, second)
    world.grant(clinic.ledger, second)
    page = dana.get(REVIEW)
    assert "Ledger Sample Billing New since the review began" in decisions(page)
    assert "1 row is not decided yet" in page.text
    assert clinic.sign(dana).status_code == 409
    clinic.decide(dana, f"organization:{clinic.ledger.id}", "end")
    with world.session() as session:
        session.execute(sa.update(Person).where(Person.id == clinic.eve.id).values(is_delegate=False))
    assert "Eve Delegate Changed since it was decided" in decisions(dana.get(REVIEW))
    clinic.decide(dana, f"person:{clinic.eve.id}", "keep")
    # What is shown is what is signed: a page of before is refused.
    assert clinic.sign(dana, shown=shown).status_code == 409
    assert clinic.sign(dana).status_code == 303
    with world.session() as session:
        open_ones = sa.select(Grant.id).where(Grant.organization_id == clinic.ledger.id, Grant.ended_at.is_(None))
        assert session.scalars(open_ones).all() == []
    assert world.sign_in("e.ve").get(REVIEW).status_code == 403


def test_two_who_sign_at_once_give_one_signature_and_one_message(clinic: Clinic) -> None:
    world = clinic.world
    dana, eve = world.sign_in("d.ana"), world.sign_in("e.ve")
    clinic.everything(dana, {f"person:{clinic.clerk.id}": "end"})
    shown = next(one.get("value", "") for one in tree_of(dana.get(REVIEW)).iter("input") if one.get("name") == "shown")
    before = len(told(world))

    def sign(who: tuple[PortalClient, str]) -> str:
        client, name = who
        data = {"agree": "y", "name": name, "shown": shown}
        return client.post(f"{REVIEW}/{clinic.id}/sign", data, follow_redirects=True).text

    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(sign, ((dana, "Dana Delegate"), (eve, "Eve Delegate"))))
    assert sum("The access review is signed" in one for one in said) == 1
    assert sum("has signed this review meanwhile" in one for one in said) == 1
    assert len(recorded(world, "delegates.access-review.signed")) == 1
    assert [what for _, what in told(world)[before:]] == ["signed"]
    assert len(recorded(world, "people.person.deactivated")) == 1


def test_reminders_the_next_review_and_what_staff_see(clinic: Clinic, clock: Clock) -> None:
    world = clinic.world
    world.staff("a.staff", permissions=("staff:console:open", "staff:access-reviews:read"))
    staff = world.sign_in("a.staff")
    due = clinic.review().due_at
    assert due == START.replace(month=4) + dt.timedelta(days=30)
    for moment, what in (
        (due - dt.timedelta(days=15), ""),
        (due - dt.timedelta(days=14), "soon"),
        (due - dt.timedelta(days=13), ""),
        (due, "due"),
        (due + dt.timedelta(days=6), ""),
        (due + dt.timedelta(days=7), "late"),
        (due + dt.timedelta(days=14), "late"),
    ):
        before = len(told(world))
        clock.set(moment)
        work(world)
        work(world)
        assert told(world)[before:] == ([("d.ana", what), ("e.ve", what)] if what else []), moment
    assert [one["what"] for one in recorded(world, "delegates.access-review.reminded")] == [
        "soon",
        "due",
        "late",
        "late",
    ]
    staff = world.sign_in("a.staff")
    assert "1 access review is overdue" in staff.get("/staff/").text
    assert "Harbor Sample Clinic" in staff.get("/staff/access-reviews").text
    dana = world.sign_in("d.ana")
    assert "Your access review is overdue" in dana.get("/").text
    clinic.everything(dana)
    assert clinic.sign(dana).status_code == 303
    assert "access review" not in staff.get("/staff/").text.partition("All parts")[0]
    assert "No access review fits" in staff.get("/staff/access-reviews").text
    assert "Harbor Sample Clinic" in staff.get("/staff/access-reviews?show=signed&name=harbor").text
    assert staff.get("/staff/access-reviews?show=some").status_code == 422

    # Three months after the last one began, at the earliest 30 days after it was signed; never beside one that is open.
    signed = clinic.review().signed_at
    assert signed is not None
    clock.set(START.replace(month=7) - dt.timedelta(hours=1))
    work(world)
    assert clinic.review().id == clinic.id
    clock.set(START.replace(month=7))
    work(world)
    assert clinic.review().id != clinic.id
    clock.set(START.replace(year=2027))
    work(world)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(AccessReview.id))) == 2


def test_the_signed_review_is_a_pdf_for_the_auditor(clinic: Clinic) -> None:
    world = clinic.world
    world.staff("a.staff", permissions=("staff:console:open", "staff:access-reviews:read"))
    dana = world.sign_in("d.ana")
    assert dana.get(f"{REVIEW}/{clinic.id}/pdf").status_code == 404, "not signed yet"
    clinic.everything(dana, {f"person:{clinic.clerk.id}": "end"})
    clinic.sign(dana)
    assert "127.0.0.1" in clinic.review().contents
    for client, path in (
        (dana, f"{REVIEW}/{clinic.id}/pdf"),
        (world.sign_in("a.staff"), f"/staff/access-reviews/{clinic.id}/pdf"),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.content_type) == (200, "application/pdf")
        with pikepdf.open(io.BytesIO(answer.get_data())) as pdf:
            assert pdf.Root.MarkInfo.Marked
    assert len(recorded(world, "delegates.access-review.downloaded")) == 2
    world.person("o.ther", organization=world.organization("Other Clinic"), delegate=True)
    assert world.sign_in("o.ther").get(f"{REVIEW}/{clinic.id}/pdf").status_code == 404
    with world.session() as session:
        row = session.get_one(AccessReview, clinic.id)
        row.contents = row.contents.replace("Casey", "Carol")
    assert dana.get(f"{REVIEW}/{clinic.id}/pdf").status_code == 500, "what was changed since is handed to nobody"


def test_no_use_is_counted_where_it_is_not_shown(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does the worker ask for more than an organization of one person that nobody works for."""
    world, counted = clinic.world, []

    def used(*given: Any) -> dict[int, Any]:
        counted.append(given)
        return {}

    monkeypatch.setattr(seeing, "used_of", used)
    monkeypatch.setattr(seeing, "_used_by_people", used)
    dana = world.sign_in("d.ana")
    dana.get(REVIEW)
    assert len(counted) == 2
    data = {"subject": f"person:{clinic.eve.id}", "decision": "keep"}
    assert dana.post(f"{REVIEW}/{clinic.id}/decide", data).status_code == 303
    assert dana.get(f"/who-can-see-our-data/end?grant={clinic.grant.id}").status_code == 200
    assert len(counted) == 2

    asked: list[int] = []

    def seen(session: Any, organization_id: int, **more: Any) -> Any:
        asked.append(organization_id)
        return seeing.who_sees(session, organization_id, **more)

    monkeypatch.setattr(review_reminding, "who_sees", seen)
    lone, helped = world.organization("Lone Sample Clinic"), world.organization("Helped Sample Clinic")
    for name, organization in (("l.one", lone), ("h.elped", helped)):
        world.person(name, organization=organization, delegate=True)
    tin = make_tin(5511)
    world.grant(helped, world.payee(tin))
    world.grant(clinic.ledger, world.payee(tin))
    with world.session() as session:
        session.execute(sa.update(Organization).values(validated_at=START))
    work(world)
    assert asked == [helped.id]
    assert len(counted) == 2
    assert ("h.elped", "start") in told(world)


def test_reviews_can_be_turned_off(database_url: str, make_app: MakeApp, clock: Clock) -> None:
    clock.set(START)
    world = World(make_app(database_url, access_review_months=0))
    organization = world.organization()
    for name in ("d.ana", "e.ve"):
        world.person(name, organization=organization, delegate=True)
    clock.set(START.replace(year=2027))
    work(world)
    assert told(world) == []
    assert "does not ask for access reviews" in world.sign_in("d.ana").get(REVIEW).text


def test_months_end_where_a_month_is_shorter() -> None:
    assert review_reminding.months_after(dt.datetime(2026, 11, 30, tzinfo=dt.UTC), 3) == dt.datetime(
        2027, 2, 28, tzinfo=dt.UTC
    )
