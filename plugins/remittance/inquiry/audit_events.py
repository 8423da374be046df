"""What the audit events of remittances are about, for their sentences: payments and claims by number, with links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for

from hp_portal.api import SHOWN, EventSpec, PortalSession, Reference, can, read_spans

from ..blueprint import INSPECT, READ, READ_IMPORTS
from ..codes.plain_words import payment_word
from ..intake.deciding import DECISIONS
from ..models import Claim, Payment, RemittanceFile
from .tracing import payees_shown

Fields = Sequence[Mapping[str, Any]]


def _searches(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    numbers = [event["count"] for event in events]
    return [Reference("1 saved search" if number == 1 else f"{number} saved searches") for number in numbers]


def payments(session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """The payment of each event, `EFT 9400000001`, linked for those who can open it."""
    rows = session.execute(
        sa.select(Payment.id, Payment.method, Payment.trace_number).where(
            Payment.id.in_({event["payment"] for event in events})
        )
    )
    linked = can(READ)
    found = {
        key: Reference(
            f"{payment_word(method)} {number}", url_for("remittance.payment", payment_id=key) if linked else None
        )
        for key, method, number in rows
    }
    return [found.get(event["payment"]) for event in events]


def claims(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """The claim of each event by its number, linked for those who can open it.

    The number may be the patient's account: staff who may not open claims are told the claim's place in the payment.
    """
    by_place = for_staff and not can(INSPECT)
    wanted = {(event["payment"], event["claim"]) for event in events}
    rows = session.execute(
        sa.select(Claim.payment_id, Claim.claim, Claim.payer_control_number, Claim.patient_control_number).where(
            sa.tuple_(Claim.payment_id, Claim.claim).in_(wanted)
        )
    )
    linked = can(READ)
    found = {
        (payment, claim): Reference(
            f"claim {claim if by_place else payer_number or patient_number or claim}",
            url_for("remittance.claim", payment_id=payment, number=claim) if linked else None,
        )
        for payment, claim, payer_number, patient_number in rows
    }
    return [found.get((event["payment"], event["claim"])) for event in events]


def searches(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """What was searched for, in words. Names and numbers of members are kept as hashes and stay unsaid."""
    return [Reference(_search(event["kind"], event["keys"])) for event in events]


def _search(kind: str, keys: Mapping[str, str]) -> str:
    if kind == "newest":
        return "Viewed the newest payments"
    if kind == "chosen":
        return "Chose payments to download together"
    if kind == "claims":
        return "Searched for claims by a number" if "number" in keys else "Searched for claims"
    number = keys.get("number", "")
    if kind == "number" and number:
        return "Searched for a number that found nothing" if len(number) == 64 else f"Searched for payment {number}"
    return "Searched for payments by date, amount or payee"


def _part(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """Which part of a payment's claims was shown, where it was not the first page of all. Older events do not say."""
    said: list[Reference | None] = []
    for event in events:
        words = ["filtered by name or number"] if event.get("filter") else []
        words += ["filtered by status"] if event.get("status") else []
        words += [f"page {event['page']:,} of its claims"] if event["page"] > 1 else []
        words += ["with all claims opened"] if event.get("opened") else []
        said.append(Reference(f", {', '.join(words)}" if words else ""))
    return said


def _file(session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    rows = session.execute(
        sa.select(RemittanceFile.id, RemittanceFile.name).where(
            RemittanceFile.id.in_({event["file"] for event in events})
        )
    )
    linked = can(READ_IMPORTS)
    found = {
        key: Reference(name, url_for("remittance_staff.file_report", file_id=key) if linked else None)
        for key, name in rows
    }
    return [found.get(event["file"]) for event in events]


def _format(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    words = {"pdf": "PDF", "xlsx": "Excel", "csv": "CSV", "835": "835"}
    return [Reference(words.get(event["format"], str(event["format"]))) for event in events]


def _decision(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    return [Reference(DECISIONS[event["decision"]].lower()) for event in events]


def _batches(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """How many pairs a decision about many was about, linked for those who can open it."""
    linked = can(READ_IMPORTS)
    return [
        Reference(
            f"{event['pairs']:,} {'pair' if event['pairs'] == 1 else 'pairs'} of payments",
            url_for("remittance_staff.same_number_batch", batch_id=event["batch"]) if linked else None,
        )
        for event in events
    ]


def _many(field: str, one: str, many: str) -> Any:
    def say(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
        return [Reference(f"{event[field]:,} {one if event[field] == 1 else many}") for event in events]

    return say


def _which_claims(_session: PortalSession, events: Fields, _for_staff: bool) -> list[Reference | None]:
    """How many claims of a payment an event is about; all of them stay unsaid."""
    counts = [0 if event["all"] else len(read_spans(event["claims"])) for event in events]
    return [Reference(f"{count:,} {'claim' if count == 1 else 'claims'} of " if count else "") for count in counts]


def _noted(session: PortalSession, events: Fields, for_staff: bool) -> list[Reference | None]:
    """What a note of each event is about: the claim, or the payment."""
    of_claims = [event for event in events if event["claim"] is not None]
    named = iter(claims(session, of_claims, for_staff))
    whole = payments(session, events, for_staff)
    return [next(named) if event["claim"] is not None else found for event, found in zip(events, whole, strict=True)]


_PAYMENT, _CLAIM = {"payment": payments}, {"payment": payments, "claim": claims}
_FILE = {"file": _file}
EVENTS = (
    EventSpec(
        "remittance.payment.searched",
        "Searched payments",
        ("kind", "keys", *SHOWN, "claims"),
        "{search}",
        {"search": searches},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.payment.viewed",
        "Viewed a payment",
        ("payment", "number", "status", "filter", "opened", *SHOWN, "also"),
        "Viewed {payment}{part}",
        {**_PAYMENT, "part": _part},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.claim.viewed",
        "Viewed a claim",
        ("payment", "claim", "also"),
        "Viewed {claim} in {payment}",
        _CLAIM,
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.payment.sought",
        "Looked for a reported payment",
        ("number", "found"),
        "Looked for a reported payment and found {found}",
        member_data=True,
    ),
    EventSpec(
        "remittance.payment.inspected",
        "Opened a reported payment",
        ("payment", "number", *SHOWN),
        "Opened {payment}",
        _PAYMENT,
        member_data=True,
    ),
    EventSpec(
        "remittance.claim.inspected",
        "Opened a claim of a reported payment",
        ("payment", "claim"),
        "Opened {claim} in {payment}",
        _CLAIM,
        member_data=True,
    ),
    EventSpec(
        "remittance.payment.posted",
        "Marked a payment as posted",
        ("payment", "claims", "all"),
        "Marked {which}{payment} as posted",
        {**_PAYMENT, "which": _which_claims},
    ),
    EventSpec(
        "remittance.payment.unposted",
        "Took back that a payment is posted",
        ("payment", "claims", "all"),
        "Took back that {which}{payment} is posted",
        {**_PAYMENT, "which": _which_claims},
    ),
    *(
        EventSpec(
            f"remittance.note.{deed}",
            f"{did} a note",
            ("payment", "claim", "note", "text"),
            f"{did} a note about {{what}}",
            {"what": _noted},
        )
        for deed, did in (("written", "Wrote"), ("changed", "Changed"), ("removed", "Removed"))
    ),
    *(
        EventSpec(f"remittance.saved-search.{deed}", f"{did} a saved search", ("search", "kind", "shared"))
        for deed, did in (("saved", "Added"), ("changed", "Changed"), ("removed", "Removed"), ("run", "Ran"))
    ),
    EventSpec(
        "remittance.saved-search.handed-over",
        "Handed saved searches over to a colleague",
        ("count",),
        "Handed {searches} over to a colleague",
        {"searches": _searches},
    ),
    EventSpec("remittance.saved-search.listed", "Listed saved searches", ("shown",)),
    EventSpec(
        "remittance.payment.downloaded",
        "Downloaded a payment",
        ("payment", "format"),
        "Downloaded {payment} as {format}",
        {**_PAYMENT, "format": _format},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.payments.downloaded-together",
        "Downloaded several payments together",
        ("format", "payments", "rows"),
        "Downloaded {payments} together as {format}",
        {"payments": _many("payments", "payment", "payments"), "format": _format},
        member_data=True,
    ),
    EventSpec(
        "remittance.claim.downloaded",
        "Downloaded a claim",
        ("payment", "claim", "format"),
        "Downloaded {claim} in {payment} as {format}",
        {**_CLAIM, "format": _format},
        member_data=True,
        payees_shown=payees_shown,
    ),
    EventSpec(
        "remittance.file.interrupted",
        "Removed what an interrupted import left",
        ("file",),
        "The import of {file} was interrupted; nothing of it was kept",
        _FILE,
    ),
    EventSpec(
        "remittance.file.imported",
        "Imported a remittance file",
        ("file", "sha256", "outcome", "payments", "amount"),
        "Imported {file}: {payments}",
        {**_FILE, "payments": _many("payments", "payment", "payments")},
    ),
    EventSpec("remittance.file.uploaded", "Uploaded a remittance file", ("upload", "size")),
    EventSpec("remittance.report.viewed", "Viewed an import’s report", ("file",), "Viewed the report of {file}", _FILE),
    EventSpec(
        "remittance.same-number.listed",
        "Listed payments that have the number of another",
        ("decided", "page", "shown"),
        staff_only=True,
    ),
    EventSpec(
        "remittance.same-number.viewed",
        "Compared two payments of one number",
        ("payment", "earlier"),
        "Compared {payment} with an earlier one of its number",
        _PAYMENT,
    ),
    EventSpec(
        "remittance.same-number.decided",
        "Decided about two payments of one number",
        ("payment", "earlier", "decision"),
        "Decided about {payment} and an earlier one of its number: {decision}",
        {**_PAYMENT, "decision": _decision},
    ),
    EventSpec(
        "remittance.same-number.undone",
        "Undid a decision about two payments of one number",
        ("payment", "earlier", "decision"),
        "Undid the decision about {payment} and an earlier one of its number: {decision}",
        {**_PAYMENT, "decision": _decision},
    ),
    EventSpec(
        "remittance.same-number.decided-together",
        "Decided about many payments of one number",
        ("batch", "decision", "pairs"),
        "Decided about {batch} of one number: {decision}",
        {"batch": _batches, "decision": _decision},
    ),
    EventSpec(
        "remittance.same-number.undone-together",
        "Undid a decision about many payments of one number",
        ("batch", "decision", "pairs"),
        "Undid a decision about {batch} of one number: {decision}",
        {"batch": _batches, "decision": _decision},
    ),
    EventSpec(
        "remittance.same-number.batch-viewed",
        "Looked at a decision about many payments of one number",
        ("batch",),
        staff_only=True,
    ),
    EventSpec(
        "remittance.payments.read-again",
        "Payments were read again from their kept text",
        ("payments", "changed", "unreadable"),
        "Read {payments} again, which an earlier version had imported",
        {"payments": _many("payments", "payment", "payments")},
    ),
    EventSpec("remittance.unknown-payees.viewed", "Viewed payees not on record", ("page", "shown")),
    EventSpec(
        "remittance.unknown-payees.matched",
        "Matched payments to payees",
        ("payments",),
        "Matched {payments} to the payer’s record",
        {"payments": _many("payments", "payment", "payments")},
    ),
    EventSpec("remittance.codes.uploaded", "Uploaded a code list", ("list", "size"), "Uploaded the code list {list}"),
    EventSpec(
        "remittance.codes.loaded",
        "Loaded a code list",
        ("list", "rows", "added", "removed"),
        "Loaded the code list {list} with {rows} rows",
    ),
)
