"""Who may answer a request for access, to which request the answer goes, and what is told of it."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.billing_access import deciding, offers
from hp_portal.core.billing_access.checking import payees_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.access_requests import AccessRequest
from hp_portal.core.organizations.models import BY_ITSELF, BY_TRIAL, Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.moving import end_if_empty
from tests.support.access_requests import access_request
from tests.support.asked import BASE, NPI, OFFICE, ONE, SECOND, TIN, Scene, make_scene
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_tin
from tests.support.pdf import TaggedPdf
from tests.support.world import World


@pytest.fixture
def scene(world: World, clock: Clock) -> Scene:
    return make_scene(world, clock)


DAYS = dt.timedelta(days=30)
DELEGATES = {"whom": "delegates", "name": "", "title": "", "email": "", "phone": ""}


def hidden(page: Any) -> list[str]:
    """What tells the request, in every form of a page."""
    return [one.get("value") or "" for one in tree_of(page).iter("input") if one.get("name") == "request"]


def test_an_answer_goes_to_the_request_that_was_shown(scene: Scene) -> None:
    scene.ask()
    first = scene.follow()
    page = first.get("/approve/request")
    own = str(scene.request().id)
    assert hidden(page) == [own] * 4, "one in each of the four forms"
    shady = scene.world.organization("Shady Billing", audience="billing")
    scene.world.person("s.biller", organization=shady, delegate=True, name="Sid Shade")
    form = {"provider": "", "tin": TIN, "npis": "", "whom": "person", "form": "s1", **OFFICE}
    assert scene.world.sign_in("s.biller").post(f"{BASE}/new/send", form).status_code == 303
    other = scene.messages("access_asked")[-1][1]["link"].rpartition("/")[2]
    first.get(f"/approve/{other}")
    started = first.get("/approve")
    assert hidden(started) == [str(scene.request().id)]
    assert first.post("/approve/open", {"request": own}).status_code == 409
    assert scene.request().opened_at is None
    assert first.post("/approve/open", {"request": hidden(started)[0]}).status_code == 303
    handed = {f"other-{key}": value for key, value in {**OFFICE, "email": "paul@harbor.example"}.items()}
    for how, typed in (("decline", {"decline-answer": "We do not know why."}), ("not-known", {}), ("pass-on", handed)):
        for told in ({"request": own}, {}):
            assert first.post(f"/approve/request/{how}", {**typed, **told}).status_code == 409
    refused = scene.approve(first, request=own)
    assert refused.status_code == 409
    assert "another request in this browser" in text_of(tree_of(refused))
    request = scene.request()
    assert (request.state, request.passed_on) == ("waiting", 0)
    assert scene.approve(first).status_code == 303
    assert scene.request().state == "approved"
    assert scene.sees() == [], "Ledger's own request still waits"


def test_nobody_answers_what_their_other_organization_asks_for(scene: Scene) -> None:
    with scene.world.session() as session:
        biller = session.scalars(sa.select(Person).filter_by(username="l.biller")).one()
    scene.world.membership(biller, scene.harbor, delegate=True)
    own = f"/o/{scene.ledger.id}{BASE}"
    assert scene.asker.post(f"{own}/new/send", {**ONE, **DELEGATES}).status_code == 303
    assert [to for to, _ in scene.messages("access_asked")] == ["h@harbor.example"]
    page = f"/o/{scene.harbor.id}/access-requests/{scene.request().id}"
    read = scene.asker.get(page)
    assert "Another delegate has to answer" in read.text
    assert hidden(read) == []
    form = {"payees": [str(scene.payees[0].id)], "until": "2026-09-01", "signed_name": "L", "signed_title": "Owner"}
    for how, typed in (("approve", {**form, "signed_name": "Lou Sample"}), ("not-known", {})):
        refused = scene.asker.post(f"{page}/{how}", typed)
        assert refused.status_code == 303
        assert "You work for Ledger Billing, too" in scene.asker.get(page).text
    assert scene.request().state == "waiting"
    assert scene.sees() == []
    scene.asker.post(f"{own}/{scene.request().id}/withdraw", {})
    with scene.world.session() as session:
        session.execute(sa.update(Person).filter_by(username="h.delegate").values(is_delegate=False))
    assert scene.asker.post(f"{own}/new/send", {**ONE, **DELEGATES, "form": "f2"}).status_code == 303
    assert len(scene.messages("access_asked")) == 1
    assert scene.request().state == "staff", "nobody else is left to ask"


def test_staff_look_where_the_approver_may_be_anybody(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    staff, unregistered = scene.world.sign_in("s.links"), make_tin(4720)
    scene.world.payee(unregistered, "", "Nobody's Clinic")

    def ask(form: str, email: str, tin: str = TIN, **changed: str) -> str:
        assert scene.ask(tin=tin, form=form, email=email, **changed).status_code == 303
        request = scene.request()
        scene.asker.post(f"{BASE}/{request.id}/withdraw", {})
        return request.why

    assert ask("f1", "olive@bought.example") == "other-domain"
    assert ask("f2", "olive@mail.harbor.example") == ""
    assert ask("f3", "me.second@gmail.com", unregistered) == "free-mail"
    # Where nobody is registered anybody could have bought the domain; an office that was linked before is known by its own.
    assert ask("f4", "olive@practice.example", unregistered) == "new-office"
    with scene.world.session() as session:
        payee = session.scalars(sa.select(Payee).where(Payee.name == "Nobody's Clinic")).one()
    for number, (how, on_trial, why) in enumerate(
        ((BY_TRIAL, False, "new-office"), (BY_ITSELF, True, "new-office"), (BY_ITSELF, False, ""))
    ):
        office = scene.world.organization()
        member = scene.world.person(f"o.ld{number}", organization=office)
        link = scene.world.grant(office, payee)
        with scene.world.session() as session:
            session.get_one(Organization, office.id).provisional = on_trial
            session.get_one(Person, member.id).email = f"old{number}@practice{number}.example"
            gone = session.get_one(Grant, link.id)
            gone.ended_at, gone.ended_how = clock.now(), how
        assert ask(f"g{number}", f"olive@mail.practice{number}.example", unregistered) == why
    assert scene.ask(tin=unregistered, form="h1", email="olive@practice.example").status_code == 303
    page = text_of(tree_of(scene.asker.get(f"{BASE}/{scene.request().id}")))
    assert "We check new offices first. That takes up to 2 business days" in page
    assert "up to 2 business days" in scene.asker.get(f"{BASE}/new").text
    waits = f"/staff/access-requests/{scene.request().id}"
    assert "No office of this provider is registered" in text_of(tree_of(staff.get(waits)))
    assert staff.post(f"{waits}/send", {"reason": "called them"}).status_code == 303
    for email, state in (("paul@practice.example", "waiting"), ("paul@other.example", "staff")):
        handed = {f"other-{key}": value for key, value in {**OFFICE, "email": email}.items()}
        assert scene.answer(scene.follow(), "pass-on", handed).status_code == 303
        assert scene.request().state == state, "within the office that staff have looked at, and to another"
    scene.asker.post(f"{BASE}/{scene.request().id}/withdraw", {})
    for email in ("x@mail.ledger.example", "L+office@ledger.example"):
        assert "own organization" in text_of(tree_of(scene.ask(email=email))), email
    with scene.world.session() as session:
        person = sa.update(Person).where(Person.username == "l.biller")
        session.execute(person.values(email="ledger.one@gmail.com"))
    assert scene.ask(email="ledgerone+office@googlemail.com").status_code == 422
    assert scene.ask(form="f5", email="olive@bought.example").status_code == 303
    held = f"/staff/access-requests/{scene.request().id}"
    assert "domain is none of those" in text_of(tree_of(staff.get(held)))
    with scene.world.session() as session:
        session.execute(person.values(email="olive@bought.example"))
    refused = staff.post(f"{held}/send", {"reason": "called them"})
    assert refused.status_code == 422
    assert "belongs to the organization that asks" in text_of(tree_of(refused))
    for how in ("send", "refuse", "settle"):
        assert staff.post(f"/staff/access-requests/99999/{how}", {"reason": "called them"}).status_code == 404
    assert scene.ask(tin=make_tin(4721), form="f6", email="olive@practice.example").status_code == 303
    unknown = f"/staff/access-requests/{scene.request().id}"
    assert "Send it to" not in staff.get(unknown).text
    assert staff.post(f"{unknown}/send", {"reason": "called them"}).status_code == 422
    assert scene.ask(**DELEGATES, tin=unregistered, form="f7").status_code == 303
    nobody = f"/staff/access-requests/{scene.request().id}"
    assert staff.post(f"{nobody}/send", {"reason": "called them"}).status_code == 422
    with scene.world.session() as session:
        payee = session.scalars(sa.select(Payee).where(Payee.name == "Nobody's Clinic")).one()
    scene.world.grant(scene.harbor, payee)
    assert "it can be sent" in staff.get(nobody).text
    assert staff.post(f"{nobody}/send", {"reason": "they have registered"}).status_code == 303
    assert scene.messages("access_asked")[-1][0] == "h@harbor.example"


def test_who_approves_is_checked_once_more(scene: Scene) -> None:
    scene.ask()
    client = scene.follow()
    refused = scene.approve(client, signed_name="Sample, Lanna")
    assert refused.status_code == 422
    assert "works for the organization that asks" in refused.text
    assert 'value="Sample, Lanna"' in refused.text
    scene.world.person("l.olive", organization=scene.ledger, name="Olive Office")
    refused = scene.approve(client, signed_name="Harriet Harbor")
    assert refused.status_code == 422
    assert "Name another person below" in refused.text
    assert scene.sees() == []
    assert scene.answer(client, "decline", {"decline-answer": "She left us."}).status_code == 303


def test_a_delegate_approves_what_their_organization_sees(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.ask()
    delegate, one = scene.world.sign_in("h.delegate"), f"/access-requests/{scene.request().id}"
    page = delegate.get(one)
    assert NPI in page.text
    assert SECOND not in page.text
    assert "Some of it is not yours to approve" in page.text
    form = {"until": "2026-09-01", "signed_name": "Hanna Sample", "signed_title": "Owner"}
    for payees in (scene.payees, scene.payees[1:]):
        chosen = [str(payee.id) for payee in payees]
        assert delegate.post(f"{one}/approve", {**form, "payees": chosen}).status_code == 422
    with monkeypatch.context() as patch:  # the page was read while the office was linked to all of it
        patch.setattr(offers, "seen_by", lambda session, organization_id, payees: list(payees))
        refused = delegate.post(f"{one}/approve", {**form, "payees": [str(payee.id) for payee in scene.payees]})
        assert (refused.status_code, "has changed meanwhile" in refused.text, scene.sees()) == (422, True, [])
    scene.world.grant(scene.harbor, scene.payees[1])
    shown = delegate.get(one)
    assert SECOND in shown.text
    assert "not yours" not in shown.text
    with scene.world.session() as session:
        second = sa.update(Grant).filter_by(organization_id=scene.harbor.id, payee_id=scene.payees[1].id)
        session.execute(second.values(ended_at=clock.now()))
    assert delegate.post(f"{one}/approve", {**form, "payees": [str(scene.payees[0].id)]}).status_code == 303
    assert scene.sees() == [scene.payees[0].id]
    assert scene.request().state == "partly"
    assert scene.asker.post(f"{BASE}/{scene.request().id}/again", {}).status_code == 303
    only = {**DELEGATES, "npis": SECOND, "form": "f2"}
    scene.asker.post(f"{BASE}/{scene.request().id}/withdraw", {})
    assert scene.ask(**only).status_code == 303
    page = delegate.get(f"/access-requests/{scene.request().id}")
    assert "Nothing here is yours to approve yet" in page.text
    assert "Decline, with a reason" in page.text


def test_whoever_asked_reads_of_the_answer_what_is_for_them(scene: Scene) -> None:
    scene.ask()
    assert scene.approve(scene.follow(), [scene.payees[0].id]).status_code == 303
    request_id, zone = scene.request().id, scene.world.settings.payer.zone
    with scene.world.session() as session:
        grant = session.scalars(sa.select(Grant).where(Grant.organization_id == scene.ledger.id)).one()
    midnight = dt.datetime(2027, 3, 2, tzinfo=zone)
    assert grant.ends_at == midnight, "as when a delegate extends it"
    assert "until Mar 1, 2027" in scene.messages("access_answered")[-1][1]["what"]
    # The last day stands everywhere, where the payer is: it ends with the midnight that is the next day's already.
    asker = scene.asker
    for path in (f"{BASE}/{request_id}", "/apps/tax-id-npi-access/"):
        page = text_of(tree_of(asker.get(path)))
        assert ("until Mar 1, 2027" in page, "Mar 2, 2027" in page) == (True, False), path
    [row] = csv.DictReader(io.StringIO(asker.get(f"{BASE}/csv").data.decode("utf-8-sig")))
    assert row["access_until"] == "2027-03-01"
    for path in ("/who-can-see-our-data", f"/access-requests/{request_id}"):
        assert "Mar 1, 2027" in text_of(tree_of(scene.world.sign_in("h.delegate").get(path)))
    delegate = scene.world.sign_in("h.delegate")
    theirs = TaggedPdf(scene.asker.get(f"{BASE}/{request_id}/record").data).tree.whole_text
    ours = TaggedPdf(delegate.get(f"/access-requests/{request_id}/record").data).tree.whole_text
    assert "Mar 1, 2027" in theirs
    for text in (theirs, scene.attached("access_answered")):
        assert NPI in text
        assert SECOND not in text
        assert "1 more" in text
        assert "Network address" not in text
    for text in (ours, scene.attached("access_approved")):
        assert SECOND in text
        assert "Network address" in text
    scene.ask(npis=SECOND, form="f2")
    assert scene.answer(scene.follow(), "not-known", {}).status_code == 303
    [told, *_] = reversed(scene.messages("access_answered"))
    assert told[1]["what"] == "The provider’s office has declined your request."
    words = text_of(tree_of(scene.asker.get(f"{BASE}/{scene.request().id}")))
    activity = text_of(tree_of(scene.asker.get("/my-activity"))) + text_of(tree_of(scene.asker.get("/our-activity")))
    assert "Declined" in words
    assert "was declined" in activity
    assert "know" not in told[1]["answer"]
    for text in (words, activity):
        assert "do not know" not in text
        assert "does not know" not in text
    with scene.world.session() as session:
        events = session.scalars(sa.select(AuditEvent).where(AuditEvent.event == "billing.access.disowned")).all()
    assert [one.organization_id for one in events] == [None]


def test_a_link_that_went_to_somebody_else_stays_dead(scene: Scene) -> None:
    scene.ask()
    wrong = scene.follow()
    handed = {f"other-{key}": value for key, value in {**OFFICE, "email": "paul@harbor.example"}.items()}
    assert scene.answer(wrong, "pass-on", handed).status_code == 303
    assert wrong.get("/approve/request").status_code == 410
    right = scene.follow()
    elsewhere = {**handed, "other-email": "gwen@gmail.com"}
    scene.approve(right)
    for path in ("/approve", "/approve/request"):
        assert wrong.get(path).status_code == 410
        assert right.get(path).status_code == 200, "whoever answered reads the answer"
    assert scene.ask(form="f2", npis="").status_code == 303
    again = scene.follow()
    assert scene.answer(again, "pass-on", elsewhere).status_code == 303
    assert scene.request().state == "staff"
    assert again.get("/approve").status_code == 410, "staff look at it first"


def test_requests_end_with_the_organization_that_asked(scene: Scene) -> None:
    scene.world.staff("s.links", permissions=["staff:tax-ids:manage", "staff:console:open"])
    scene.ask()
    client, page = scene.follow(), scene.request()
    scene.ask(tin=make_tin(4730), form="f2")
    held = f"/staff/access-requests/{scene.request().id}"
    with scene.world.session() as session:
        ended = sa.update(Organization).where(Organization.id == scene.ledger.id)
        session.execute(ended.values(ended_at=clock.now()))
    assert "does not use the portal any more" in client.get("/approve/request").text
    form = {"request": str(page.id), "payees": [str(scene.payees[0].id)], "until": "2026-09-01"}
    signed = {"signed_name": "Olive Office", "signed_title": "Owner"}
    assert client.post("/approve/request/approve", {**form, **signed}).status_code == 303
    assert "does not use the portal any more" in client.get("/approve/done").text
    staff = scene.world.sign_in("s.links")
    assert "has ended" in staff.get(held).text
    assert staff.post(f"{held}/send", {"reason": "called them"}).status_code == 422
    scene.clock.advance(days=8)
    scene.work()
    assert len(scene.messages("access_asked")) == 1, "nobody is reminded"
    with scene.world.session() as session:
        session.execute(ended.values(ended_at=None))
        session.execute(sa.update(Person).filter_by(username="l.biller").values(deactivated_at=clock.now()))
        assert end_if_empty(session, scene.ledger.id)
        session.commit()
    with scene.world.session() as session:
        assert set(session.scalars(sa.select(AccessRequest.state))) == {"withdrawn"}
    assert "does not use the portal any more" in client.get("/approve/request").text


def test_payees_that_go_while_somebody_approves(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.ask()
    client = scene.follow()
    monkeypatch.setattr(deciding, "payees_of", lambda session, tin, npis: payees_of(session, tin, npis)[1:])
    refused = scene.approve(client, signed_title="Office manager")
    assert refused.status_code == 422
    assert "has changed meanwhile" in refused.text
    assert 'value="Office manager"' in refused.text
    assert scene.sees() == []


def test_an_office_finds_every_request_the_oldest_first(scene: Scene) -> None:
    """A page at a time, with as many statements for many requests as for few."""
    delegate, engine = scene.world.sign_in("h.delegate"), scene.world.app.extensions["hp_portal.database"].engine
    counted: list[str] = []

    def note(*given: Any) -> None:
        counted.append(given[2])

    sa.event.listen(engine, "before_cursor_execute", note)

    def listed(page: str = "") -> tuple[list[str], str, int]:
        counted.clear()
        answer = delegate.get(f"/access-requests{page}")
        rows = [text_of(row) for body in tree_of(answer).iter("tbody") for row in body.iter("tr")]
        return rows, text_of(tree_of(answer)), len(counted)

    def more(number: int, **values: Any) -> None:
        """A request of a billing organization of its own."""
        other = scene.world.organization(f"Biller {number:03}", audience="billing")
        with scene.world.session() as session:
            access_request(session, other, tin=TIN, sent_at=clock.now(), due_at=scene.clock.now() + DAYS, **values)

    listed()
    for number in range(2):
        more(number)
    more(2, state="declined", ended_at=clock.now())
    more(3, state="approved", ended_at=clock.now(), access_until=scene.clock.now() + DAYS)
    rows, _, few = listed()
    assert [row[:10] for row in rows] == ["Biller 000", "Biller 001", "Biller 003", "Biller 002"]
    assert ["Waits" in row for row in rows] == [True, True, False, False]
    assert ["Approved" in row for row in rows] == [False, False, True, False]
    for number in range(4, 60):
        more(number)
    rows, words, many = listed()
    assert (len(rows), rows[0][:10], rows[-1][:10]) == (50, "Biller 000", "Biller 051")
    assert "1–50 of 60 requests" in words
    assert many <= few + 1, "the number of all, and nothing for each"
    rows, words, _ = listed("?page=2")
    assert [row[:10] for row in rows][-3:] == ["Biller 059", "Biller 003", "Biller 002"]
    assert "51–60 of 60 requests" in words
    sa.event.remove(engine, "before_cursor_execute", note)
