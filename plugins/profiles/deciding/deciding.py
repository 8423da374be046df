"""What staff do with what a case proposes: compare it, decide its lines, take it back.

Needs a whole scope; nothing here commits.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Case, PortalSession, show_count

from ..loading.specialties import specialty_words
from ..proposing.at_once import payer_is_master
from ..proposing.models import APPLIED, WAITING
from ..proposing.proposals import NotTheirs, proposal_of
from ..proposing.settling import CannotSettle, Choice, duplicates_of, open_lines, outcomes_of, settle, undo_lines
from ..proposing.shown import ShownChange, shown_change
from ..proposing.stages import DECIDE, HAND_ON, PART, UNDECIDED, WORKING
from ..record.applying import LOCK, Moved, RecordMoved
from ..record.facts import facts_of, values_on
from ..record.models import Practitioner
from ..record.wording import full_name, worded

MOVED = "The record has changed while you were deciding. Nothing was done; see below what stands there now."
NOTHING = "Check at least one line. To apply none of them, refuse the case on its page, and say why."
MASTER = "The claims system decides what stands in the record: take it back there. It comes here with the next load."


_SAME, _NUMBER = re.compile(r"same([1-9][0-9]{0,4})", re.ASCII), re.compile(r"[0-9]{1,18}", re.ASCII)


class Undecided(Exception):
    """Nothing was decided; the text says why, and what to do. `moved`: the record has changed meanwhile."""

    def __init__(self, words: str, *, moved: bool = False) -> None:
        super().__init__(words)
        self.moved = moved


@dataclass(frozen=True)
class Candidate:
    """Somebody on record who may be the one whom the office wants to add: facts as label, on record, and as the office has it."""

    id: int
    name: str
    reference: str
    facts: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Question:
    """Who a new practitioner is: `wanted` is the negative id, `name` as the office has it."""

    wanted: int
    name: str
    candidates: list[Candidate]


@dataclass(frozen=True)
class AppliedChange:
    """A change of this case's that stands in the record, and can be taken back."""

    id: int
    lines: list[str]


@dataclass(frozen=True)
class Comparison:
    """All that the staff's page shows."""

    change: ShownChange
    questions: list[Question]
    applied: list[AppliedChange]


def compare(session: PortalSession, case_id: int, same: Mapping[int, int]) -> Comparison | None:
    """A case's proposal beside the record, or None. `same`: who new practitioners are. Recorded."""
    change = shown_change(session, case_id, for_staff=True, same=same)
    if change is None:
        return None
    api.record(session, "profiles.change.compared", case=case_id)
    return Comparison(change, _questions(session, case_id, change), _applied(session, case_id, change))


def applied_changes(session: PortalSession, case_id: int) -> list[AppliedChange]:
    """The changes of this case's that can be taken back."""
    change = shown_change(session, case_id, for_staff=False)
    return _applied(session, case_id, change) if change else []


def _applied(session: PortalSession, case_id: int, change: ShownChange) -> list[AppliedChange]:
    labels = {line.line: f"{group.title}, {line.label}" for group in change.groups for line in group.lines}
    applied: dict[int, list[str]] = {}
    for line, row in sorted(outcomes_of(session, case_id).items()):
        if row.became == APPLIED and row.change_id is not None:
            applied.setdefault(row.change_id, []).append(labels[line])
    return [AppliedChange(one, lines) for one, lines in applied.items()]


def _questions(session: PortalSession, case_id: int, change: ShownChange) -> list[Question]:
    proposal = proposal_of(session, case_id)
    if proposal is None or all(line.outcome for line in change.lines):
        return []
    words, found = specialty_words(session), []
    for wanted, ids in duplicates_of(session, case_id, proposal).items():
        theirs = {fact.key: fact.value for fact in proposal.facts if fact.subject_id == wanted}
        people = session.execute(
            sa.select(Practitioner.id, Practitioner.reference).where(Practitioner.id.in_(ids)).order_by(Practitioner.id)
        )
        facts = facts_of(session, "practitioner", ids, sealed=True)
        candidates = []
        for one, reference in people:
            values = values_on(facts.get(one, {}), proposal.effective_on)
            keys = [*theirs, *(key for key in values if key not in theirs)]
            lines = []
            for key in keys:
                label, now = worded("practitioner", key, values.get(key, ""), words)
                lines.append((label, now if values.get(key) else "", _words(key, theirs.get(key, ""), words)))
            candidates.append(Candidate(one, full_name(values, reference), reference, lines))
        found.append(Question(wanted, full_name(theirs, "A practitioner"), candidates))
    return found


def _words(key: tuple[str, str], value: str, words: Mapping[str, str]) -> str:
    return worded("practitioner", key, value, words)[1] if value else ""


@dataclass(frozen=True)
class Decision:
    """What somebody has decided on the page: the `lines` that it shows, those to apply, why the others are not, who new
    practitioners are, and how the case and the record stood when they did."""

    lines: Sequence[int]
    chosen: Sequence[int]
    reasons: Mapping[int, str]
    same: Mapping[int, int]
    seen: str
    stand: str
    words: str = ""


def decide(session: PortalSession, case_id: int, decision: Decision) -> str:
    """Do with the lines what was decided; what happened, in a sentence. With the last lines the case goes a step further, and the
    office is told; until then it is being processed.

    Raises Undecided, and what `cases.staff_step` raises.
    """
    hold = payer_is_master()
    before = {row.became for row in outcomes_of(session, case_id).values()}
    rest = set(open_lines(session, case_id)).difference(decision.lines)
    if rest:
        begin_part(session, case_id, decision.seen)
    elif not decision.chosen and not before & {APPLIED, WAITING}:
        raise Undecided(NOTHING)
    else:
        waits = hold and (bool(decision.chosen) or WAITING in before)
        api.cases.staff_step(session, case_id, HAND_ON if waits else DECIDE, seen=decision.seen, words=decision.words)
    api.lock(session, LOCK)
    now = shown_change(session, case_id, for_staff=True, same=decision.same)
    if now is None or now.stand != decision.stand:
        raise Undecided(MOVED, moved=True)
    agreed = [line.line for line in now.lines if line.moved]
    try:
        done = settle(
            session, case_id, Choice(sorted(decision.chosen), _reasons(decision), agreed, decision.same), hold=hold
        )
    except RecordMoved:
        raise Undecided(MOVED, moved=True) from None
    except NotTheirs:
        raise Undecided(
            "The organization does not have all of these practitioners and locations any more. Ask it, or refuse the case."
        ) from None
    except CannotSettle as error:
        raise Undecided(str(error)) from error
    told = f"{show_count(len(rest), 'line')} still to be decided." if rest else "The provider is told."
    did, many = ("handed on to the claims system", done.waiting) if hold else ("applied", done.applied)
    return f"{show_count(len(many), 'line')} {did}, {len(done.refused)} refused. {told}"


def begin_part(session: PortalSession, case_id: int, seen: str) -> Case:
    """A part of a case is decided: whoever is the first takes it into work, and the office is told once. `seen` is the state in
    which they saw it. Raises what `cases.staff_step` raises."""
    api.lock(session, f"case:{case_id}")
    case = session.get_one(Case, case_id, populate_existing=True)
    if case.state != seen or case.state not in UNDECIDED:
        raise api.cases.CaseMoved
    if case.state != WORKING:
        api.cases.staff_step(session, case_id, PART, seen=seen)
    return case


def _reasons(decision: Decision) -> dict[int, str]:
    """Why lines that were shown are not applied."""
    others = [line for line in decision.lines if line not in decision.chosen]
    reasons = {line: decision.reasons.get(line, "").strip() for line in others}
    if not all(reasons.values()):
        raise CannotSettle("Say why each line that is not applied is not.")
    return reasons


def take_back(session: PortalSession, case_id: int, change_id: int, why: str) -> None:
    """Take back what a change of this case has brought to the record, by new facts, and write so to the office. Raises
    Undecided."""
    if payer_is_master():
        raise Undecided(MASTER)
    case = session.get_one(Case, case_id)
    api.lock(session, f"case:{case.id}")
    try:
        lines = undo_lines(session, case_id, change_id, why)
    except LookupError:
        raise Undecided("Somebody else has taken this back in the meantime.", moved=True) from None
    except RecordMoved as error:
        raise Undecided(_why_not(error.moved), moved=True) from None
    api.cases.write_to_office(
        session, case_id, f"We have taken back {show_count(len(lines), 'line')} of this change.\n{why}"
    )


def _why_not(moved: Sequence[Moved]) -> str:
    labels = sorted({worded(one.fact.subject, one.fact.key, one.fact.value, {})[0] for one in moved})
    return f"Something else was recorded since of {', '.join(labels)}, of the same days. Record what is right by another change."


def same_of(values: Mapping[str, str]) -> dict[int, int]:
    """Who new practitioners are, as the page's fields and addresses say: `same1=12` says that -1 is practitioner 12."""
    named = [found for name in values if (found := _SAME.fullmatch(name))]
    return {-int(one[1]): int(values[one[0]]) for one in named if _NUMBER.fullmatch(values[one[0]])}
