"""Asking delegates to contact somebody, after *Find my delegate*: what they are told, do, and report."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.delegates.models import DelegateLookup, DelegateRequest
from hp_portal.core.delegates.requests import Asker, add_request
from hp_portal.core.delivery.mail import render_html, render_text
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.limits.models import Attempt
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.worker import core_jobs, run_job
from tests.support.client import words_of
from tests.support.clock import Clock
from tests.support.delegates import (
    ASKER,
    NOON,
    NPI,
    TIN,
    ask,
    ask_only,
    build_clinic,
    events,
    follow,
    look,
    token_of,
)
from tests.support.world import World

pytestmark = pytest.mark.either_database


@pytest.fixture
def clinic(world: World) -> Organization:
    return build_clinic(world)


def test_the_delegates_are_asked_and_one_answers(world: World, clinic: Organization) -> None:
    client = world.client()
    lookup = token_of(look(client).text)
    for _ in range(2):  # a double click
        sent = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup})
        assert sent.location == "/find-my-delegate/asked"
    assert "Check your e-mail" in words_of(client.get("/find-my-delegate/asked"))
    with world.session() as session:
        [mail] = session.scalars(sa.select(Message)).all()
        assert mail.recipient == ASKER["email"], "nobody is told by an address that may be somebody else's"
        session.delete(mail)
        kept = values_of(session, mail)["link"]
    other = world.client()
    for _ in range(2):  # a mail scanner's GET changes nothing
        shown = other.get(kept.partition("localhost")[2], follow_redirects=True).text
        assert ASKER["about"] in shown
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(Message.id))) == 0
    for _ in range(2):
        assert other.post("/find-my-delegate/confirm").location == "/find-my-delegate/confirmed"
    assert "Your request is on its way" in other.get("/find-my-delegate/confirmed").text
    with world.session() as session:
        mails = session.scalars(sa.select(Message).order_by(Message.id)).all()
        assert [mail.recipient for mail in mails] == ["maria@office.example", "sam@office.example"]
        told = [values_of(session, mail) for mail in mails]
    assert {one["asker"] for one in told} == {"Robin Newcomer"}
    assert not any(ASKER["about"] in str(one) or TIN in str(one) for one in told), (
        "what it is about stays in the portal"
    )
    assert told[0]["link"].endswith("/contact-requests/1")

    clerk, delegate = world.sign_in("clerk"), world.sign_in("maria")
    assert "asks you to contact them" not in clerk.get("/").text
    assert clerk.get("/contact-requests", check=False).status_code == 403
    assert "Somebody asks you to contact them" in delegate.get("/").text
    assert "Robin Newcomer" in delegate.get("/contact-requests").text
    shown = delegate.get("/contact-requests/1").text
    for words in ASKER.values():
        assert words in shown
    assert delegate.post("/contact-requests/1/answer", {"answer": ""}).status_code == 422
    for tax_id in (TIN, f"{TIN[:2]}-{TIN[2:]}", f"{TIN[:3]}-{TIN[3:5]}-{TIN[5:]}"):
        refused = delegate.post("/contact-requests/1/answer", {"answer": f"Our number is {tax_id}."})
        assert (refused.status_code, "e-mail is not secure" in words_of(refused)) == (422, True)
    answer = {"answer": "Come to room 4.\nWe make you an account."}
    assert delegate.post("/contact-requests/1/answer", answer).status_code == 303
    again = world.sign_in("sam").post("/contact-requests/1/answer", answer, follow_redirects=True)
    assert "has already dealt with this request" in again.text
    assert "Answered" in again.text
    assert "asks you to contact them" not in delegate.get("/").text
    with world.session() as session:
        mails = session.scalars(sa.select(Message).order_by(Message.id)).all()
        assert [(mail.recipient, mail.state) for mail in mails] == [
            ("maria@office.example", "canceled"),
            ("sam@office.example", "canceled"),
            ("robin@office.example", "waiting"),
        ], "whoever was not told yet need not be"
        assert values_of(session, mails[2]) == {
            "delegate": "Dr. Maria Lopez",
            "organization": clinic.name,
            **answer,
        }
    assert [name for name, _ in events(world, "delegates.request.%")] == [
        "delegates.request.written",
        "delegates.request.made",
        "delegates.request.listed",
        "delegates.request.viewed",
        "delegates.request.answered",
        "delegates.request.viewed",
    ]


def test_a_request_that_is_not_confirmed_is_read_by_nobody(world: World, clinic: Organization, clock: Clock) -> None:
    clock.set(NOON)
    client, delegate = ask_only(world), world.sign_in("maria")
    assert "asks you to contact them" not in delegate.get("/").text
    assert "Robin" not in delegate.get("/contact-requests").text
    assert delegate.get("/contact-requests/1", check=False).status_code == 404
    assert client.post("/find-my-delegate/confirm").status_code == 410, "the link was not opened"
    clock.advance(days=1)
    assert follow(world, client).status_code == 410
    assert client.post("/find-my-delegate/confirm").status_code == 410
    (job,) = (job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts")
    assert run_job(world.app, job)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(DelegateRequest.id))) == 0


def test_whoever_did_not_ask_throws_the_request_away(world: World, clinic: Organization) -> None:
    client = ask_only(world)
    assert "It was not me" in follow(world, client).text
    assert "nobody was told" in client.post("/find-my-delegate/not-me", follow_redirects=True).text
    assert follow(world, client).status_code == 410
    assert client.post("/find-my-delegate/not-me").status_code == 410
    assert ("delegates.request.disowned", {"requests": 1}) in events(world, "delegates.request.%")
    ask(world)
    follow(world, client)
    client.post("/find-my-delegate/not-me")
    assert "Robin" in world.sign_in("maria").get("/contact-requests").text, "confirmed is confirmed"


def test_a_request_is_confirmed_twice_at_once(world: World, clinic: Organization) -> None:
    clients = [ask_only(world), world.client()]
    for client in clients:
        follow(world, client)
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda client: client.post("/find-my-delegate/confirm").status_code, clients)
        assert list(told) == [303, 303]
    with world.session() as session:
        about = sa.select(Message.recipient).where(Message.about == "contact-request:1")
        assert sorted(session.scalars(about)) == ["maria@office.example", "sam@office.example"]


def test_the_messages_can_be_read(world: World, clinic: Organization) -> None:
    ask(world, name="Robin O’Neil & Sons")
    world.sign_in("maria").post("/contact-requests/1/answer", {"answer": "Yes & no."})
    with world.session() as session, world.app.test_request_context():
        for mail in session.scalars(sa.select(Message)):
            values = values_of(session, mail)
            text, html = render_text(mail, values), render_html(mail, values)
            assert (clinic.name in text, clinic.name in html) == (mail.template != "delegate_confirm",) * 2
            assert TIN not in text + html
            assert "Yes &amp; no." in html or "O’Neil &amp; Sons" in html


def test_another_organization_s_request_is_not_there(world: World, clinic: Organization) -> None:
    ask(world)
    world.person("other", delegate=True)
    other = world.sign_in("other")
    assert "Robin" not in other.get("/contact-requests").text
    assert other.get("/contact-requests/1", check=False).status_code == 404
    for deed in ("answer", "close", "invite", "report"):
        assert other.post(f"/contact-requests/1/{deed}", check=False).status_code == 404
    with world.session() as session:
        assert session.scalar(sa.select(DelegateRequest.state)) == "waiting"


def test_a_report_goes_to_the_staff_and_back(world: World, clinic: Organization) -> None:
    ask(world)
    delegate = world.sign_in("sam")
    assert delegate.post("/contact-requests/1/report", {"reason": ""}).status_code == 422
    assert delegate.post("/contact-requests/1/report", {"reason": "Asks for passwords."}).status_code == 303
    assert "We are looking into it." in delegate.get("/contact-requests/1").text
    world.staff("a.staff", permissions=("staff:console:open", "staff:contact-requests:manage"))
    staff = world.sign_in("a.staff")
    assert "1 request for contact was reported" in staff.get("/staff/").text
    page = staff.get("/staff/contact-requests").text
    for words in ("Harbor Lantern Clinic", "Robin Newcomer", "Asks for passwords.", "127.0.0.1"):
        assert words in page
    assert staff.post("/staff/contact-requests/1/settle", {"settlement": ""}).status_code == 422
    for said in ("The report is closed.", "closed before"):
        done = staff.post("/staff/contact-requests/1/settle", {"settlement": "A known trick."}, follow_redirects=True)
        assert said in done.text
    assert "A known trick." in delegate.get("/contact-requests/1").text
    assert "No report waits" in staff.get("/staff/contact-requests").text


def test_an_invitation_leads_to_registering(world: World, clinic: Organization) -> None:
    ask(world)
    delegate = world.sign_in("sam")
    done = delegate.post("/contact-requests/1/invite", follow_redirects=True).text
    assert "Your invitation is on its way." in done
    assert "Invited to register and to ask to join." in done
    assert "already dealt with this request" in delegate.post("/contact-requests/1/invite", follow_redirects=True).text
    with world.session() as session, world.app.test_request_context():
        wanted = sa.select(Message).where(Message.recipient == ASKER["email"]).order_by(Message.id.desc())
        mail = session.scalars(wanted.limit(1)).one()
        values = values_of(session, mail)
        for text in (render_text(mail, values), render_html(mail, values)):
            assert values["link"] in text
            assert clinic.name in text
    assert world.client().get(values["link"].partition("localhost")[2]).status_code == 200


def test_a_request_can_be_closed(world: World, clinic: Organization) -> None:
    ask(world)
    delegate = world.sign_in("sam")
    assert delegate.post("/contact-requests/1/close").location == "/contact-requests"
    assert "Closed" in delegate.get("/contact-requests").text
    assert delegate.post("/contact-requests/1/report", {"reason": "On second thought."}).status_code == 303


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("name", "R", "2 to 80 characters"),
        ("name", "Call 555-010-0100", "without digits"),
        ("email", "robin", "name@office.example"),
        ("email", "a@b.example\r\nBcc: c@d.example", "name@office.example"),
        ("phone", "none", "area code"),
        ("about", "See https://evil.example/now", "Leave out website addresses"),
        ("about", "short", "10 to 500"),
    ],
)
def test_a_request_that_is_not_sent(world: World, clinic: Organization, field: str, text: str, said: str) -> None:
    client = world.client()
    lookup = token_of(look(client).text)
    answer = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup, field: text})
    assert answer.status_code == 422
    assert said in answer.text
    assert ASKER["phone" if field != "phone" else "about"] in answer.text, "nothing typed is lost"
    assert token_of(answer.text) == lookup


def test_a_look_up_that_is_over(world: World, clinic: Organization, clock: Clock) -> None:
    """What was written comes back with the next look-up. A look-up that found nothing asks nobody."""
    clock.set(NOON)
    client = world.client()
    lookup = token_of(look(client).text)
    clock.advance(days=1, seconds=1)
    gone = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup})
    assert gone.status_code == 410
    assert f'type="hidden" name="about" value="{ASKER["about"]}"' in gone.text
    again = client.post("/find-my-delegate", {**ASKER, "tin": TIN, "npi_or_zip": NPI})
    assert ASKER["about"] in again.text
    for token in ("", "x", "no-such"):
        assert client.post("/find-my-delegate/ask", {**ASKER, "lookup": token}).status_code == 410
    (job,) = (job for job in core_jobs(world.settings) if job.key == "identity.forget-attempts")
    assert run_job(world.app, job)
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(DelegateLookup.id))) == 1


def test_requests_are_limited(world: World, clinic: Organization) -> None:
    client = world.client()
    for number in range(5):
        lookup = token_of(look(client).text)
        sent = client.post("/find-my-delegate/ask", {**ASKER, "email": f"r{number}@office.example", "lookup": lookup})
        assert sent.status_code == 303
    lookup = token_of(look(client).text)
    refused = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup})
    assert refused.status_code == 429
    assert ASKER["about"] in refused.text
    assert ("delegates.lookup.blocked", {"what": "request"}) in events(world, "delegates.lookup.blocked")


def test_an_organization_without_delegates(world: World) -> None:
    world.grant(world.organization(), world.payee(TIN, NPI))
    text = look(world.client()).text
    assert "It has no delegate at the moment" in text
    assert 'name="lookup"' not in text


def test_who_asked_an_organization_that_has_ended_is_told_to_register(world: World, clinic: Organization) -> None:
    """Nobody there can read what they asked, whether it was confirmed before or after the end."""
    ask(world)
    after = ask_only(world, email="later@office.example")
    elsewhere = world.organization("Aspen Clinic")
    with world.session() as session:
        add_request(session, elsewhere.id, Asker("Robin", "robin@office.example", "", "A question"), "192.0.2.1")
        session.get_one(Organization, clinic.id).ended_at = clinic.created_at
    follow(world, after, "later@office.example")
    after.post("/find-my-delegate/confirm")
    job = next(job for job in core_jobs(world.settings) if job.key == "delegates.answer")
    for _ in range(2):
        with world.app.app_context():
            assert run_job(world.app, job)
    with world.session() as session:
        told = session.scalars(
            sa.select(Message).where(Message.template == "delegate_ended").order_by(Message.id)
        ).all()
        assert [mail.recipient for mail in told] == [ASKER["email"], "later@office.example"]
        values = values_of(session, told[0])
        states = dict(session.execute(sa.select(DelegateRequest.organization_id, DelegateRequest.state)).all())
        assert states == {clinic.id: "done", elsewhere.id: "waiting"}
        asked = sa.select(Message.state).where(Message.template == "delegate_asked", Message.about.like("%:1"))
        assert set(session.scalars(asked)) == {"canceled"}
    with world.app.app_context():
        for text in (render_text(told[0], values), render_html(told[0], values)):
            assert clinic.name in text
            assert "/register" in text


def test_the_tax_id_stands_in_no_row(world: World, clinic: Organization) -> None:
    ask(world)
    with world.session() as session:
        for model in (AuditEvent, DelegateLookup, DelegateRequest, Message, Attempt):
            for row in session.execute(sa.select(model.__table__)):
                assert TIN.encode() not in b"|".join(str(value).encode() for value in row)
        assert session.scalar(sa.select(sa.func.count(Payee.id))) == 1
