"""What a plugin's own pages for staff do with a case. Nothing here commits, and all of it needs a whole scope."""

from __future__ import annotations

from hp_portal.case_kinds import CaseKind
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.cases import acting, reading
from hp_portal.core.cases.models import Case
from hp_portal.database import PortalSession


def find_for_staff(session: PortalSession, case_id: int) -> tuple[Case, CaseKind] | None:
    """A case that whoever is signed in may decide, with its kind, or None."""
    return reading.find_case(session, the_actor(), case_id)


def staff_step(session: PortalSession, case_id: int, key: str, *, seen: str, words: str = "") -> Case:
    """Take a step that has a page of its own, as the member of staff who is signed in; the office is told. `seen` is the state in
    which they saw the case. What the office has written meanwhile goes on waiting for an answer.

    Raises CaseMoved when somebody else was first, CaseRefused, and LookupError for a step that they may not take.
    """
    return acting.take_step(session, the_actor(), case_id, key, seen=seen, words=words, on_its_page=True)


def write_to_office(session: PortalSession, case_id: int, words: str) -> None:
    """Write something about a case to its office, also about one that is done; it is told."""
    acting.add_comment(session, the_actor(), case_id, words)
