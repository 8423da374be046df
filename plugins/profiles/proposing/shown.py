"""What a case proposes, as people read it: before and after, line by line, and what became of each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from flask import has_request_context, request

from hp_portal.api import Listing, PortalSession, page_number

from ..loading.specialties import specialty_words
from ..record.applying import KINDS, Fact
from ..record.facts import Facts, Key, facts_of, in_parts
from ..record.fields import Subject
from ..record.models import Affiliation
from ..record.timeline import Told, value_on
from ..record.wording import address_of, full_name, worded
from .models import WAITING, LineOutcome
from .proposals import NewAffiliation, Proposal, kept_proposal, place_of
from .settling import duplicates_of, made_by, needed_by, outcomes_of

_ORDER: tuple[Subject, ...] = ("practitioner", "location", "affiliation")
LINES = 100
"""Lines on a page."""


@dataclass(frozen=True)
class ShownLine:
    """A line: what it is called, the value when the form was begun (None: the form did not look), the value on record now, and
    the one that is wanted, from a day on. `moved`: what is on record is another value than the form has read."""

    line: int
    label: str
    before: str | None
    now: str
    wanted: str
    since: dt.date
    moved: bool
    on_record: bool
    outcome: LineOutcome | None


@dataclass(frozen=True)
class ShownGroup:
    """The lines about one practitioner, location or affiliation."""

    subject: Subject
    title: str
    is_new: bool
    lines: list[ShownLine]


@dataclass(frozen=True)
class ShownChange:
    """What a case proposes."""

    kind: str
    effective_on: dt.date
    groups: list[ShownGroup]
    doubts: Sequence[str]
    stand: str = ""
    """Until when the record was read: it is another one when something about these lines has been recorded or decided since."""

    @property
    def lines(self) -> list[ShownLine]:
        return [line for group in self.groups for line in group.lines]


SHOWN: Mapping[str, Callable[[ShownLine], bool]] = {
    "all": lambda _line: True,
    "open": lambda line: line.outcome is None,
    "moved": lambda line: line.moved,
}


def shown_change(
    session: PortalSession, case_id: int, *, for_staff: bool, same: Mapping[int, int] | None = None
) -> ShownChange | None:
    """What a case of the scope proposes, or None. To staff it is compared with what is on record, where new practitioners are
    those of `same`."""
    kept = kept_proposal(session, case_id)
    if kept is None:
        return None
    proposal, outcomes = kept.proposal, outcomes_of(session, case_id)
    ids = {**made_by(session, case_id), **{wanted: real for wanted, real in (same or {}).items() if real > 0}}
    ids |= _brought_together(session, proposal, ids)
    told = _told(session, proposal.facts, ids) if for_staff else {}
    words = specialty_words(session)
    titles = _titles(session, proposal, ids)
    groups: dict[tuple[Subject, int], list[ShownLine]] = {}
    for line, fact in enumerate(proposal.facts):
        facts = told.get((fact.subject, ids.get(fact.subject_id, fact.subject_id)), {})
        shown = _line(line, fact, proposal, facts, words, outcomes.get(line))
        groups.setdefault((fact.subject, fact.subject_id), []).append(shown)
    order = sorted(groups, key=lambda about: (_ORDER.index(about[0]), about[1] < 0, abs(about[1])))
    found = [
        ShownGroup(about[0], titles.get(about, ""), ids.get(about[1], about[1]) < 0, groups[about]) for about in order
    ]
    newest = [max((one.order for facts in of.values() for one in facts), default=0) for of in _by_subject(told)]
    stand = "-".join(
        str(one) for one in (*newest, len(outcomes), max((row.id for row in outcomes.values()), default=0))
    )
    kind = KINDS.get(proposal.kind, proposal.kind)
    return ShownChange(kind, proposal.effective_on, found, proposal.doubts if for_staff else (), stand)


def in_order(session: PortalSession, case_id: int, lines: Iterable[int]) -> list[int]:
    """Lines as they can be applied one after the other: practitioners and locations before what brings them together, and what
    belongs to one subject side by side."""
    kept = kept_proposal(session, case_id)
    facts = kept.proposal.facts if kept else ()
    return sorted(lines, key=lambda line: (_ORDER.index(facts[line].subject), facts[line].subject_id, line))


def lines_to_apply(session: PortalSession, case_id: int, lines: Sequence[int]) -> list[int]:
    """Those of the lines that can be applied without anybody's looking at them: nothing has moved, and who is new is not on
    record already."""
    kept = kept_proposal(session, case_id)
    if kept is None:
        return []
    proposal, made = kept.proposal, made_by(session, case_id)
    facts = [proposal.facts[line] for line in lines]
    told = _told(session, facts, {**made, **_brought_together(session, proposal, made)})
    doubtful = set(duplicates_of(session, case_id, proposal))
    waiting = [line for line, row in outcomes_of(session, case_id).items() if row.became == WAITING]
    said = {*made, *(fact.subject_id for fact in facts), *(proposal.facts[line].subject_id for line in waiting)}
    found = []
    for line, fact in zip(lines, facts, strict=True):
        values = told.get((fact.subject, made.get(fact.subject_id, fact.subject_id)), {}).get(fact.key, [])
        moved = any(value_on(values, one.holds_from) != one.value for one in seen_of(proposal, fact))
        needed = needed_by(proposal, [line])
        if not moved and not needed & doubtful and needed <= said:
            found.append(line)
    return found


def listed_lines(change: ShownChange, show: str, number: int) -> tuple[list[ShownGroup], Listing[ShownLine]]:
    """A page of the lines, at most the last, and of the groups what is on it. `show` is one of SHOWN."""
    lines = [line for line in change.lines if SHOWN[show](line)]
    number = min(number, max(1, -(-len(lines) // LINES)))
    part = lines[(number - 1) * LINES : number * LINES]
    there = {line.line for line in part}
    groups = [
        replace(group, lines=kept)
        for group in change.groups
        if (kept := [line for line in group.lines if line.line in there])
    ]
    return groups, Listing(part, number, LINES, len(lines))


def change_details(session: PortalSession, case_id: int, for_staff: bool) -> Mapping[str, Any]:
    """What the pages of a case show of its proposal."""
    change = shown_change(session, case_id, for_staff=for_staff)
    if change is None:
        return {"change": None, "compare_at": None}
    number = page_number(request.args) if has_request_context() else 1
    groups, listing = listed_lines(change, "all", number)
    if has_request_context() and request.endpoint:
        listing = listing.at(request.endpoint, **(request.view_args or {}))
    return {"change": replace(change, groups=groups), "compare_at": case_id if for_staff else None, "lines": listing}


def _line(
    line: int,
    fact: Fact,
    proposal: Proposal,
    facts: Facts,
    words: Mapping[str, str],
    outcome: LineOutcome | None,
) -> ShownLine:
    seen = seen_of(proposal, fact)
    told = facts.get(fact.key, [])
    now = value_on(told, fact.holds_from)
    moved = outcome is None and any(value_on(told, one.holds_from) != one.value for one in seen)
    label, wanted = worded(fact.subject, fact.key, fact.value, words)
    return ShownLine(
        line,
        label,
        _value(fact, seen[-1].value, words) if seen else None,
        _value(fact, now, words),
        wanted if fact.value else "",
        fact.holds_from,
        moved,
        now == fact.value and any(one.holds_from == fact.holds_from for one in told),
        outcome,
    )


def seen_of(proposal: Proposal, fact: Fact) -> list[Fact]:
    """What the form has read of what a line is about, by day."""
    return proposal.seen_at.get(place_of(fact), [])


def _value(fact: Fact, value: str, words: Mapping[str, str]) -> str:
    return worded(fact.subject, fact.key, value, words)[1] if value else ""


def _by_subject(told: Mapping[tuple[Subject, int], Facts]) -> list[dict[tuple[int, Key], list[Told]]]:
    return [
        {(one, key): facts for (subject, one), of in told.items() if subject == wanted for key, facts in of.items()}
        for wanted in _ORDER
    ]


def _told(session: PortalSession, proposed: Sequence[Fact], ids: Mapping[int, int]) -> dict[tuple[Subject, int], Facts]:
    found: dict[tuple[Subject, int], Facts] = {}
    for subject in _ORDER:
        theirs = {ids.get(one.subject_id, one.subject_id) for one in proposed if one.subject == subject}
        for one, facts in facts_of(session, subject, [one for one in theirs if one > 0], sealed=True).items():
            found[subject, one] = facts
    return found


def _brought_together(session: PortalSession, proposal: Proposal, ids: Mapping[int, int]) -> dict[int, int]:
    """Affiliations that the proposal calls new, and that are on record already."""
    wanted: dict[tuple[int, int], list[int]] = {}
    for one in proposal.new:
        if isinstance(one, NewAffiliation) and one.id not in ids:
            who, where = ids.get(one.practitioner_id, one.practitioner_id), ids.get(one.location_id, one.location_id)
            if who > 0 and where > 0:
                wanted.setdefault((who, where), []).append(one.id)
    found: dict[int, int] = {}
    columns = (Affiliation.practitioner_id, Affiliation.location_id, Affiliation.id)
    for part in in_parts(who for who, _ in wanted):
        for who, where, row in session.execute(sa.select(*columns).where(Affiliation.practitioner_id.in_(part))):
            found |= dict.fromkeys(wanted.get((who, where), ()), row)
    return found


def _titles(session: PortalSession, proposal: Proposal, ids: Mapping[int, int]) -> dict[tuple[Subject, int], str]:
    """What each subject is called: with its name on record, or as the proposal names it."""
    pairs = {one.id: (one.practitioner_id, one.location_id) for one in proposal.new if isinstance(one, NewAffiliation)}
    of_record = {one.subject_id for one in proposal.facts if one.subject == "affiliation" and one.subject_id > 0}
    columns = (Affiliation.id, Affiliation.practitioner_id, Affiliation.location_id)
    for part in in_parts(of_record):
        rows = session.execute(sa.select(*columns).where(Affiliation.id.in_(part)))
        pairs |= {one: (who, where) for one, who, where in rows}
    names: dict[tuple[Subject, int], str] = {}
    for place, subject in enumerate(_ORDER[:2]):
        wanted = {one.subject_id for one in proposal.facts if one.subject == subject}
        wanted |= {pair[place] for pair in pairs.values()}
        real = {one: ids.get(one, one) for one in wanted}
        facts = facts_of(session, subject, [one for one in real.values() if one > 0])
        for one in wanted:
            values = {key: value_on(told, proposal.effective_on) for key, told in facts.get(real[one], {}).items()}
            values = values or proposal.said_of.get(one, {})
            if subject == "practitioner":
                names[subject, one] = full_name(values, "A practitioner")
            else:
                names[subject, one] = values.get(("name", "")) or address_of(values) or "A location"
    for both, (who, where) in pairs.items():
        names["affiliation", both] = f"{names['practitioner', who]} at {names['location', where]}"
    return names
