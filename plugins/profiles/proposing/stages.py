"""Where a change of practitioners and locations can stand, for every kind of case that proposes one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hp_portal.api import CaseClock, CaseKind, CaseRefused, CaseState, CaseStep, PortalSession

from ..blueprint import READ, WORK
from ..record.applying import RecordMoved
from ..specialists import own_specialist
from .at_once import ALL_AT_ONCE, ALL_WAIT, SOME_AT_ONCE, take_at_once
from .models import WAITING
from .proposals import NotTheirs
from .settling import CannotSettle, Choice, open_lines, outcomes_of, settle
from .shown import change_details

RECEIVED, QUESTION, WORKING, AT_PAYER = "received", "question", "in-work", "at-payer"
DONE, REFUSED, WITHDRAWN = "done", "refused", "withdrawn"
_OPEN, UNDECIDED = (RECEIVED, QUESTION, WORKING), (RECEIVED, WORKING)
PAGE = "profiles_staff.change"
DECIDE, HAND_ON, TAKEN, DECLINED = "decide", "hand-on", "taken", "declined"
PART, ALL_APPLIED, ALL_HANDED_ON = "decide-part", "all-applied", "all-handed-on"

STATES = (
    CaseState(RECEIVED, "Received", "Received", "We check what you have sent."),
    CaseState(QUESTION, "Waiting for the provider", "We have a question", "Answer it below.", tone="warn", waits=True),
    CaseState(WORKING, "Being processed", "Being processed", "We check it, and enter it into our records."),
    CaseState(
        AT_PAYER, "Waiting for the claims system", "Being processed", "Accepted. It is being entered into our systems."
    ),
    CaseState(DONE, "Done", "Processed", "Below is what has become of each line.", tone="good", ended=True),
    CaseState(
        REFUSED, "Refused", "Not accepted", "The message says why. You can send it anew.", tone="bad", ended=True
    ),
    CaseState(WITHDRAWN, "Withdrawn", "Withdrawn", "You have withdrawn it.", tone="neutral", ended=True),
)


def _refuse_rest(session: PortalSession, case_id: int, words: str) -> None:
    if any(row.became == WAITING for row in outcomes_of(session, case_id).values()):
        raise CaseRefused(
            "Lines of this case wait for the claims system. Decide the others with a reason for each instead."
        )
    reasons = dict.fromkeys(open_lines(session, case_id), words or "Refused")
    try:
        settle(session, case_id, Choice((), reasons))
    except (CannotSettle, NotTheirs, RecordMoved) as error:
        raise CaseRefused(str(error)) from error


STEPS = (
    CaseStep("begin", "Begin to process", (RECEIVED,), WORKING, "Began to process it", many=True),
    CaseStep("ask", "Ask the provider", UNDECIDED, QUESTION, "Asked a question", words="required"),
    CaseStep(DECIDE, "Compare and decide", UNDECIDED, DONE, "Decided it", tone="primary", page=PAGE),
    CaseStep(HAND_ON, "Hand on to the claims system", UNDECIDED, AT_PAYER, "Accepted it", page=PAGE),
    CaseStep(PART, "Decide a part", (RECEIVED,), WORKING, "Began to decide it", page=PAGE),
    CaseStep("refuse", "Refuse", UNDECIDED, REFUSED, "Refused it", words="required", tone="danger", take=_refuse_rest),
    CaseStep("reply", "Send the answer", (QUESTION,), RECEIVED, "Replied", "provider", "required", tone="primary"),
    CaseStep("withdraw", "Withdraw", _OPEN, WITHDRAWN, "Withdrew it", "provider"),
    CaseStep(ALL_AT_ONCE, "Apply at once", (RECEIVED,), DONE, "Applied at once", "portal", take=take_at_once),
    CaseStep(
        SOME_AT_ONCE, "Apply at once", (RECEIVED,), RECEIVED, "Applied a part at once", "portal", take=take_at_once
    ),
    CaseStep(ALL_WAIT, "Accept at once", (RECEIVED,), AT_PAYER, "Accepted at once", "portal", take=take_at_once),
    CaseStep(ALL_APPLIED, "Apply all", (WORKING,), DONE, "Applied the last of it", "portal"),
    CaseStep(ALL_HANDED_ON, "Hand on all", (WORKING,), AT_PAYER, "Handed on the last of it", "portal"),
    CaseStep(TAKEN, "Taken by the claims system", (AT_PAYER,), DONE, "Entered it", "portal"),
    CaseStep(DECLINED, "Refused by the claims system", (AT_PAYER,), REFUSED, "Could not enter it", "portal"),
)


def clock() -> CaseClock:
    """By when a change is to be decided."""
    rule = "Changes of directory information are published within 2 business days."
    return CaseClock(2, "business", rule, "42 U.S.C. 300gg-115")


def _whom(session: PortalSession, _case_id: int) -> list[str]:
    found = own_specialist(session)
    if found is None:
        return []
    return [f"{found.name}, your service specialist", f"Telephone {found.phone}", *filter(None, [found.email])]


def change_kind(
    key: str, label: str, *, details: Callable[[PortalSession, int, bool], Mapping[str, Any]] | None = None
) -> CaseKind:
    """A kind of case that proposes a change. `details` gives what the case's pages show beside the proposal: the `sections` of
    the form that was sent, and its `doubts`."""

    def shown(session: PortalSession, case_id: int, for_staff: bool) -> Mapping[str, Any]:
        more = details(session, case_id, for_staff) if details else {}
        return {**more, **change_details(session, case_id, for_staff)}

    return CaseKind(
        key, label, READ, WORK, STATES, STEPS, clock, template="profiles/changes/case.html", details=shown, whom=_whom
    )


CHANGE = change_kind("profiles.change", "Change of practitioners or locations")
