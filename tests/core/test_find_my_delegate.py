"""*Find my delegate*: what a stranger learns and does not, limits, and asking the delegates to contact somebody."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from werkzeug.test import TestResponse

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.delegates import limits
from hp_portal.core.delegates.finding import zip_of
from hp_portal.core.delegates.masking import masked_email, short_name
from hp_portal.core.delegates.models import DelegateLookup, DelegateRequest
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.limits.attempts import TooManyAttempts
from hp_portal.core.limits.models import Attempt
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.worker import core_jobs, run_job
from tests.conftest import MakeApp
from tests.support.client import PortalClient, heading_of
from tests.support.clock import Clock
from tests.support.databases import settings_for, sqlite_url
from tests.support.identifiers import make_npi, make_tin
from tests.support.world import World

TIN, NPI, ZIP = make_tin(1), make_npi(1), "55000"
NOON = dt.datetime(2026, 3, 2, 18, tzinfo=dt.UTC)
ASKER = {
    "name": "Robin Newcomer",
    "email": "robin@office.example",
    "phone": "555-010-0123",
    "about": "I started at the front desk and need an account.",
}


@pytest.fixture
def clinic(world: World) -> Organization:
    """A registered organization with two delegates, a clerk, and a delegate who has left."""
    organization = world.organization("Harbor Lantern Clinic")
    world.grant(organization, world.payee(TIN, NPI))
    world.person("maria", organization=organization, delegate=True, name="Dr. Maria Lopez")
    world.person("sam", organization=organization, delegate=True, name="Sam Teller")
    world.person("clerk", organization=organization, name="Casey Clerk")
    gone = world.person("gone", organization=organization, delegate=True, name="Gone Before")
    with world.session() as session:
        session.execute(sa.update(type(gone)).where(type(gone).id == gone.id).values(deactivated_at=NOON))
    return organization


def look(client: PortalClient, tin: str = TIN, also: str = NPI, address: str = "192.0.2.1") -> TestResponse:
    where = {"REMOTE_ADDR": address}
    return client.post("/find-my-delegate", {"tin": tin, "npi_or_zip": also}, environ_overrides=where)


def token_of(text: str) -> str:
    found = re.search(r'name="lookup"[^>]* value="([^"]+)"', text)
    assert found, text
    return found.group(1)


def events(world: World, pattern: str) -> list[tuple[str, dict[str, object]]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.event, AuditEvent.fields).where(AuditEvent.event.like(pattern)).order_by(AuditEvent.id)
        ).all()
    return [(name, json.loads(fields)) for name, fields in rows]


@pytest.mark.parametrize("also", [NPI, ZIP, "55000-1234", f"{NPI[:4]} {NPI[4:]}"])
def test_registered_by_npi_or_zip(world: World, clinic: Organization, also: str) -> None:
    text = look(world.client(), f"{TIN[:2]}-{TIN[2:]}", also).text
    assert "Your organization is registered" in text
    assert "Maria L., m***@office.example" in text
    assert "Sam T., s***@office.example" in text
    for secret in ("Lopez", "Teller", "maria@", "Casey", "Gone", clinic.name, TIN):
        assert secret not in text
    (made,) = events(world, "delegates.lookup.made")
    by = "NPI" if also[:5] == NPI[:5] or " " in also else "ZIP code"
    assert made[1] == {"tin": f"•••••{TIN[-4:]}", "by": by, "registered": True}


def test_not_registered_unknown_and_wrong_are_one_answer(world: World, clinic: Organization) -> None:
    """As long as the one for a registered organization, with the same statements and rows."""
    world.payee(make_tin(2), make_npi(2))
    ended = world.grant(world.organization(), world.payee(make_tin(3), make_npi(3)))
    world.end_grant(ended)
    world.grant(world.organization("Ledger Service", audience="billing"), world.payee(make_tin(4), make_npi(4)))
    world.grant(world.organization(validated=False), world.payee(make_tin(5), make_npi(5)))
    asked = {
        "registered": (TIN, NPI),
        "not claimed": (make_tin(2), make_npi(2)),
        "ended": (make_tin(3), make_npi(3)),
        "billing": (make_tin(4), make_npi(4)),
        "not validated": (make_tin(5), make_npi(5)),
        "nobody's": (make_tin(9), make_npi(9)),
        "another's NPI": (TIN, make_npi(2)),
        "another ZIP": (TIN, "55001"),
    }
    lengths, statements, answers = {}, {}, {}
    look(world.client(), make_tin(8), address="198.51.100.1")  # what a process asks once
    for number, (name, (tin, also)) in enumerate(asked.items()):
        client = world.client()
        client.csrf_token()
        seen: list[str] = []
        with _noted(world, seen):
            answer = look(client, tin, also, f"192.0.{number}.1")
        assert answer.status_code == 200
        lengths[name], answers[name] = len(answer.data), heading_of(answer)
        statements[name] = [re.sub(r"\bIN \([^)]*\)", "IN (…)", one) for one in seen]
    assert set(lengths.values()) == {limits_of_page()}, lengths
    assert answers.pop("registered") == "Your organization is registered"
    assert set(answers.values()) == {"No registered organization"}
    by_npi = {name: found for name, found in statements.items() if name != "another ZIP"}
    assert len({tuple(found) for found in by_npi.values()}) == 1, by_npi
    with world.session() as session:
        assert session.scalar(sa.select(sa.func.count(DelegateLookup.id))) == len(asked) + 1
        assert session.scalar(sa.select(sa.func.count(Attempt.id))) == 5 * (len(asked) + 1)


def limits_of_page() -> int:
    from hp_portal.core.delegates.views import FULL

    return FULL


class _noted:
    """Notes the statements that the database runs."""

    def __init__(self, world: World, into: list[str]) -> None:
        self.engine, self.into = world.database.engine, into

    def _note(self, _connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        self.into.append(statement)

    def __enter__(self) -> None:
        event.listen(self.engine, "before_cursor_execute", self._note)

    def __exit__(self, *_error: object) -> None:
        event.remove(self.engine, "before_cursor_execute", self._note)


def test_a_form_that_cannot_be_read(world: World) -> None:
    client = world.client()
    answer = look(client, "12", "12")
    assert answer.status_code == 422
    assert "A Tax ID has 9 digits" in answer.text
    assert "Enter an NPI of 10 digits or a ZIP code of 5 digits" in answer.text
    assert look(client, "", "").status_code == 422
    assert client.get("/findmydelegate").location == "/find-my-delegate"
    assert events(world, "delegates.%") == []


def test_masks() -> None:
    assert short_name("Dr. Maria de la Cruz") == "Maria C."
    assert [short_name(one) for one in ("Cher", "Dr.", "Dr. Cher", "")] == ["Cher", "Dr.", "Cher", ""]
    assert masked_email("maria@office.example", "Maria Lopez") == "m***@office.example"
    assert masked_email("hello@marialopez.example", "Maria Lopez") == "h***@m***.example"
    assert masked_email("m@mail.lopez-dental.example", "Dr. Maria Lopez") == "m***@mail.l***.example"
    lines = (
        "1 Main Street\nExampleton MN 55000",
        "Box 7\nA MN 55000-1234 ",
        "Street 155000",
        "",
        "55000 Main Street\nA",
    )
    assert [zip_of(one) for one in lines] == ["55000", "55000", "", "", ""]


# ---- limits


def test_an_address_its_network_and_a_tax_id_are_limited(world: World, clinic: Organization, clock: Clock) -> None:
    clock.set(NOON)
    client = world.client()
    for number in range(10):
        assert look(client, make_tin(100 + number)).status_code == 200
    refused = look(client)
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "3601"
    assert "This was done too often. Wait 60 minutes" in refused.text
    assert world.settings.payer.phone in refused.text
    assert "Maria" not in refused.text
    assert look(client, address="192.0.2.200").status_code == 200, "another address of the network"
    for number in range(9):
        assert look(client, make_tin(200 + number), address="192.0.2.200").status_code == 200
    assert look(client, make_tin(300), address="192.0.2.201").status_code == 429, "the network had twenty"
    for number in range(9):
        assert look(client, address=f"192.0.{number + 10}.1").status_code == 200
    assert look(client, address="192.0.99.1").status_code == 429, "the Tax ID had ten"
    assert look(client, make_tin(7), address="192.0.99.1").status_code == 200, "another Tax ID has its own"
    clock.advance(hours=1, seconds=1)
    assert look(client, make_tin(8)).status_code == 200
    assert look(client, address="192.0.98.1").status_code == 429, "a Tax ID has ten in a day"
    blocked = events(world, "delegates.lookup.blocked")
    assert blocked, "staff see refusals"
    assert {tuple(fields) for _, fields in blocked} == {("what",)}


def test_networks() -> None:
    assert limits.wide_network("192.0.2.77") == "192.0.2.0/24"
    assert limits.wide_network("2001:db8:1:23ff::/64") == "2001:db8:1:2300::/56"
    assert limits.wide_network("") == ""


def test_what_is_found_in_all_is_limited(
    database_url: str, make_app: MakeApp, world: World, clinic: Organization, clock: Clock
) -> None:
    clock.set(NOON)
    app = make_app(database_url, delegates_found_per_hour=2)
    client = world.client(app)
    for number in range(5):
        assert look(client, make_tin(500 + number), address=f"198.51.{number}.1").status_code == 200
    for number in range(2):
        assert "Maria" in look(client, address=f"198.51.{number + 10}.1").text
    assert look(client, address="203.0.113.1").status_code == 429
    assert look(client, make_tin(600), address="203.0.113.1").status_code == 429, "it does not tell what would be found"
    clock.advance(hours=1, seconds=1)
    assert look(client, address="203.0.113.1").status_code == 200


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    """The counts in memory, as fast as 10,000 tries need. The tests above try the database's."""
    counts: dict[str, list[dt.datetime]] = defaultdict(list)

    def check(_session: object, kind: str, subject: str, *, limit: int, window: dt.timedelta) -> None:
        now = clock.now()
        recent = [at for at in counts[f"{kind} {subject}"][-limit:] if at > now - window]
        if len(recent) >= limit:
            raise TooManyAttempts(recent[0] + window - now)

    def count(_session: object, kind: str, subject: str) -> None:
        counts[f"{kind} {subject}"].append(clock.now())

    monkeypatch.setattr(limits, "check_attempts", check)
    monkeypatch.setattr(limits, "count_failure", count)


@pytest.mark.parametrize(("networks", "hours", "fewer_than"), [(100, 1, 61), (100, 24, 301), (1, 24, 61)])
def test_ten_thousand_tries_learn_of_few(
    counted: None, tmp_path: Path, clock: Clock, networks: int, hours: int, fewer_than: int
) -> None:
    """From 100 addresses, each a registered organization's right numbers, evenly over the hours: what the limits let through."""
    clock.set(NOON)
    learned, by_found = 0, limits.found_limits(settings_for(sqlite_url(tmp_path), tmp_path))
    for number in range(10_000):
        clock.advance(seconds=hours * 3600 / 10_000)
        address = f"192.0.{number % 100}.1" if networks == 100 else f"192.0.2.{number % 100}"
        by_look = limits.look_limits(address, f"{number:09}")
        try:
            limits.check(None, limits.LOOK, [*by_look, *by_found])  # type: ignore[arg-type]
        except TooManyAttempts:
            continue
        limits.count(None, limits.LOOK, by_look)  # type: ignore[arg-type]
        limits.count(None, limits.LOOK, by_found)  # type: ignore[arg-type]
        learned += 1
    assert 0 < learned < fewer_than


# ---- asking


def ask(world: World, **changes: str) -> PortalClient:
    client = world.client()
    lookup = token_of(look(client).text)
    assert client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup, **changes}).status_code == 303
    return client


def test_the_delegates_are_asked_and_one_answers(world: World, clinic: Organization) -> None:
    client = world.client()
    lookup = token_of(look(client).text)
    for _ in range(2):  # a double click
        sent = client.post("/find-my-delegate/ask", {**ASKER, "lookup": lookup})
        assert sent.location == "/find-my-delegate/asked"
    assert "Your request is on its way" in client.get("/find-my-delegate/asked").text
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
    answer = {"answer": "Come to room 4.\nWe make you an account."}
    assert delegate.post("/contact-requests/1/answer", answer).status_code == 303
    again = world.sign_in("sam").post("/contact-requests/1/answer", answer, follow_redirects=True)
    assert "has dealt with this request already" in again.text
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
        "delegates.request.made",
        "delegates.request.listed",
        "delegates.request.viewed",
        "delegates.request.answered",
        "delegates.request.viewed",
    ]


def test_the_messages_can_be_read(world: World, clinic: Organization) -> None:
    ask(world, name="Robin <b>O’Neil</b>".replace("<b>", "").replace("</b>", ""))
    world.sign_in("maria").post("/contact-requests/1/answer", {"answer": "Yes & no."})
    from hp_portal.core.delivery.mail import render

    with world.session() as session, world.app.test_request_context():
        for mail in session.scalars(sa.select(Message)):
            text, html = render(mail, values_of(session, mail))
            assert clinic.name in text
            assert clinic.name in html
            assert TIN not in text + html
            assert "Yes &amp; no." in html or "Read the request" in html


def test_another_organization_s_request_is_not_there(world: World, clinic: Organization) -> None:
    ask(world)
    world.person("other", delegate=True)
    other = world.sign_in("other")
    assert "Robin" not in other.get("/contact-requests").text
    for path, method in (("", other.get), ("/answer", other.post), ("/close", other.post), ("/report", other.post)):
        assert method(f"/contact-requests/1{path}", check=False).status_code == 404
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
        ("about", "See https://evil.example/now", "Leave out addresses of websites"),
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
    (job,) = (job for job in core_jobs(world.settings) if job.key == "delegates.forget-lookups")
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


def test_the_tax_id_stands_in_no_row(world: World, clinic: Organization) -> None:
    ask(world)
    with world.session() as session:
        for model in (AuditEvent, DelegateLookup, DelegateRequest, Message, Attempt):
            for row in session.execute(sa.select(model.__table__)):
                assert TIN.encode() not in b"|".join(str(value).encode() for value in row)
        assert session.scalar(sa.select(sa.func.count(Payee.id))) == 1
