"""What the payer's staff see of registrations, and what they decide: unlisted, joins, objections, PINs that cannot arrive."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
import sqlalchemy as sa
from wtforms import SelectChoice

from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant, Organization
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.models import Registration
from hp_portal.core.staff import registration_views
from tests.conftest import MakeApp
from tests.support.client import PortalClient, tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.identifiers import make_npi, make_tin
from tests.support.registering import ADDRESS, Payments, Visitor, mails, registrations, tidy
from tests.support.world import World

pytestmark = pytest.mark.either_database

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
DAY = dt.date(2026, 2, 20)
TIN, NPI, NUMBER, NOTICE = make_tin(4711), make_npi(4711), "PROOF-0042", "NP-0042"
OTHER_TIN, OTHER_NPI = make_tin(4712), make_npi(4712)
LIST = "/staff/registrations"
READ, DECIDE, TRYING = "staff:registrations:read", "staff:registrations:decide", "staff:registrations:try"
REASON, WORDS = "Called the office on March 2.", "We have looked into it."


def with_payments(world: World, payments: Payments) -> World:
    """A payee with a check and a notice, and somebody of the staff."""
    payee = world.payee(TIN, NPI, "Harbor Payee", vendor_number="V4711", address=ADDRESS)
    payments.add(world, NUMBER, payee, TIN, day=DAY)
    payments.add(world, NOTICE, payee, TIN, day=DAY)
    world.staff("a.staff", permissions=("staff:console:open", READ, DECIDE, TRYING, "staff:payees:manage"))
    return world


@pytest.fixture
def portal(database_url: str, make_app: MakeApp, clock: Clock) -> World:
    clock.set(NOW)
    payments = Payments()
    return with_payments(World(make_app(database_url, extra_plugins={"payments-of-the-test": payments})), payments)


@pytest.fixture
def staff(portal: World) -> PortalClient:
    return portal.sign_in("a.staff")


def harbor(world: World) -> Payee:
    with world.session() as session:
        return session.scalars(sa.select(Payee).where(Payee.vendor_number == "V4711")).one()


def registered(world: World) -> Organization:
    """An organization that sees the payments to the payee, with a delegate."""
    organization = world.organization("Harbor Office")
    world.person("harbor.delegate", organization=organization, delegate=True, name="Dana Delegate")
    world.grant(organization, harbor(world))
    return organization


def check(visitor: Visitor) -> None:
    visitor.begin("check")
    visitor.prove(number=NUMBER, tin=TIN, vendor_number="V4711")


def unlisted(world: World, **person: str) -> int:
    visitor = Visitor(world, **person)
    visitor.begin("unlisted")
    given = {"organization": "Faraway Practice", "audience": "dental", "tin": OTHER_TIN, "npi": OTHER_NPI}
    visitor.prove(**given, address="9 Faraway Road\nDuluth MN 55802", note="We are new.")
    assert visitor.finish().status_code == 303
    return newest(world).id


def joining(world: World) -> int:
    visitor = Visitor(world)
    check(visitor)
    visitor.go_on("join")
    assert visitor.finish().status_code == 303
    return newest(world).id


def unanswered(world: World, clock: Clock) -> int:
    found = joining(world)
    clock.advance(days=world.settings.registration_join_days + 1)
    with world.app.app_context():
        tidy(world)
    assert newest(world).state == "staff"
    return found


def objected(world: World) -> int:
    visitor = Visitor(world)
    check(visitor)
    visitor.go_on("left", "left")
    assert visitor.finish().status_code == 303
    found = newest(world).id
    world.sign_in("harbor.delegate").post(f"/joins/{found}/object")
    assert newest(world).state == "objected"
    return found


def by_mail(world: World) -> tuple[Visitor, int]:
    visitor = Visitor(world)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    assert visitor.finish().location == "/registration"
    return visitor, newest(world).id


def newest(world: World) -> Registration:
    return registrations(world)[-1]


def decide(client: PortalClient, registration_id: int, decision: str, **fields: str) -> Any:
    form = {"decision": decision, "reason": REASON, "answer": WORDS, **fields}
    return client.post(f"{LIST}/{registration_id}/decide", form)


def offered(client: PortalClient, registration_id: int) -> list[str]:
    """The decisions that the page offers, without the ids."""
    page = tree_of(client.get(f"{LIST}/{registration_id}"))
    found = [one.get("value") or "" for one in page.iter("input") if one.get("name") == "decision"]
    return [value.partition(":")[0] for value in found]


def events(world: World, event: str) -> list[dict[str, Any]]:
    with world.session() as session:
        rows = session.execute(
            sa.select(AuditEvent.fields, AuditEvent.reason).where(AuditEvent.event == event).order_by(AuditEvent.id)
        )
        return [{**json.loads(fields), "reason": reason} for fields, reason in rows]


def sees(world: World, person: Person) -> list[str]:
    """Whose payments the person's organization sees."""
    with world.session() as session:
        wanted = sa.select(Payee.name).join(Grant, Grant.payee_id == Payee.id)
        rows = session.scalars(wanted.where(Grant.organization_id == person.organization_id, Grant.ended_at.is_(None)))
        return sorted(rows)


def account(world: World) -> Person:
    with world.session() as session:
        return session.scalars(sa.select(Person).where(Person.email == "mina.keeper@office.example")).one()


def names(client: PortalClient, query: str = "") -> list[str]:
    page = tree_of(client.get(f"{LIST}{query}"))
    rows = [row for table in page.iter("table") for body in table.iter("tbody") for row in body.iter("tr")]
    return [text_of(next(row.iter("th"))).split("@", maxsplit=1)[0] for row in rows]


# ---- the list


def test_what_waits_is_listed_and_counted(portal: World, staff: PortalClient, clock: Clock) -> None:
    assert "No registration is waiting for us" in staff.get(LIST).text
    unlisted(portal, name="Una Lister", email="una@office.example")
    visitor, _ = by_mail(portal)
    clock.advance(days=3)
    staff, visitor.client = portal.sign_in("a.staff"), portal.sign_in("mina.keeper")
    assert [name.split()[0] for name in names(staff)] == ["Una"]
    assert "3 days ago" in staff.get(LIST).text
    assert "1 registration waits for a decision" in staff.get("/staff/").text
    assert "addresses" not in staff.get("/staff/").text
    visitor.client.post("/registration/address")
    assert "1 address for a PIN is said to be wrong" in staff.get("/staff/").text
    assert [name.split()[0] for name in names(staff)] == ["Una", "Mina"]
    for query, found in (
        ("?show=address", ["Mina"]),
        ("?show=staff", ["Una"]),
        ("?show=decision", ["Una"]),
        ("?show=waiting&sort=name", ["Mina", "Una"]),
        ("?show=waiting&name=UNA", ["Una"]),
        ("?show=waiting&name=keeper%40", ["Mina"]),
        ("?show=ended", []),
    ):
        assert [name.split()[0] for name in names(staff, query)] == found, query
    assert "looks like a Tax ID" in staff.get(f"{LIST}?name={TIN}", check=False).text
    assert events(portal, "registration.queue.viewed")[-1]["shown"] == 0


def test_a_case_shows_what_was_given_and_what_is_on_record(portal: World, staff: PortalClient) -> None:
    registered(portal)
    page = staff.get(f"{LIST}/{unlisted(portal)}").text
    for words in ("Faraway Practice", "9 Faraway Road", "We are new.", "218-555-0142", f"•••••{OTHER_TIN[-4:]}"):
        assert words in page
    assert OTHER_TIN not in page
    assert "No payee with this Tax ID or NPI" in page
    case = joining(portal)
    page = staff.get(f"{LIST}/{case}").text
    for words in (
        "Harbor Office",
        "Dana Delegate",
        "Harbor Payee",
        "12 Lantern Street",
        "asks to join your organization",
    ):
        assert words in page
    assert events(portal, "registration.case.viewed")[-1]["registration"] == case
    assert staff.get(f"{LIST}/999999").status_code == 404


# ---- unlisted


def test_unlisted_is_linked_to_a_payee_on_record(portal: World, staff: PortalClient) -> None:
    case = unlisted(portal)
    payee = portal.payee(OTHER_TIN, OTHER_NPI, "Faraway Practice Inc")
    assert offered(staff, case) == ["new", "decline"]
    assert decide(staff, case, f"new:{payee.id}").status_code == 303
    person = account(portal)
    assert person.is_delegate
    assert sees(portal, person) == ["Faraway Practice Inc"]
    assert newest(portal).state == "open"
    link = [values["link"] for _, values in mails(portal, person.email) if values.get("answer") == WORDS]
    assert "/set-password/" in link[0]
    decided = events(portal, "registration.case.decided")
    assert decided == [{"registration": case, "decision": "new", "reason": REASON}]
    assert events(portal, "tax-id-npi-access.grant.recorded")[0]["reason"] == REASON
    assert "Nothing was changed" in after(staff, decide(staff, case, "decline"))


def after(client: PortalClient, answer: Any) -> str:
    """The page to which an answer leads."""
    assert answer.status_code == 303
    return client.get(answer.location).text


def test_unlisted_is_put_on_record_from_what_was_given(portal: World, staff: PortalClient) -> None:
    case = unlisted(portal)
    url = f"{LIST}/{case}/payee"
    page = staff.get(url).text
    assert "9 Faraway Road" in page
    assert OTHER_TIN not in page
    form = {"name": "Faraway Practice", "vendor_number": "", "provider_type": "dental", "network_status": "contracted"}
    assert staff.post(url, form).status_code == 422
    assert "is on record now" in after(staff, staff.post(url, {**form, "vendor_number": "V4712"}))
    assert offered(staff, case) == ["new", "decline"]
    assert "on record already" in after(staff, staff.post(url, {**form, "vendor_number": "V4713"}))
    with portal.session() as session:
        payee = session.scalars(sa.select(Payee).where(Payee.vendor_number == "V4712")).one()
        assert (payee.whole_tin(session), payee.npi) == (OTHER_TIN, OTHER_NPI)


def test_unlisted_belongs_to_an_organization_that_is_registered(portal: World, staff: PortalClient) -> None:
    organization = registered(portal)
    case = unlisted(portal)
    assert offered(staff, case) == ["decline"]
    assert "No payee with this vendor number" in staff.post(f"{LIST}/{case}/find", {"vendor_number": "V999"}).text
    assert staff.post(f"{LIST}/{case}/find", {"vendor_number": ""}).status_code == 422
    page = staff.post(f"{LIST}/{case}/find", {"vendor_number": "v4711"}).text
    assert f'value="member:{organization.id}"' in page
    answer = decide(staff, case, f"member:{organization.id}", looked_for="v4711", reason="")
    assert answer.status_code == 422
    assert f'value="member:{organization.id}"' in answer.text
    assert decide(staff, case, f"member:{organization.id}", looked_for="v4711").status_code == 303
    person = account(portal)
    assert (person.organization_id, person.is_delegate) == (organization.id, False)


def test_a_payee_that_was_linked_meanwhile_gets_no_second_owner(portal: World, staff: PortalClient) -> None:
    case = unlisted(portal)
    payee = portal.payee(OTHER_TIN, OTHER_NPI, "Faraway Practice Inc")
    portal.grant(portal.organization("Faraway Office"), payee)
    answer = decide(staff, case, f"new:{payee.id}")
    assert answer.status_code == 422
    assert "does not fit any more" in answer.text
    assert "Let the person into Faraway Office" in answer.text
    assert newest(portal).state == "staff"


def test_what_is_decided_at_the_same_moment_is_decided_once(
    portal: World, staff: PortalClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page had offered it before: the verbs look once more."""
    case = unlisted(portal)
    payee = portal.payee(OTHER_TIN, OTHER_NPI)
    stale = [SelectChoice(f"new:{payee.id}", ""), SelectChoice("decline", "")]
    monkeypatch.setattr(registration_views, "choices", lambda case: stale)
    grant = portal.grant(portal.organization("Faraway Office"), payee)
    assert "has been linked to this payee meanwhile" in decide(staff, case, f"new:{payee.id}").text
    portal.end_grant(grant)
    assert decide(staff, case, f"new:{payee.id}").status_code == 303
    for decision in ("decline", f"new:{payee.id}"):
        assert "Nothing was changed" in after(staff, decide(staff, case, decision))
    assert newest(portal).state == "open"
    assert len(events(portal, "registration.case.decided")) == 1


def test_an_address_that_has_an_account_gets_no_second_one(portal: World, staff: PortalClient) -> None:
    case = unlisted(portal)
    payee = portal.payee(OTHER_TIN, OTHER_NPI)
    portal.person("mina.keeper")
    answer = decide(staff, case, f"new:{payee.id}")
    assert answer.status_code == 422
    assert "There is an account with the address mina.keeper@office.example already" in answer.text
    with portal.session() as session:
        assert session.scalars(sa.select(Grant)).all() == []
    assert events(portal, "registration.case.decided") == []
    assert decide(staff, case, "decline").status_code == 303
    assert newest(portal).state == "declined"


# ---- joins and objections


@pytest.mark.parametrize("kind", ["member", "delegate"])
def test_a_join_without_answer(portal: World, clock: Clock, kind: str) -> None:
    organization = registered(portal)
    case, staff = unanswered(portal, clock), portal.sign_in("a.staff")
    assert offered(staff, case) == ["member", "delegate", "decline"]
    assert decide(staff, case, f"{kind}:{organization.id}").status_code == 303
    person = account(portal)
    assert (person.organization_id, person.is_delegate) == (organization.id, kind == "delegate")
    assert events(portal, "registration.case.decided")[0]["decision"] == kind


def test_what_does_not_fit_is_not_done(portal: World, clock: Clock) -> None:
    registered(portal)
    stranger = portal.organization("Stranger Office")
    case, staff = unanswered(portal, clock), portal.sign_in("a.staff")
    for decision in (f"member:{stranger.id}", f"new:{harbor(portal).id}", "open", "uphold", "nonsense", ""):
        assert decide(staff, case, decision).status_code == 422, decision
    assert newest(portal).state == "staff"


def test_an_objection_is_upheld(portal: World, staff: PortalClient) -> None:
    registered(portal)
    case = objected(portal)
    assert "Dana Delegate" in staff.get(f"{LIST}/{case}").text
    assert offered(staff, case) == ["dismiss", "uphold"]
    assert sees(portal, account(portal)) == ["Harbor Payee"]
    decide(staff, case, "uphold")
    assert sees(portal, account(portal)) == []
    assert account(portal).deactivated_at is not None
    assert newest(portal).state == "declined"
    assert events(portal, "registration.case.decided")[0] == {
        "registration": case,
        "decision": "uphold",
        "reason": REASON,
    }


def test_an_objection_is_dismissed(portal: World, staff: PortalClient) -> None:
    organization = registered(portal)
    case = objected(portal)
    decide(staff, case, "dismiss")
    person = account(portal)
    assert (person.organization_id, person.is_delegate) == (organization.id, True)
    assert WORDS in str([values for _, values in mails(portal, person.email)])


# ---- who may


def test_reading_is_not_deciding(portal: World) -> None:
    case = unlisted(portal)
    portal.staff("c.staff", permissions=("staff:console:open", READ))
    client = portal.sign_in("c.staff")
    assert offered(client, case) == []
    assert decide(client, case, "decline").status_code == 403
    assert client.get("/staff/try-proof").status_code == 403
    assert newest(portal).state == "staff"
