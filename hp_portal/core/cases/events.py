"""The audit events of cases. What was written stands with the case, not in the record."""

from __future__ import annotations

import sqlalchemy as sa
from flask import url_for

from hp_portal.core.access.enforce import can
from hp_portal.core.audit.shown import SHOWN
from hp_portal.core.cases.acting import WORK
from hp_portal.core.cases.kinds import find_kind
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.people.named import Fields, counted
from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference


def _cases(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """The case of each event, by its number."""
    wanted = {event["case"] for event in events if isinstance(event.get("case"), int)}
    rows = session.execute(sa.select(Case.id, Case.number, Case.title, Case.kind).where(Case.id.in_(wanted)))
    endpoint = "staff.cases_one" if for_staff else "cases.one"
    found = {}
    for key, number, title, kind_key in rows:
        kind = find_kind(kind_key)
        may = kind is not None and can(kind.staff_permission if for_staff else kind.permission)
        if may and (not for_staff or can(WORK)):
            found[key] = Reference(f"{show_number(number)} ({title})", url_for(endpoint, case_id=key))
        else:
            found[key] = Reference(show_number(number))
    return [found.get(event["case"]) for event in events]


def _steps(session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What each event's step is called."""
    wanted = {event["case"] for event in events if isinstance(event.get("case"), int)}
    of: dict[int, str] = {}
    for key, kind in session.execute(sa.select(Case.id, Case.kind).where(Case.id.in_(wanted))):
        of[key] = kind
    found = []
    for event in events:
        known = find_kind(of.get(event["case"], ""))
        step = known.step(event["step"]) if known else None
        found.append(Reference(step.done) if step else None)
    return found


_CASE = {"about": _cases}

CASE_EVENTS = (
    EventSpec("case.opened", "Opened a case", ("case", "kind"), "Opened case {about}", _CASE),
    EventSpec("case.viewed", "Viewed a case", ("case",), "Viewed case {about}", _CASE),
    EventSpec(
        "case.stepped",
        "Took a case a step further",
        ("case", "step", "state"),
        "Case {about}: {deed}",
        {**_CASE, "deed": _steps},
    ),
    EventSpec("case.commented", "Wrote about a case", ("case",), "Wrote about case {about}", _CASE),
    EventSpec("case.handed", "Handed a case to a colleague", ("case", "to"), "Handed on case {about}", _CASE),
    EventSpec("case.printed", "Printed a case", ("case",), "Printed case {about}", _CASE),
    EventSpec("case.form-printed", "Printed a form to fill by hand", ("kind",)),
    EventSpec("case.downloaded", "Downloaded a list of cases", ("shown",)),
    EventSpec("case.noted", "Wrote a note about a case", ("case",), staff_only=True),
    EventSpec("case.read", "Marked a provider’s message as read", ("case",), staff_only=True),
    EventSpec("case.assigned", "Assigned a case", ("case", "to"), staff_only=True),
    EventSpec(
        "case.listed",
        "Looked at the queue of cases",
        SHOWN,
        "Looked at the queue of cases: {cases}",
        {"cases": counted("shown", "case", "cases")},
        staff_only=True,
    ),
    EventSpec("case.form.sent", "Sent a form without an account", ("form", "kind"), staff_only=True),
    EventSpec("case.form.confirmed", "Confirmed a form by e-mail", ("form", "case"), staff_only=True),
    EventSpec("case.form.disowned", "Said that a form was not theirs", ("form",), staff_only=True),
    EventSpec("case.form.forgotten", "A form was not confirmed within a day", ("form",), staff_only=True),
    EventSpec("case.status.shown", "Looked up a case without an account", ("case",), staff_only=True),
    EventSpec("case.status.refused", "Looked for a case that is not theirs", (), staff_only=True, refusal=True),
    EventSpec("case.link.sent", "Had a link to a case mailed", ("case",), staff_only=True),
    EventSpec("case.linked.payee", "Linked a case to a payee", ("case", "payee"), staff_only=True),
    EventSpec(
        "case.linked.organization", "Linked a case to an organization", ("case", "organization"), staff_only=True
    ),
    EventSpec("case.figures", "Looked at the figures of cases", (), staff_only=True),
)
