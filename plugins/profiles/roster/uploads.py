"""What an office does with a roster that it has sent: it chooses rows, gives up, proposes. Nothing here commits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, BinaryIO

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import FileOwner, Listing, PortalSession

from ..record.models import Affiliation
from .models import CAN_BE_SENT, CANCELED, COLUMNS, FAILED, OUTCOMES, READY, WAITING, RosterRow, RosterUpload
from .rows import Difference, UnknownPlace, unpack_differences

STORED_AS = "profiles roster"
LARGEST = 20 << 20
PAGE_SIZE = 50
SHOWN = {"": "What would change", "all": "All rows", **OUTCOMES, "chosen": "What is sent", "left": "What is left out"}


class RosterMoved(Exception):
    """The roster is not where somebody thought it was: it was sent, given up or read anew meanwhile."""


def receive(
    session: PortalSession,
    stream: BinaryIO,
    name: str,
    owner: FileOwner,
    effective_on: dt.date,
    complete_on: dt.date | None,
) -> RosterUpload:
    """Keep a roster for the worker. Raises FileTooLarge."""
    stored = api.receive_file(session, stream, name, owner=owner, kind=STORED_AS, most=LARGEST)
    upload = RosterUpload(
        organization_id=owner.organization_id,
        person_id=owner.person_id,
        name=stored.name[:200],
        stored_file_id=stored.id,
        state=WAITING,
        effective_on=effective_on,
        complete_on=complete_on,
        sent_at=api.now(),
        total=0,
        done=0,
    )
    session.add(upload)
    session.flush()
    api.record(session, "profiles.roster.uploaded", roster=upload.id)
    return upload


def find_upload(session: PortalSession, roster_id: int) -> RosterUpload | None:
    """A roster that the scope sees and nobody has given up."""
    found = session.get(RosterUpload, roster_id)
    return None if found is None or found.state == CANCELED else found


def hold_upload(session: PortalSession, roster_id: int, *states: str) -> RosterUpload:
    """The roster, which nobody else changes until the transaction ends. Raises RosterMoved unless it is in one of the states."""
    api.lock(session, f"profiles roster {roster_id}")
    wanted = sa.select(RosterUpload).where(RosterUpload.id == roster_id).execution_options(populate_existing=True)
    found = session.scalars(wanted).one_or_none()
    if found is None or found.state not in states:
        raise RosterMoved
    return found


def give_up(session: PortalSession, roster_id: int) -> None:
    """Nobody wants the roster compared or sent any more. A worker that is at it stops. Raises RosterMoved."""
    upload = hold_upload(session, roster_id, WAITING, COLUMNS, READY, FAILED)
    upload.state, upload.leased_until, upload.lease_token = CANCELED, None, None
    session.flush()


def compare_again(session: PortalSession, roster_id: int, sheet: str | None = None) -> None:
    """Have the worker read and compare it anew: the columns are known now, another `sheet` is meant, or the record is another.
    Raises RosterMoved."""
    upload = hold_upload(session, roster_id, COLUMNS, READY, FAILED)
    upload.sheet = upload.sheet if sheet is None else sheet
    upload.state, upload.attempts, upload.done, upload.total = WAITING, 0, 0, 0
    session.flush()


@dataclass(frozen=True)
class ShownRow:
    """A row as the page shows it."""

    row: RosterRow
    differences: list[Difference]

    @property
    def sendable(self) -> bool:
        """Can it be sent?"""
        return self.row.outcome in CAN_BE_SENT


def _shown(show: str) -> list[sa.ColumnElement[bool]]:
    if show == "all":
        return []
    if show in OUTCOMES:
        return [RosterRow.outcome == show]
    if show in ("chosen", "left"):
        return [RosterRow.outcome.in_(CAN_BE_SENT), RosterRow.chosen.is_(show == "chosen")]
    return [RosterRow.outcome != "unchanged"]


def list_rows(session: PortalSession, roster_id: int, show: str, number: int) -> Listing[ShownRow]:
    """A page of rows. Raises PastTheEnd."""
    wanted = sa.select(RosterRow).where(RosterRow.roster_id == roster_id, *_shown(show))
    total = session.scalar(sa.select(sa.func.count()).select_from(wanted.subquery())) or 0
    order = (sa.case((RosterRow.number == 0, 1), else_=0), RosterRow.number, RosterRow.id)
    rows = session.scalars(wanted.order_by(*order).offset((number - 1) * PAGE_SIZE).limit(PAGE_SIZE)).all()
    shown = [ShownRow(row, unpack_differences(row.differences)) for row in rows]
    return Listing(shown, number, PAGE_SIZE, total)


def count_rows(session: PortalSession, roster_id: int) -> dict[str, int]:
    """How many rows there are of each outcome, and how many are `chosen`."""
    of = sa.select(RosterRow.outcome, sa.func.count()).where(RosterRow.roster_id == roster_id)
    counts: dict[str, int] = dict(session.execute(of.group_by(RosterRow.outcome)).all())
    chosen = sa.select(sa.func.count()).where(RosterRow.roster_id == roster_id, RosterRow.chosen.is_(True))
    return {**{key: counts.get(key, 0) for key in OUTCOMES}, "chosen": session.scalar(chosen) or 0}


def choose(session: PortalSession, roster_id: int, shown: Collection[int], ticked: Collection[int]) -> None:
    """Of these rows the ticked ones are sent, the others are left out. Raises RosterMoved."""
    hold_upload(session, roster_id, READY)
    for value, ids in ((True, set(shown) & set(ticked)), (False, set(shown) - set(ticked))):
        _choose(session, roster_id, value, RosterRow.id.in_(sorted(ids)))


def choose_all(session: PortalSession, roster_id: int, outcome: str, value: bool) -> None:
    """All rows of an outcome (empty: all that can be sent) are sent, or left out. Raises RosterMoved."""
    hold_upload(session, roster_id, READY)
    _choose(session, roster_id, value, *([RosterRow.outcome == outcome] if outcome else []))


def _choose(session: PortalSession, roster_id: int, value: bool, *more: Any) -> None:
    of = (RosterRow.roster_id == roster_id, RosterRow.outcome.in_(CAN_BE_SENT), *more)
    rows = sa.update(RosterRow).where(*of).values(chosen=value)
    session.execute(rows.execution_options(synchronize_session=False))


def own_uploads(session: PortalSession) -> list[RosterUpload]:
    """The rosters that the scope sees, the newest first."""
    wanted = sa.select(RosterUpload).where(RosterUpload.state != CANCELED).order_by(RosterUpload.id.desc()).limit(20)
    return list(session.scalars(wanted))


MOST_PLACES = 10


@dataclass(frozen=True)
class UnknownPlaces:
    """The locations that rows name and that are not on record, each with how many rows name it; `more` are not shown."""

    shown: list[tuple[UnknownPlace, int]]
    more: int


def unknown_places(session: PortalSession, roster_id: int) -> UnknownPlaces:
    """Those of a roster, in the order of their rows."""
    said = RosterRow.unknown_place
    wanted = sa.select(said, sa.func.count()).where(RosterRow.roster_id == roster_id, said != "").group_by(said)
    total = session.scalar(sa.select(sa.func.count()).select_from(wanted.subquery())) or 0
    rows = session.execute(wanted.order_by(sa.func.min(RosterRow.number)).limit(MOST_PLACES)).all()
    return UnknownPlaces([(UnknownPlace.unpack(text), count) for text, count in rows], total - len(rows))


def is_small(session: PortalSession, rows: int) -> bool:
    """Has the roster that the scope sees at most so many rows?"""
    return (session.scalar(sa.select(sa.func.count()).select_from(Affiliation)) or 0) <= rows
