"""Requests, approvals, invitations, delegates, lost factors and time in any order: nobody sees what nobody approved."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from xml.etree.ElementTree import Element

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from hp_portal_plugins.remittance.demo.writing import FileText, PayeeText, PaymentText
from hp_portal_plugins.remittance.models import Payment
from tests.conftest import MakeApp
from tests.plugins.remittance.import_files import import_835
from tests.plugins.remittance.inquiry import DAY, PAYER, claim, url_of
from tests.support.access_people import Everybody
from tests.support.access_steps import BASE
from tests.support.any_access import BIRCH, HARBOR, LEDGER, Asked, Member
from tests.support.client import tree_of
from tests.support.clock import Clock
from tests.support.html import text_of
from tests.support.refused import ways_on
from tests.support.world import PASSWORD, World

NOW = dt.datetime(2026, 3, 2, 15, 0, tzinfo=dt.UTC)
MOST = 400
payments = itertools.count(1)


class Kept(Everybody):
    """What holds after every step."""

    most = MOST

    def __init__(self) -> None:
        super().__init__()
        self.begun = False
        self.steps = 0
        self.touched = True
        self.stood: dict[int, object] = {}

    def pay(self) -> list[int]:
        self.begun = True
        texts = [PayeeText(one.name.upper(), self.tin, one.npi or "", one.vendor_number) for one in self.payees]
        paid = [
            PaymentText(f"T{self.n:07}{place}", "ACH", DAY, text, (claim(next(payments)),), (), 0)
            for place, text in enumerate(texts)
        ]
        file = FileText(PAYER, "1999999999", dt.datetime(2026, 3, 2, 5, 30, tzinfo=dt.UTC), next(payments), tuple(paid))
        with self.world.session() as session:
            before = session.scalar(sa.select(sa.func.max(Payment.id))) or 0
        report = import_835(self.world, file.encoded(), f"sample-{self.n}.835")
        assert report.payments == 2, report
        return [before + 1, before + 2]

    @invariant()
    def the_promise_is_kept(self) -> None:
        if not self.begun:
            return
        self.the_billing_service_sees_what_was_approved()
        if self.touched:
            self.every_request_says_how_it_goes_on()
        self.steps, self.touched = self.steps + 1, False
        known, first = self.delegates(), self.steps == 1
        for place in (HARBOR, BIRCH, LEDGER):
            assert self.delegates(place), f"{place} has no delegate who can act"
        new = [one for one in self.members if self.changed(one, one.active, one.delegate, one.accepted) and not first]
        if new or self.steps % 2:
            new += [known[0] if new else self.members[self.steps % len(self.members)]]
        for one in new:
            self.look_in(one)

    def changed(self, one: Member | Asked, *stands: object) -> bool:
        """Does it stand otherwise than when it was looked at last?"""
        before, self.stood[id(one)] = self.stood.get(id(one)), stands
        return before != stands

    def the_billing_service_sees_what_was_approved(self) -> None:
        """Of what has nothing to do with it one payment tells."""
        client, seen = self.client(self.lee), self.seen_now()
        for place, (payee, payment) in enumerate(zip(self.payees, self.payments, strict=True)):
            if not self.touched and place == self.steps % 2:
                continue
            page = client.get(url_of(payment), check=False)
            assert (page.status_code == 200) == (payee.id in seen), (
                f"{page.status_code}: {payee.name}, approved: {seen}"
            )

    def every_request_says_how_it_goes_on(self) -> None:
        client = self.client(self.lee)
        rows: dict[int, Element] = {}
        for row in tree_of(client.get(BASE, check=False)).iter("tr"):
            links = [one.get("href") or "" for one in row.iter("a")]
            rows |= {int(links[0].rpartition("/")[2]): row for _ in links[:1]}
        assert set(rows) == {one.id for one in self.asked}
        for one in self.asked:
            cell = list(rows[one.id].iter("td"))[-1]
            label, hint = [text_of(each) for each in cell.iter("span") if each.get("class")][:2]
            assert len(hint) > 20, "no next step in words"
            self.status_is_true(one, label)
            if self.changed(one, label, frozenset(one.approved)):
                page = client.get(f"{BASE}/{one.id}")
                assert ways_on(page.text), page.text
                said = {line for line in map(text_of, tree_of(page).iter("li")) if line.startswith(f"Harbor {self.n} ")}
                names = {line.partition(" (")[0] for line in said if line.endswith(": approved")}
                assert names == {payee.name for payee in self.payees if payee.id in one.approved}, said
                assert ("Ask for the same again" in page.text) != one.is_open
                assert ("Withdraw the request" in page.text) == one.is_open

    def status_is_true(self, one: Asked, label: str) -> None:
        if one.is_open:
            assert label in ("Requested", "Opened", "Reminded"), label
        elif one.granted and one.approved:
            assert label in ("Approved", "Partly approved"), f"{label}, and what it gave is open"
        elif one.granted:
            assert label in ("Ended", "Revoked"), f"{label}, and nothing of it is open any more"
        else:
            assert label in ("Declined", "Expired", "Withdrawn", "Not sent"), label

    def look_in(self, one: Member) -> None:
        """They see the pages of the organization while they are in it, and as much as they are."""
        client = self.client(one.username)
        mine, theirs = (client.get(self.below(one.where, path), check=False) for path in ("/my-sign-ins", "/accounts"))
        assert (mine.status_code == 200) == one.active, f"{one}: {mine.status_code} {mine.location}"
        assert (theirs.status_code == 200) == one.acts, f"{one}: {theirs.status_code}"
        asked = one.active and one.delegate and not one.accepted
        assert ("/terms" in (theirs.location or "")) == asked, f"{one}: {theirs.location}"
        other = BIRCH if one.where == HARBOR else HARBOR
        if self.member(one.username, other) is None:
            foreign = client.get(self.below(other, "/my-sign-ins"), check=False)
            assert foreign.status_code != 200, f"{one} is at {other}"

    def nothing_is_a_dead_end(self) -> None:
        """What waits can be gone on with by a delegate."""
        client = self.client(self.delegates()[0].username)
        page = client.get(self.below(HARBOR, "/accounts/invitations")).text
        for one in self.invited:
            for verb in ("send-again", "cancel"):
                assert (f"/accounts/invitations/{one.id}/{verb}" in page) == one.is_open
        for place, member in enumerate(self.of()):
            if not (member.reset_at or member.day or not member.active or place == self.n % 3):
                continue
            page = client.get(self.below(HARBOR, f"/accounts/{member.id}")).text
            assert (f"/accounts/{member.id}/lost-factors/cancel" in page) == (member.reset_at is not None)
            assert (f"/accounts/{member.id}/leaving/stay" in page) == (member.day is not None), member
            assert ("Reactivate" in page) != member.active

    def everybody_signs_in_who_may(self) -> None:
        for place, username in enumerate(dict.fromkeys(one.username for one in self.members)):
            if (
                self.enters(username)
                and self.passwords[username] == PASSWORD
                and username not in (*self.factors, self.lee)
            ):
                continue
            where = {"REMOTE_ADDR": f"203.0.{self.n % 250}.{place}"}
            form = {"username": username, "password": self.passwords[username]}
            answer = self.world.client().post("/sign-in", form, environ_overrides=where)
            assert (answer.status_code == 303) == self.enters(username), f"{username}: {answer.status_code}"
            if answer.status_code == 303:
                asked = "/sign-in/second-step" in (answer.location or "")
                assert asked == (username in self.factors), f"{username}: {answer.location}"

    def teardown(self) -> None:
        if self.begun and hasattr(self, "people"):
            self.nothing_is_a_dead_end()
            self.everybody_signs_in_who_may()


@pytest.fixture
def town(database_url: str, make_app: MakeApp, clock: Clock) -> type[Kept]:
    """The machine with a portal."""
    clock.set(NOW)
    world = World(make_app(database_url, access_days_most=MOST, access_days=365))
    world.staff("a.staff", permissions=["staff:tax-ids:manage", "staff:console:open"])
    given = {"world": world, "clock": clock}
    return type("TownOfTheTest", (Kept,), given)


def test_any_order(town: type[Kept], database_kind: str) -> None:
    often = settings(
        max_examples=4 if database_kind == "sqlite" else 2,
        stateful_step_count=12,
        deadline=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(town, settings=often)


Step = Callable[[Kept], object]


def asks(whom: str = "person", *, part: bool = False) -> Step:
    return lambda town: town.ledger_asks(whom=whom, part=part)


def goes_on(how: str, number: int = -1) -> Step:
    return lambda town: town.ledger_goes_on(number=number, how=how)


def staff(verb: str) -> Step:
    return lambda town: town.staff_decide(number=-1, verb=verb)


def answers(how: str, link: int = -1, number: int = -1) -> Step:
    return lambda town: town.approver_answers(number=number, how=how, link=link)


def office(how: str, number: int = -1) -> Step:
    return lambda town: town.delegate_answers(number=number, how=how, by=0)


def ends(place: int | None = None) -> Step:
    return lambda town: town.practice_ends(by=0, place=place)


def extends(days: int | None, place: int = 0) -> Step:
    return lambda town: town.practice_extends(by=0, place=place, days=days)


def invites(whom: str = "new", *, delegate: bool = False, by: int = 0) -> Step:
    return lambda town: town.delegate_invites(by=by, whom=whom, delegate=delegate)


def invitation(verb: str, by: int = 0) -> Step:
    return lambda town: town.delegate_goes_on(number=-1, by=by, verb=verb)


def invited(how: str, link: int = -1) -> Step:
    return lambda town: town.invited_answers(number=-1, link=link, how=how)


def does(verb: str, whom: int, by: int = 0) -> Step:
    return lambda town: town.delegate_does(by=by, whom=whom, verb=verb)


def leaves(whom: int, to: int, days: int = 3, by: int = 0) -> Step:
    return lambda town: town.delegate_plans_leaving(by=by, whom=whom, to=to, days=days)


def lost(whom: int, verb: str = "", by: int = 0) -> Step:
    return lambda town: town.somebody_lost_a_factor(by=by, whom=whom, verb=verb)


def hours(number: int, *, works: bool = True) -> Step:
    return lambda town: town.time_passes(hours=number, works=works)


def days(number: int, *, works: bool = True) -> Step:
    return hours(24 * number, works=works)


def reviews(end: int = 9, by: int = 0) -> Step:
    return lambda town: town.delegate_reviews(by=by, end=end)


def forgets(whom: int, minutes: int = 1) -> Step:
    return lambda town: town.somebody_forgot_the_password(whom=whom, minutes=minutes)


def accepts(town: Kept) -> None:
    town.delegate_accepts(whom=0)


def stays(town: Kept) -> None:
    town.delegate_says_they_stay(by=0, whom=0)


def months(town: Kept) -> None:
    town.nobody_signs_in_for_months()


DANA, EVE, CLERK = 0, 1, 2
ORDERS: dict[str, list[Step]] = {
    "approved, ended, extended and over": [
        asks(),
        answers("too long"),
        answers("all"),
        answers("all"),
        ends(0),
        ends(0),
        extends(401, 1),
        extends(400, 1),
        extends(0, 1),
        days(366),
        days(35, works=False),
        days(0),
        goes_on("again"),
        answers("some"),
    ],
    "a link that went elsewhere, and reminders": [
        asks(),
        answers("pass-on"),
        answers("all", 0),
        days(8),
        answers("pass-on"),
        answers("pass-on"),
        goes_on("resend"),
        days(2),
        goes_on("resend"),
        goes_on("change"),
        answers("all", 0),
        days(31, works=False),
        answers("all"),
        days(0),
        goes_on("withdraw"),
        goes_on("again"),
        answers("decline"),
        goes_on("again"),
        goes_on("withdraw"),
        answers("all"),
    ],
    "what staff look at": [
        *(asks("unknown"), answers("all"), office("all"), staff("send"), goes_on("change"), answers("all")),
        *(staff("refuse"), staff("send"), goes_on("again"), asks("free"), goes_on("resend"), office("all")),
        *(staff("refuse"), staff("refuse"), goes_on("again", 2), staff("send"), staff("send"), answers("the most")),
    ],
    "one approval after another": [
        asks("delegates"),
        office("some"),
        asks(part=True),
        office("today"),
        days(1),
        asks(),
        answers("the most"),
        asks("delegates"),
        office("some"),
        days(21),
        ends(),
        ends(None),
        asks(),
        office("all"),
    ],
    "invitations": [
        *(
            invites(),
            invites(),
            invitation("send-again", 1),
            invited("account", 0),
            invited("account"),
            invited("account"),
        ),
        *(invites("robin", delegate=True), does("end-delegate", EVE), invited("account"), invited("accept"), accepts),
        *(does("deactivate", 4), does("reactivate", 4), invites(delegate=True), days(8), invited("account")),
        *(invitation("send-again"), invited("decline"), invited("account"), invites(), invitation("cancel")),
        *(invited("account"), invites("clerk")),
    ],
    "nobody is the last to go": [
        does("end-delegate", EVE, 0),
        does("end-delegate", DANA, 0),
        leaves(DANA, CLERK, 0),
        leaves(DANA, CLERK, 1),
        days(4),
        accepts,
        does("make-delegate", EVE),
        days(1),
        does("deactivate", DANA),
        does("reactivate", DANA),
        leaves(CLERK, DANA, 3),
        stays,
        leaves(CLERK, EVE, 3),
        does("end-delegate", DANA),
        days(4),
        months,
    ],
    "lost and forgotten": [
        lost(1),
        lost(1, "/agree"),
        lost(1, "/agree", 1),
        lost(0),
        lost(0, "/cancel"),
        lost(0),
        hours(25),
        lost(0),
        forgets(CLERK),
        forgets(EVE, 31),
        does("deactivate", CLERK),
        forgets(CLERK),
        months,
    ],
    "reviewed": [
        asks(),
        answers("all"),
        days(31),
        days(31),
        days(31),
        reviews(0),
        reviews(),
        does("deactivate", CLERK),
        days(95),
        reviews(1, 1),
        extends(None, 1),
        months,
    ],
}


@pytest.mark.either_database
@pytest.mark.parametrize("order", ORDERS)
def test_this_order(town: type[Kept], order: str) -> None:
    run = town()
    run.begin()
    for step in ORDERS[order]:
        step(run)
        run.the_promise_is_kept()
    run.teardown()
