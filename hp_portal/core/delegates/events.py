"""The audit events of looking for delegates and asking them. Who asked stands with the request, not in the record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hp_portal.core.people.named import counted, people, worded
from hp_portal.core.tax_ids.notices import told_organizations
from hp_portal.database import PortalSession
from hp_portal.events import EventSpec, Reference

_REMINDED = {
    "start": "it has begun",
    "soon": "it is due in two weeks",
    "due": "it is due",
    "late": "it is overdue",
}


def _whose(session: PortalSession, events: Sequence[Mapping[str, Any]], for_staff: bool) -> list[Reference | None]:
    """Whose access a decision is about: a person’s, or a billing organization’s."""
    found = zip(people(session, events, for_staff), told_organizations(session, events, for_staff), strict=True)
    return [person or other for person, other in found]


DELEGATE_EVENTS = (
    EventSpec(
        "delegates.lookup.made",
        "Looked for an organization’s delegates",
        ("tin", "by", "registered"),
        "Looked for the delegates of Tax ID {tin} by its {by}",
    ),
    EventSpec("delegates.lookup.blocked", "Looked for delegates too often", ("what",), refusal=True),
    EventSpec("delegates.request.written", "Asked delegates for contact, not confirmed yet"),
    EventSpec(
        "delegates.request.disowned", "Said that a request for contact in their name was not theirs", ("requests",)
    ),
    EventSpec(
        "delegates.request.made",
        "Somebody asked your delegates to contact them",
        ("request",),
        told=True,
    ),
    EventSpec("delegates.request.listed", "Looked at requests for contact", ("shown",)),
    EventSpec("delegates.request.viewed", "Opened a request for contact", ("request",)),
    EventSpec("delegates.request.answered", "Answered a request for contact", ("request",)),
    EventSpec("delegates.request.invited", "Invited whoever asked for contact to register", ("request",)),
    EventSpec("delegates.request.closed", "Closed a request for contact", ("request",)),
    EventSpec(
        "delegates.request.outlived",
        "Told whoever had asked for contact that the organization is not registered any more",
        ("request",),
        staff_only=True,
    ),
    EventSpec("delegates.request.reported", "Reported a request for contact as suspicious", ("request",)),
    EventSpec("delegates.reports.viewed", "Looked at reported requests for contact", ("shown",), staff_only=True),
    EventSpec("delegates.report.settled", "Settled a reported request for contact", ("request",), staff_only=True),
    EventSpec(
        "delegates.account.listed",
        "Looked at the accounts of the organization",
        ("filters", "found"),
        "Looked at the accounts of the organization: {accounts}",
        {"accounts": counted("found", "account", "accounts")},
    ),
    EventSpec(
        "delegates.account.downloaded",
        "Downloaded the accounts of the organization",
        ("filters", "found"),
        "Downloaded the accounts of the organization: {accounts}",
        {"accounts": counted("found", "account", "accounts")},
    ),
    EventSpec(
        "delegates.account.viewed",
        "Opened an account",
        ("person",),
        "Opened the account of {person}",
        {"person": people},
    ),
    EventSpec(
        "delegates.access-review.begun",
        "An access review of your organization began",
        ("review",),
        told=True,
    ),
    EventSpec(
        "delegates.access-review.reminded",
        "Your delegates were reminded of an access review",
        ("review", "what"),
        "Your delegates were reminded of an access review: {when}",
        {"when": worded("what", _REMINDED)},
        told=True,
    ),
    EventSpec(
        "delegates.access-review.viewed",
        "Opened the access review",
        ("review", "rows"),
        "Opened the access review: {rows} to decide about",
        {"rows": counted("rows", "row", "rows")},
    ),
    EventSpec(
        "delegates.access-review.decided",
        "Decided about somebody’s access in an access review",
        ("review", "decision", "person", "organization"),
        "Decided in the access review to {decision} the access of {whose}",
        {"whose": _whose},
    ),
    EventSpec(
        "delegates.access-review.signed",
        "Signed the access review",
        ("review", "kept", "ended", "digest"),
        "Signed the access review: {kept} kept, {ended} ended",
    ),
    EventSpec("delegates.access-review.downloaded", "Downloaded a signed access review", ("review",)),
    EventSpec("delegates.access-review.listed", "Listed access reviews", ("show", "shown"), staff_only=True),
)
