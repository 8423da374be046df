"""The audit events of looking for delegates and asking them, and of what delegates do. Who asked or is invited stands with the
request or the invitation, not in the record."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from flask import url_for

from hp_portal.core.delegates.models import Invitation
from hp_portal.core.people.named import counted, people, worded
from hp_portal.core.tax_ids.notices import told_organizations
from hp_portal.core.web.formats import show_date
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


def _invited(session: PortalSession, events: Sequence[Mapping[str, Any]], for_staff: bool) -> list[Reference | None]:
    """Whom an invitation was for, by name, with a link for the delegates."""
    ids = {event["invitation"] for event in events}
    names = dict(session.execute(sa.select(Invitation.id, Invitation.name).where(Invitation.id.in_(ids))).all())
    url = None if for_staff else url_for("accounts.invitations")
    return [Reference(names[one], url) if (one := event["invitation"]) in names else None for event in events]


def _successors(session: PortalSession, events: Sequence[Mapping[str, Any]], for_staff: bool) -> list[Reference | None]:
    return people(session, [{"person": event["successor"]} for event in events], for_staff)


def _days(_session: PortalSession, events: Sequence[Mapping[str, Any]], _for_staff: bool) -> list[Reference | None]:
    return [Reference(show_date(dt.date.fromisoformat(event["day"]))) for event in events]


_INVITED = {"invitation": _invited}

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
        "delegates.person.looked-for",
        "Looked whether somebody is known before inviting them",
        ("found",),
        "Looked whether somebody is known before inviting them: {found} found",
    ),
    EventSpec(
        "delegates.invitation.made",
        "Invited somebody",
        ("invitation", "delegate"),
        "Invited {invitation}{delegate}",
        {**_INVITED, "delegate": worded("delegate", {True: " as a delegate", False: ""})},
    ),
    EventSpec(
        "delegates.invitation.repeated",
        "Sent an invitation again",
        ("invitation",),
        "Sent the invitation of {invitation} again",
        _INVITED,
    ),
    EventSpec(
        "delegates.invitation.canceled",
        "Canceled an invitation",
        ("invitation",),
        "Canceled the invitation of {invitation}",
        _INVITED,
    ),
    EventSpec(
        "delegates.invitation.accepted",
        "Accepted an invitation",
        ("invitation", "person"),
        "{person} accepted the invitation",
        {"person": people},
    ),
    EventSpec(
        "delegates.invitation.declined",
        "Somebody declined an invitation",
        ("invitation",),
        "{invitation} declined the invitation",
        _INVITED,
        told=True,
    ),
    EventSpec(
        "delegates.applications.viewed",
        "Looked at who has which application",
        ("found",),
        "Looked at who has which application: {people}",
        {"people": counted("found", "person", "people")},
    ),
    EventSpec(
        "delegates.leaving.planned",
        "Said when somebody leaves",
        ("person", "successor", "day"),
        "Said that {person} leaves on {day}, and {successor} takes over",
        {"person": people, "successor": _successors, "day": _days},
    ),
    EventSpec(
        "delegates.leaving.withdrawn",
        "Said that somebody stays after all",
        ("person",),
        "Said that {person} stays after all",
        {"person": people},
    ),
    EventSpec(
        "delegates.leaving.put-off",
        "Somebody cannot leave before their successor accepts to be a delegate",
        ("person",),
        "{person} cannot leave before the successor accepts to be a delegate",
        {"person": people},
        told=True,
    ),
    EventSpec(
        "delegates.leaving.done",
        "Somebody left the organization",
        ("person", "successor"),
        "{person} left the organization, and {successor} took over",
        {"person": people, "successor": _successors},
        told=True,
    ),
    EventSpec(
        "delegates.leaving.not-handed",
        "What somebody who left had open could not be handed over",
        ("person", "applications"),
        "What {person} had open could not be handed over: {applications}",
        {"person": people},
        told=True,
    ),
    EventSpec(
        "delegates.successor.put-off",
        "Put away the advice to name a second delegate",
    ),
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
