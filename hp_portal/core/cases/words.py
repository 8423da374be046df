"""What `case:12` means to staff who find a file that is attached to it."""

from __future__ import annotations

from flask import url_for

from hp_portal.core.access.enforce import can, the_actor
from hp_portal.core.attachments.owners import AttachedTo, explains
from hp_portal.core.cases.acting import WORK
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.reading import find_case
from hp_portal.core.cases.telling import CASE
from hp_portal.database import PortalSession


@explains(CASE)
def _case(session: PortalSession, key: str) -> AttachedTo | None:
    case = session.get(Case, int(key)) if key.isdecimal() else None
    if case is None:
        return None
    theirs = can(WORK) and find_case(session, the_actor(), case.id) is not None
    return AttachedTo(f"Case {show_number(case.number)}", url_for("staff.cases_one", case_id=case.id) if theirs else "")
