"""A practice, a billing service and another clinic over some months: who is in, who was let see what, and what the pages say.

What is known here was read off what people did and were told; it is never read from the portal's own tables.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from hypothesis.stateful import RuleBasedStateMachine, initialize
from werkzeug.test import TestResponse

from hp_portal.core.delivery.models import Message
from hp_portal.core.delivery.outbox import values_of
from hp_portal.core.identity.models import Person
from hp_portal.core.organizations.models import Organization
from hp_portal.core.payees.models import Payee
from hp_portal.worker import all_jobs, run_job

from .client import PortalClient, tree_of
from .clock import Clock
from .factors import add_app
from .html import text_of
from .identifiers import make_npi, make_tin
from .world import PASSWORD, World

numbers = itertools.count(1)
HARBOR, BIRCH, LEDGER = "Harbor", "Birch", "Ledger"
STAFF, WAITING, ENDED = "staff", "waiting", "ended"
REFUSED = re.compile(r'role="alert"|class="notice |aria-invalid="true"')
FLASH = re.compile(r'<div class="notice (\w+)" role="status"')
# Passwords, and a choice that is none any more.
NOT_KEPT = ("new", "again", "username", "successor")
ABOUT_ACCESS = ("/apps/", "/approve", "access", "who-can-see")
WORKS = (
    "tax-ids.end-access",
    "billing.tend-requests",
    "tax-ids.ask-about-ends",
    "people.leave",
    "people.reset-factors",
    "delegates.access-reviews",
)


@dataclass
class Member:
    """Somebody in an organization. Whoever leaves on `day` is followed by `successor`, as `asker` has said."""

    username: str
    where: str
    id: int
    name: str
    delegate: bool = False
    accepted: bool = True
    accepted_once: bool = False
    active: bool = True
    day: dt.date | None = None
    successor: str = ""
    asker: str = ""
    reset_by: str = ""
    reset_at: dt.datetime | None = None

    @property
    def acts(self) -> bool:
        """Can they do what delegates do?"""
        return self.active and self.delegate and self.accepted

    def shut(self) -> None:
        self.active, self.day, self.reset_by, self.reset_at = False, None, "", None


@dataclass
class Asked:
    """A request of the billing service, for `wanted` of the payees; `approved` are those that count still. Of the links to it the
    first `dead` are."""

    id: int
    tin: str
    npis: str
    wanted: set[int]
    email: str
    state: str
    at: dt.datetime
    due: dt.datetime
    dead: int = 0
    passed_on: int = 0
    sent_at: dt.datetime | None = None
    granted: bool = False
    approved: set[int] = field(default_factory=set)
    changed: list[dt.datetime] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state in (STAFF, WAITING)

    @property
    def free(self) -> bool:
        return self.email.endswith("@gmail.com")


@dataclass
class Invited:
    """An invitation to the practice; of its links the newest may work."""

    id: int
    email: str
    delegate: bool
    by: str
    expires: dt.datetime
    sent: list[dt.datetime] = field(default_factory=list)
    is_open: bool = True


class Town(RuleBasedStateMachine):
    """A subclass has the portal, and what must never be. `most`: days that access lasts at most, from when somebody says so."""

    world: World
    clock: Clock
    most: int
    touched = True
    """Has a step had to do with access to payments, or with time?"""

    @initialize()
    def begin(self) -> None:
        self.n = next(numbers)
        self.newest_mail = self.highest_mail()
        self.mails: list[tuple[str, str, str, str]] = []
        self.tokens: dict[str, list[str]] = {}
        self.tin, self.unknown = make_tin(20_000 + self.n), make_tin(40_000 + self.n)
        self.places: dict[str, Organization] = {
            HARBOR: self.world.organization(f"Harbor Clinic {self.n}"),
            BIRCH: self.world.organization(f"Birch Clinic {self.n}"),
            LEDGER: self.world.organization(f"Ledger Billing {self.n}", audience="billing"),
        }
        self.payees: list[Payee] = [
            self.world.payee(self.tin, make_npi(2 * self.n + place), f"Harbor {self.n} {('First', 'Second')[place]}")
            for place in range(2)
        ]
        for payee in self.payees:
            self.world.grant(self.places[HARBOR], payee)
        self.payments = self.pay()
        self.sees: dict[int, dt.datetime] = {}
        self.grants: dict[int, str] = {}
        self.asked: list[Asked] = []
        self.invited: list[Invited] = []
        self.members: list[Member] = []
        self.passwords: dict[str, str] = {}
        self.used: dict[str, dt.datetime] = {}
        self.factors: set[str] = set()
        self.addresses: dict[str, str] = {}
        self.plans: dict[int, int] = {}
        self.people = 0
        for word, where, delegate in (
            ("d.ana", HARBOR, True),
            ("e.ve", HARBOR, True),
            ("c.lerk", HARBOR, False),
            ("o.lga", BIRCH, True),
            ("r.obin", BIRCH, False),
            ("l.ee", LEDGER, True),
        ):
            name = f"{word.replace('.', '').title()} {'abcdefghij'[self.n % 10].upper()}nderson"
            row = self.world.person(f"{word}{self.n}", organization=self.places[where], delegate=delegate, name=name)
            if word == "d.ana":  # whose domain is the practice's own
                self.addresses[row.username] = f"{row.username}@harbor.example"
                with self.world.session() as session:
                    session.get_one(Person, row.id).email = self.addresses[row.username]
            self.add(row, where)
            if word in ("e.ve", "c.lerk"):
                add_app(self.world, row)
                self.factors.add(row.username)

    def pay(self) -> list[int]:
        """A payment to each payee: their ids."""
        raise NotImplementedError

    # ---- what is known

    def add(self, row: Person, where: str, *, accepted: bool = True) -> Member:
        found = Member(row.username, where, row.id, row.name, row.is_delegate, accepted, row.is_delegate and accepted)
        self.members.append(found)
        self.passwords.setdefault(row.username, PASSWORD)
        self.used[row.username] = self.clock.now()
        return found

    def of(self, where: str = HARBOR) -> list[Member]:
        return [one for one in self.members if one.where == where]

    def member(self, username: str, where: str = HARBOR) -> Member | None:
        return next((one for one in self.of(where) if one.username == username), None)

    def delegates(self, where: str = HARBOR) -> list[Member]:
        """Those who can act."""
        return [one for one in self.of(where) if one.acts]

    def others(self, member: Member) -> list[Member]:
        return [one for one in self.delegates(member.where) if one is not member]

    def rows(self, username: str) -> list[Member]:
        return [one for one in self.members if one.username == username]

    def enters(self, username: str) -> bool:
        return any(one.active for one in self.rows(username))

    def email(self, username: str) -> str:
        return self.addresses.get(username, f"{username}@office.example")

    def seen_now(self) -> set[int]:
        return {payee for payee, end in self.sees.items() if end > self.clock.now()}

    def today(self) -> dt.date:
        return self.clock.now().astimezone(self.world.settings.payer.zone).date()

    def end_of(self, day: dt.date) -> dt.datetime:
        """The midnight after a day of the payer's."""
        midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.world.settings.payer.zone)
        return midnight.astimezone(dt.UTC)

    def go_on(self, **parts: float) -> None:
        """Time passes, and what ends by itself is over at once."""
        self.clock.advance(dt.timedelta(**parts))
        self.touched = True
        self.is_over(set(self.sees) - self.seen_now())

    def is_over(self, payees: set[int]) -> None:
        """What was approved of these before counts no longer."""
        for payee in payees:
            self.sees.pop(payee, None)
        for one in self.asked:
            one.approved -= payees

    # ---- what people do

    def client(self, username: str) -> PortalClient:
        self.used[username] = self.clock.now()
        return self.world.sign_in(username)

    def below(self, where: str, path: str) -> str:
        return f"/o/{self.places[where].id}{path}"

    def shown(self, client: PortalClient, answer: TestResponse) -> TestResponse:
        """What is on screen in the end."""
        for _ in range(5):
            if not 300 <= answer.status_code < 400:
                break
            answer = client.get(answer.location or "/")
        assert answer.status_code < 500, answer.text
        return answer

    def press(
        self, client: PortalClient, path: str, data: dict[str, Any] | None = None, *, may: bool, quiet: bool = False
    ) -> TestResponse:
        """Send a form that is taken if, and only if, it `may` be; a refusal says why, and what was typed stays. `quiet`: being
        taken is not said."""
        self.touched |= any(word in path for word in ABOUT_ACCESS)
        answer = client.post(path, data)
        page = self.shown(client, answer)
        said = FLASH.findall(page.text)
        taken = 300 <= answer.status_code < 400 and ("good" in said or (quiet and not said))
        words = text_of(next(tree_of(page).iter("main"))) if page.text.lstrip().startswith("<!") else ""
        assert taken == may, f"{path} {data}: {answer.status_code}, {'may' if may else 'may not'} be: {words[:700]}"
        if not taken:
            assert REFUSED.search(page.text) or answer.status_code in (404, 410), (
                f"{path}: no reason on screen: {words}"
            )
            assert len(words) > 40, f"{path}: an empty page"
        if answer.status_code == 422:
            for key, value in (data or {}).items():
                if isinstance(value, str) and key not in NOT_KEPT and value:
                    assert value in unescape(page.text), f"{path}: {key} is lost"
        self.read_mail()
        return answer

    # ---- what they get

    def highest_mail(self) -> int:
        with self.world.session() as session:
            return session.scalar(sa.select(sa.func.max(Message.id))) or 0

    def read_mail(self) -> list[tuple[str, str, str, str]]:
        """To whom what was written about what with which link, since it was looked last."""
        with self.world.session() as session:
            wanted = sa.select(Message).where(Message.id > self.newest_mail).order_by(Message.id)
            found = [(one, values_of(session, one)) for one in session.scalars(wanted)]
            mails = [
                (one.recipient, one.template, one.about, urlsplit(str(values.get("link", ""))).path)
                for one, values in found
            ]
            self.newest_mail = max((one.id for one, _ in found), default=self.newest_mail)
        for _, template, about, path in mails:
            if (template == "access_asked" and path.startswith("/approve/")) or template == "invitation":
                self.tokens.setdefault(about, []).append(path.rpartition("/")[2])
        self.mails += mails
        return mails

    def tokens_of(self, one: Asked | Invited) -> list[str]:
        """Every link that was sent, the newest last."""
        kind = "access-request" if isinstance(one, Asked) else "invitation"
        return self.tokens.get(f"{kind}:{one.id}", [])

    def work(self, *keys: str) -> None:
        """What the worker does."""
        for key in keys or WORKS:
            job = next(one for one in all_jobs(self.world.app) if one.key == key)
            with self.world.app.app_context():
                assert run_job(self.world.app, job), key
        self.read_mail()
