"""*Add a practitioner* as a case: where it can stand, and what its pages show of what was sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from flask import url_for

from hp_portal.api import Case, CaseClock, CaseKind, CaseState, CaseStep, PortalSession, Sent, open_case

from ..blueprint import READ, WORK
from ..specialists import own_specialist
from .models import CONTENTS, SentForm

RECEIVED, QUESTION, WORKING, DONE, REFUSED, WITHDRAWN = (
    "received",
    "question",
    "in-work",
    "done",
    "refused",
    "withdrawn",
)
_OPEN = (RECEIVED, QUESTION, WORKING)


def _clock() -> CaseClock:
    rule = "Changes of directory information are published within 2 business days."
    return CaseClock(2, "business", rule, "42 U.S.C. 300gg-115")


def _contents(session: PortalSession, case_id: int) -> dict[str, Any]:
    row = session.scalars(sa.select(SentForm).where(SentForm.case_id == case_id)).one_or_none()
    if row is None:
        return {"sections": [], "doubts": [], "answers": {}}
    found: dict[str, Any] = json.loads(session.vault.open_text(row.contents_sealed, CONTENTS(row.token)))
    return found


def form_details(session: PortalSession, case_id: int, for_staff: bool) -> Mapping[str, Any]:
    """What was sent, in words; staff also see what the form pointed out and was sent all the same."""
    contents = _contents(session, case_id)
    to_print = not for_staff and {"who", "where"} <= contents["answers"].keys()
    return {
        "sections": contents["sections"],
        "doubts": contents["doubts"] if for_staff else [],
        "change_form": url_for("profiles.paper_of_case", case_id=case_id) if to_print else "",
    }


def whom(session: PortalSession, _case_id: int) -> list[str]:
    """The service specialist of the office, where it has one."""
    found = own_specialist(session)
    if found is None:
        return []
    return [f"{found.name}, your service specialist", f"Telephone {found.phone}", *filter(None, [found.email])]


ADD_PRACTITIONER = CaseKind(
    key="profiles.add-practitioner",
    label="Add a practitioner",
    permission=READ,
    staff_permission=WORK,
    states=(
        CaseState(RECEIVED, "Received", "Received", "We check what you have sent."),
        CaseState(
            QUESTION, "Waiting for the provider", "We have a question", "Answer it below.", tone="warn", waits=True
        ),
        CaseState(WORKING, "Being processed", "Being processed", "We enter the practitioner into our records."),
        CaseState(DONE, "Done", "Processed", "The practitioner is in our records.", tone="good", ended=True),
        CaseState(
            REFUSED, "Refused", "Not accepted", "The message says why. You can send it anew.", tone="bad", ended=True
        ),
        CaseState(WITHDRAWN, "Withdrawn", "Withdrawn", "You have withdrawn it.", tone="neutral", ended=True),
    ),
    steps=(
        CaseStep("begin", "Begin to process", (RECEIVED,), WORKING, "Began to process it", many=True, tone="primary"),
        CaseStep("ask", "Ask the provider", (RECEIVED, WORKING), QUESTION, "Asked a question", words="required"),
        CaseStep("finish", "Processed", (RECEIVED, WORKING), DONE, "Entered the practitioner", tone="primary"),
        CaseStep("refuse", "Refuse", (RECEIVED, WORKING), REFUSED, "Refused it", words="required", tone="danger"),
        CaseStep(
            "reply",
            "Send the answer",
            (QUESTION,),
            RECEIVED,
            "Replied",
            by="provider",
            words="required",
            tone="primary",
        ),
        CaseStep("withdraw", "Withdraw", _OPEN, WITHDRAWN, "Withdrew it", by="provider"),
    ),
    clock=_clock,
    template="profiles/sent_form.html",
    details=form_details,
    whom=whom,
)


def open_form(session: PortalSession, kind: CaseKind, title: str, sent: Sent) -> Case:
    """Open a case with a form that was sent; its files stay with the case."""
    case = open_case(session, kind, title, organization_id=sent.organization_id)
    token = secrets.token_hex(16)
    contents = {
        "sections": [[section.title, section.rows] for section in sent.sections],
        "doubts": [one.text for one in sent.doubts],
        "answers": sent.answers,
    }
    text = json.dumps(contents, default=str)
    session.add(
        SentForm(
            organization_id=sent.organization_id,
            case_id=case.id,
            token=token,
            contents_sealed=session.vault.seal_text(text, CONTENTS(token)),
        )
    )
    session.flush()
    sent.keep_files(session, f"case:{case.id}")
    return case
