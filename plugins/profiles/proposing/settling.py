"""Deciding the lines of a proposal: applied to the record, refused with a reason, or handed on to the payer's claims system.

All of it needs a whole scope, and nothing here commits. Whoever calls it holds the case, as the steps of cases do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Case, PortalSession

from ..record.applying import (
    LOCK,
    Fact,
    Stated,
    Written,
    affiliation_of,
    apply_change,
    new_location,
    new_practitioner,
    undo_change,
)
from ..record.facts import Key, in_parts
from ..record.models import Change, Location, Practitioner, PractitionerFact
from .models import APPLIED, REFUSED, UNDONE, WAITING, LineOutcome, MadeSubject
from .proposals import (
    Kept,
    NewAffiliation,
    NewLocation,
    NewPractitioner,
    Proposal,
    check_theirs,
    kept_proposal,
    place_of,
)

ANOTHER = 0
"""What stands for somebody else than those on record with the same NPI."""

NOBODY: Mapping[int, str] = MappingProxyType({})
NPI: Key = ("npi", "")


class CannotSettle(Exception):
    """Lines cannot be decided so; the text says why, and what to do. Nothing was done."""


class PossibleDuplicate(CannotSettle):
    """A practitioner with this NPI is on record, and nobody has said whether it is the same. `found`: by negative id, who."""

    def __init__(self, found: Mapping[int, list[int]]) -> None:
        super().__init__("A practitioner with this NPI is on record. Say whether it is the same person.")
        self.found = dict(found)


@dataclass(frozen=True)
class Choice:
    """What somebody decides: the lines to apply, why the others are not, for which of those that have moved it was seen what
    is on record now (`agreed`), and who new practitioners are (`same`: by negative id, somebody on record or ANOTHER). `by`
    decides, when it is not whoever acts in the session."""

    chosen: Collection[int]
    reasons: Mapping[int, str] = field(default_factory=dict)
    agreed: Collection[int] = ()
    same: Mapping[int, int] = field(default_factory=dict)
    by: int | None = None


@dataclass(frozen=True)
class Settled:
    """What became of the lines, by their places. `change` is None when all was on record already, or waits."""

    applied: list[int]
    refused: list[int]
    waiting: list[int]
    change: Change | None = None


def outcomes_of(session: PortalSession, case_id: int) -> dict[int, LineOutcome]:
    """What became of each line that was decided, as of now."""
    rows = session.scalars(sa.select(LineOutcome).where(LineOutcome.case_id == case_id).order_by(LineOutcome.id))
    return {row.line: row for row in rows}


def open_lines(session: PortalSession, case_id: int) -> list[int]:
    """The lines that nobody has decided yet."""
    kept = _kept(session, case_id)
    decided = outcomes_of(session, case_id)
    return [line for line in range(len(kept.proposal.facts)) if line not in decided]


def apply_proposal(
    session: PortalSession,
    case_id: int,
    chosen: Collection[int],
    why: str | Mapping[int, str] = "",
    *,
    agreed: Collection[int] = (),
    same: Mapping[int, int] | None = None,
    hold: bool = False,
) -> Settled:
    """Apply these lines, and refuse all others that are open: `why` for all of them, or by line. `hold`: the payer's claims
    system is told first, and the record waits for its answer.

    Raises RecordMoved, NotTheirs, CannotSettle; then nothing is written.
    """
    chosen = sorted(set(chosen))
    others = [line for line in open_lines(session, case_id) if line not in chosen]
    reasons = {line: (why if isinstance(why, str) else why.get(line, "")).strip() for line in others}
    if not all(reasons.values()):
        raise CannotSettle("Say why each line that is not applied is not.")
    return settle(session, case_id, Choice(chosen, reasons, agreed, same or {}), hold=hold)


def settle(session: PortalSession, case_id: int, choice: Choice, *, hold: bool = False) -> Settled:
    """Decide the lines that the choice speaks of; others stay open."""
    kept, case = _kept(session, case_id), session.get_one(Case, case_id)
    api.lock(session, LOCK)
    decided = outcomes_of(session, case_id)
    for line in (*choice.chosen, *choice.reasons):
        if not 0 <= line < len(kept.proposal.facts):
            raise ValueError(f"there is no line {line}")
        if line in decided:
            raise CannotSettle("Somebody has decided one of these lines meanwhile. See below what became of it.")
    check_theirs(session, kept.organization_id, kept.proposal)
    written, at = Written(), list(choice.chosen)
    if at:
        _note_same(session, kept, case_id, choice)
        _check_founded(session, kept.proposal, case_id, at)
        if not hold:
            written = _apply(session, kept, case, at, choice.agreed)
    _note(session, kept, case_id, at, WAITING if hold else APPLIED, written, by=choice.by)
    _note(session, kept, case_id, choice.reasons, REFUSED, why=choice.reasons)
    refused = sorted(choice.reasons)
    api.record(session, "profiles.change.decided", case=case_id, applied=len(at), refused=len(refused))
    return Settled([] if hold else at, refused, at if hold else [], written.change)


def take_up(
    session: PortalSession,
    case_id: int,
    taken: Collection[int],
    refused: Mapping[int, str],
    references: Mapping[int, str] = NOBODY,
) -> Settled:
    """The payer's claims system has answered for lines that wait: those it took are written to the record as it has them,
    whatever stands there now. `references`: its own numbers of who and what is new, by negative ids."""
    kept, case = _kept(session, case_id), session.get_one(Case, case_id)
    api.lock(session, LOCK)
    decided = outcomes_of(session, case_id)
    for line in (*taken, *refused):
        if line not in decided or decided[line].became != WAITING:
            raise CannotSettle("This line does not wait for an answer.")
    lines = sorted(taken)
    _check_founded(session, kept.proposal, case_id, lines, refused)
    written = _apply(session, kept, case, lines, lines, references) if lines else Written()
    _note(session, kept, case_id, lines, APPLIED, written)
    _note(session, kept, case_id, refused, REFUSED, why=refused)
    api.record(session, "profiles.change.decided", case=case_id, applied=len(lines), refused=len(refused))
    return Settled(lines, sorted(refused), [], written.change)


def undo_lines(session: PortalSession, case_id: int, change_id: int, why: str) -> list[int]:
    """Take back what a change has brought to the record, by facts of new dates; the lines. Raises RecordMoved, LookupError."""
    lines = [
        line
        for line, row in outcomes_of(session, case_id).items()
        if row.became == APPLIED and row.change_id == change_id
    ]
    if not lines:
        raise LookupError(change_id)
    kept = _kept(session, case_id)
    stated = Stated("undone", why, kept.organization_id, session.context.who.person_id, case_id)
    written = undo_change(session, change_id, stated)
    _note(session, kept, case_id, lines, UNDONE, why=dict.fromkeys(lines, why), change=written.change)
    api.record(session, "profiles.change.undone", case=case_id, lines=len(lines))
    return sorted(lines)


def duplicates_of(session: PortalSession, case_id: int, proposal: Proposal) -> dict[int, list[int]]:
    """The practitioners who have, or had, the NPI of one who is to be added; by the negative id of the new one."""
    made = made_by(session, case_id)
    wanted = {one: npi for one, values in proposal.said_of.items() if one not in made and (npi := values.get(NPI))}
    having: dict[str, set[int]] = {}
    for part in in_parts(wanted.values()):
        same = sa.select(PractitionerFact.value, PractitionerFact.practitioner_id).where(
            PractitionerFact.field == "npi", PractitionerFact.value.in_(part), PractitionerFact.withdrawn.is_(False)
        )
        for npi, one in session.execute(same):
            having.setdefault(npi, set()).add(one)
    return {one: sorted(having[npi]) for one, npi in wanted.items() if npi in having}


def made_by(session: PortalSession, case_id: int) -> dict[int, int]:
    """Whom and what the proposal has put on record, or was found to speak of: real ids by negative ones."""
    rows = session.execute(sa.select(MadeSubject.wanted, MadeSubject.subject_id).where(MadeSubject.case_id == case_id))
    return {row.wanted: row.subject_id for row in rows}


def _kept(session: PortalSession, case_id: int) -> Kept:
    kept = kept_proposal(session, case_id)
    if kept is None:
        raise LookupError(case_id)
    return kept


def _note_same(session: PortalSession, kept: Kept, case_id: int, choice: Choice) -> None:
    """Keep who a new practitioner is found to be, or raise PossibleDuplicate where nobody has said."""
    needed = needed_by(kept.proposal, choice.chosen)
    found = {one: ids for one, ids in duplicates_of(session, case_id, kept.proposal).items() if one in needed}
    said = {one: choice.same[one] for one in found if choice.same.get(one) in (ANOTHER, *found[one])}
    if missing := {one: ids for one, ids in found.items() if one not in said}:
        raise PossibleDuplicate(missing)
    for one, practitioner_id in said.items():
        if practitioner_id != ANOTHER:
            _note_made(session, kept, case_id, one, practitioner_id)


def needed_by(proposal: Proposal, lines: Collection[int]) -> set[int]:
    """The negative ids that these lines speak of, also by an affiliation."""
    needed = {proposal.facts[line].subject_id for line in lines}
    for one in proposal.new:
        if isinstance(one, NewAffiliation) and one.id in needed:
            needed |= {one.practitioner_id, one.location_id}
    return {one for one in needed if one < 0}


def _check_founded(
    session: PortalSession, proposal: Proposal, case_id: int, lines: Sequence[int], without: Collection[int] = ()
) -> None:
    """Nobody is put on record of whom nothing is said."""
    made = made_by(session, case_id)
    waiting = [
        line for line, row in outcomes_of(session, case_id).items() if row.became == WAITING and line not in without
    ]
    said = {proposal.facts[line].subject_id for line in (*lines, *waiting)}
    for one in needed_by(proposal, lines):
        if one not in made and one not in said:
            raise CannotSettle(
                "Where somebody works is applied only together with who they are, and the location with its address. "
                "Check a line of each."
            )


def _apply(
    session: PortalSession,
    kept: Kept,
    case: Case,
    lines: Sequence[int],
    agreed: Collection[int],
    references: Mapping[int, str] = NOBODY,
) -> Written:
    ids = _make(session, kept, case.id, lines, references)
    facts = [_about(kept.proposal.facts[line], ids) for line in lines]
    settled = {place_of(kept.proposal.facts[line]) for line in agreed}
    checked = {place_of(kept.proposal.facts[line]) for line in lines} - settled
    seen = [fact for fact in kept.proposal.seen if place_of(fact) in checked]
    stated = Stated(kept.proposal.kind, case.title[:400], kept.organization_id, case.opened_by_id, case.id)
    return apply_change(session, stated, facts, seen)


def _about(fact: Fact, ids: Mapping[int, int]) -> Fact:
    return replace(fact, subject_id=ids.get(fact.subject_id, fact.subject_id))


def _make(
    session: PortalSession, kept: Kept, case_id: int, lines: Sequence[int], references: Mapping[int, str]
) -> dict[int, int]:
    """Put on record what these lines need, practitioners and locations before what brings them together."""
    ids, needed = made_by(session, case_id), needed_by(kept.proposal, lines)
    order = (NewPractitioner, NewLocation, NewAffiliation)
    for one in sorted(kept.proposal.new, key=lambda one: order.index(type(one))):
        if one.id not in needed or one.id in ids:
            continue
        if isinstance(one, NewPractitioner):
            reference = references.get(one.id, "")
            made = _numbered(session, Practitioner, reference) or new_practitioner(session, reference).id
        elif isinstance(one, NewLocation):
            reference = references.get(one.id, "")
            made = _numbered(session, Location, reference) or new_location(session, one.payee_id, reference).id
        else:
            who, where = (ids.get(other, other) for other in (one.practitioner_id, one.location_id))
            made = affiliation_of(session, who, where).id
        ids[one.id] = made
        _note_made(session, kept, case_id, one.id, made)
    return ids


def _numbered(session: PortalSession, model: type[Practitioner | Location], reference: str) -> int | None:
    return session.scalar(sa.select(model.id).where(model.reference == reference)) if reference else None


def _note_made(session: PortalSession, kept: Kept, case_id: int, wanted: int, subject_id: int) -> None:
    session.add(
        MadeSubject(organization_id=kept.organization_id, case_id=case_id, wanted=wanted, subject_id=subject_id)
    )
    session.flush()


def _note(
    session: PortalSession,
    kept: Kept,
    case_id: int,
    lines: Collection[int],
    became: str,
    written: Written | None = None,
    why: Mapping[int, str] = NOBODY,
    change: Change | None = None,
    by: int | None = None,
) -> None:
    """Keep what became of lines; those that were on record already have no change."""
    ids = made_by(session, case_id) if written else {}
    facts = set(written.facts) if written else set()
    if written:
        change = written.change
    for line in lines:
        brought = not written or _about(kept.proposal.facts[line], ids) in facts
        theirs = change.id if change and brought else None
        session.add(
            LineOutcome(
                organization_id=kept.organization_id,
                case_id=case_id,
                line=line,
                became=became,
                why=why.get(line, "")[:400],
                at=api.now(),
                person_id=by or session.context.who.person_id,
                change_id=theirs,
            )
        )
    session.flush()
