"""Access reviews: delegates go through every account and every billing organization's access, and sign at the end.

What was decided is kept as one goes and takes effect when the review is signed. Read in the scope of the organization.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import clock, scopes
from hp_portal.core.audit.record import get_who, record
from hp_portal.core.delegates.accounts import deactivate
from hp_portal.core.delegates.holding import ChangedMeanwhile
from hp_portal.core.delegates.models import AccessReview, ReviewDecision
from hp_portal.core.delivery.outbox import Outgoing, add_message, cancel_messages
from hp_portal.core.identity.actor import Actor
from hp_portal.core.identity.delegates import delegates_of
from hp_portal.core.identity.models import Person
from hp_portal.core.identity.unconfirmed import reachable
from hp_portal.core.tax_ids.billing_access import end_billing_access
from hp_portal.core.tax_ids.seeing import OtherWhoSees, PersonWhoSees, WhoSees, who_sees
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession, lock

KEEP, END = "keep", "end"
PERSON, ORGANIZATION = "person", "organization"
_WHY = "a delegate reviews the access of the own organization"
REASON = "Ended in an access review"
AGREEMENT = (
    "I have gone through every row. To my knowledge everybody whose access is kept needs it for their work, "
    "and I ask to end the access of the others now."
)


class NoSuchRow(Exception):
    """Nobody of that kind has access any more."""


class NotOwnAccount(Exception):
    """Nobody ends their own account in a review; another delegate can."""


class DecidedMeanwhile(Exception):
    """Another delegate has decided about the row since the page was opened; `by` is who."""

    def __init__(self, by: str) -> None:
        super().__init__(f"decided by {by}")
        self.by = by


class SignedAlready(Exception):
    """The review has been signed, or another one is open by now."""


class NotComplete(Exception):
    """Something is not decided, or has changed since it was shown."""


@dataclass(frozen=True)
class Decided:
    """What was decided about a row, by whom and when; `holds`: the row still says what it said then."""

    decision: str
    by_id: int
    by: str
    at: dt.datetime
    holds: bool


@dataclass(frozen=True)
class Row:
    """An account, or the access of a billing organization, with what was decided. `new`: it is there only since the review began.

    One of `person` and `other` is given. `state` is a hash of what the row says.
    """

    subject: str
    name: str
    new: bool
    state: str
    person: PersonWhoSees | None = None
    other: OtherWhoSees | None = None
    decided: Decided | None = None

    @property
    def done(self) -> bool:
        """Is it decided, as it is now?"""
        return self.decided is not None and self.decided.holds

    @property
    def decision(self) -> str:
        """What was decided, empty while nothing is."""
        return self.decided.decision if self.decided is not None and self.decided.holds else ""

    @property
    def last_use(self) -> dt.datetime | None:
        found = self.person.use if self.person is not None else self.other.use if self.other is not None else None
        return found.last if found is not None else None


@dataclass(frozen=True)
class OpenReview:
    """A review that is not signed yet. `shown` stands for all that the page says: rows and decisions."""

    id: int
    started_at: dt.datetime
    due_at: dt.datetime
    rows: list[Row]

    @property
    def left(self) -> int:
        """How many rows are not decided."""
        return sum(1 for row in self.rows if not row.done)

    @property
    def overdue(self) -> bool:
        return self.due_at <= clock.now()

    @property
    def shown(self) -> str:
        return _hash([[row.subject, row.state, row.decision] for row in self.rows])

    def others_than(self, person_id: int) -> list[Decided]:
        """The newest decision of each other delegate who has worked on it."""
        newest: dict[int, Decided] = {}
        for row in self.rows:
            one = row.decided
            if (
                one is not None
                and one.by_id != person_id
                and (one.by_id not in newest or one.at > newest[one.by_id].at)
            ):
                newest[one.by_id] = one
        return sorted(newest.values(), key=lambda one: one.at, reverse=True)


@dataclass(frozen=True)
class SignedReview:
    """A review that was signed."""

    id: int
    started_at: dt.datetime
    due_at: dt.datetime
    signed_at: dt.datetime
    signed_name: str


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _rows(seen: WhoSees, started_at: dt.datetime) -> list[Row]:
    people = [
        Row(
            f"{PERSON}:{one.id}",
            one.name,
            one.since > started_at,
            _hash([one.is_delegate, list(one.applications)]),
            person=one,
        )
        for one in seen.people
    ]
    others = [
        Row(
            f"{ORGANIZATION}:{one.id}",
            one.name,
            max(each.since for each in one.accesses) > started_at,
            _hash(sorted([each.grant_id, each.ends_at.isoformat() if each.ends_at else ""] for each in one.accesses)),
            other=one,
        )
        for one in seen.billing
    ]
    return [*people, *others]


def _decided(session: PortalSession, review_id: int, rows: Iterable[Row]) -> list[Row]:
    with scopes.whole(session, _WHY):
        found = session.execute(
            sa.select(ReviewDecision, Person.name)
            .join(Person, Person.id == ReviewDecision.by_id)
            .where(ReviewDecision.review_id == review_id)
            .execution_options(populate_existing=True)
        ).all()
    kept = {one.subject: (one, name) for one, name in found}
    return [_with_decision(row, *kept[row.subject]) if row.subject in kept else row for row in rows]


def _with_decision(row: Row, kept: ReviewDecision, by: str) -> Row:
    decided = Decided(kept.decision, kept.by_id, by, kept.at, kept.state == row.state)
    return Row(row.subject, row.name, row.new, row.state, row.person, row.other, decided)


def _open(session: PortalSession, organization_id: int | None) -> AccessReview | None:
    wanted = sa.select(AccessReview).where(
        AccessReview.organization_id == organization_id, AccessReview.signed_at.is_(None)
    )
    with scopes.whole(session, _WHY):
        return session.scalars(wanted.execution_options(populate_existing=True)).one_or_none()


def open_review(session: PortalSession, actor: Actor, *, with_use: bool = True) -> OpenReview | None:
    """The review of the actor's organization that is not signed yet, with every row as it is now; None: there is none.
    `with_use` as in `who_sees`."""
    review = _open(session, actor.organization_id)
    if review is None:
        return None
    rows = _rows(who_sees(session, review.organization_id, with_use=with_use), review.started_at)
    return OpenReview(review.id, review.started_at, review.due_at, _decided(session, review.id, rows))


def view_review(session: PortalSession, actor: Actor) -> OpenReview | None:
    """As `open_review`, recorded as looked at. The caller commits."""
    found = open_review(session, actor)
    if found is not None:
        record(session, "delegates.access-review.viewed", review=found.id, rows=len(found.rows))
    return found


def review_due(session: PortalSession, actor: Actor) -> dt.datetime | None:
    """When the open review is due, for the delegates' home page; None: there is none, or not for them."""
    review = _open(session, actor.organization_id) if actor.is_delegate and actor.organization_id is not None else None
    return review.due_at if review is not None else None


def signed_reviews(session: PortalSession) -> list[SignedReview]:
    """The signed reviews of the session's organization, the newest first."""
    rows = session.scalars(
        sa.select(AccessReview).where(AccessReview.signed_at.is_not(None)).order_by(AccessReview.signed_at.desc())
    )
    return [
        SignedReview(one.id, one.started_at, one.due_at, one.signed_at, one.signed_name)
        for one in rows
        if one.signed_at
    ]


def _held(session: PortalSession, actor: Actor, review_id: int, *, with_use: bool) -> OpenReview:
    """The open review, locked until the transaction ends; `with_use` as in `who_sees`. Raises SignedAlready, ChangedMeanwhile."""
    with scopes.whole(session, _WHY):
        lock(session, f"delegates of {actor.organization_id}")
        if actor.person_id not in {one.id for one in delegates_of(session, [actor.organization_id])}:
            raise ChangedMeanwhile
    found = open_review(session, actor, with_use=with_use)
    if found is None or found.id != review_id:
        raise SignedAlready
    return found


def decide(session: PortalSession, actor: Actor, review_id: int, subject: str, decision: str, before: str) -> Row:
    """Keep a decision about a row; `before` is what the page showed as decided. The row as it is now. The caller commits.

    Raises SignedAlready, ChangedMeanwhile, NoSuchRow, NotOwnAccount, DecidedMeanwhile.
    """
    review = _held(session, actor, review_id, with_use=False)
    row = next((one for one in review.rows if one.subject == subject), None)
    if row is None:
        raise NoSuchRow
    if decision == END and row.person is not None and row.person.id == actor.person_id:
        raise NotOwnAccount
    if row.decided is not None and row.decision not in (before, decision) and row.decided.by_id != actor.person_id:
        raise DecidedMeanwhile(row.decided.by)
    with scopes.whole(session, _WHY):
        kept = session.scalars(
            sa.select(ReviewDecision).where(ReviewDecision.review_id == review_id, ReviewDecision.subject == subject)
        ).one_or_none()
        if kept is None:
            kept = ReviewDecision(organization_id=actor.organization_id, review_id=review_id, subject=subject)
            session.add(kept)
        kept.state, kept.decision, kept.by_id, kept.at = row.state, decision, actor.person_id, clock.now()
        session.flush()
    person, other = row.person.id if row.person else None, row.other.id if row.other else None
    record(
        session,
        "delegates.access-review.decided",
        review=review_id,
        decision=decision,
        person=person,
        organization=other,
    )
    return _with_decision(row, kept, actor.display_name)


def sign(session: PortalSession, actor: Actor, review_id: int, name: str, shown: str) -> SignedReview:
    """Sign the review: what was decided to end ends, and what was signed is kept with its hash. The caller commits.

    `shown` is what the page showed. Raises SignedAlready, ChangedMeanwhile, NotComplete, and NotOwnAccount when another delegate
    has decided to end the signer's own account.
    """
    review = _held(session, actor, review_id, with_use=True)
    if review.left or review.shown != shown:
        raise NotComplete
    ends = [row for row in review.rows if row.decision == END]
    if any(row.person is not None and row.person.id == actor.person_id for row in ends):
        raise NotOwnAccount
    now = clock.now()
    contents = json.dumps(_contents(actor, review, name, now, get_who(session).address), sort_keys=True)
    digest = hashlib.sha256(contents.encode()).hexdigest()
    with scopes.whole(session, _WHY):
        for row in ends:
            _end(session, actor, row)
        kept = session.get_one(AccessReview, review_id)
        kept.signed_at, kept.signed_by_id, kept.signed_name = now, actor.person_id, name
        kept.address, kept.contents, kept.digest = get_who(session).address, contents, digest
        session.flush()
        cancel_messages(session, about_review(review_id))
        _tell(session, actor, review, ends)
    kept_rows = len(review.rows) - len(ends)
    record(session, "delegates.access-review.signed", review=review_id, kept=kept_rows, ended=len(ends), digest=digest)
    return SignedReview(review_id, review.started_at, review.due_at, now, name)


def _end(session: PortalSession, actor: Actor, row: Row) -> None:
    if row.person is not None:
        deactivate(session, actor, session.get_one(Person, row.person.id), REASON)
    elif row.other is not None:
        end_billing_access(session, actor, [one.grant_id for one in row.other.accesses], REASON)


def _contents(actor: Actor, review: OpenReview, name: str, now: dt.datetime, address: str) -> dict[str, Any]:
    """What is signed: who, when, and each row with what it says and what was decided."""
    return {
        "review": review.id,
        "organization": actor.organization_name,
        "started": review.started_at.isoformat(),
        "due": review.due_at.isoformat(),
        "signed": now.isoformat(),
        "signed_by": actor.display_name,
        "username": actor.username,
        "signature": name,
        "address": address,
        "agreement": AGREEMENT,
        "rows": [_row_as_signed(row) for row in review.rows],
    }


def _row_as_signed(row: Row) -> dict[str, Any]:
    last = row.last_use
    found: dict[str, Any] = {
        "subject": row.subject,
        "name": row.name,
        "decision": row.decision,
        "decided_by": row.decided.by if row.decided else "",
        "decided_at": row.decided.at.isoformat() if row.decided else "",
        "last_use": last.isoformat() if last else "",
    }
    if row.person is not None:
        sign_in = row.person.last_sign_in
        more: Sequence[tuple[str, Any]] = (
            ("delegate", row.person.is_delegate),
            ("applications", list(row.person.applications)),
            ("last_sign_in", sign_in.isoformat() if sign_in else ""),
        )
    else:
        accesses = row.other.accesses if row.other is not None else ()
        more = (("payees", [[one.payee.name, one.payee.tin[-4:], one.payee.npi] for one in accesses]),)
    return {**found, **dict(more)}


def about_review(review_id: int) -> str:
    """What the messages about a review are about."""
    return f"access-review:{review_id}"


def _tell(session: PortalSession, actor: Actor, review: OpenReview, ends: list[Row]) -> None:
    """The other delegates, of the signed review."""
    values = {
        "what": "signed",
        "delegate": actor.display_name,
        "organization": actor.organization_name,
        "due": "",
        "ended": [row.name for row in ends],
        "kept": len(review.rows) - len(ends),
        "link": absolute_url("access_review.index"),
    }
    subject, about = "Your access review is signed", f"{about_review(review.id)}:signed"
    for person in reachable(delegates_of(session, [actor.organization_id])):
        if person.id != actor.person_id:
            shown = {**values, "name": person.name}
            add_message(session, Outgoing(person.email, "access_review", subject, about, shown))
