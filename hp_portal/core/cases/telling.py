"""The e-mails about cases. They name the case and where it stands; what was written is read in the portal alone."""

from __future__ import annotations

from hp_portal.case_kinds import CaseKind
from hp_portal.core.cases.models import Case
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.office import readers_of
from hp_portal.core.cases.submitters import tell_submitter
from hp_portal.core.delivery.outbox import Outgoing, add_message
from hp_portal.core.identity.models import Person
from hp_portal.core.web.links import absolute_url
from hp_portal.database import PortalSession

CASE = "case"


def about_case(case_id: int) -> str:
    """What the messages about a case are about."""
    return f"{CASE}:{case_id}"


def tell_step(session: PortalSession, case: Case, kind: CaseKind) -> None:
    """Tell whose case it is at the office, or else its delegates, where it stands now; or whoever sent it in without an account.
    Needs a whole scope."""
    state = kind.state(case.state)
    _tell(session, case, kind, f"Case {show_number(case.number)}: {state.told}", told=state.told, following=state.next)


def tell_comment(session: PortalSession, case: Case, kind: CaseKind) -> None:
    """Tell them that staff have written. Needs a whole scope."""
    _tell(session, case, kind, f"Case {show_number(case.number)}: we have written to you")


def _tell(
    session: PortalSession, case: Case, kind: CaseKind, subject: str, *, told: str = "", following: str = ""
) -> None:
    if tell_submitter(session, case, told, following):
        return
    values = {
        "number": show_number(case.number),
        "title": case.title,
        "told": told,
        "following": following,
        "link": absolute_url("cases.one", case_id=case.id),
    }
    for one in readers_of(session, case, kind):
        to = {**values, "name": one.name}
        add_message(session, Outgoing(one.email, "case_told", subject, about_case(case.id), to))


def tell_handed(session: PortalSession, case: Case, to: Person, giver: str) -> None:
    """Tell somebody at the office that a colleague, `giver`, has handed a case to them."""
    values = {
        "name": to.name,
        "giver": giver,
        "number": show_number(case.number),
        "title": case.title,
        "link": absolute_url("cases.one", case_id=case.id),
    }
    subject = f"Case {show_number(case.number)}: it is yours now"
    add_message(session, Outgoing(to.email, "case_handed", subject, about_case(case.id), values))
