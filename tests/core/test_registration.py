"""From the public page to an account: with a payment, with a letter, as a billing organization, unlisted."""

from __future__ import annotations

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person, SignIn
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.facts import facts_of
from hp_portal.core.tax_ids.models import ProofWarning
from tests.conftest import MakeApp
from tests.support.client import heading_of, words_of
from tests.support.clock import Clock
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, Payments, Visitor, mailed_link, mailed_pin, mails, registrations
from tests.support.world import World

pytestmark = pytest.mark.either_database

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 2, 20)
TIN, NPI, NUMBER, NOTICE = make_tin(4711), make_npi(4711), "PROOF-0042", "NP-0042"


@pytest.fixture
def payments() -> Payments:
    return Payments()


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, payments: Payments, clock: Clock) -> World:
    clock.set(NOW)
    world = World(make_app(database_url, extra_plugins={"payments-of-the-test": payments}))
    payee = world.payee(TIN, NPI, "Harbor Payee", address=ADDRESS)
    payments.add(world, NUMBER, payee, TIN, day=DAY)
    payments.add(world, NOTICE, payee, TIN, day=DAY)
    return world


def vendor(world: World) -> str:
    with world.session() as session:
        return session.scalars(sa.select(Payee.vendor_number)).one()


def test_with_a_check(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("check")
    assert visitor.prove(number=NUMBER, tin=TIN, vendor_number=vendor(portal)).location == "/register/finish"
    page = visitor.client.get("/register/finish").text
    assert "Harbor Payee" in page
    assert TIN not in page
    answer = visitor.finish()
    assert answer.status_code == 303
    with portal.session() as session:
        person = session.scalars(sa.select(Person)).one()
        organization = session.get_one(Organization, person.organization_id)
        grant = session.scalars(sa.select(Grant)).one()
        assert (person.username, person.is_delegate) == ("mina.keeper", True)
        assert (organization.name, organization.validated_at) == ("Harbor Payee", NOW)
        assert (grant.organization_id, grant.proof) == (organization.id, "check")
    assert registrations(portal)[0].state == "open"
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text


def test_whoever_was_signed_in_there_is_no_longer(portal: World) -> None:
    """The new account takes the browser over: nobody could end the session before from there, and nothing of it goes on."""
    portal.person("a.clerk")
    visitor = Visitor(portal)
    visitor.client = portal.sign_in("a.clerk")
    copy = portal.client()
    with visitor.client.flask.session_transaction() as kept, copy.flask.session_transaction() as copied:
        copied.update(kept)
    assert copy.get("/my-sign-ins").status_code == 200
    visitor.begin("check")
    visitor.prove(number=NUMBER, tin=TIN, vendor_number=vendor(portal))
    assert visitor.finish().status_code == 303
    assert "Mina Keeper" in visitor.client.get("/").text
    assert copy.get("/my-sign-ins").status_code == 303
    with portal.session() as session:
        whose = Person.id == SignIn.person_id
        ended = session.scalars(
            sa.select(SignIn.end_reason).join(Person, whose).where(Person.username == "a.clerk")
        ).one()
        open_now = session.scalars(
            sa.select(Person.username).join(SignIn, whose).where(SignIn.ended_at.is_(None))
        ).all()
    assert (ended, open_now) == ("signed in again", ["mina.keeper"])


def test_by_mail(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("mail")
    assert visitor.prove(tin=TIN, npi=NPI).location == "/register/finish"
    page = visitor.client.get("/register/finish").text
    assert "•• Lantern Street, Duluth MN 558••" in page
    assert visitor.finish().location == "/registration"
    assert "PIN" in visitor.client.get("/").text
    assert visitor.client.post("/registration/pin", {"pin": "WRONG234"}).status_code == 422
    pin = mailed_pin(portal)
    assert visitor.client.post("/registration/pin", {"pin": pin.lower()}).location == "/"
    assert "Harbor Payee" in visitor.client.get("/apps/tax-id-npi-access/").text


def test_who_has_an_account_is_told_by_mail_alone(portal: World) -> None:
    portal.person("someone", organization=portal.organization())
    known, unknown = (Visitor(portal, email=email) for email in ("someone@office.example", "other@office.example"))
    answers = []
    for visitor in (known, unknown):
        visitor.choose("check")
        answers.append((visitor.say_who().location, heading_of(visitor.client.get("/register/mail"))))
    assert answers[0] == answers[1]
    assert mails(portal, known.person["email"])[0][0].template == "register_known"


def test_with_a_non_payment_notice(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("notice")
    assert "starts with NP" in visitor.prove(number=NUMBER, tin=TIN, npi=NPI).text
    assert visitor.prove(number=NOTICE.lower(), tin=TIN, npi=NPI).location == "/register/finish"
    assert visitor.finish().status_code == 303
    with portal.session() as session:
        assert session.scalars(sa.select(Grant.proof)).one() == "non_payment"


def test_a_notice_counts_only_where_the_payer_says_so(
    database_url: str, make_app: MakeApp, payments: Payments, clock: Clock, portal: World
) -> None:
    app = make_app(database_url, extra_plugins={"payments-of-the-test": payments}, registration_notices_count=False)
    visitor = Visitor(World(app))
    visitor.begin("notice")
    assert visitor.prove(number=NOTICE, tin=TIN, npi=NPI).status_code == 422


def answer_of(text: str) -> str:
    """The page without what differs anyway: the request, the token, and what was typed."""
    text = re.sub(r'value="[^"]*"|content="[^"]*"', "", text)
    return re.sub(r"<code>[0-9a-f]{32}</code>|<span[^>]*>[0-9a-f]{32}</span>", "", text)


def test_a_wrong_proof_has_one_answer_whatever_was_wrong(portal: World) -> None:
    """And nothing typed is lost. An unknown number, another's Tax ID, a wrong vendor number, an old payment, no such NPI."""
    other = make_tin(4712)
    portal.payee(other, make_npi(4712))
    wrong = (
        {"number": "NO-SUCH", "tin": TIN, "vendor_number": vendor_of(portal, TIN)},
        {"number": NUMBER, "tin": other, "vendor_number": vendor_of(portal, other)},
        {"number": NUMBER, "tin": TIN, "vendor_number": "V999999"},
        {"number": NUMBER, "tin": make_tin(999), "vendor_number": "V999999"},
    )
    visitor = Visitor(portal)
    visitor.begin("check")
    answers = [visitor.prove(**given) for given in wrong]
    assert {answer.status_code for answer in answers} == {422}
    assert len({answer_of(answer.text) for answer in answers}) == 1
    assert "These entries do not match our records" in answers[0].text
    assert 'value="V999999"' in visitor.client.get("/register/proof").text
    with portal.session() as session:
        refused = sa.select(AuditEvent.fields).where(AuditEvent.event == "registration.proof.refused")
        assert TIN not in "".join(session.scalars(refused))


def vendor_of(world: World, tin: str) -> str:
    with world.session() as session:
        return session.scalars(sa.select(Payee.vendor_number).where(Payee.tin_is(session, tin))).one()


def test_wrong_proofs_are_limited_by_person_and_by_payee(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("check")
    for _ in range(5):
        assert visitor.prove(number="NO-SUCH", npi=NPI, amount="1.00").status_code == 422
    blocked = visitor.prove(number=NUMBER, npi=NPI, amount="100.00")
    assert blocked.status_code == 429
    assert blocked.headers["Retry-After"]
    for number in range(3):
        stranger = Visitor(portal, email=f"stranger{number}@office.example")
        stranger.begin("check")
        for _ in range(5):
            assert stranger.prove(number="NO-SUCH", npi=NPI, amount="1.00").status_code == 422
    fresh = Visitor(portal, email="fresh@office.example")
    fresh.begin("check")
    assert fresh.prove(number=NUMBER, npi=NPI, amount="100.00").status_code == 429, "twenty at this NPI, by whomever"
    with portal.session() as session:
        warned = session.scalars(sa.select(ProofWarning)).all()
    assert [(one.tin, one.organization_id) for one in warned] == [(f"NPI {NPI}", None)]


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ({"name": "Front Desk"}, "person’s own name"),
        ({"name": "Mina"}, "person’s own name"),
        ({"email": "billing@office.example"}, "several people read"),
        ({"email": "info.clinic@office.example"}, "several people read"),
    ],
)
def test_what_looks_like_no_person_is_asked_about(portal: World, typed: dict[str, str], asked: str) -> None:
    visitor = Visitor(portal, **typed)
    visitor.choose("check")
    answer = visitor.say_who()
    assert (answer.status_code, asked in answer.text) == (422, True)
    assert not mails(portal, visitor.person["email"])
    box = "sure_name" if "name" in typed else "sure_mailbox"
    assert visitor.say_who(**{box: "y"}).location == "/register/mail"


def test_the_doctor_s_own_name_is_asked_about(portal: World) -> None:
    payee = portal.payee(make_tin(5), make_npi(5), "KEEPER, MINA A MD")
    plugin = portal.app.extensions["hp_portal.plugins"].manager.get_plugin("payments-of-the-test")
    plugin.add(portal, "PROOF-0005", payee, make_tin(5), day=DAY)
    visitor = Visitor(portal)
    visitor.begin("check")
    visitor.prove(number="PROOF-0005", npi=make_npi(5), amount="100.00")
    assert "not for the doctor" in visitor.finish().text
    assert visitor.finish(sure_doctor="y").status_code == 303


def test_only_the_button_of_the_mail_s_link_confirms(portal: World) -> None:
    """A scanner opens links, and another browser may be the one with the mailbox."""
    visitor, elsewhere = Visitor(portal), portal.client()
    visitor.choose("check")
    visitor.say_who()
    link = mailed_link(portal, visitor.person["email"], "/register/confirm/")
    scanner = portal.client()
    scanner.get(link, follow_redirects=True)
    assert visitor.client.get("/register/mail").status_code == 200
    assert visitor.client.get("/register/proof").location == "/register/mail"
    assert visitor.confirm(elsewhere).location == "/register/proof"
    assert elsewhere.get("/register/proof").status_code == 200
    assert visitor.confirm(scanner).location == "/register/proof", "pressed once more"


def test_a_link_is_dead_after_a_day_or_a_later_one(portal: World, clock: Clock) -> None:
    visitor = Visitor(portal)
    visitor.choose("check")
    visitor.say_who()
    first = mailed_link(portal, visitor.person["email"], "/register/confirm/")
    visitor.client.post("/register/mail")
    assert visitor.client.get(first, follow_redirects=True).status_code == 410
    clock.advance(hours=24)
    assert visitor.confirm().status_code == 410


def test_whoever_did_not_ask_stops_it(portal: World) -> None:
    visitor, reader = Visitor(portal), portal.client()
    visitor.choose("check")
    visitor.say_who()
    reader.get(mailed_link(portal, visitor.person["email"], "/register/confirm/"))
    assert reader.post("/register/not-me").status_code == 303
    assert visitor.client.get("/register/mail").status_code == 303


def test_the_last_button_pressed_twice_makes_one_account(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("check")
    visitor.prove(number=NUMBER, npi=NPI, amount="100.00")
    with visitor.client.flask.session_transaction() as kept:
        before = dict(kept)
    visitor.finish()
    with visitor.client.flask.session_transaction() as kept:
        kept.clear()
        kept.update(before)
    again = visitor.finish()
    assert again.location == "/sign-in"
    with portal.session() as session:
        assert session.scalar(sa.select(sa.func.count(Person.id))) == 1


def test_two_register_the_same_provider_at_once(portal: World) -> None:
    visitors = [Visitor(portal, email=f"keeper{number}@office.example") for number in range(2)]
    for visitor in visitors:
        visitor.begin("check")
        assert visitor.prove(number=NUMBER, npi=NPI, amount="100.00").location == "/register/finish"
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda visitor: visitor.finish().location, visitors))
    assert sum(answer == "/register/proof" for answer in answers) == 1, "one is told to look again"
    late = visitors[answers.index("/register/proof")]
    assert late.prove(number=NUMBER, npi=NPI, amount="100.00").location == "/register/organization"
    with portal.session() as session:
        assert session.scalar(sa.select(sa.func.count(Grant.id))) == 1


def test_a_billing_organization(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("billing")
    own = {"organization": "Ledger Billing", "address": ADDRESS, "answers": "Owen Ledger"}
    assert "Tax ID of a provider" in visitor.prove(tin=TIN, **own).text
    assert visitor.prove(tin=make_tin(9), **own).location == "/register/finish"
    visitor.finish()
    with portal.session() as session:
        organization = session.scalars(sa.select(Organization)).one()
        assert (organization.name, organization.audience) == ("Ledger Billing", "billing")
        assert organization.whole_tin(session) == make_tin(9)
    assert "approves you separately" in visitor.client.get("/").text
    provider = Visitor(portal, email="other@office.example")
    provider.begin("check")
    refused = provider.prove(number=NUMBER, tin=make_tin(9), vendor_number="V1").text
    assert "A billing organization registers under its own Tax ID" in refused
    colleague = Visitor(portal, email="colleague@office.example")
    colleague.begin("billing")
    assert colleague.prove(tin=make_tin(9), **own).location == "/register/organization"
    colleague.go_on("join")
    assert colleague.finish().location == "/register/status"


def test_a_provider_that_is_not_on_record_is_put_before_the_staff(portal: World) -> None:
    visitor = Visitor(portal)
    visitor.begin("unlisted")
    given = {"organization": "New Shore Clinic", "audience": "physician", "tin": make_tin(8), "address": ADDRESS}
    assert visitor.prove(**{**given, "audience": ""}).status_code == 422
    assert visitor.prove(**given).location == "/register/finish"
    assert visitor.finish().location == "/register/status"
    [case] = registrations(portal)
    assert (case.state, case.person_id) == ("staff", None)
    with portal.session() as session:
        assert facts_of(session, case).organization == "New Shore Clinic"
    assert "Our staff are reviewing it" in visitor.client.get("/register/status").text


def test_a_proof_may_come_before_the_e_mail_is_confirmed(
    database_url: str, make_app: MakeApp, payments: Payments, clock: Clock, portal: World
) -> None:
    app = make_app(database_url, extra_plugins={"payments-of-the-test": payments}, registration_proof_opens="at-once")
    visitor = Visitor(World(app))
    visitor.choose("check")
    assert visitor.say_who().location == "/register/proof"
    assert visitor.prove(number=NUMBER, npi=NPI, amount="100.00").location == "/register/finish"
    visitor.finish()
    assert "confirm your e-mail" in words_of(visitor.client.get("/"))
    visitor.client.get(mailed_link(portal, visitor.person["email"], "/register/status/"))
    assert "If somebody else entered it" in visitor.client.get("/register/status").text
    visitor.client.post("/register/confirm-later")
    assert "confirm your e-mail" not in words_of(visitor.client.get("/"))
    by_mail = Visitor(World(app), email="other@office.example")
    by_mail.choose("mail")
    assert by_mail.say_who().location == "/register/mail", "without a payment, the mailbox comes first"
