"""What a change proposes: the facts that an office wants on record, kept with its case.

`facts` are lines: each is decided by itself, and called by its place. `seen` are the values that they replace, as they were when
the form was begun. Who or what is not on record yet has a negative id, and `new` says what it is.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from hp_portal.api import OrganizationScope, Payee, PortalSession, of_organization

from ..record.applying import KINDS, Fact
from ..record.facts import Key, in_parts
from ..record.fields import Subject, find_field, read_value
from ..record.models import SUBJECTS
from .models import PROPOSED, ProposedChange

Place = tuple[Subject, int, str, str]
LowRisk = Collection[tuple[str, str]]
"""Fields, by what they are said of: `("location", "phone")`."""


@dataclass(frozen=True)
class NewPractitioner:
    """Somebody who is not on record."""

    id: int


@dataclass(frozen=True)
class NewLocation:
    """A location, of a payee of the organization's, that is not on record."""

    id: int
    payee_id: int


@dataclass(frozen=True)
class NewAffiliation:
    """A practitioner and a location that were not brought together before; either may be new, too. What is on record already is
    used."""

    id: int
    practitioner_id: int
    location_id: int


New = NewPractitioner | NewLocation | NewAffiliation
_NEW: dict[Subject, type[New]] = {
    "practitioner": NewPractitioner,
    "location": NewLocation,
    "affiliation": NewAffiliation,
}


@dataclass(frozen=True)
class Proposal:
    """Facts that an office wants on record. `kind` is one of `record.applying.KINDS`; `doubts` are sentences that the form said
    to the office, and that staff read, too."""

    kind: str
    effective_on: dt.date
    facts: Sequence[Fact]
    seen: Sequence[Fact] = ()
    new: Sequence[New] = ()
    doubts: Sequence[str] = ()

    @cached_property
    def seen_at(self) -> Mapping[Place, list[Fact]]:
        """What the form has read of what a line is about, by day."""
        found: dict[Place, list[Fact]] = {}
        for fact in sorted(self.seen, key=lambda one: one.holds_from):
            found.setdefault(place_of(fact), []).append(fact)
        return found

    @cached_property
    def said_of(self) -> Mapping[int, dict[Key, str]]:
        """What is said of each of those who are not on record, by negative id."""
        found: dict[int, dict[Key, str]] = {}
        for fact in self.facts:
            if fact.subject_id < 0:
                found.setdefault(fact.subject_id, {})[fact.key] = fact.value
        return found


class NotTheirs(Exception):
    """The proposal speaks of somebody or something that the organization does not see."""


def place_of(fact: Fact) -> Place:
    """What a fact is about, whatever it says of it and from when on."""
    return (fact.subject, fact.subject_id, fact.field, fact.item)


def propose(
    session: PortalSession, case_id: int, organization_id: int, proposal: Proposal, *, at_once: LowRisk = ()
) -> None:
    """Keep a proposal with its case, once; nobody changes it. `at_once`: see `apply_at_once`.

    Raises NotTheirs, BadValue for a value that cannot be, and ValueError for a proposal that contradicts itself.
    """
    read = _checked(proposal)
    check_theirs(session, organization_id, read)
    token = secrets.token_hex(16)
    text = json.dumps({**_as_json(read), "at_once": [list(one) for one in at_once]})
    session.add(
        ProposedChange(
            organization_id=organization_id,
            case_id=case_id,
            token=token,
            kind=read.kind,
            effective_on=read.effective_on,
            contents_sealed=session.vault.seal_text(text, PROPOSED(token)),
        )
    )
    session.flush()


def proposal_of(session: PortalSession, case_id: int) -> Proposal | None:
    """What a case that the scope sees proposes, or None."""
    found = kept_proposal(session, case_id)
    return found.proposal if found else None


@dataclass(frozen=True)
class Kept:
    """A proposal as it is kept, with whose it is and the fields that are applied at once."""

    organization_id: int
    proposal: Proposal
    at_once: frozenset[tuple[str, str]]


def kept_proposal(session: PortalSession, case_id: int) -> Kept | None:
    """The same, with what else is kept."""
    row = session.scalars(sa.select(ProposedChange).where(ProposedChange.case_id == case_id)).one_or_none()
    if row is None:
        return None
    found: dict[str, Any] = json.loads(session.vault.open_text(row.contents_sealed, PROPOSED(row.token)))
    proposal = Proposal(
        row.kind,
        row.effective_on,
        [_fact(one) for one in found["facts"]],
        [_fact(one) for one in found["seen"]],
        [_NEW[subject](**values) for subject, values in found["new"]],
        found["doubts"],
    )
    return Kept(row.organization_id, proposal, frozenset((subject, field) for subject, field in found["at_once"]))


def check_theirs(session: PortalSession, organization_id: int, proposal: Proposal) -> None:
    """Raise NotTheirs unless the organization sees all that is on record and that the proposal speaks of. In its own session, or
    in a whole scope."""
    about = [*proposal.facts, *proposal.seen]
    ids: dict[Subject, set[int]] = {
        subject: {fact.subject_id for fact in about if fact.subject == subject} for subject in SUBJECTS
    }
    payees = set()
    for one in proposal.new:
        if isinstance(one, NewLocation):
            payees.add(one.payee_id)
        elif isinstance(one, NewAffiliation):
            ids["practitioner"].add(one.practitioner_id)
            ids["location"].add(one.location_id)
    with _seeing_as(session, organization_id):
        for subject, wanted in ids.items():
            _see_all(session, SUBJECTS[subject].id, {one for one in wanted if one > 0}, subject)
        _see_all(session, Payee.id, payees, "payee")


@contextmanager
def _seeing_as(session: PortalSession, organization_id: int) -> Iterator[None]:
    scope = session.context.scope
    if not isinstance(scope, OrganizationScope):
        with of_organization(session, organization_id):
            yield
    elif scope.organization_id == organization_id:
        yield
    else:
        raise NotTheirs("a proposal of another organization")


def _see_all(session: PortalSession, column: Any, wanted: Collection[int], what: str) -> None:
    found = {one for part in in_parts(wanted) for one in session.scalars(sa.select(column).where(column.in_(part)))}
    if missing := set(wanted) - found:
        raise NotTheirs(f"{what} {min(missing)}")


def _checked(proposal: Proposal) -> Proposal:
    """The proposal with its values as they are kept."""
    if proposal.kind not in KINDS or proposal.kind in ("loaded", "undone"):
        raise ValueError(f"an office cannot propose a change of kind {proposal.kind!r}")
    if not proposal.facts:
        raise ValueError("the proposal says nothing")
    facts, seen = [_read(fact) for fact in proposal.facts], [_read(fact) for fact in proposal.seen]
    said = [(*place_of(fact), fact.holds_from) for fact in facts]
    if len(set(said)) < len(said):
        raise ValueError("a field has two values on one day")
    lines, read = {place_of(fact) for fact in facts}, [(place_of(fact), fact.holds_from) for fact in seen]
    if len(set(read)) < len(read) or not lines.issuperset(place for place, _ in read):
        raise ValueError("what was seen is not what the lines replace")
    kinds = {one.id: subject for subject, made in _NEW.items() for one in proposal.new if isinstance(one, made)}
    if len(kinds) < len(proposal.new) or any(one >= 0 for one in kinds):
        raise ValueError("what is new has negative ids, each its own")
    for fact in facts:
        if fact.subject_id < 0 and kinds.get(fact.subject_id) != fact.subject:
            raise ValueError(f"{fact.subject_id} is not described as a new {fact.subject}")
    if any(fact.subject_id < 0 for fact in seen):
        raise ValueError("nothing was seen of what is new")
    for one in proposal.new:
        if isinstance(one, NewAffiliation):
            for other, subject in ((one.practitioner_id, "practitioner"), (one.location_id, "location")):
                if other < 0 and kinds.get(other) != subject:
                    raise ValueError(f"{other} is not described as a new {subject}")
    return Proposal(
        proposal.kind, proposal.effective_on, facts, seen, list(proposal.new), [str(one) for one in proposal.doubts]
    )


def _read(fact: Fact) -> Fact:
    if fact.withdrawn:
        raise ValueError("an office cannot propose to take a fact back")
    item, value = read_value(find_field(fact.subject, fact.field), fact.item, fact.value)
    return Fact(fact.subject, fact.subject_id, fact.field, item, value, fact.holds_from)


def _as_json(proposal: Proposal) -> dict[str, Any]:
    return {
        "facts": [_written(fact) for fact in proposal.facts],
        "seen": [_written(fact) for fact in proposal.seen],
        "new": [[subject, asdict(one)] for one in proposal.new for subject, kind in _NEW.items() if type(one) is kind],
        "doubts": list(proposal.doubts),
    }


def _written(fact: Fact) -> list[Any]:
    return [*place_of(fact), fact.value, fact.holds_from.isoformat()]


def _fact(written: Sequence[Any]) -> Fact:
    subject, subject_id, field, item, value, day = written
    return Fact(subject, subject_id, field, item, value, dt.date.fromisoformat(day))
