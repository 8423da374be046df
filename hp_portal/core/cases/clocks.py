"""The clock of a case: by when it is to be decided. It stands while the case waits for the provider."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from hp_portal import clock
from hp_portal.business_days import add_days, counting, days_between
from hp_portal.case_kinds import BUSINESS, CaseKind, CaseState
from hp_portal.core.cases.models import Case
from hp_portal.settings import Settings


def _counting(settings: Settings, case: Case) -> Callable[[dt.date], bool]:
    return counting(settings, business=case.counts == BUSINESS)


def start_clock(settings: Settings, case: Case, kind: CaseKind) -> None:
    """A case has come, or is taken up again: its clock runs from the next day on."""
    case.due_on = case.days_left = None
    if kind.clock is None:
        return
    rule = kind.clock()
    case.counts = rule.counts
    case.due_on = add_days(clock.today(settings.payer.zone), rule.days, _counting(settings, case))


def turn_clock(settings: Settings, case: Case, kind: CaseKind, state: CaseState) -> None:
    """A case goes over to a state: the clock stops, stands, or goes on with the days that were left."""
    today = clock.today(settings.payer.zone)
    if state.ended:
        if case.counts and case.ended_at is None:
            in_time = today <= case.due_on if case.due_on is not None else (case.days_left or 0) >= 0
            # Late once is late, also where it was taken up again.
            case.in_time = in_time and case.in_time is not False
        case.due_on = case.days_left = None
        return
    if case.ended_at is not None:
        start_clock(settings, case, kind)
    if state.waits and case.due_on is not None:
        case.days_left = days_between(today, case.due_on, _counting(settings, case))
        case.due_on = None
    elif not state.waits and case.days_left is not None:
        counts = _counting(settings, case)
        # Nothing is due on a day on which the payer is closed.
        case.due_on = add_days(today, case.days_left or int(not counts(today)), counts)
        case.days_left = None


def days_to(settings: Settings, case: Case, today: dt.date) -> int | None:
    """How many of its days a case has left, negative when it is overdue; None without a clock that runs."""
    if case.due_on is None:
        return None
    return days_between(today, case.due_on, _counting(settings, case))
