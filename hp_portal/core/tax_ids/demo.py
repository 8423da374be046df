"""What the demo has of cases: an office asks for Tax IDs without a payment. Production never imports it."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from hp_portal import clock
from hp_portal.core.audit.record import Who, get_who, set_who
from hp_portal.core.cases.acting import add_note, turn_case
from hp_portal.core.cases.models import Case
from hp_portal.core.identity.models import Person
from hp_portal.core.tax_ids.cases import CASE, add_case
from hp_portal.database import PortalSession

PHONE = "555-010-0160"
"""The telephone number of every office that asks."""
ASKED = (
    # Days ago, what was written, and what staff have done: a step and its words.
    (9, "A new partner joined us. The first payment is still to come.", "ask", "Which practice did the partner leave?"),
    (8, "We cannot find the remittance advice of this Tax ID.", "", ""),
    (2, "The number on our letter cannot be read.", "", ""),
    (
        20,
        "Please link the Tax ID of our second site.",
        "answer",
        "This Tax ID belongs to another organization. Call us.",
    ),
)


def add_demo_cases(session: PortalSession, username: str, worker: str) -> None:
    """Somebody has asked four times: one case waits for the office, one is overdue, one is new, one is answered."""
    people = sa.select(Person).where(Person.username == sa.bindparam("username"))
    asker = session.scalars(people, {"username": username}).one()
    staff = session.scalars(people, {"username": worker}).one()
    before = get_who(session)
    for number, (days, about, step, words) in enumerate(ASKED):
        set_who(session, Who(asker.id, asker.organization_id))
        case_id = add_case(session, asker.organization_id or 0, f"00000090{number}", "", about, PHONE)
        set_who(session, Who(staff.id, None))
        case = session.get_one(Case, case_id)
        if taken := CASE.step(step):
            add_note(session, case.id, "Called the office, and left a message.")
            turn_case(session, case, CASE, taken, words, by_staff=True)
        case.opened_at = clock.now() - dt.timedelta(days=days)
        if case.due_on:
            case.due_on -= dt.timedelta(days=days)
    set_who(session, before)
