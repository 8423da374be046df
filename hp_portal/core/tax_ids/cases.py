"""Tax IDs that an organization has no payment of: a case, which staff look into and answer."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from hp_portal.case_kinds import CaseClock, CaseKind, CaseRefused, CaseState, CaseStep
from hp_portal.core.cases.acting import open_case
from hp_portal.core.cases.models import Case
from hp_portal.core.identifiers.numbers import mask_tin
from hp_portal.core.identity.actor import Actor
from hp_portal.core.organizations.models import Grant
from hp_portal.core.payees.models import Payee
from hp_portal.core.tax_ids.models import TaxIdCase
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, lock
from hp_portal.printed import PrintedAnswer, PrintedAnswers, PrintedForm, PrintedNote, PrintedSection
from hp_portal.scopes import in_whole

MOST_OPEN = 20
FORM_NUMBER, FORM_VERSION = "TAX-1", "2026-11"
KIND = "tax-id-npi-access.without-payment"
RECEIVED, QUESTION, LINKED, ANSWERED, WITHDRAWN = "received", "question", "linked", "answered", "withdrawn"


class TooManyCases(Exception):
    """So many cases of the organization wait that no more are taken."""


class WaitsAlready(Exception):
    """The organization has asked about this Tax ID `at` a time before, and nobody has answered: nothing was added to that."""

    def __init__(self, at: dt.datetime, case_id: int) -> None:
        super().__init__("waits already")
        self.at, self.case_id = at, case_id


def _clock() -> CaseClock:
    days = settings().tax_id_case_days
    counted = "1 business day" if days == 1 else f"{days} business days"
    return CaseClock(days, "business", f"We answer within {counted}.", "our service standard")


def _of(session: PortalSession, case_id: int) -> TaxIdCase:
    return session.scalars(sa.select(TaxIdCase).where(TaxIdCase.case_id == case_id)).one()


def _is_linked(session: PortalSession, case_id: int, _words: str) -> None:
    """Before staff say that a Tax ID is linked, it is."""
    asked = _of(session, case_id)
    wanted = [
        Grant.organization_id == asked.organization_id,
        Grant.is_open(),
        Payee.tin_is(session, asked.whole_tin(session)),
    ]
    if asked.npi:
        wanted.append(Payee.npi == asked.npi)
    linked = sa.select(Grant.id).join(Payee, Payee.id == Grant.payee_id).where(*wanted)
    if session.scalar(linked.limit(1)) is None:
        raise CaseRefused(
            "This Tax ID is not linked to the organization yet. Link it on the organization’s page first."
        )


def _details(session: PortalSession, case_id: int, _for_staff: bool) -> Mapping[str, Any]:
    asked = _of(session, case_id)
    return {
        "tin": asked.masked_tin(session),
        "npi": asked.npi,
        "phone": asked.phone,
        "about": asked.about,
        "answer": asked.answer,
    }


def _printed(session: PortalSession, case_id: int) -> PrintedForm:
    asked = _of(session, case_id)
    said = [
        PrintedAnswer("Tax ID", asked.masked_tin(session)),
        PrintedAnswer("NPI", asked.npi),
        PrintedAnswer("Telephone", asked.phone),
        PrintedAnswer("What was written", asked.about, lines=6),
    ]
    if asked.answer:
        said.append(PrintedAnswer("Answer", asked.answer))
    sections = (PrintedSection("What was sent", (PrintedAnswers(tuple(said)),)),)
    return PrintedForm(CASE.label, FORM_NUMBER, FORM_VERSION, sections)


def _blank() -> PrintedForm:
    said = (
        PrintedAnswer("Tax ID (TIN)", hint="9 digits"),
        PrintedAnswer("NPI", hint="10 digits, if there is one"),
        PrintedAnswer("Your organization"),
        PrintedAnswer("Your name"),
        PrintedAnswer("Your telephone number"),
        PrintedAnswer("Your e-mail address"),
        PrintedAnswer("Why is there no payment, and how are you connected with this Tax ID?", lines=6),
        PrintedAnswer("User name in the portal", hint="If you have an account"),
    )
    note = PrintedNote("Do not write names or numbers of patients on this form.")
    return PrintedForm(
        "Contact us about a Tax ID",
        FORM_NUMBER,
        FORM_VERSION,
        (PrintedSection("What we need", (PrintedAnswers(said), note)),),
    )


CASE = CaseKind(
    key=KIND,
    label="Tax ID without a payment",
    permission="tax-id-npi-access:grant:read",
    staff_permission="staff:tax-ids:manage",
    states=(
        CaseState(RECEIVED, "Received", "Received", "We make sure who you are, and answer here."),
        CaseState(QUESTION, "Waiting for an answer", "We have a question", "Answer it below.", tone="warn", waits=True),
        CaseState(LINKED, "Linked", "Linked", "You can see the payments to this Tax ID.", tone="good", ended=True),
        CaseState(ANSWERED, "Answered", "Answered", "Read our answer below.", tone="neutral", ended=True),
        CaseState(WITHDRAWN, "Withdrawn", "Withdrawn", "", tone="neutral", ended=True),
    ),
    steps=(
        CaseStep(
            "linked", "It is linked", (RECEIVED, QUESTION), LINKED, "Linked the Tax ID", tone="primary", take=_is_linked
        ),
        CaseStep("ask", "Ask the provider", (RECEIVED,), QUESTION, "Asked a question", words="required"),
        CaseStep(
            "answer", "Answer without linking", (RECEIVED, QUESTION), ANSWERED, "Answered", words="required", many=True
        ),
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
        CaseStep("withdraw", "Withdraw", (RECEIVED, QUESTION), WITHDRAWN, "Withdrew the request", by="provider"),
        CaseStep("again", "Ask again", (ANSWERED,), RECEIVED, "Asked again", by="provider", words="required"),
    ),
    clock=_clock,
    template="tax_ids/case_details.html",
    details=_details,
    printed=_printed,
    blank=_blank,
)


@in_whole("a case is put before staff")
def ask_staff(session: PortalSession, actor: Actor, tin: str, npi: str, about: str, phone: str) -> int:
    """Put a Tax ID before staff; the id of the case. Sent twice, it is one. Raises WaitsAlready, TooManyCases."""
    if actor.organization_id is None:
        raise ValueError("the payer's staff have no cases of their own")
    lock(session, f"tax-id-cases:{actor.organization_id}")
    waiting = (
        sa.select(TaxIdCase, Case)
        .join(Case, Case.id == TaxIdCase.case_id)
        .where(TaxIdCase.organization_id == actor.organization_id, Case.ended_at.is_(None))
    )
    same = session.execute(
        waiting.where(TaxIdCase.tin_is(session, tin), TaxIdCase.npi == npi).order_by(Case.id).limit(1)
    ).one_or_none()
    if same is not None:
        asked, case = same
        if (asked.about, asked.phone) != (about, phone):
            raise WaitsAlready(case.opened_at, case.id)
        return int(case.id)
    if len(session.execute(waiting.limit(MOST_OPEN)).all()) == MOST_OPEN:
        raise TooManyCases
    return add_case(session, actor.organization_id, tin, npi, about, phone)


def add_case(session: PortalSession, organization_id: int, tin: str, npi: str, about: str, phone: str) -> int:
    """Open such a case in the name of whoever acts in this session; its id. Needs a whole scope."""
    case = open_case(session, CASE, f"Tax ID {mask_tin(tin)}", organization_id=organization_id)
    token = secrets.token_hex(16)
    session.add(
        TaxIdCase(
            **TaxIdCase.tin_values(session, tin, token=token),
            case_id=case.id,
            organization_id=organization_id,
            npi=npi,
            about=about,
            phone=phone,
        )
    )
    session.flush()
    return int(case.id)
