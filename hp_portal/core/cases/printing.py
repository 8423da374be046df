"""*Print this case*: what its page tells the office, as PDF. Staff print the same, without their notes, to send it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from hp_portal.case_kinds import CaseKind
from hp_portal.core.access.enforce import the_actor
from hp_portal.core.access.rules import SIGNED_IN
from hp_portal.core.attachments.attaching import attached_files
from hp_portal.core.audit.record import record
from hp_portal.core.cases.kinds import find_kind, kinds_for
from hp_portal.core.cases.models import Case, CaseEntry
from hp_portal.core.cases.numbers import show_number
from hp_portal.core.cases.reading import CaseRow, Entry, entries_of, find_case, own_case, rule_of, sender_of
from hp_portal.core.cases.telling import about_case
from hp_portal.core.documents.limited import AT_ONCE, BY_THE_WORKER, DocumentError
from hp_portal.core.organizations.models import Organization
from hp_portal.core.printing.forms import PDF_TYPE, PrintedSignature, blank_form_pdf, form_pdf
from hp_portal.core.signing.models import Signature
from hp_portal.core.signing.signing import NotAsSigned, show_signature, signatures_about, signed_form
from hp_portal.core.web.formats import show_date, show_datetime
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession
from hp_portal.hookspecs import DocumentKind, MadeFile, Making
from hp_portal.printed import (
    PrintedAnswer,
    PrintedAnswers,
    PrintedForm,
    PrintedNote,
    PrintedPart,
    PrintedSection,
    PrintedText,
)
from hp_portal.scopes import OrganizationScope, set_scope

PRINTED, SIGNED, BLANK = "cases.printed", "cases.signed", "cases.blank"
MOST_AT_ONCE = 100
"""A history with more entries is the worker's to print."""
IN_THE_PORTAL = "What was sent with this case is shown in the portal."


@dataclass(frozen=True)
class CaseSignatures:
    """What a case says on paper now, None where its kind declares nothing, and who has signed it."""

    form: PrintedForm | None
    signatures: list[PrintedSignature]


def signatures_of(session: PortalSession, case: Case, kind: CaseKind) -> CaseSignatures:
    """The signatures of a case, each told whether the case still says what was signed."""
    form = kind.printed(session, case.id) if kind.printed else None
    found = signatures_about(session, about_case(case.id))
    return CaseSignatures(form, [show_signature(one, form) for one in found])


def is_small(session: PortalSession, case: Case) -> bool:
    """Can it be printed while somebody waits?"""
    entries = sa.select(sa.func.count()).select_from(CaseEntry).where(CaseEntry.case_id == case.id)
    return (session.scalar(entries) or 0) <= MOST_AT_ONCE


def _standing(session: PortalSession, case: Case, row: CaseRow, kind: CaseKind) -> PrintedSection:
    zone, rule = settings().payer.zone, rule_of(kind)
    organization = session.scalar(sa.select(Organization.name).where(Organization.id == case.organization_id))
    said = [
        PrintedAnswer("Kind", kind.label),
        PrintedAnswer("About", row.title),
        PrintedAnswer("State", "\n".join(filter(None, (row.state.told, row.state.next)))),
        PrintedAnswer("Organization", organization or ""),
        PrintedAnswer("Sent", show_datetime(row.opened_at, zone)),
        PrintedAnswer("Sent by", row.whose or sender_of(session, case)),
    ]
    if rule and row.due_on:
        said.append(
            PrintedAnswer("You hear from us by", f"{show_date(row.due_on)}\n{rule.rule} Source: {rule.source}.")
        )
    elif rule and row.state.waits:
        stands = "It stands still until you answer."
        said.append(PrintedAnswer("The time we have", f"{stands}\n{rule.rule} Source: {rule.source}."))
    if row.ended_at:
        said.append(PrintedAnswer("Done on", show_datetime(row.ended_at, zone)))
    return PrintedSection("Where it stands", (PrintedAnswers(tuple(said)),))


def _history(entries: list[Entry]) -> PrintedSection:
    payer, parts = settings().payer, list[PrintedPart]()
    for entry in entries:
        who = payer.short_name if entry.by_staff else entry.who
        what = f"{entry.what} ({entry.state.told})" if entry.state else entry.what
        line = f"{what}: {who}, {show_datetime(entry.at, payer.zone)}"
        parts.append(PrintedText(line, entry.words) if entry.words else PrintedNote(line))
    return PrintedSection("What happened", tuple(parts))


def _whom(session: PortalSession, case: Case, kind: CaseKind) -> PrintedSection:
    payer = settings().payer
    lines = list(kind.whom(session, case.id)) if kind.whom else []
    told = [payer.name, f"telephone {payer.phone}" if payer.phone else "", payer.hours]
    lines = lines or [f"{', '.join(filter(None, told))}. Have the case number ready."]
    return PrintedSection("Whom to ask", tuple(PrintedNote(line) for line in lines))


@contextmanager
def _as_the_office(session: PortalSession, case: Case) -> Iterator[None]:
    """See what its organization may see, also where staff print: it is theirs to be sent. Nobody of them is told who among staff
    does what, or who has sent it in without an account."""
    before = session.context.scope
    if case.organization_id is not None:
        set_scope(session, OrganizationScope(case.organization_id))
    try:
        yield
    finally:
        set_scope(session, before)


def _make(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    case = session.get(Case, wanted["case"])
    kind = find_kind(case.kind) if case else None
    if case is None or kind is None:
        return None
    with _as_the_office(session, case):
        return _print(session, case, kind, making)


def _print(session: PortalSession, case: Case, kind: CaseKind, making: Making) -> MadeFile:
    payer, row = settings().payer, own_case(session, case)
    signed = signatures_of(session, case, kind)
    form = signed.form or PrintedForm(
        case.title, "", "", (PrintedSection("What was sent", (PrintedNote(IN_THE_PORTAL),)),) if kind.details else ()
    )
    if not form.files:
        form = replace(form, files=tuple(one.name for one in attached_files(session, about_case(case.id))))
    body = form_pdf(
        form,
        payer,
        case_number=show_number(case.number),
        standing=(
            _standing(session, case, row, kind),
            _history(entries_of(session, case, kind, payer.short_name)),
            _whom(session, case, kind),
        ),
        signatures=signed.signatures,
        limits=AT_ONCE if making.at_once else BY_THE_WORKER,
        progress=making.progress,
    )
    return MadeFile(body, f"case-{show_number(case.number)}.pdf", PDF_TYPE)


def _hand_over(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    found = find_case(session, the_actor(), wanted["case"])
    if found is None:
        return False
    record(session, "case.printed", case=found[0].id)
    return True


def find_signed(session: PortalSession, case_id: int, signature_id: int) -> Signature | None:
    """A signature of a case, as the scope shows it."""
    found = session.get(Signature, signature_id)
    return found if found is not None and found.about == about_case(case_id) else None


def _make_signed(session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    case, signature = session.get(Case, wanted["case"]), find_signed(session, wanted["case"], wanted["signature"])
    if case is None or signature is None:
        return None
    try:
        form = signed_form(session, signature)
    except NotAsSigned:
        raise DocumentError(f"what is kept of signature {signature.id} is not what was signed") from None
    number = show_number(case.number)
    body = form_pdf(
        form,
        settings().payer,
        case_number=number,
        signatures=[show_signature(signature, form)],
        limits=AT_ONCE if making.at_once else BY_THE_WORKER,
        progress=making.progress,
    )
    return MadeFile(body, f"case-{number}-as-signed.pdf", PDF_TYPE)


def _hand_over_signed(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    return find_signed(session, wanted["case"], wanted["signature"]) is not None and _hand_over(session, wanted)


def blank_kind(key: str) -> CaseKind | None:
    """The kind of that key, if whoever is signed in may see such cases and there is a form to fill by hand."""
    return next((one for one in kinds_for(the_actor()) if one.key == key and one.blank), None)


def _make_blank(_session: PortalSession, wanted: Mapping[str, Any], making: Making) -> MadeFile | None:
    kind = find_kind(wanted["kind"])
    if kind is None or kind.blank is None:
        return None
    form, limits = kind.blank(), AT_ONCE if making.at_once else BY_THE_WORKER
    return MadeFile(blank_form_pdf(form, settings().payer, limits=limits), f"form-{form.number}.pdf", PDF_TYPE)


def _hand_over_blank(session: PortalSession, wanted: Mapping[str, Any]) -> bool:
    if blank_kind(wanted["kind"]) is None:
        return False
    record(session, "case.form-printed", kind=wanted["kind"])
    return True


DOCUMENTS = (
    DocumentKind(PRINTED, "A case on paper", SIGNED_IN, _make, _hand_over),
    DocumentKind(SIGNED, "A case as it was signed", SIGNED_IN, _make_signed, _hand_over_signed),
    DocumentKind(BLANK, "A form to fill by hand", SIGNED_IN, _make_blank, _hand_over_blank),
)
