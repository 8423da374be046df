"""Changes that wait for the payer's claims system: written to a file as often as it likes, and its answers read.

Writing the file changes nothing: a line stands in every file until it is answered. Each case is answered for in one transaction,
so that a file that was read in part is read again as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields

import sqlalchemy as sa

from hp_portal import api
from hp_portal.api import Case, Payee, PortalSession, csv_file, one_line, portal_step, show_number

from ..proposing.models import APPLIED, WAITING, LineOutcome
from ..proposing.proposals import Kept, NewAffiliation, NewLocation, Proposal, kept_proposal
from ..proposing.settling import CannotSettle, made_by, outcomes_of, take_up
from ..proposing.shown import seen_of
from ..proposing.stages import AT_PAYER, DECLINED, TAKEN
from ..record.applying import Fact
from ..record.models import Affiliation, Location, Practitioner

TOOK, REFUSES = "taken", "refused"
LONGEST = 400


@dataclass(frozen=True)
class DeltaLine:
    """A line as the file has it. `practitioner` and `location` are the payer's numbers, or `new-` and the case for who or what is
    not on record; `before` is the value that the office has read, `start` the day from which on the new one holds."""

    id: int
    case: str
    change: str
    practitioner: str
    location: str
    tin: str
    payee_npi: str
    fact: str
    item: str
    value: str
    start: str
    before: str


COLUMNS = tuple("from" if one.name == "start" else one.name for one in fields(DeltaLine))


def export_delta(session: PortalSession, *, as_json: bool) -> tuple[bytes, int]:
    """Every line that waits, and how many there are. Recorded; commits nothing. Needs a whole scope."""
    lines = list(waiting_lines(session))
    api.record(session, "profiles.delta.exported", lines=len(lines))
    rows = [tuple(asdict(line).values()) for line in lines]
    if as_json:
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        return json.dumps(found, indent=1, ensure_ascii=False).encode(), len(lines)
    return csv_file(COLUMNS, rows), len(lines)


def waiting_lines(session: PortalSession) -> Iterator[DeltaLine]:
    """The lines that wait, in the order in which they were accepted."""
    newer = sa.orm.aliased(LineOutcome)
    later = sa.exists().where(
        newer.case_id == LineOutcome.case_id, newer.line == LineOutcome.line, newer.id > LineOutcome.id
    )
    rows = session.execute(
        sa.select(LineOutcome.id, LineOutcome.line, Case.id, Case.number)
        .join(Case, Case.id == LineOutcome.case_id)
        .where(LineOutcome.became == WAITING, ~later)
        .order_by(LineOutcome.id)
    ).all()
    kept: dict[int, Kept | None] = {}
    for row_id, line, case_id, number in rows:
        if case_id not in kept:
            kept[case_id] = kept_proposal(session, case_id)
        found = kept[case_id]
        if found is not None:
            yield _line(session, row_id, show_number(number), found.proposal, line, made_by(session, case_id))


def _line(
    session: PortalSession, row_id: int, number: str, proposal: Proposal, line: int, made: Mapping[int, int]
) -> DeltaLine:
    fact = proposal.facts[line]
    who, where = about(session, proposal, fact, made)
    seen = seen_of(proposal, fact)
    payee = _payee(session, proposal, where)
    return DeltaLine(
        row_id,
        number,
        proposal.kind,
        _name(session, Practitioner, who, number),
        _name(session, Location, where, number),
        payee.whole_tin(session) if payee else "",
        payee.npi or "" if payee else "",
        fact.field,
        fact.item,
        fact.value,
        fact.holds_from.isoformat(),
        seen[-1].value if seen else "",
    )


def about(
    session: PortalSession, proposal: Proposal, fact: Fact, made: Mapping[int, int]
) -> tuple[int | None, int | None]:
    """The practitioner and the location that a fact speaks of: ids, negative for those that are not on record."""
    real = made.get(fact.subject_id, fact.subject_id)
    if fact.subject == "practitioner":
        return real, None
    if fact.subject == "location":
        return None, real
    if real > 0:
        both = session.get_one(Affiliation, real)
        return both.practitioner_id, both.location_id
    new = next(one for one in proposal.new if isinstance(one, NewAffiliation) and one.id == real)
    return made.get(new.practitioner_id, new.practitioner_id), made.get(new.location_id, new.location_id)


def _payee(session: PortalSession, proposal: Proposal, location_id: int | None) -> Payee | None:
    """Whose a location is to be that is not on record."""
    for one in proposal.new:
        if isinstance(one, NewLocation) and one.id == location_id:
            return session.get(Payee, one.payee_id)
    return None


def _name(session: PortalSession, model: type[Practitioner | Location], one: int | None, number: str) -> str:
    if one is None:
        return ""
    if one < 0:
        return f"new-{number}-{-one}"
    return session.scalars(sa.select(model.reference).where(model.id == one)).one()


@dataclass(frozen=True)
class Answer:
    """What the claims system says of a line: `answer` is TOOK or REFUSES with `words`; `practitioner` and `location` are its own
    numbers of who and what was new."""

    place: str
    id: str
    answer: str
    words: str = ""
    practitioner: str = ""
    location: str = ""


@dataclass
class Answered:
    """What came of the answers."""

    taken: int = 0
    refused: int = 0
    before: int = 0
    problems: list[tuple[str, str]] = field(default_factory=list)


def answers_in(text: str) -> list[Answer]:
    """The answers of a JSON file. Raises ValueError with words."""
    try:
        rows = json.loads(text)
    except ValueError:
        raise ValueError("This is not a readable JSON file.") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("The file is a list of objects with id, answer and words.")
    names = ("id", "answer", "words", "practitioner", "location")
    return [
        Answer(f"Entry {place}", *((one_line(str(row.get(name) or "")) or "")[:4000] for name in names))
        for place, row in enumerate(rows, 1)
    ]


def acknowledge(session: PortalSession, answers: Iterable[Answer]) -> Answered:
    """Do what the answers say, a case at a time, and commit each; the office is told once nothing of its case waits. Answers that
    were given before change nothing. Needs a whole scope."""
    result = Answered()
    cases: dict[int, list[tuple[Answer, LineOutcome]]] = {}
    said: dict[int, str] = {}
    for one in answers:
        row = _asked(session, one, said, result)
        if row is not None:
            cases.setdefault(row.case_id, []).append((one, row))
    for case_id, found in cases.items():
        _answer_case(session, case_id, found, result)
        session.commit()
    return result


def _asked(session: PortalSession, one: Answer, said: dict[int, str], result: Answered) -> LineOutcome | None:
    number = int(one.id) if one.id.isascii() and one.id.isdigit() and len(one.id) < 19 else 0
    row = session.get(LineOutcome, number) if number else None
    problem = ""
    if row is None or row.became != WAITING:
        problem = f"No line was exported with the id {one.id[:40]!r}."
    elif one.answer not in (TOOK, REFUSES):
        problem = f"The answer is {TOOK} or {REFUSES}, not {one.answer[:40]!r}."
    elif one.answer == REFUSES and not one.words:
        problem = "Say in words why the line is refused: the provider reads it."
    elif max(len(one.practitioner), len(one.location)) > 40:
        problem = "A number of the claims system has at most 40 characters."
    elif len(one.words) > LONGEST:
        problem = f"Use at most {LONGEST} characters for the words."
    elif said.setdefault(number, one.answer) != one.answer:
        problem = "The file says two different things of this line."
    if problem:
        result.problems.append((one.place, problem))
        return None
    return row


def _answer_case(
    session: PortalSession, case_id: int, found: Sequence[tuple[Answer, LineOutcome]], result: Answered
) -> None:
    api.lock(session, f"case:{case_id}")
    kept, outcomes = kept_proposal(session, case_id), outcomes_of(session, case_id)
    if kept is None:
        raise LookupError(case_id)
    taken, refused, references = set[int](), dict[int, str](), dict[int, str]()
    made = made_by(session, case_id)
    for one, row in found:
        now = outcomes[row.line]
        if now.id != row.id:
            if (now.became == APPLIED) == (one.answer == TOOK):
                result.before += 1
            else:
                result.problems.append((one.place, "Another answer was given before. It stands."))
        elif one.answer == REFUSES:
            refused[row.line] = one.words
        else:
            taken.add(row.line)
            who, where = about(session, kept.proposal, kept.proposal.facts[row.line], made)
            references |= {
                new: number
                for new, number in ((who, one.practitioner), (where, one.location))
                if new is not None and new < 0 and number and not number.startswith("new-")
            }
    if not taken and not refused:
        return
    try:
        take_up(session, case_id, taken, refused, references)
    except CannotSettle as error:
        result.problems += [(one.place, str(error)) for one, _ in found]
        return
    result.taken, result.refused = result.taken + len(taken), result.refused + len(refused)
    became = {row.became for row in outcomes_of(session, case_id).values()}
    if WAITING not in became and session.get_one(Case, case_id).state == AT_PAYER:
        portal_step(session, case_id, TAKEN if APPLIED in became else DECLINED)
