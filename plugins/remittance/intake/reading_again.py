"""Payments that are there already, read again from their kept text: for what an earlier version did not work out.

What is odd about a payment and no matter of its balance (`Payment.marks`), which claims say otherwise what the patient owes, and
what balances, come from the reader. An upgrade that brings the reader something new asks for this, and the worker does it, some
payments in each transaction; `hp-portal remittance read-again` does it at once. Nothing else of a payment is touched.
"""

from __future__ import annotations

import datetime as dt
import io
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
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

WAITING, DONE = "waiting", "done"
_LEASE = dt.timedelta(minutes=2)
_STEP = 25
_LONGEST = 20.0
"""Seconds that the worker is at it at a time: imports wait in the same lane."""
_CLAIM_NUMBER, _OWED, _BALANCED = (CLAIM.index(column) for column in ("claim", "patient_adjusted", "balanced"))


class Busy(Exception):
    """A worker is reading the payments again at the moment."""


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
            found = [(row, _read(session, row)) for row in rows]  # takes the time, and holds nobody's lock
            values = {
                "last_id": rows[-1].id if rows else asked.until_id,
                "done": asked.done + len(rows),
                "unreadable": asked.unreadable + sum(one is None for _, one in found),
            }
            api.renew_lease(session, lease, _LEASE, **values)
            changed = asked.changed + _store(session, found)
            if not rows:
                api.release_lease(session, lease, state=DONE, changed=changed)
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
        sa.select(Payment.id, Payment.marks, Payment.balanced, PaymentText.sealed)
        .outerjoin(PaymentText, PaymentText.payment_id == Payment.id)
        .where(Payment.id > asked.last_id, Payment.id <= asked.until_id)
        .order_by(Payment.id)
        .limit(_STEP)
    ).all()


def _read(session: PortalSession, row: Any) -> Transaction | None:
    """What the reader says of a payment's text today; None where there is none, or it cannot be read any more."""
    if row.sealed is None:
        return None
    try:
        isa, gs, raw = unpack(session.vault.open(row.sealed, KEPT_TEXT(row.id), TEXT_WAS))
        text = rebuild_interchange(raw, isa or None, gs or None)
    except (api.SealBroken, ValueError):
        return None
    first = next(read(io.BytesIO(text)))
    return first if isinstance(first, Transaction) and first.importable else None


def _store(session: PortalSession, found: Sequence[tuple[Any, Transaction | None]]) -> int:
    """Write what is not there yet; of how many payments that was something."""
    readable = [(row, one) for row, one in found if one is not None]
    claims = _claims_of(session, [row.id for row, _ in readable])
    changed = 0
    for row, transaction in readable:
        marks, balanced = transaction.fact("marks"), transaction.balanced
        payment_changes = (row.marks, row.balanced) != (marks, balanced)
        if payment_changes:
            session.execute(
                sa.update(Payment).where(Payment.id == row.id).values(marks=marks, balanced=balanced),
                execution_options={"synchronize_session": False},
            )
        wrong = _claims_that_differ(claims[row.id], transaction)
        for values in wrong:
            session.execute(
                sa.update(Claim)
                .where(Claim.payment_id == row.id, Claim.claim == values[0])
                .values(patient_adjusted=values[1], balanced=values[2]),
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


def _claims_that_differ(stored: set[tuple[int, int | None, bool]], transaction: Transaction) -> list[Any]:
    """Number, what the patient owes by its adjustments, and whether it balances, of claims of which that is not stored."""
    numbers = {one[0] for one in stored}
    today = [(row[_CLAIM_NUMBER], row[_OWED], row[_BALANCED]) for row in bounded(transaction).claims]
    return [one for one in today if one not in stored and one[0] in numbers]


JOB = Job(
    "remittance.read-again",
    "Read payments again that an earlier version imported",
    dt.timedelta(seconds=30),
    _read_soon,
    lane="long",
)
