"""Cases on paper, for staff."""

from __future__ import annotations

from flask import abort
from flask.typing import ResponseReturnValue

from hp_portal.core.access import rules as access
from hp_portal.core.cases.acting import WORK
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.printing import PRINTED, SIGNED, find_signed, is_small
from hp_portal.core.downloads.handing import hand_over
from hp_portal.core.staff.blueprint import blueprint
from hp_portal.core.staff.case_views import ID, find_for_staff
from hp_portal.core.web.render import db_session


@blueprint.get(f"/cases/{ID}/print")
@access.staff(WORK)
def cases_print(case_id: int) -> ResponseReturnValue:
    """The case as the office reads it, as PDF."""
    case, _ = find_for_staff(case_id)
    title = f"Case {show_number(case.number)}"
    return hand_over(PRINTED, {"case": case.id}, title=title, small=is_small(db_session(), case))


@blueprint.get(f"/cases/{ID}/signed/<id:signature_id>")
@access.staff(WORK)
def cases_signed(case_id: int, signature_id: int) -> ResponseReturnValue:
    """The case as somebody signed it, as PDF, whatever has changed since."""
    case, _ = find_for_staff(case_id)
    found = find_signed(db_session(), case.id, signature_id) or abort(404)
    title = f"Case {show_number(case.number)} as it was signed"
    return hand_over(SIGNED, {"case": case.id, "signature": found.id}, title=title, small=True)
