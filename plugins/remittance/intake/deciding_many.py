"""One decision about many pairs of one number: those that staff chose, or all that a file brought.

Each pair is decided, recorded and undone by itself, as if somebody had opened it (deciding.py); what cannot be decided so stays
in the queue. A few are decided in the request, more by the worker, some in each transaction. Every function needs a whole scope.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from hp_portal.api import (
    Job,
    LeaseLost,
    Person,
    PortalSession,
    Who,
    now,
    record,
    release_lease,
    renew_lease,
    show_count,
    take_lease,
)

from ..models import Payment, RemittanceFile
from .deciding import CannotDecide, Earlier, Later, decide, undo
from .in_parts import look_like_parts
from .models import SameNumber, SameNumberBatch
from .same_number import WAITS

DECIDING, DECIDED, UNDOING, UNDONE = "deciding", "decided", "undoing", "undone"
UNDER_WAY = (DECIDING, UNDOING)
AT_ONCE = 20
"""So many pairs are decided in the request, some ten milliseconds of the processor each; more by the worker."""
MOST_CHOSEN = 200
"""Pairs that can be ticked; of a file it may be any number."""
SHOWN = 50
_STEP = 20
_LEASE = dt.timedelta(minutes=2)
_LATEST = 20
_FILES = 10


@dataclass(frozen=True)
class Which:
    """Pairs that wait: those whose later payment a file brought, or with these ids."""

    file_id: int | None = None
    ids: tuple[int, ...] = ()

    def condition(self) -> sa.ColumnElement[bool]:
        """Pairs of them that wait, and that no other decision about many is at."""
        if self.file_id is None:
            chosen = SameNumber.id.in_(self.ids)
        else:
            chosen = SameNumber.payment_id.in_(sa.select(Payment.id).where(Payment.file_id == self.file_id))
        return sa.and_(SameNumber.state == WAITS, SameNumber.batch_id.is_(None), chosen)


@dataclass(frozen=True)
class Chosen:
    """What a decision would be about: how many pairs, what differs in how many, the first of them (pair, earlier and later
    payment), the file (None: they were ticked), and which of the first look like parts of one payment, by their ids."""

    count: int
    differs: Sequence[tuple[str, int]]
    first: Sequence[Any]
    file: RemittanceFile | None
    parts: Set[int]

    @property
    def other_payee(self) -> int:
        """In how many of them the payee differs."""
        return dict(self.differs).get("payee", 0)


@dataclass(frozen=True)
class Shown:
    """A decision about many, by whom, and who has undone it."""

    batch: SameNumberBatch
    by: str
    undone_by: str

    @property
    def under_way(self) -> bool:
        return self.batch.state in UNDER_WAY

    @property
    def of(self) -> int:
        """How many pairs there are to do."""
        return self.batch.done if self.batch.undone_at else self.batch.pairs

    @property
    def done(self) -> int:
        """How many of them are done."""
        return self.batch.undone if self.batch.undone_at else self.batch.done


def files_that_wait(session: PortalSession) -> list[tuple[int, str, int]]:
    """Files that brought several pairs that wait: id, name and how many, those with most first."""
    count = sa.func.count(SameNumber.id)
    rows = session.execute(
        sa.select(RemittanceFile.id, RemittanceFile.name, count)
        .join(Payment, Payment.file_id == RemittanceFile.id)
        .join(SameNumber, SameNumber.payment_id == Payment.id)
        .where(SameNumber.state == WAITS, SameNumber.batch_id.is_(None))
        .group_by(RemittanceFile.id, RemittanceFile.name)
        .having(count > 1)
        .order_by(count.desc(), RemittanceFile.id.desc())
        .limit(_FILES)
    )
    return [(row[0], row[1], row[2]) for row in rows]


def waiting_of_file(session: PortalSession, file_id: int) -> int:
    """How many pairs of a file wait."""
    return _count(session, Which(file_id))


def _count(session: PortalSession, which: Which) -> int:
    return session.scalar(sa.select(sa.func.count(SameNumber.id)).where(which.condition())) or 0


def view_chosen(session: PortalSession, which: Which) -> Chosen | None:
    """What a decision would be about, recorded as listed; None when none of them waits. The caller commits."""
    differs: Counter[str] = Counter()
    total = 0
    rows = session.execute(
        sa.select(SameNumber.differs, sa.func.count()).where(which.condition()).group_by(SameNumber.differs)
    )
    for words, count in rows:
        total += count
        differs.update(dict.fromkeys(words.split(), count))
    if not total:
        return None
    first = session.execute(
        sa.select(SameNumber, Earlier, Later)
        .join(Earlier, Earlier.id == SameNumber.earlier_id)
        .join(Later, Later.id == SameNumber.payment_id)
        .where(which.condition())
        .order_by(SameNumber.id)
        .limit(SHOWN)
    ).all()
    file = session.get(RemittanceFile, which.file_id) if which.file_id is not None else None
    record(session, "remittance.same-number.listed", decided=False, page=1, shown=len(first))
    return Chosen(total, differs.most_common(), first, file, look_like_parts(session, first))


def decide_many(
    session: PortalSession, which: Which, verb: str, reason: str, *, person_id: int
) -> SameNumberBatch | None:
    """Decide about all of these that wait, at once or by the worker; None when none does. The caller commits."""
    moment = now()
    batch = SameNumberBatch(
        decision=verb, reason=reason, asked_at=moment, asked_by_id=person_id, state=DECIDING, pairs=0, done=0, undone=0
    )
    session.add(batch)
    session.flush()
    taken = session.execute(
        sa.update(SameNumber).where(which.condition()).values(batch_id=batch.id),
        execution_options={"synchronize_session": False},
    )
    batch.pairs = cast("sa.CursorResult[Any]", taken).rowcount
    if not batch.pairs:
        return None
    session.flush()
    record(
        session,
        "remittance.same-number.decided-together",
        reason=reason,
        batch=batch.id,
        decision=verb,
        pairs=batch.pairs,
    )
    if batch.pairs <= AT_ONCE:
        _finish(session, batch)
    return batch


def undo_many(session: PortalSession, batch_id: int, reason: str, *, person_id: int) -> SameNumberBatch:
    """Take back every decision of one about many that still stands, at once or by the worker. Raises CannotDecide when that is
    under way or done. The caller commits."""
    found = session.execute(
        sa.update(SameNumberBatch)
        .where(SameNumberBatch.id == batch_id, SameNumberBatch.state == DECIDED)
        .values(state=UNDOING, undo_reason=reason, undone_at=now(), undone_by_id=person_id)
        .returning(SameNumberBatch.id)
    ).one_or_none()
    if found is None:
        raise CannotDecide
    batch = session.get_one(SameNumberBatch, batch_id, populate_existing=True)
    record(
        session,
        "remittance.same-number.undone-together",
        reason=reason,
        batch=batch.id,
        decision=batch.decision,
        pairs=batch.done,
    )
    if batch.done <= AT_ONCE:
        _finish(session, batch)
    return batch


def view_batch(session: PortalSession, batch_id: int) -> Shown | None:
    """A decision about many, recorded as viewed; None when there is none. The caller commits."""
    batch = session.get(SameNumberBatch, batch_id)
    if batch is None:
        return None
    record(session, "remittance.same-number.batch-viewed", batch=batch.id)
    return _shown(session, [batch])[0]


def pairs_of(session: PortalSession, batch: SameNumberBatch) -> Sequence[Any]:
    """The first pairs of a decision about many that still stand as it left them: pair and later payment."""
    return session.execute(
        sa.select(SameNumber, Later)
        .join(Later, Later.id == SameNumber.payment_id)
        .where(SameNumber.batch_id == batch.id)
        .order_by(SameNumber.id)
        .limit(SHOWN)
    ).all()


def latest_batches(session: PortalSession) -> list[Shown]:
    """The last decisions about many, the newest first."""
    batches = session.scalars(sa.select(SameNumberBatch).order_by(SameNumberBatch.id.desc()).limit(_LATEST)).all()
    return _shown(session, batches)


def _shown(session: PortalSession, batches: Sequence[SameNumberBatch]) -> list[Shown]:
    ids = {key for one in batches for key in (one.asked_by_id, one.undone_by_id) if key is not None}
    names = {row.id: row.name for row in session.execute(sa.select(Person.id, Person.name).where(Person.id.in_(ids)))}
    return [
        Shown(one, names.get(one.asked_by_id, ""), names.get(one.undone_by_id, "") if one.undone_by_id else "")
        for one in batches
    ]


def in_words(batch: SameNumberBatch) -> str:
    """What became of it, in a sentence or two."""
    if batch.undone_at:
        said = f"{show_count(batch.undone, 'pair')} {'waits' if batch.undone == 1 else 'wait'} for a decision again."
        if batch.done > batch.undone:
            said += f" {show_count(batch.done - batch.undone, 'pair')} had been undone or decided anew before."
        return said
    said = f"{show_count(batch.done, 'pair')} decided."
    if batch.pairs > batch.done:
        said += (
            f" {show_count(batch.pairs - batch.done, 'pair')} could not be decided so: somebody has decided meanwhile, or one "
            "of the payments no longer counts. What waits is still in the queue."
        )
    return said


def _finish(session: PortalSession, batch: SameNumberBatch) -> None:
    """All of it, in the session's transaction."""
    while _step(session, batch):
        pass
    batch.state = DECIDED if batch.state == DECIDING else UNDONE
    session.flush()


def _step(session: PortalSession, batch: SameNumberBatch, who: Who | None = None) -> bool:
    """Decide about some more, or take some more back; False when none is left."""
    undoing = batch.state == UNDOING
    left = sa.select(SameNumber.id).where(
        SameNumber.batch_id == batch.id, SameNumber.state == (batch.decision if undoing else WAITS)
    )
    # What was decided last is taken back first: a payment may be in two pairs.
    ids = session.scalars(left.order_by(SameNumber.id.desc() if undoing else SameNumber.id).limit(_STEP)).all()
    for pair_id in ids:
        try:
            with session.begin_nested():
                if undoing:
                    undo(session, pair_id, batch.undo_reason or "", who=who)
                else:
                    decide(
                        session,
                        pair_id,
                        batch.decision,
                        batch.reason,
                        person_id=batch.asked_by_id,
                        batch_id=batch.id,
                        who=who,
                    )
        except CannotDecide:
            _leave(session, batch, pair_id)
        else:
            if undoing:
                batch.undone += 1
            else:
                batch.done += 1
    session.flush()
    return bool(ids)


def _leave(session: PortalSession, batch: SameNumberBatch, pair_id: int) -> None:
    """One that cannot be decided so is no longer of the batch."""
    session.execute(
        sa.update(SameNumber).where(SameNumber.id == pair_id, SameNumber.batch_id == batch.id).values(batch_id=None),
        execution_options={"synchronize_session": False},
    )


def carry_on(session: PortalSession) -> None:
    """The worker's job: carry out what was decided about many, the oldest first. Commits as it goes."""
    lease = take_lease(session, SameNumberBatch, SameNumberBatch.state.in_(UNDER_WAY), lasts=_LEASE)
    if lease is None:
        session.rollback()
        return
    session.commit()
    try:
        while True:
            renew_lease(session, lease, _LEASE)
            batch = session.get_one(SameNumberBatch, lease.id, populate_existing=True)
            undoing = batch.state == UNDOING
            person_id = batch.undone_by_id if undoing else batch.asked_by_id
            if not _step(session, batch, Who(person_id=person_id)):
                release_lease(session, lease, state=UNDONE if undoing else DECIDED)
                session.commit()
                return
            session.commit()
    except LeaseLost:
        session.rollback()


JOB = Job(
    "remittance.decide-together",
    "Carry out decisions about many payments of one number",
    dt.timedelta(seconds=2),
    carry_on,
    lane="long",
)
