"""Changes that offices send, as cases: where they can stand, and what their pages show of what was sent."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask import url_for

from hp_portal.api import (
    Case,
    CaseKind,
    CaseState,
    CaseStep,
    PortalSession,
    Section,
    Sent,
    open_case,
    printing,
)

from ..blueprint import READ, WORK
from ..proposing.stages import (
    AT_PAYER,
    CHANGE,
    DONE,
    QUESTION,
    RECEIVED,
    REFUSED,
    STATES,
    WITHDRAWN,
    WORKING,
    change_kind,
    clock,
)
from .models import CONTENTS, SentForm

_VERSION = "2026-11"


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


Printed = Callable[[PortalSession, int], printing.PrintedForm]
Rows = Iterable[tuple[str, Iterable[tuple[str, str]]]]


def on_paper(label: str, number: str, sections: Rows) -> printing.PrintedForm:
    """What a form says on paper, in the words of the screen: title, then label and text of each answer."""
    return printing.PrintedForm(
        label,
        number,
        _VERSION,
        tuple(
            printing.PrintedSection(
                title,
                (printing.PrintedAnswers(tuple(printing.PrintedAnswer(name, text) for name, text in rows)),),
            )
            for title, rows in sections
        ),
    )


class ChangeForm:
    """A form that offices send: what it is called, its number on paper, and the kind of case that it opens. `facts`: it wants
    facts on record, which staff decide line by line."""

    def __init__(self, key: str, label: str, number: str, *, facts: bool = True) -> None:
        self.label, self.number = label, number
        name = f"profiles.{key}"
        if facts:
            self.kind = replace(change_kind(name, label, details=form_details), printed=self.printed)
        else:
            self.kind = _without_facts(name, label, self.printed)

    def signed(self, sections: Sequence[Section]) -> printing.PrintedForm:
        """What is signed on the review page."""
        return on_paper(self.label, self.number, [(one.title, one.rows) for one in sections])

    def printed(self, session: PortalSession, case_id: int) -> printing.PrintedForm:
        """The same of a case."""
        return on_paper(self.label, self.number, _contents(session, case_id)["sections"])


def _without_facts(key: str, label: str, printed: Printed) -> CaseKind:
    """A kind of case of which nothing goes into the record by itself: staff do what was asked for, and say so."""
    return CaseKind(
        key=key,
        label=label,
        permission=READ,
        staff_permission=WORK,
        states=(
            *(state for state in STATES if state.key != AT_PAYER and state.key != DONE),
            CaseState(DONE, "Done", "Processed", "The change is in our records.", tone="good", ended=True),
        ),
        steps=(
            CaseStep(
                "begin", "Begin to process", (RECEIVED,), WORKING, "Began to process it", many=True, tone="primary"
            ),
            CaseStep("ask", "Ask the provider", (RECEIVED, WORKING), QUESTION, "Asked a question", words="required"),
            CaseStep("finish", "Processed", (RECEIVED, WORKING), DONE, "Entered the change", tone="primary"),
            CaseStep("refuse", "Refuse", (RECEIVED, WORKING), REFUSED, "Refused it", words="required", tone="danger"),
            CaseStep(
                "reply", "Send the answer", (QUESTION,), RECEIVED, "Replied", "provider", "required", tone="primary"
            ),
            CaseStep("withdraw", "Withdraw", (RECEIVED, QUESTION, WORKING), WITHDRAWN, "Withdrew it", "provider"),
        ),
        clock=clock,
        template="profiles/sent_form.html",
        details=form_details,
        whom=CHANGE.whom,
        printed=printed,
    )


ADDED = ChangeForm("add-practitioner", "Add a practitioner", "PDP-1")
CHANGED = ChangeForm("change-practitioner", "Change a practitioner", "PDP-2")
LEFT = ChangeForm("end-practitioner", "A practitioner leaves", "PDP-3")
NEW_PLACE = ChangeForm("add-location", "Add a location", "PDP-4")
PLACE = ChangeForm("change-location", "Change a location", "PDP-5")
MOVED = ChangeForm("move-location", "A location moves", "PDP-6")
CLOSED = ChangeForm("close-location", "A location closes", "PDP-7")
TABLE = ChangeForm("affiliations", "Who works where", "PDP-8")
GROUP = ChangeForm("change-group", "New Tax ID or name of the group", "PDP-9", facts=False)
FORMS = (ADDED, CHANGED, LEFT, NEW_PLACE, PLACE, MOVED, CLOSED, TABLE, GROUP)
ADD_PRACTITIONER = ADDED.kind


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
