"""The case that *not right* opens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hp_portal.api import CaseClock, CaseKind, CaseState, CaseStep, PortalSession

from ..blueprint import READ, WORK
from ..proposing.stages import CHANGE
from ..record.models import Affiliation
from .models import NotRight

RECEIVED, QUESTION, DONE, REFUSED, WITHDRAWN = "received", "question", "done", "refused", "withdrawn"


def _clock() -> CaseClock:
    rule = "Changes of directory information are published within 2 business days."
    return CaseClock(2, "business", rule, "42 U.S.C. 300gg-115")


def _details(session: PortalSession, case_id: int, for_staff: bool) -> Mapping[str, Any]:
    found = session.execute(
        sa.select(Affiliation.practitioner_id, Affiliation.location_id)
        .join(NotRight, NotRight.affiliation_id == Affiliation.id)
        .where(NotRight.case_id == case_id)
    ).one_or_none()
    return {"practitioner_id": found[0] if found and not for_staff else None}


NOT_RIGHT = CaseKind(
    key="profiles.not-right",
    label="Not right in an attestation",
    permission=READ,
    staff_permission=WORK,
    states=(
        CaseState(RECEIVED, "Received", "Received", "We look at it. Until then it is left out of your attestations."),
        CaseState(QUESTION, "Waiting for the provider", "We have a question", "Answer it below.", "warn", waits=True),
        CaseState(DONE, "Done", "Corrected", "Our record is corrected.", "good", ended=True),
        CaseState(REFUSED, "Refused", "Not changed", "The message says why.", "bad", ended=True),
        CaseState(WITHDRAWN, "Withdrawn", "Withdrawn", "You have withdrawn it.", "neutral", ended=True),
    ),
    steps=(
        CaseStep("ask", "Ask the provider", (RECEIVED,), QUESTION, "Asked a question", words="required"),
        CaseStep("done", "The record is corrected", (RECEIVED,), DONE, "Corrected the record", tone="primary"),
        CaseStep("refuse", "Change nothing", (RECEIVED,), REFUSED, "Changed nothing", words="required", tone="danger"),
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
        CaseStep(
            "withdraw",
            "It is right after all",
            (RECEIVED, QUESTION),
            WITHDRAWN,
            "Withdrew it",
            by="provider",
            words="none",
        ),
    ),
    clock=_clock,
    template="profiles/attesting/details.html",
    details=_details,
    whom=CHANGE.whom,
)
