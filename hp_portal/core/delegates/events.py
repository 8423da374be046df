"""The audit events of looking for delegates and asking them. Who asked stands with the request, not in the record."""

from __future__ import annotations

from hp_portal.core.people.named import counted, people
from hp_portal.events import EventSpec

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
)
