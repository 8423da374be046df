"""The kind of case that a provider update becomes."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from hp_portal.api import (
    CaseClock,
    CaseKind,
    CaseState,
    CaseStep,
    PortalSession,
    PublicCases,
    find_payees,
    mask_tin,
    show_date,
)

from ..blueprint import READ, WORK
from .models import WORDS, ProviderUpdate

RECEIVED, WORKED, QUESTION = "received", "worked", "question"
DONE, REFUSED, WITHDRAWN = "done", "refused", "withdrawn"
DAYS = 10
CHANGES = {
    "joins": "A practitioner joins",
    "leaves": "A practitioner leaves",
    "address": "New address",
    "telephone": "New telephone or fax",
    "name": "New name",
    "tin": "New Tax ID or owner",
    "other": "Something else",
}
W9 = ("name", "tin")
"""Changes that need a W-9."""


def _title(values: Mapping[str, Any]) -> str:
    return f"{CHANGES[values['change']]}: {values['provider']}"


def _shown(values: Mapping[str, Any]) -> Sequence[tuple[str, str]]:
    return [
        ("You are", values["role"]),
        ("Provider", values["provider"]),
        ("Tax ID", mask_tin(values["tin"])),
        ("NPI", values["npi"] or "—"),
        ("What changes", CHANGES[values["change"]]),
        ("From", show_date(dt.date.fromisoformat(values["effective_on"]))),
        ("In your words", values["words"]),
    ]


def _opened(session: PortalSession, case_id: int, values: Mapping[str, Any]) -> None:
    add_update(session, case_id, None, values)


def add_update(
    session: PortalSession, case_id: int, organization_id: int | None, values: Mapping[str, Any]
) -> ProviderUpdate:
    """Keep what was typed; `values` as the form gives them."""
    token = secrets.token_hex(16)
    row = ProviderUpdate(
        **ProviderUpdate.tin_values(session, values["tin"], token=token),
        organization_id=organization_id,
        case_id=case_id,
        provider=values["provider"],
        npi=values["npi"],
        role=values["role"],
        change=values["change"],
        effective_on=dt.date.fromisoformat(values["effective_on"]),
        words_sealed=session.vault.seal_text(values["words"], WORDS(token)),
    )
    session.add(row)
    session.flush()
    return row


def _of(session: PortalSession, case_id: int) -> ProviderUpdate:
    return session.scalars(sa.select(ProviderUpdate).where(ProviderUpdate.case_id == case_id)).one()


def _details(session: PortalSession, case_id: int, for_staff: bool) -> Mapping[str, Any]:
    found = _of(session, case_id)
    # Staff see no whole Tax ID, and so could not look for the payee themselves.
    payees = find_payees(session, tin=found.whole_tin(session)) if for_staff else []
    return {
        "payees": [f"{one.name}, NPI {one.npi}" if one.npi else one.name for one in payees] if for_staff else None,
        "provider": found.provider,
        "tin": found.masked_tin(session),
        "npi": found.npi,
        "role": found.role,
        "change": CHANGES.get(found.change, found.change),
        "effective_on": found.effective_on,
        "words": session.vault.open_text(found.words_sealed, WORDS(found.token)),
        "w9": found.change in W9,
    }


def _documents(session: PortalSession, case_id: int) -> str:
    if _of(session, case_id).change in W9:
        return "Attach a signed W-9 with the new name or Tax ID. Without it we cannot make the change."
    return "Attach what shows the change, if you have something. Name no patients."


def _given(session: PortalSession, case_id: int, organization_id: int | None) -> None:
    _of(session, case_id).organization_id = organization_id


def _clock() -> CaseClock:
    return CaseClock(
        DAYS, "business", f"We look at provider updates within {DAYS} business days.", "our service standard"
    )


OPEN = (RECEIVED, WORKED, QUESTION)
UPDATE = CaseKind(
    key="profiles.update",
    label="Provider update",
    permission=READ,
    staff_permission=WORK,
    states=(
        CaseState(RECEIVED, "Received", "Received", "We look at it, and tell you by e-mail what becomes of it."),
        CaseState(WORKED, "Being worked on", "Being worked on", "Somebody is working on it. You need not do anything."),
        CaseState(
            QUESTION, "Waiting for an answer", "We have a question", "Open the case, and answer it.", "warn", waits=True
        ),
        CaseState(DONE, "Done", "Done", "Our records show the change.", "good", ended=True),
        CaseState(REFUSED, "Refused", "Refused", "Open the case to read why.", "bad", ended=True),
        CaseState(WITHDRAWN, "Withdrawn", "Withdrawn", "", "neutral", ended=True),
    ),
    steps=(
        CaseStep("work", "Begin to work on it", (RECEIVED,), WORKED, "Began to work on it", many=True),
        CaseStep("ask", "Ask the provider", (RECEIVED, WORKED), QUESTION, "Asked a question", words="required"),
        CaseStep("done", "Our records show it", OPEN, DONE, "Made the change", many=True, tone="primary"),
        CaseStep("refuse", "Refuse", OPEN, REFUSED, "Refused the change", words="required", tone="danger"),
        CaseStep(
            "reply",
            "Send the answer",
            (QUESTION,),
            WORKED,
            "Replied",
            by="provider",
            words="required",
            tone="primary",
        ),
        CaseStep("withdraw", "Withdraw", OPEN, WITHDRAWN, "Withdrew the update", by="provider", words="none"),
    ),
    clock=_clock,
    template="profiles/updates/details.html",
    details=_details,
    public=PublicCases(
        start="profiles_public.update",
        link="Provider updates for out-of-network and national providers",
        title=_title,
        shown=_shown,
        opened=_opened,
        documents=_documents,
        given=_given,
    ),
)
