"""PINs by mail: posted to the address on record, entered once, with five tries and thirty days."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from hp_portal.core.delivery.letters import make_print_run, mark_posted, note_downloaded
from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.registration.addresses import envelope_lines, masked_lines
from hp_portal.core.registration.models import RegistrationPin
from hp_portal.core.registration.pins import ALPHABET
from tests.conftest import MakeApp
from tests.core.test_registration import NOW, NPI, TIN, payments, portal
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.registering import Visitor, mailed_pin, registrations
from tests.support.world import World

pytestmark = pytest.mark.either_database

__all__ = ["payments", "portal"]


@pytest.fixture
def waiting(portal: World) -> Visitor:
    """Somebody with an account who waits for the PIN."""
    visitor = Visitor(portal)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    visitor.finish()
    return visitor


def enter(visitor: Visitor, pin: str) -> tuple[int, str]:
    answer = visitor.client.post("/registration/pin", {"pin": pin})
    return answer.status_code, answer.text


def again(portal: World, clock: Clock, visitor: Visitor, *, days: int) -> None:
    """Later; whoever was signed in signs in again."""
    clock.advance(days=days)
    visitor.client = portal.sign_in("mina.keeper")


def test_five_wrong_tries_end_a_pin(portal: World, waiting: Visitor) -> None:
    pin = mailed_pin(portal)
    for left in (4, 3, 2, 1):
        status, text = enter(waiting, "WRONG-234")
        assert (status, f"Tries left: {left}" in text) == (422, True)
    assert "no tries are left" in enter(waiting, "WRONG-234")[1]
    assert "no longer works" in enter(waiting, pin)[1]
    assert waiting.client.post("/registration/letter").status_code == 303
    assert mailed_pin(portal) != pin
    assert enter(waiting, pin)[0] == 422
    assert enter(waiting, mailed_pin(portal))[0] == 303


def said(visitor: Visitor) -> str:
    return " ".join(" ".join(tree_of(visitor.client.get("/registration")).itertext()).split())


def post_letter(portal: World) -> None:
    with portal.session() as session:
        run = make_print_run(session) or 0
        note_downloaded(session, run, 1)
        mark_posted(session, run)


def test_a_pin_works_for_thirty_days_from_the_posting_on(portal: World, waiting: Visitor, clock: Clock) -> None:
    pin = mailed_pin(portal)
    with portal.session() as session:
        letter = session.scalars(sa.select(Message).where(Message.channel == "letter")).one()
        told = str(values_of(session, letter))
    assert "within 30 days after this letter was mailed" in told
    assert "30 days from the day on which the letter is mailed" in waiting.client.get("/registration").text
    again(portal, clock, waiting, days=6)
    post_letter(portal)
    again(portal, clock, waiting, days=29)
    assert "The PIN works until Apr 7, 2026" in said(waiting)
    assert "Tries left: 4" in enter(waiting, "WRONG-234")[1]
    again(portal, clock, waiting, days=1)
    assert "no longer works" in enter(waiting, pin)[1]


def test_the_pin_of_a_letter_that_nobody_marks_as_posted_ends(portal: World, waiting: Visitor, clock: Clock) -> None:
    pin = mailed_pin(portal)
    again(portal, clock, waiting, days=59)
    assert "Tries left: 4" in enter(waiting, "WRONG-234")[1]
    again(portal, clock, waiting, days=1)
    assert "no longer works" in enter(waiting, pin)[1]


def test_a_letter_is_expected_by_the_payer_s_days(
    database_url: str, make_app: MakeApp, portal: World, waiting: Visitor, clock: Clock
) -> None:
    """Posted at 8 p.m. in Chicago, which is the next day in UTC."""
    clock.set(dt.datetime(2026, 3, 3, 2, 0, tzinfo=dt.UTC))
    post_letter(portal)
    again(portal, clock, waiting, days=0)
    assert "It should arrive by Mar 7, 2026" in said(waiting)
    waiting.client = World(make_app(database_url, letter_days=2)).sign_in("mina.keeper")
    assert "It should arrive by Mar 4, 2026" in said(waiting)


def test_only_a_hash_of_the_pin_is_kept_once_the_letter_is_posted(portal: World, waiting: Visitor) -> None:
    pin = mailed_pin(portal)
    assert len(pin.replace(" ", "")) == 8
    assert set(pin.replace(" ", "")) <= set(ALPHABET)
    assert not set("01258BILOSUVZ") & set(ALPHABET)
    with portal.session() as session:
        run = make_print_run(session) or 0
        note_downloaded(session, run, 1)
        mark_posted(session, run)
        assert pin.replace(" ", "") not in session.scalars(sa.select(RegistrationPin.pin_hash)).one()
    assert not mailed_pin(portal)
    page = waiting.client.get("/registration").text
    assert "Mailed" in page
    assert "Mar 7, 2026" in page, "five days by mail"
    assert "Apr 1, 2026" in page, "thirty days"
    assert enter(waiting, pin)[0] == 303


@pytest.mark.parametrize("printed", [False, True])
@pytest.mark.parametrize("state", ["canceled", "failed"])
def test_a_letter_that_does_not_come_says_so_and_another_may_be_asked_for(
    portal: World, waiting: Visitor, printed: bool, state: str
) -> None:
    pin = mailed_pin(portal)
    with portal.session() as session:
        if printed:
            run = make_print_run(session) or 0
            note_downloaded(session, run, 1)
            mark_posted(session, run)
        session.scalars(sa.select(Message).where(Message.channel == "letter")).one().state = state
    page = waiting.client.get("/registration").text
    assert ("This letter will not come" in page, "Send another letter" in page) == (True, True)
    assert not {"Not printed yet", "Mailed"} & set(page.replace("<", ">").split(">"))
    assert "no longer works" in enter(waiting, pin)[1]
    waiting.client.post("/registration/letter")
    assert enter(waiting, mailed_pin(portal))[0] == 303


def test_a_letter_that_a_plugin_has_sent_is_posted(portal: World, waiting: Visitor, clock: Clock) -> None:
    with portal.session() as session:
        letter = session.scalars(sa.select(Message).where(Message.channel == "letter")).one()
        letter.state, letter.ended_at = "sent", clock.now()
    page = waiting.client.get("/registration").text
    assert ("Mailed" in page, "Mar 7, 2026" in page) == (True, True)


def test_a_letter_that_came_back_puts_the_address_before_the_staff(portal: World, waiting: Visitor) -> None:
    with portal.session() as session:
        run = make_print_run(session) or 0
        note_downloaded(session, run, 1)
        mark_posted(session, run)
        letter = session.scalars(sa.select(Message.id).where(Message.channel == "letter")).one()
    portal.staff("a.staff", permissions={"staff:console:open", "staff:letters:print", "staff:registrations:read"})
    staff = portal.sign_in("a.staff")
    assert "Wrong address" not in staff.get("/staff/registrations").text
    staff.post(f"/staff/letters/{letter}/returned", {"reason": "Vacant"})
    assert "Wrong address" in staff.get("/staff/registrations").text
    assert "Our staff will check the address" in waiting.client.get("/registration").text


def test_letters_are_limited(portal: World, waiting: Visitor, clock: Clock) -> None:
    assert "Send another letter" not in waiting.client.get("/registration").text
    first = mailed_pin(portal)
    waiting.client.post("/registration/letter")
    assert mailed_pin(portal) == first, "not yet"
    for _ in range(2):
        again(portal, clock, waiting, days=7)
        waiting.client.post("/registration/letter")
    again(portal, clock, waiting, days=7)
    third = mailed_pin(portal)
    waiting.client.post("/registration/letter")
    assert mailed_pin(portal) == third
    assert "as many letters as we can" in waiting.client.get("/registration").text


def test_a_wrong_address_is_said_once(portal: World, waiting: Visitor) -> None:
    assert "The address is wrong" in waiting.client.get("/registration").text
    waiting.client.post("/registration/address")
    assert registrations(portal)[0].address_wrong_at == NOW
    assert "check the address" in waiting.client.get("/registration").text
    assert "already told us" in waiting.client.post("/registration/address", follow_redirects=True).text


def test_a_check_that_comes_first_opens_at_once(portal: World, waiting: Visitor) -> None:
    wrong = waiting.client.post("/registration/payment", {"number": "NO-SUCH", "npi": NPI, "amount": "1.00"})
    assert wrong.status_code == 422
    given = {"number": "PROOF-0042", "npi": NPI, "amount": "100.00"}
    assert waiting.client.post("/registration/payment", given).status_code == 303
    assert registrations(portal)[0].state == "open"
    assert waiting.client.post("/registration/pin", {"pin": "ANY34679"}).location == "/registration"


def test_a_pin_entered_twice_at_once_opens_once(portal: World, waiting: Visitor) -> None:
    pin = mailed_pin(portal)
    clients = [portal.sign_in("mina.keeper") for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda client: client.post("/registration/pin", {"pin": pin}).location, clients))
    assert sorted(answers) == ["/", "/registration"]
    with portal.session() as session:
        assert session.scalar(sa.select(sa.func.count(Grant.id))) == 1


def test_a_payee_whose_address_fits_no_letter_is_put_before_the_staff(portal: World) -> None:
    with portal.session() as session:
        session.execute(sa.update(Payee).values(address="Only a street"))
    visitor = Visitor(portal)
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    assert "no complete address on record" in visitor.client.get("/register/finish").text
    visitor.finish()
    assert registrations(portal)[0].address_wrong_at == NOW
    with portal.session() as session:
        assert session.scalar(sa.select(sa.func.count(Person.id))) == 1


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("12 Lantern Street\nDuluth MN 55802", ["•• Lantern Street", "Duluth MN 558••"]),
        ("100A 5th Ave, Suite 210\nSaint Paul, MN 55101-1234", ["•••• •th Ave, Suite •••", "Saint Paul, MN 551••"]),
        ("", []),
    ],
)
def test_addresses_are_masked(address: str, masked: list[str]) -> None:
    payee = Payee(name="Harbor Payee", address=address)
    assert masked_lines(payee) == masked
    assert (envelope_lines(payee) is None) == (not address)


def ask(portal: World, number: int) -> Visitor:
    """Somebody else who asks for a letter to the same payee, and is about to press the last button."""
    visitor = Visitor(portal, name=f"Mina Keeper {'ABCDEFG'[number]}", email=f"keeper{number}@office.example")
    visitor.begin("mail")
    visitor.prove(tin=TIN, npi=NPI)
    return visitor


def letters(portal: World) -> int:
    with portal.session() as session:
        return session.scalar(sa.select(sa.func.count(Message.id)).where(Message.channel == "letter")) or 0


def test_letters_to_one_payee_are_limited_and_none_is_dropped(portal: World, clock: Clock) -> None:
    for number in range(3):
        ask(portal, number).finish(username=f"keeper{number}")
    fourth = ask(portal, 3)
    assert fourth.finish(username="keeper3").location == "/registration"
    case = registrations(portal)[-1]
    assert (letters(portal), case.state, case.why) == (3, "pin", "letters")
    page = fourth.client.get("/registration").text
    assert "Our staff will look before we write another one" in page
    assert "Use a payment instead" in page
    rights = ("staff:console:open", "staff:registrations:read", "staff:registrations:decide")
    portal.staff("a.staff", permissions=rights)
    staff = portal.sign_in("a.staff")
    assert "letter with a PIN is held" in staff.get("/staff/").text
    assert case.name in staff.get("/staff/registrations?show=held").text
    assert "Many letters have gone to this payee" in staff.get(f"/staff/registrations/{case.id}").text
    words = {"decision": "letter", "reason": "Called the office.", "answer": "A letter is on its way."}
    assert staff.post(f"/staff/registrations/{case.id}/decide", words).status_code == 303
    assert (letters(portal), registrations(portal)[-1].why) == (4, "")
    assert case.name not in staff.get("/staff/registrations?show=held").text
    assert fourth.client.post("/registration/pin", {"pin": mailed_pin(portal)}).location == "/"


def test_after_thirty_days_letters_are_written_again(portal: World, clock: Clock) -> None:
    for number in range(3):
        ask(portal, number).finish(username=f"keeper{number}")
    clock.advance(days=30)
    ask(portal, 3).finish(username="keeper3")
    assert (letters(portal), registrations(portal)[-1].why) == (4, "")


def test_another_letter_of_one_s_own_counts_for_the_payee(portal: World, clock: Clock) -> None:
    visitor = ask(portal, 0)
    visitor.finish(username="keeper0")
    for number in (1, 2):
        ask(portal, number).finish(username=f"keeper{number}")
    clock.advance(days=8)
    visitor.client = portal.sign_in("keeper0")
    assert "Our staff will look" not in visitor.client.get("/registration").text
    visitor.client.post("/registration/letter")
    assert (letters(portal), registrations(portal)[0].why) == (3, "letters")
    assert "Our staff will look" in visitor.client.get("/registration").text


def test_two_ask_at_once_for_the_last_letter(portal: World) -> None:
    for number in range(2):
        ask(portal, number).finish(username=f"keeper{number}")
    visitors = [ask(portal, number) for number in (2, 3)]
    with ThreadPoolExecutor(2) as pool:
        assert (
            list(pool.map(lambda one: one.finish(username=one.person["email"].split("@")[0]).status_code, visitors))
            == [303] * 2
        )
    assert sorted(one.why for one in registrations(portal)) == ["", "", "", "letters"]
    assert letters(portal) == 3
