"""What people of the town do about accounts, in any order: invitations, leaving, lost factors, passwords, reviews, time."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from hp_portal.core.agreements.kinds import first_version
from hp_portal.core.identity.models import Person

from .access_steps import WHY, Billing, which
from .any_access import HARBOR, LEDGER, Invited, Member, numbers
from .client import PortalClient, tree_of

DAY = dt.timedelta(days=1)


class Everybody(Billing):
    """A subclass says what must never be."""

    def delegate(self, number: int) -> Member:
        known = self.delegates()
        return known[number % len(known)]

    def deed(self, by: Member, path: str, data: dict[str, str] | None = None, *, may: bool) -> None:
        self.press(self.client(by.username), self.below(HARBOR, path), data, may=may)

    def boxes(self, *, delegate: bool) -> dict[str, str]:
        kinds = ["terms-of-use", *(["site-delegate-agreement"] if delegate else [])]
        return {one.replace("-", "_"): first_version(self.world.settings, one) for one in kinds}

    # ---- invitations

    @rule(by=which, whom=st.sampled_from(["new", "new", "robin", "clerk"]), delegate=st.booleans())
    def delegate_invites(self, by: int, whom: str, delegate: bool) -> None:
        actor, now = self.delegate(by), self.clock.now()
        email = {
            "new": f"new{self.people}.{self.n}@office.example",
            "robin": self.email(f"r.obin{self.n}"),
            "clerk": self.email(f"c.lerk{self.n}"),
        }[whom]
        form = {"name": "Nora Newcomer", "email": email, "applications": "remittance"} | (
            {"delegate": "y"} if delegate else {}
        )
        may = whom != "clerk" and self.member(f"r.obin{self.n}" if whom == "robin" else "") is None
        may = may and not any(one.is_open and one.email == email for one in self.invited) and self.may_write(email)
        before = len(self.mails)
        self.deed(actor, "/accounts/invitations/new", form, may=may)
        if may:
            about = next(about for _, template, about, _ in self.mails[before:] if template == "invitation")
            expires = now + self.world.settings.invitation_days * DAY
            one = Invited(int(about.partition(":")[2]), email, delegate, actor.username, expires, [now])
            self.invited.append(one)

    def may_write(self, email: str) -> bool:
        """Three times a day, and ten times in a month."""
        now, same = self.clock.now(), [one for one in self.invited if one.email == email]
        lately = [at for one in same for at in one.sent if at > now - DAY]
        return len(lately) < 3 and sum(len(one.sent) for one in same if one.sent[-1] > now - 30 * DAY) < 10

    @precondition(lambda town: town.invited)
    @rule(number=which, by=which, verb=st.sampled_from(["send-again", "send-again", "cancel"]))
    def delegate_goes_on(self, number: int, by: int, verb: str) -> None:
        one, actor, now = self.invited[number % len(self.invited)], self.delegate(by), self.clock.now()
        may = one.is_open and (verb == "cancel" or self.may_write(one.email))
        self.deed(actor, f"/accounts/invitations/{one.id}/{verb}", may=may)
        if may and verb == "cancel":
            one.is_open = False
        elif may:
            one.by, one.expires = actor.username, now + self.world.settings.invitation_days * DAY
            one.sent.append(now)

    @precondition(lambda town: town.invited)
    @rule(
        number=which,
        link=st.sampled_from([-1, -1, -1, 0]),
        how=st.sampled_from(["account", "account", "accept", "accept", "decline"]),
    )
    def invited_answers(self, number: int, link: int, how: str) -> None:
        """With a new account, or with the one that they have at the other clinic."""
        one, robin = self.invited[number % len(self.invited)], f"r.obin{self.n}"
        tokens, inviter, there = self.tokens_of(one), self.member(one.by), self.member(robin)
        newest = link % len(tokens) == len(tokens) - 1
        works = newest and one.is_open and one.expires > self.clock.now() and inviter is not None
        works = works and inviter is not None and inviter.active and inviter.delegate
        client = self.world.client()
        if how == "accept":
            if not self.enters(robin):
                return
            client = self.client(robin)
            works = works and self.holders(one.email) <= {robin} and (there is None or there.active)
        client.get(f"/invitation/{tokens[link]}")
        if how == "account":
            self.people += 1
            username, password = f"n.ew{self.people}.{self.n}", f"eleven-blue-lanterns-{self.people}"
            form = {"username": username, "new": password, "again": password, **self.boxes(delegate=one.delegate)}
            works = works and not self.holders(one.email)
            self.press(client, "/invitation/account", form, may=works)
            if works:
                one.is_open = False
                self.passwords[username] = password
                self.addresses[username] = one.email
                self.come(username)
            return
        self.press(client, f"/invitation/{how}", may=works)
        if works:
            one.is_open = False
        if works and how == "accept":
            if there is None:
                self.come(robin, accepted=False)
            elif one.delegate and not there.delegate:
                there.delegate, there.accepted = True, there.accepted_once

    def holders(self, email: str) -> set[str]:
        """Whose account has this address."""
        return {one.username for one in self.members if self.email(one.username) == email}

    def come(self, username: str, *, accepted: bool = True) -> None:
        with self.world.session() as session:
            wanted = sa.select(Person).where(
                Person.username.in_([username]), Person.organization_id == self.places[HARBOR].id
            )
            self.add(session.scalars(wanted).one(), HARBOR, accepted=accepted)

    # ---- delegates

    @rule(
        by=which,
        whom=which,
        verb=st.sampled_from(
            ["make-delegate", "end-delegate", "end-delegate", "deactivate", "deactivate", "reactivate", "password-link"]
        ),
    )
    def delegate_does(self, by: int, whom: int, verb: str) -> None:
        actor, people = self.delegate(by), self.of()
        one = people[whom % len(people)]
        may = {
            "make-delegate": one.active and not one.delegate,
            "end-delegate": one.delegate and bool(self.others(one)),
            "deactivate": one is not actor and one.active,
            "reactivate": not one.active,
            "password-link": one.active,
        }[verb]
        self.deed(actor, f"/accounts/{one.id}/{verb}", WHY if verb == "deactivate" else None, may=may)
        if not may:
            return
        if verb == "make-delegate":
            one.delegate, one.accepted = True, one.accepted_once
        elif verb == "end-delegate":
            one.delegate = False
        elif verb == "deactivate":
            one.shut()
        elif verb == "reactivate":
            one.active = True
            self.used[one.username] = self.clock.now()

    @rule(whom=which)
    def delegate_accepts(self, whom: int) -> None:
        """Whoever is asked to agree to be one."""
        asked = [one for one in self.of() if one.active and one.delegate and not one.accepted]
        if asked:
            self.accept(asked[whom % len(asked)])

    def accept(self, one: Member) -> None:
        client = self.client(one.username)
        assert "/terms" in (client.get(self.below(HARBOR, "/accounts")).location or "")
        self.press(client, self.below(HARBOR, "/terms"), self.boxes(delegate=True), may=True, quiet=True)
        one.accepted = one.accepted_once = True

    @rule(by=which, whom=which, to=which, days=st.sampled_from([-1, 0, 1, 3, 400]))
    def delegate_plans_leaving(self, by: int, whom: int, to: int, days: int) -> None:
        actor, people, today = self.delegate(by), self.of(), self.today()
        one, successor = people[whom % len(people)], people[to % len(people)]
        day, alone = today + days * DAY, one.delegate and not self.others(one)
        client = self.client(actor.username)
        path = self.below(HARBOR, f"/accounts/{one.id}/leaving")
        known = self.known_plan(client, path)
        may = (
            one.active and successor.active and successor is not one and 0 <= days <= 366 and not (alone and days == 0)
        )
        form = {"day": day.isoformat(), "successor": str(successor.id), "known": known, **WHY}
        self.press(client, f"{path}/save", form, may=may)
        if not may:
            return
        if alone and not successor.delegate:
            successor.delegate, successor.accepted = True, successor.accepted_once
        one.day, one.successor, one.asker = day, successor.username, actor.username
        self.plans[one.id] = next(numbers)
        if days == 0:
            self.leave(one, successor)

    def known_plan(self, client: PortalClient, path: str) -> str:
        page = self.shown(client, client.get(path))
        return next((one.get("value") or "" for one in tree_of(page).iter("input") if one.get("name") == "known"), "0")

    @rule(by=which, whom=which)
    def delegate_says_they_stay(self, by: int, whom: int) -> None:
        actor, planned = self.delegate(by), [one for one in self.of() if one.day] or self.of()
        one, client = planned[whom % len(planned)], self.client(actor.username)
        known = self.known_plan(client, path := self.below(HARBOR, f"/accounts/{one.id}/leaving"))
        self.press(client, f"{path}/stay", {"known": known}, may=one.day is not None)
        one.day = None

    def leave(self, one: Member, to: Member | None) -> None:
        for invitation in self.invited:
            if to is not None and to.delegate and invitation.is_open and invitation.by == one.username:
                invitation.by = to.username
        for other in self.of():
            if other.reset_by == one.username:
                other.reset_by, other.reset_at = "", None
        one.shut()

    @rule(by=which, whom=which, verb=st.sampled_from(["", "", "/agree", "/cancel"]))
    def somebody_lost_a_factor(self, by: int, whom: int, verb: str) -> None:
        actor, people = self.delegate(by), [one for one in self.of() if one.username in self.factors] or self.of()
        one, now = people[whom % len(people)], self.clock.now()
        waits = one.reset_at is not None
        may = {
            "": one is not actor and one.active and one.username in self.factors and not waits,
            "/agree": waits and actor is not one and actor.username != one.reset_by,
            "/cancel": waits,
        }[verb]
        form = {} if verb else {"lost-reason": "Called her at her desk"}
        self.deed(actor, f"/accounts/{one.id}/lost-factors{verb}", form, may=may)
        if may and not verb:
            one.reset_by, one.reset_at = (
                actor.username,
                now + dt.timedelta(hours=self.world.settings.factor_reset_hours),
            )
        elif may:
            one.reset_by, one.reset_at = "", None
            self.factors -= {one.username} if verb == "/agree" else set()

    @rule(whom=which, minutes=st.sampled_from([1, 1, 31]))
    def somebody_forgot_the_password(self, whom: int, minutes: int) -> None:
        """The link of the message is followed in time or too late, and once more."""
        people = self.of()
        one, number, before = people[whom % len(people)], len(self.mails), len(self.mails)
        where = {"REMOTE_ADDR": f"198.51.{self.n % 250}.{number % 250}"}
        asked = self.world.client().post(
            "/forgot-password", {"typed": self.email(one.username)}, environ_overrides=where
        )
        assert asked.location == "/forgot-password/asked", "the same for everybody"
        self.work("recovery.answer")
        links = [path for _, _, _, path in self.mails[before:] if "/set-password/" in path]
        assert bool(links) == self.enters(one.username), "a link for whoever may come in, and for nobody else"
        self.go_on(minutes=minutes)
        for again in range(2 if links else 0):
            client, password = self.world.client(), f"nineteen-red-kettles-{number}"
            client.get(links[0])
            may = minutes < 30 and not again
            self.press(client, "/set-password", {"new": password, "again": password}, may=may)
            if may:
                self.passwords[one.username] = password

    @rule(by=which, end=which)
    def delegate_reviews(self, by: int, end: int) -> None:
        """Every row is decided, one of them to end, and the review is signed, where one is open."""
        actor = self.delegate(by)
        client, path = self.client(actor.username), self.below(HARBOR, "/access-review")
        rows = self.review_rows(client, path)
        ends = sorted(rows)[end % (2 * len(rows))] if rows and end < len(rows) else ""
        for subject, (address, before) in rows.items():
            decision = "end" if subject == ends and subject != f"person:{actor.id}" else "keep"
            client.post(address, {"subject": subject, "decision": decision, "before": before})
        if not rows:
            return
        page = client.get(path)
        shown = next(one.get("value") or "" for one in tree_of(page).iter("input") if one.get("name") == "shown")
        address = next(iter(rows.values()))[0].replace("/decide", "/sign")
        self.press(client, address, {"agree": "y", "name": "Somebody Else", "shown": shown}, may=False)
        self.press(client, address, {"agree": "y", "name": actor.name, "shown": shown}, may=True)
        if ends == f"organization:{self.places[LEDGER].id}":
            self.is_over(self.seen_now())
        for one in self.of():
            if ends == f"person:{one.id}" and one is not actor:
                one.shut()

    def review_rows(self, client: PortalClient, path: str) -> dict[str, tuple[str, str]]:
        """Of each row where its buttons lead, and what is decided."""
        found = {}
        for form in tree_of(client.get(path)).iter("form"):
            values = {one.get("name"): one.get("value") or "" for one in form.iter("input")}
            if "subject" in values:
                found[values["subject"]] = (form.get("action") or "", values["before"])
        wanted = {f"person:{one.id}" for one in self.of() if one.active}
        wanted |= {f"organization:{self.places[LEDGER].id}"} if self.seen_now() else set()
        assert not found or set(found) == wanted, "the review does not show who has access"
        return found

    # ---- time

    @rule(hours=st.sampled_from([1, 25, 25, 24 * 4, 24 * 8, 24 * 31]), works=st.sampled_from([True, True, False]))
    def time_passes(self, hours: int, works: bool) -> None:
        self.go_on(hours=hours)
        if works:
            self.worker_works()

    def worker_works(self) -> None:
        now, today = self.clock.now(), self.today()
        self.work()
        for one in self.asked:
            self.ends(one, one.is_open and one.due <= now)
        due = [one for one in self.of() if one.day and one.day <= today]
        for member in sorted(due, key=lambda one: (one.day or today, self.plans.get(one.id, 0))):
            if member.delegate and not self.others(member):
                continue
            chosen = [self.member(member.successor), self.member(member.asker), *self.delegates(), *self.of()]
            self.leave(member, next((to for to in chosen if to and to.active and to is not member), None))
        for member in self.of():
            if member.reset_at is not None and member.reset_at <= now:
                member.reset_by, member.reset_at = "", None
                self.factors.discard(member.username)

    @rule()
    def nobody_signs_in_for_months(self) -> None:
        """Accounts rest, but for the last delegate of each organization."""
        began = self.clock.now()
        for days in (77, 11, 4):
            self.go_on(days=days)
            self.work("people.rest-accounts")
        for username in dict.fromkeys(one.username for one in sorted(self.members, key=lambda one: one.id)):
            rows = [one for one in self.rows(username) if one.active]
            alone = any(
                one.delegate and not any(other.accepted_once for other in self.others_named(one)) for one in rows
            )
            if self.used[username] <= began and not alone:
                for one in rows:
                    one.shut()
        self.worker_works()

    def others_named(self, member: Member) -> list[Member]:
        return [one for one in self.of(member.where) if one.active and one.delegate and one is not member]
