"""What the organization has sent about its record and is decided, or not yet: so that no line is asked for twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from hp_portal.api import Case, PortalSession, show_number

from ..proposing.models import WAITING, LineOutcome, ProposedChange
from ..proposing.proposals import proposal_of
from ..record.fields import FIELDS, Subject
from .models import NotRight

About = tuple[Subject, int]


@dataclass
class SentChanges:
    """Cases of the organization, by whom or what they are about: `open`, those not decided; `wrong`, those of them that say that
    what is published is not right today; `decided`, when the last of the others was. `numbers` are those of the open ones."""

    open: dict[About, int] = field(default_factory=dict)
    wrong: dict[About, int] = field(default_factory=dict)
    decided: dict[About, dt.datetime] = field(default_factory=dict)
    numbers: dict[int, str] = field(default_factory=dict)


def sent_changes(session: PortalSession, day: dt.date, since: dt.datetime | None) -> SentChanges:
    """The scope's cases that are open, and those that were decided since a moment; None: these are not asked for."""
    found = SentChanges()
    told = Case.ended_at.is_(None) if since is None else sa.or_(Case.ended_at.is_(None), Case.ended_at >= since)
    for model in (ProposedChange, NotRight):
        wanted = sa.select(Case.id, Case.number, Case.ended_at).join(model, model.case_id == Case.id).where(told)
        for case_id, number, ended_at in session.execute(wanted.order_by(Case.id)).all():
            for about, is_wrong in _about(session, case_id, day, ended_at is None):
                if ended_at is not None:
                    found.decided[about] = max(ended_at, found.decided.get(about, ended_at))
                    continue
                found.open[about] = case_id
                found.numbers[case_id] = show_number(number)
                if is_wrong:
                    found.wrong[about] = case_id
    return found


def _about(session: PortalSession, case_id: int, day: dt.date, is_open: bool) -> Iterator[tuple[About, bool]]:
    """Whom and what a case is about, and whether it says that what is published today is not right."""
    affiliation = session.scalar(sa.select(NotRight.affiliation_id).where(NotRight.case_id == case_id))
    if affiliation is not None:
        yield ("affiliation", affiliation), True
    proposal = proposal_of(session, case_id)
    if proposal is None:
        return
    done = _settled_lines(session, case_id) if is_open else set()
    for place, fact in enumerate(proposal.facts):
        if fact.subject_id > 0 and place not in done:
            yield (fact.subject, fact.subject_id), _is_published(fact.subject, fact.field) and fact.holds_from <= day


def _is_published(subject: Subject, name: str) -> bool:
    known = FIELDS.get((subject, name))
    return name == "standing" or (known is not None and known.public)


def _settled_lines(session: PortalSession, case_id: int) -> set[int]:
    """The lines of a proposal that nobody has to decide any more."""
    rows = session.execute(
        sa.select(LineOutcome.line, LineOutcome.became).where(LineOutcome.case_id == case_id).order_by(LineOutcome.id)
    )
    last = dict(rows.all())
    return {line for line, became in last.items() if became != WAITING}
