"""An import in short transactions, of which nobody sees anything before the last one.

A long transaction would keep every writer of SQLite waiting, and pages write what they showed. So rows are stored some at a time,
with ids from a number on that `HiddenFrom` holds: the models' criterion leaves them out in every scope (models.py). The last
transaction takes the number away, and everything is there at once.

One file is imported at a time. Whoever imports holds the file's row with a lease and says in each transaction how far it is; one
that died is noticed when its lease has run out, and what it left is removed by whoever comes next, at the latest by the worker.
"""

from __future__ import annotations

import datetime as dt
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Job, Lease, PortalSession

from ..models import (
    NOTHING_HIDDEN,
    Adjustment,
    Claim,
    HiddenFrom,
    Line,
    Payment,
    PaymentText,
    ProviderAdjustment,
    RemittanceFile,
)
from . import reports
from .loading import driver_of_sqlite, wait_for_the_disk
from .reports import ImportReport

LOCK = "remittance import"
LEASE = dt.timedelta(minutes=2)
_LONGEST = 0.06
"""Seconds after which a transaction of SQLite ends, so that others may write: one payment can be larger than a step."""
_PAUSE = 0.01
_REMOVED_AT_A_TIME = 20
_BELOW = (PaymentText, ProviderAdjustment, Adjustment, Line, Claim)
INTERRUPTED = (
    "The import was interrupted before it was finished. Nothing of it was kept and nobody has seen anything of it: "
    "import the file again. A file that was uploaded is imported again by itself."
)


class Busy(Exception):
    """Another file is being imported. `name` is the file's, `percent` how far it is."""

    def __init__(self, name: str, percent: int) -> None:
        super().__init__(f"{name} is being imported at the moment ({percent}%). Try again when it is done.")
        self.name, self.percent = name, percent


def percent_of(file: RemittanceFile) -> int:
    """How much of a file has been read while it is imported."""
    return min(100, file.bytes_read * 100 // file.size) if file.size else 0


def being_imported(session: PortalSession) -> RemittanceFile | None:
    """The file that is being imported, by whomever."""
    return session.scalar(sa.select(RemittanceFile).where(RemittanceFile.outcome == reports.IMPORTING).limit(1))


def check_free(session: PortalSession) -> None:
    """Hold the lock of imports until this transaction ends. Raises Busy."""
    api.lock(session, LOCK)
    running = being_imported(session)
    if running is not None:
        raise Busy(running.name, percent_of(running))


@dataclass
class Steps:
    """The transactions of one import. `on_step` is called in each of them with the bytes and payments read so far."""

    session: PortalSession
    lease: Lease
    on_step: Callable[[int, int], object]
    raw: sqlite3.Connection | None
    """The driver's connection of SQLite, which the session keeps until the end."""
    bytes_read: int = 0
    payments_read: int = 0
    _began: float = 0.0

    @property
    def file_id(self) -> int:
        return self.lease.id

    def enter(self) -> None:
        """Begin a transaction, and make sure that nobody else has taken over meanwhile. Raises LeaseLost."""
        api.renew_lease(self.session, self.lease, LEASE, bytes_read=self.bytes_read, payments_read=self.payments_read)
        self.on_step(self.bytes_read, self.payments_read)
        self._began = time.monotonic()

    def leave(self) -> None:
        """End it."""
        if self.raw is None:
            self.session.commit()
        else:
            self.raw.commit()  # the session keeps its connection

    def enter_last(self) -> None:
        """Begin the last transaction, which the caller commits after `publish`."""
        self.wait_for_the_disk()
        self.enter()

    def wait_for_the_disk(self) -> None:
        """Have commits on SQLite wait for the disk again. Those in between need not: what a crash of the machine takes away of
        them was to be removed anyway, and the last commit writes all of them."""
        if self.raw is not None:
            self.raw.rollback()  # what is not committed; the setting cannot be changed within a transaction
            wait_for_the_disk(self.raw, each_time=True)

    def breathe(self) -> None:
        """Let others write, when this transaction has kept SQLite's lock for long."""
        if time.monotonic() - self._began > _LONGEST:
            self.leave()
            time.sleep(_PAUSE)
            self.enter()


def begin(
    session: PortalSession, name: str, size: int, person_id: int | None, on_step: Callable[[int, int], object]
) -> Steps:
    """Start importing a file. Commits. Raises Busy. In a whole scope, with what is unfinished."""
    clean_up(session)
    try:
        check_free(session)
    except Busy:
        session.rollback()
        raise
    hidden = session.scalars(sa.select(HiddenFrom)).one_or_none() or HiddenFrom()
    hidden.from_id = (session.scalar(sa.select(sa.func.max(Payment.id))) or 0) + 1
    now = api.now()
    file = RemittanceFile(
        name=name,
        sha256="",
        size=size,
        imported_at=now,
        imported_by_id=person_id,
        outcome=reports.IMPORTING,
        report=ImportReport(name, reports.IMPORTING).as_json(),
        bytes_read=0,
        payments_read=0,
        leased_until=now + LEASE,
        lease_token=secrets.token_hex(16),
        attempts=1,
    )
    session.add_all([hidden, file])
    session.flush()
    lease = Lease(RemittanceFile, file.id, str(file.lease_token), now + LEASE, 1)
    session.commit()
    raw = driver_of_sqlite(session)
    if raw is not None:
        wait_for_the_disk(raw, each_time=False)
    return Steps(session, lease, on_step, raw)


def publish(steps: Steps, **values: object) -> None:
    """Show everything and give the file back, in the transaction that the caller commits. Raises LeaseLost."""
    api.release_lease(steps.session, steps.lease, **values)
    _hide_nothing(steps.session)


def give_up(steps: Steps) -> None:
    """Remove what was stored, and the file, after an error. Rolls back and commits."""
    session = steps.session
    try:
        steps.wait_for_the_disk()
        session.rollback()
        api.renew_lease(session, steps.lease, LEASE)
        session.commit()
        _remove(session, steps.lease)
        session.execute(sa.delete(RemittanceFile).where(RemittanceFile.id == steps.file_id))
        _hide_nothing(session)
        session.commit()
    except (api.LeaseLost, sa.exc.SQLAlchemyError, sqlite3.Error):
        session.rollback()  # the next import, or the worker, does it


def clean_up(session: PortalSession) -> bool:
    """Remove what an import left that died. Commits; returns whether there was one."""
    with api.whole(session, "remove what a dead import left"), api.with_unfinished(session):
        lease = api.take_lease(session, RemittanceFile, RemittanceFile.outcome == reports.IMPORTING, lasts=LEASE)
        if lease is None:
            session.rollback()
            return False
        session.commit()
        _remove(session, lease)
        file = session.get_one(RemittanceFile, lease.id, populate_existing=True)
        report = ImportReport(file.name, reports.INTERRUPTED, INTERRUPTED, size=file.size, file_id=file.id)
        api.release_lease(session, lease, outcome=reports.INTERRUPTED, report=report.as_json())
        api.record(session, "remittance.file.interrupted", file=lease.id)
        _hide_nothing(session)
        session.commit()
        return True


def _remove(session: PortalSession, lease: Lease) -> None:
    """Delete the rows that nobody has seen, some payments at a time, the last ones first."""
    hidden = session.scalar(sa.select(HiddenFrom.from_id))
    if hidden is None:
        return
    left = sa.select(Payment.id).where(Payment.id >= hidden).order_by(Payment.id.desc()).limit(_REMOVED_AT_A_TIME)
    while ids := session.scalars(left).all():
        api.renew_lease(session, lease, LEASE)
        for model in _BELOW:
            _delete(session, model, model.payment_id.in_(ids))
        _delete(session, Payment, Payment.id.in_(ids))
        session.commit()


def _delete(session: PortalSession, model: type[Any], which: sa.ColumnElement[bool]) -> None:
    session.execute(sa.delete(model).where(which), execution_options={"synchronize_session": False})


def _hide_nothing(session: PortalSession) -> None:
    session.execute(
        sa.update(HiddenFrom).values(from_id=NOTHING_HIDDEN), execution_options={"synchronize_session": False}
    )


def _clean_up_soon(session: PortalSession) -> None:
    clean_up(session)


JOB = Job(
    "remittance.clean-up-imports",
    "Remove what interrupted imports left",
    dt.timedelta(minutes=1),
    _clean_up_soon,
    lane="long",
)
