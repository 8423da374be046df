"""Payments that are there already, read again from their kept text: for what an earlier version did not work out.

What is odd about a payment and no matter of its balance (`Payment.marks`), which claims say otherwise what the patient owes, and
what balances, come from the reader. An upgrade that brings the reader something new asks for this, and the worker does it, some
payments in each transaction; `hp-portal remittance read-again` does it at once. Nothing else of a payment is touched.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import time
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import PurePath
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, LeaseLost, PortalSession

from ..models import KEPT_TEXT, TEXT_WAS, Claim, Payment, PaymentText
from ..x12.reader import read
from ..x12.rebuild import rebuild_interchange
from ..x12.records import CLAIM, Transaction
from .importing import bounded
from .kept_text import unpack
from .models import ReadingAgain
from .uploads import FAILED_SHOWN

WAITING, DONE = "waiting", "done"
_LEASE = dt.timedelta(minutes=2)
_STEP = 25
_LONGEST = 20.0
"""Seconds that the worker is at it at a time: imports wait in the same lane."""
MOST_NAMED = 200
_CLAIM_NUMBER, _OWED, _BALANCED = (CLAIM.index(column) for column in ("claim", "patient_adjusted", "balanced"))


class Busy(Exception):
    """A worker is reading the payments again at the moment."""


@dataclass(frozen=True)
class Unread:
    """A payment that cannot be read again, and why: never with text of it, which may be a patient's."""

    id: int
    number: str
    why: str


@dataclass(frozen=True)
class _Today:
    """What the reader says of a payment today; of its claims the number, what the patient owes by its adjustments, and whether it
    balances."""

    marks: str | None
    balanced: bool
    claims: list[tuple[int, int | None, bool]]


class _CannotRead(Exception):
    """Why, in words."""


def ask(session: PortalSession) -> ReadingAgain:
    """Ask for all payments that are there; the one that waits already, if there is one. The caller commits."""
    waiting = under_way(session)
    if waiting is not None:
        return waiting
    counted = session.execute(sa.select(sa.func.count(Payment.id), sa.func.max(Payment.id))).one()
    asked = ReadingAgain(
        asked_at=api.now(),
        state=WAITING,
        last_id=0,
        until_id=counted[1] or 0,
        of=counted[0],
        done=0,
        changed=0,
        unreadable=0,
    )
    session.add(asked)
    session.flush()
    return asked


def under_way(session: PortalSession) -> ReadingAgain | None:
    """The one that waits or is at it."""
    return session.scalar(
        sa.select(ReadingAgain).where(ReadingAgain.state == WAITING).order_by(ReadingAgain.id).limit(1)
    )


def last_shown(session: PortalSession) -> ReadingAgain | None:
    """What staff are shown: the last one, while it goes on and, when payments could not be read, for some days after it ended."""
    last = session.scalar(sa.select(ReadingAgain).order_by(ReadingAgain.id.desc()).limit(1))
    if last is None or last.state == WAITING:
        return last
    shown = last.unreadable and last.ended_at is not None and last.ended_at > api.now() - FAILED_SHOWN
    return last if shown else None


def count_waiting_to_be_read(session: PortalSession) -> int:
    """How many payments have yet to be read again, after an upgrade that brought the reader something new."""
    waiting = under_way(session)
    return max(waiting.of - waiting.done, 0) if waiting is not None else 0


def count_unreadable(session: PortalSession) -> int:
    """How many payments could not be read, as long as staff are shown that."""
    last = last_shown(session)
    return last.unreadable if last is not None else 0


def named(asked: ReadingAgain) -> list[Unread]:
    """The payments that could not be read, at most MOST_NAMED of them."""
    return [Unread(**values) for values in json.loads(asked.unread or "[]")]


def read_now(session: PortalSession, progress: Callable[[int, int], object]) -> ReadingAgain:
    """Read all payments again, here and now. Commits as it goes. Raises Busy while a worker is at it."""
    with api.whole(session, "reading payments again"):
        asked = ask(session)
        session.commit()
        while asked.state != DONE:
            if not _some(session, progress, longest=None):
                raise Busy
            session.refresh(asked)
    return asked


def _read_soon(session: PortalSession) -> None:
    """The worker's job. Commits as it goes."""
    with api.whole(session, "reading payments again"):
        _some(session, lambda _done, _of: None, longest=_LONGEST)


def _some(session: PortalSession, progress: Callable[[int, int], object], *, longest: float | None) -> bool:
    """Go on with what waits, for so long; False when nothing does, or another process is at it."""
    lease = api.take_lease(session, ReadingAgain, ReadingAgain.state == WAITING, lasts=_LEASE)
    if lease is None:
        session.rollback()
        return False
    session.commit()
    began = time.monotonic()
    try:
        while longest is None or time.monotonic() - began < longest:
            asked = session.get_one(ReadingAgain, lease.id, populate_existing=True)
            progress(asked.done, asked.of)
            rows = _next(session, asked)
            found, unread = _read_all(session, rows)  # takes the time, and holds nobody's lock
            values = {
                "last_id": rows[-1].id if rows else asked.until_id,
                "done": asked.done + len(rows),
                "unreadable": asked.unreadable + len(unread),
                "unread": _as_json([*named(asked), *unread]),
            }
            api.renew_lease(session, lease, _LEASE, **values)
            changed = asked.changed + _store(session, found)
            if not rows:
                api.release_lease(session, lease, state=DONE, changed=changed, ended_at=api.now())
                api.record(
                    session,
                    "remittance.payments.read-again",
                    payments=values["done"],
                    changed=changed,
                    unreadable=values["unreadable"],
                )
                session.commit()
                return True
            api.renew_lease(session, lease, _LEASE, changed=changed)
            session.commit()
        api.release_lease(session, lease)
        session.commit()
    except LeaseLost:
        session.rollback()
    return True


def _next(session: PortalSession, asked: ReadingAgain) -> Sequence[Any]:
    """The next payments with what is known of them and their texts (None: none was kept)."""
    return session.execute(
        sa.select(Payment.id, Payment.trace_number, Payment.marks, Payment.balanced, PaymentText.sealed)
        .outerjoin(PaymentText, PaymentText.payment_id == Payment.id)
        .where(Payment.id > asked.last_id, Payment.id <= asked.until_id)
        .order_by(Payment.id)
        .limit(_STEP)
    ).all()


def _as_json(unread: Sequence[Unread]) -> str | None:
    return json.dumps([asdict(one) for one in unread[:MOST_NAMED]], ensure_ascii=False) if unread else None


def _read_all(session: PortalSession, rows: Iterable[Any]) -> tuple[list[tuple[Any, _Today]], list[Unread]]:
    """What the reader says of these payments today, and those that cannot be read."""
    found, unread = [], []
    for row in rows:
        try:
            found.append((row, _read(session, row)))
        except _CannotRead as error:
            unread.append(Unread(row.id, row.trace_number, str(error)))
    return found, unread


def _read(session: PortalSession, row: Any) -> _Today:
    """What the reader says of a payment's text today. Raises _CannotRead."""
    if row.sealed is None:
        raise _CannotRead("no text of it is kept")
    try:
        packed = session.vault.open(row.sealed, KEPT_TEXT(row.id), TEXT_WAS)
    except api.SealBroken as error:
        raise _CannotRead("its kept text does not open") from error
    try:
        isa, gs, raw = unpack(packed)
        first = next(read(io.BytesIO(rebuild_interchange(raw, isa or None, gs or None))))
        if isinstance(first, Transaction) and first.importable:
            return _today(first)
    except Exception as error:
        # Whatever it is, the other payments are read. Where it happened, without the error's own words: they may quote the text.
        place = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} in {PurePath(place.filename).name}, line {place.lineno}"
        raise _CannotRead(f"its kept text is damaged, or the reader fails at it ({kind})") from error
    raise _CannotRead("its kept text has no payment in it that can be imported")


def _today(transaction: Transaction) -> _Today:
    marks = transaction.fact("marks")
    claims = [(row[_CLAIM_NUMBER], row[_OWED], row[_BALANCED]) for row in bounded(transaction).claims]
    return _Today(None if marks is None else str(marks), transaction.balanced, claims)


def _store(session: PortalSession, found: Sequence[tuple[Any, _Today]]) -> int:
    """Write what is not there yet; of how many payments that was something."""
    claims = _claims_of(session, [row.id for row, _ in found])
    changed = 0
    for row, today in found:
        payment_changes = (row.marks, row.balanced) != (today.marks, today.balanced)
        if payment_changes:
            session.execute(
                sa.update(Payment).where(Payment.id == row.id).values(marks=today.marks, balanced=today.balanced),
                execution_options={"synchronize_session": False},
            )
        wrong = _claims_that_differ(claims[row.id], today)
        for number, owed, balanced in wrong:
            session.execute(
                sa.update(Claim)
                .where(Claim.payment_id == row.id, Claim.claim == number)
                .values(patient_adjusted=owed, balanced=balanced),
                execution_options={"synchronize_session": False},
            )
        changed += bool(payment_changes or wrong)
    return changed


def _claims_of(session: PortalSession, ids: Sequence[int]) -> dict[int, set[tuple[int, int | None, bool]]]:
    found: dict[int, set[tuple[int, int | None, bool]]] = defaultdict(set)
    columns = sa.select(Claim.payment_id, Claim.claim, Claim.patient_adjusted, Claim.balanced)
    for row in session.execute(columns.where(Claim.payment_id.in_(ids))):
        found[row.payment_id].add((row.claim, row.patient_adjusted, row.balanced))
    return found


def _claims_that_differ(stored: set[tuple[int, int | None, bool]], today: _Today) -> list[tuple[int, int | None, bool]]:
    """The claims that are stored, but not as they are read today."""
    numbers = {one[0] for one in stored}
    return [one for one in today.claims if one not in stored and one[0] in numbers]


JOB = Job(
    "remittance.read-again",
    "Read payments again that an earlier version imported",
    dt.timedelta(seconds=30),
    _read_soon,
    lane="long",
)
