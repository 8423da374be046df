"""Every way in, each up to where its user wants to be: by keyboard alone, and without JavaScript on a phone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.delivery.letters import make_print_run, mark_posted, note_downloaded
from hp_portal.core.organizations.models import Grant
from tests.browser.conftest import Live
from tests.browser.walking import Walk
from tests.conftest import MakeApp
from tests.plugins.remittance.inquiry import Office, claim
from tests.support.databases import Databases
from tests.support.identifiers import make_npi, make_tin
from tests.support.live import LiveServer
from tests.support.registering import PASSWORD, PERSON, mailed_link, mailed_pin, mailed_text
from tests.support.world import World

CHECK, NOTICE = "0004512", "NP0004513"
BECAUSE = "Posting payments"
# Whoever wants to see a payment sees it on the eighth page at the latest.
PAGES = 8
SECONDS = 180
CLICKS = 12

NewWalk = Callable[[], Walk]


@pytest.fixture
def live(databases: Databases, tmp_path: Path, make_app: MakeApp) -> Iterator[Live]:
    """As a payer starts: what a proof needs besides the number, and why somebody looks at patient information, is asked."""
    asked = {"proof_asks_more": "without-vendor-number", "reason_asked": "member-data"}
    app = make_app(databases.new_sqlite(tmp_path / "portal.sqlite"), **asked)
    server = LiveServer(app)
    yield Live(server.url, app, World(app))
    server.stop()


@pytest.fixture(params=[True, False], ids=["keyboard", "no-script-phone"])
def walk(live: Live, new_context: Any, request: pytest.FixtureRequest) -> NewWalk:
    """Somebody else at a browser of their own."""
    return lambda: Walk.begin(live, new_context, keyboard=request.param)


class Harbor:
    """A payee that has got a check and a non-payment notice; nobody is registered for it unless `registered`."""

    def __init__(self, world: World, *, registered: bool = False) -> None:
        self.world = world
        office = Office(world, "Harbor Sample Clinic", username="somebody.else")
        day = clock.now().date() - dt.timedelta(days=9)
        office.paid(CHECK, claim(1, ("SAMPLE", "ANN")), issued=day)
        office.paid(NOTICE, claim(2, ("SAMPLE", "BOB")), issued=day, method="NON")
        self.text = office.payee_text
        if registered:
            world.person("dana.delegate", organization=office.organization, delegate=True, name="Dana Delegate")
        else:
            with world.session() as session:
                session.execute(sa.delete(Grant))


def begin(walk: Walk, path: str, proof: str) -> None:
    """From the public page to the question for the proof."""
    walk.go("/register")
    walk.see("Register")
    walk.pick(path)
    walk.press("Continue")
    walk.see("About you")
    walk.enter("Your first and last name", PERSON["name"])
    walk.enter("Your work e-mail", PERSON["email"])
    walk.enter("Your telephone at work", PERSON["telephone"])
    walk.enter("Your job", PERSON["job"])
    walk.press("Continue")
    walk.see("Check your e-mail")
    walk.reads(mailed_text(walk.live.world, PERSON["email"]))
    walk.go(mailed_link(walk.live.world, PERSON["email"], "/register/confirm/"))
    walk.see("Confirm your e-mail address")
    walk.press("Confirm and continue")
    walk.see(proof)


def with_the_check(walk: Walk, harbor: Harbor) -> None:
    begin(walk, "I have a check", "Your check or EFT")
    walk.enter("Check or EFT number", "4512")
    walk.enter("Tax ID (TIN)", harbor.text.tin)
    walk.enter("Vendor number", harbor.text.vendor_number)
    walk.press("Continue")


def finish(walk: Walk, because: str = "") -> None:
    """The one page after the proof. `because`: asked of whoever goes on to a payment."""
    walk.see("Review and finish")
    walk.enter("Password", PASSWORD)
    walk.enter("Password again", PASSWORD)
    if because:
        walk.select("Why you look at patient information", because)
    walk.tick("I have read the confidential terms")
    walk.tick("I have read the site delegate agreement")
    walk.press("Create my account")


def sees_the_payment(walk: Walk, number: str, patient: str = "SAMPLE, ANN") -> None:
    walk.see(number)
    walk.says(patient)


def pages_to_the_payment(walk: Walk) -> None:
    """What the first payment on screen may cost."""
    headings = [page.heading for page in walk.seen]
    assert len(headings) <= PAGES, headings
    assert headings[-2] == "Review and finish", "after the proof one page only"
    if walk.keyboard:
        quick, thorough = walk.seconds(agreements=False), walk.seconds(agreements=True)
        words = sum(page.words for page in walk.seen[:-1]) + walk.seen_elsewhere
        agreed = sum(page.agreements for page in walk.seen)
        print(f"\n{len(headings)} pages, {words} words and {agreed} of agreements, {walk.keys} keys: ", end="")
        print(f"{quick:.0f} s, {thorough:.0f} s with agreements")
        assert quick <= SECONDS, walk.seen


def test_with_a_check(live: Live, walk: NewWalk) -> None:
    me = walk()
    with_the_check(me, Harbor(live.world))
    finish(me, BECAUSE)
    sees_the_payment(me, CHECK)
    pages_to_the_payment(me)


def test_with_an_npi_and_a_check(live: Live, walk: NewWalk) -> None:
    harbor, me = Harbor(live.world), walk()
    begin(me, "I have a check", "Your check or EFT")
    me.enter("Check or EFT number", CHECK)
    me.enter("NPI", harbor.text.npi)
    me.enter("Amount of the payment", "150.00")
    me.press("Continue")
    finish(me, BECAUSE)
    sees_the_payment(me, CHECK)


def test_with_a_non_payment_notice(live: Live, walk: NewWalk) -> None:
    harbor, me = Harbor(live.world), walk()
    begin(me, "I have a non-payment notice", "Your non-payment notice")
    me.enter("Number of the non-payment notice", NOTICE)
    me.enter("Tax ID (TIN)", harbor.text.tin)
    me.enter("NPI", harbor.text.npi)
    me.press("Continue")
    finish(me, BECAUSE)
    sees_the_payment(me, NOTICE, "SAMPLE, BOB")
    pages_to_the_payment(me)


def test_with_a_pin_by_mail(live: Live, walk: NewWalk) -> None:
    harbor, me = Harbor(live.world), walk()
    begin(me, "I have neither", "A PIN by mail")
    me.enter("Tax ID (TIN)", harbor.text.tin)
    me.enter("NPI", harbor.text.npi)
    me.press("Continue")
    finish(me)
    me.see("Your registration")
    me.says("• Example Street, Exampleton MN 550••", "Not printed yet", "5 tries are left")
    me.go("/")
    me.see("Welcome, Mina Keeper")
    me.says("You need the PIN from our letter")
    pin = mailed_pin(live.world)
    with live.world.session() as session:
        run = make_print_run(session) or 0
        note_downloaded(session, run, 1)
        mark_posted(session, run)
    me.press("Enter the PIN")
    me.see("Your registration")
    me.says("Mailed", "It should arrive by")
    me.enter("PIN from the letter", pin.lower())
    me.press("Use the PIN")
    me.see("Welcome, Mina Keeper")
    me.says("Open an application")
    me.press("Go")
    me.see("Remittance Inquiry")
    me.go(f"/apps/remittance/?number={CHECK}")
    me.see("Why are you looking at patient information?")
    me.press(BECAUSE)
    sees_the_payment(me, CHECK)


def test_a_provider_that_is_not_listed(live: Live, walk: NewWalk) -> None:
    live.world.staff(
        "a.staff",
        permissions=(
            "staff:console:open",
            "staff:registrations:read",
            "staff:registrations:decide",
            "staff:payees:manage",
        ),
    )
    me, staff = walk(), walk()
    begin(me, "This health plan has never paid", "Your provider")
    me.enter("Name of the provider, as on its letterhead", "Outpost Sample Dentistry")
    me.select("Kind of provider", "Dental")
    me.enter("Tax ID (TIN)", make_tin(99))
    me.enter("NPI", make_npi(99))
    me.enter("Mailing address", "9 Example Road\nExampleton MN 55000")
    me.press("Continue")
    me.see("Review and finish")
    me.press("Send")
    me.see("Your registration")
    me.says("Our staff are reviewing it")

    staff.sign_in("a.staff")
    staff.go("/staff/registrations")
    staff.see("Registrations")
    staff.press(PERSON["name"])
    staff.see(PERSON["name"])
    staff.press("Add a payee from what was entered")
    staff.see("Add a payee")
    staff.enter("Vendor number", "V700001")
    staff.press("Add")
    staff.see(PERSON["name"])
    staff.pick("New organization Outpost Sample Dentistry")
    staff.enter("Reason", "Called the office.")
    staff.enter("What should the person be told?", "Welcome.")
    staff.press("Decide")
    staff.see(PERSON["name"])
    staff.says("Done")

    first_password(me)
    accept(me, "Terms of use and agreements", "confidential terms", "site delegate agreement")
    me.see("Welcome, Mina Keeper")
    me.says("Open an application")
    me.press("Go")
    me.see("Remittance Inquiry")


def first_password(walk: Walk) -> None:
    """From the message with the link to being signed in."""
    walk.go(mailed_link(walk.live.world, PERSON["email"], "/set-password/"))
    walk.see("Set your password")
    walk.enter("New password", PASSWORD)
    walk.enter("New password again", PASSWORD)
    walk.press("Set the password")
    walk.see("Sign in")
    walk.enter("User name or e-mail", PERSON["email"])
    walk.enter("Password", PASSWORD)
    walk.press("Sign in")


def accept(walk: Walk, heading: str, *agreements: str) -> None:
    walk.see(heading)
    for agreement in agreements:
        walk.tick(f"I have read the {agreement}")
    walk.press("Accept")


def test_a_billing_organization(live: Live, walk: NewWalk) -> None:
    harbor, me = Harbor(live.world), walk()
    begin(me, "We bill for providers", "Your billing organization")
    me.enter("Name of the billing organization, as on its letterhead", "Sample Billing Service")
    me.enter("Tax ID (TIN) of the billing organization", harbor.text.tin)
    me.enter("Mailing address", "9 Example Road\nExampleton MN 55000")
    me.enter("Who answers for the billing organization", "Olive Owner")
    me.press("Continue")
    me.see("Your billing organization")
    me.says("This is the Tax ID of a provider that we pay")
    me.page.get_by_label("Tax ID (TIN) of the billing organization").fill("")
    me.enter("Tax ID (TIN) of the billing organization", make_tin(98))
    me.press("Continue")
    finish(me)
    me.see("Welcome, Mina Keeper")
    me.says("No provider has let you see its payments yet", "Request access for the first")


def test_after_somebody_has_left(live: Live, walk: NewWalk) -> None:
    harbor, me, delegate = Harbor(live.world, registered=True), walk(), walk()
    with_the_check(me, harbor)
    me.see("Your organization is already registered")
    me.says("Dana D.")
    me.pick("The person who registered cannot help")
    me.pick("They no longer work there")
    me.press("Continue")
    finish(me, BECAUSE)
    sees_the_payment(me, CHECK)
    headings = [page.heading for page in me.seen]
    print(f"\n{len(headings)} pages, {me.clicks} clicks: {headings}")
    assert len(headings) <= PAGES
    assert me.clicks <= CLICKS
    me.go("/registration")
    me.see("Your registration")
    me.says("You can see payments now", "If none of them does, you become a delegate, too")

    delegate.sign_in("dana.delegate")
    delegate.go(mailed_link(live.world, "dana.delegate@office.example", "/joins/"))
    delegate.see(PERSON["name"])
    delegate.press("Object")
    delegate.see("Requests to join")
    delegate.says("Your objection has been sent", "Objection under review")
    delegate.press(PERSON["name"])
    delegate.see(PERSON["name"])
    me.go("/registration")
    me.see("Your registration")
    me.says("A delegate has objected", "Our staff will decide")


def test_joining(live: Live, walk: NewWalk) -> None:
    harbor, me, delegate = Harbor(live.world, registered=True), walk(), walk()
    with_the_check(me, harbor)
    me.see("Your organization is already registered")
    me.pick("Ask the delegates to let me in")
    me.press("Continue")
    me.see("Review and finish")
    me.press("Send")
    me.see("Your registration")
    me.says("Waiting for the delegates")

    delegate.sign_in("dana.delegate")
    delegate.go("/")
    delegate.see("Welcome, Dana Delegate")
    delegate.press("Look at the request")
    delegate.see("Requests to join")
    delegate.press(PERSON["name"])
    delegate.see(PERSON["name"])
    delegate.press("Let Mina Keeper in")
    delegate.see("Requests to join")
    delegate.says("Mina Keeper has an account now")

    first_password(me)
    accept(me, "Confidential terms of use", "confidential terms")
    me.see("Welcome, Mina Keeper")
    me.says("Harbor Sample Clinic", "Open an application")
