"""What is accepted of a roster becomes one case, with what it proposes."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Case, PortalSession, open_case

from ..proposing.proposals import New, NewAffiliation, NewPractitioner, Proposal, propose
from ..proposing.stages import change_kind
from .models import ADDED, CAN_BE_SENT, CHANGED, ENDED, READY, SENT, RosterRow
from .rows import Line, unpack_differences
from .uploads import hold_upload

ROSTER = change_kind("profiles.roster", "Roster")
_WORDS = {ADDED: "added", CHANGED: "changed", ENDED: "ended"}


class NothingChosen(Exception):
    """No row of the roster is to be sent."""


def send_roster(session: PortalSession, roster_id: int) -> Case:
    """Open the case of the rows that are chosen. Raises RosterMoved when it was sent meanwhile, NothingChosen, NotTheirs when the
    record is no longer theirs."""
    upload = hold_upload(session, roster_id, READY)
    wanted = sa.select(RosterRow).where(
        RosterRow.roster_id == roster_id, RosterRow.chosen.is_(True), RosterRow.outcome.in_(CAN_BE_SENT)
    )
    rows = list(session.scalars(wanted.order_by(RosterRow.number, RosterRow.id)))
    lines = once_each(line for row in rows for one in unpack_differences(row.differences) for line in one.lines)
    if not lines:
        raise NothingChosen
    counts = {key: sum(row.outcome == key for row in rows) for key in _WORDS}
    title = ", ".join(f"{counts[key]:,} {word}" for key, word in _WORDS.items() if counts[key])
    case = open_case(session, ROSTER, f"Roster: {title}", organization_id=upload.organization_id)
    doubts = dict.fromkeys(row.doubt for row in rows if row.doubt)
    proposal = Proposal(
        "roster",
        upload.effective_on,
        [line.fact for line in lines],
        [line.before for line in lines if line.subject_id > 0],
        _new(rows, {line.subject_id for line in lines}),
        list(doubts),
    )
    propose(session, case.id, upload.organization_id, proposal)
    upload.state, upload.case_id = SENT, case.id
    session.flush()
    api.record(session, "profiles.roster.sent", roster=upload.id, case=case.id, rows=len(rows))
    return case


def once_each(lines: Iterable[Line]) -> list[Line]:
    """What rows propose, once each: several rows may say the same of a practitioner, and the earliest day counts."""
    found: dict[object, Line] = {}
    for line in lines:
        day = line.day if line.subject == "affiliation" else None
        place = (line.subject, line.subject_id, line.field, line.item, day)
        if place not in found or line.day < found[place].day:
            found[place] = line
    return list(found.values())


def _new(rows: list[RosterRow], said: set[int]) -> list[New]:
    """Whom the rows speak of that is not on record."""
    found: dict[int, New] = {}
    for row in rows:
        who, where, both = row.practitioner_id or 0, row.location_id or 0, row.affiliation_id or 0
        if who < 0:
            found[who] = NewPractitioner(who)
        if both < 0 and both in said:
            found[both] = NewAffiliation(both, who, where)
    return list(found.values())
