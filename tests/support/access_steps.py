"""What people of the town do about access to payments, in any order: the billing service, the practice, staff, and time."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from .any_access import ENDED, HARBOR, LEDGER, STAFF, WAITING, Asked, Town
from .client import PortalClient, tree_of
from .html import text_of

BASE = "/apps/tax-id-npi-access/requests"
OFFICE = {"name": "Olive Office", "title": "Office manager", "phone": "952-555-0100"}
WHY = {"reason": "Called them about it"}
which = st.integers(0, 9)


class Billing(Town):
    """Requests, approvals, and their ends. In a script the newest is number -1."""

    def pick(self, number: int) -> Asked:
        return self.asked[number % len(self.asked)]

    def why_staff_look(self, one: Asked) -> bool:
        return one.tin == self.unknown or one.free

    def may_ask(self, tin: str, npis: str) -> bool:
        if any(one.is_open and one.tin == tin and (not npis or not one.npis or one.npis == npis) for one in self.asked):
            return False
        return not npis or self.payees[1].id not in self.seen_now()

    def note_asked(self, location: str, tin: str, npis: str, email: str) -> Asked:
        now = self.clock.now()
        wanted = {one.id for one in self.payees if not npis or one.npi == npis} if tin == self.tin else set()
        found = re.search(r"/requests/(\d+)$", location)
        assert found, location
        one = Asked(int(found.group(1)), tin, npis, wanted, email, WAITING, now, now + dt.timedelta(days=30))
        one.state = STAFF if self.why_staff_look(one) else WAITING
        one.sent_at = now  # of what staff look at as well: nothing tells it from the others
        self.asked.append(one)
        return one

    # ---- the billing service

    @rule(whom=st.sampled_from(["person", "person", "delegates", "free", "unknown"]), part=st.booleans())
    def ledger_asks(self, whom: str, part: bool) -> None:
        tin, npis = (self.unknown if whom == "unknown" else self.tin), (self.payees[1].npi or "" if part else "")
        office = {**OFFICE, "email": "olive@gmail.com" if whom == "free" else f"olive{self.n}@harbor.example"}
        form = {
            "provider": "Harbor",
            "tin": tin,
            "npis": npis,
            "whom": "person",
            "form": f"{len(self.asked)}",
            **office,
        }
        if whom == "delegates":
            form |= dict.fromkeys(office, "") | {"whom": "delegates"}
        may = self.may_ask(tin, npis)
        answer = self.press(self.client(self.lee), f"{BASE}/new/send", form, may=may)
        if may:
            self.note_asked(answer.location or "", tin, npis, form["email"])

    @property
    def lee(self) -> str:
        return f"l.ee{self.n}"

    @precondition(lambda town: town.asked)
    @rule(number=which, how=st.sampled_from(["resend", "withdraw", "again", "again", "change", "change badly"]))
    def ledger_goes_on(self, number: int, how: str) -> None:
        one, now, client = self.pick(number), self.clock.now(), self.client(self.lee)
        address = f"{BASE}/{one.id}"
        if how == "again":
            may = not one.is_open and self.may_ask(one.tin, one.npis)
            answer = self.press(client, f"{address}/again", {}, may=may)
            if may:
                self.note_asked(answer.location or "", one.tin, one.npis, one.email)
        elif how == "withdraw":
            self.press(client, f"{address}/withdraw", {}, may=one.is_open)
            self.ends(one, one.is_open)
        elif how == "resend":
            over = one.is_open and one.due <= now
            may = one.is_open and not over and (one.sent_at or one.at) <= now - dt.timedelta(days=1)
            self.press(client, f"{address}/resend", {}, may=may)
            self.ends(one, over)
            if may:
                one.sent_at = now
        else:
            email = f"other{len(self.mails)}@{'harbor' if how == 'change' else 'office'}.example"
            lately = [at for at in one.changed if at > now - dt.timedelta(days=1)]
            over = one.is_open and one.at + dt.timedelta(days=90) <= now
            may = one.is_open and not over and how == "change" and len(lately) < 3
            dead = len(self.tokens_of(one))
            self.press(client, f"{address}/approver/change", {**OFFICE, "email": email}, may=may)
            self.ends(one, over and how == "change")
            if may:
                one.changed.append(now)
                self.goes_to(one, email, dead)

    def goes_to(self, one: Asked, email: str, dead: int) -> None:
        """Somebody else is asked from now on."""
        now = self.clock.now()
        latest = one.at + dt.timedelta(days=90)
        one.email, one.dead, one.due = email, dead, min(now + dt.timedelta(days=30), latest)
        one.state = STAFF if self.why_staff_look(one) else WAITING
        one.sent_at = now

    def ends(self, one: Asked, really: bool = True) -> None:
        if really:
            one.state, one.dead = ENDED, len(self.tokens_of(one))

    @precondition(lambda town: town.asked)
    @rule(number=which, verb=st.sampled_from(["send", "send", "refuse"]))
    def staff_decide(self, number: int, verb: str) -> None:
        held = [one for one in self.asked if one.state == STAFF]
        one = held[number % len(held)] if held else self.pick(number)
        sendable = one.tin == self.tin and one.due > self.clock.now()
        may = one.state == STAFF and (verb == "refuse" or sendable)
        self.press(self.client("a.staff"), f"/staff/access-requests/{one.id}/{verb}", WHY, may=may)
        if may and verb == "send":
            one.state = WAITING  # for as long as was said when it was asked
        elif may:
            self.ends(one)

    # ---- the practice

    def form_of(self, how: str, prefixed: bool = True) -> tuple[str, dict[str, Any]]:
        payees = self.payees[:1] if how == "some" else self.payees
        days = {"some": 20, "all": 365, "the most": self.most, "too long": self.most + 1, "today": 0}.get(how)
        if days is None:
            other = {f"other-{key}": value for key, value in OFFICE.items()}
            form = {
                "decline": {"decline-answer": "We end the contract."},
                "pass-on": {**other, "other-email": f"paul{len(self.mails)}@harbor.example"},
                "not-known": {},
            }
            return how, form[how]
        until = self.today() + dt.timedelta(days=days)
        signed = {"signed_name": "Olive Office", "signed_title": "Office manager"}
        return "approve", {"payees": [str(one.id) for one in payees], "until": until.isoformat(), **signed}

    hows = st.sampled_from(["all", "all", "some", "the most", "today", "too long", "decline", "pass-on", "not-known"])

    @precondition(lambda town: town.asked)
    @rule(number=which, how=hows, link=st.sampled_from([-1, -1, -1, 0]))
    def approver_answers(self, number: int, how: str, link: int) -> None:
        """By a link that was sent: the newest, or the first."""
        one = self.pick(number)
        if not (tokens := self.tokens_of(one)):
            return
        place, client = link % len(tokens), self.world.client()
        client.get(f"/approve/{tokens[place]}")
        client.post("/approve/open", {"request": str(one.id)})
        self.answers(one, how, client, "/approve/request", place >= one.dead)

    @precondition(lambda town: town.asked)
    @rule(number=which, how=hows, by=which)
    def delegate_answers(self, number: int, how: str, by: int) -> None:
        one, known = self.pick(number), self.delegates()
        client = self.client(known[by % len(known)].username)
        self.answers(
            one, how, client, self.below(HARBOR, f"/access-requests/{self.pick(number).id}"), one.tin == self.tin
        )

    def answers(self, one: Asked, how: str, client: PortalClient, path: str, works: bool) -> None:
        verb, form = self.form_of(how)
        if verb == "approve":
            form["payees"] = [key for key in form["payees"] if int(key) in one.wanted]
        may = works and one.state == WAITING and one.due > self.clock.now() and how != "too long"
        may = may and (verb != "approve" or bool(form["payees"])) and (verb != "pass-on" or one.passed_on < 2)
        dead = len(self.tokens_of(one))
        self.press(client, f"{path}/{verb}", {"request": str(one.id), **form}, may=may)
        if not may:
            return
        if verb == "pass-on":
            one.passed_on += 1
            self.goes_to(one, form["other-email"], dead)
            return
        self.ends(one)
        if verb == "approve":
            one.granted = True
            for payee in map(int, form["payees"]):
                end = self.end_of(dt.date.fromisoformat(form["until"]))
                self.sees[payee] = max(self.sees.get(payee, end), end)
                one.approved.add(payee)

    def look_at_grants(self, client: PortalClient) -> dict[int, str]:
        """What the practice reads of who can see its data: for which payee there is which button."""
        page = client.get(self.below(HARBOR, "/who-can-see-our-data"))
        assert page.status_code == 200
        found: dict[int, str] = {}
        for row in tree_of(page).iter("tr"):
            links = [one.get("href") or "" for one in row.iter("a")]
            numbers = [link.rpartition("grant=")[2] for link in links if "/end?grant=" in link]
            found |= {one.id: numbers[0] for one in self.payees if numbers and one.name in text_of(row)}
        assert set(found) == self.seen_now(), "who can see our data is not what was approved"
        self.grants |= found
        return found

    @precondition(lambda town: town.grants or town.sees)
    @rule(by=which, place=st.sampled_from([0, 1, None]))
    def practice_ends(self, by: int, place: int | None) -> None:
        """One, or all of the billing service's; what has ended is ended once more."""
        known = self.delegates()
        client = self.client(known[by % len(known)].username)
        self.look_at_grants(client)
        chosen = self.seen_now() if place is None else {self.payees[place].id} & self.seen_now()
        what = {"organization": str(self.places[LEDGER].id)}
        if place is not None:
            what = {"grant": self.grants.get(self.payees[place].id, "0")}
        address = self.below(HARBOR, "/who-can-see-our-data/end")
        asked = client.get(address, query_string=what, check=False)
        inputs = tree_of(asked).iter("input") if asked.status_code == 200 else ()
        listed = {str(one.get("name")): one.get("value") or "" for one in inputs if one.get("name") == "shown"}
        self.press(client, f"{address}/confirmed", {**what, **listed, **WHY}, may=bool(chosen))
        self.is_over(chosen)

    @precondition(lambda town: town.grants or town.sees)
    @rule(by=which, place=st.integers(0, 1), days=st.sampled_from([None, 0, 1, 90, 400, 401]))
    def practice_extends(self, by: int, place: int, days: int | None) -> None:
        """Or, without days, lets it end on its day."""
        known = self.delegates()
        client, payee = self.client(known[by % len(known)].username), self.payees[place].id
        self.look_at_grants(client)
        address = self.below(HARBOR, "/who-can-see-our-data/ending")
        page = self.shown(client, client.get(f"{address}?grant={self.grants.get(payee, '0')}"))
        ends = next((one.get("value") for one in tree_of(page).iter("input") if one.get("name") == "ends"), "")
        until = self.today() + dt.timedelta(days=days or 0)
        form = {"grant": self.grants.get(payee, "0"), "ends": ends, "answer": "end"}
        if days is not None:
            form |= {"answer": "extend", "until": until.isoformat()}
        later = payee in self.seen_now() and self.end_of(until) > self.sees[payee]
        may = payee in self.seen_now() and (days is None or (later and 0 < days <= self.most))
        self.press(client, f"{address}/answered", form, may=may)
        if may and days is not None:
            self.sees[payee] = self.end_of(until)
