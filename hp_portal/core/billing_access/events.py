"""The audit events of requests for access. Who is asked stands with the request, not in the record."""

from __future__ import annotations

from hp_portal.core.people.named import counted, worded
from hp_portal.core.tax_ids.notices import told_organizations
from hp_portal.events import EventSpec

ANSWERS = {
    "approved": "approved",
    "declined": "declined",
    "disowned": "nobody here knows them",
    "passed-on": "handed on to somebody else",
}
_REQUESTS = {"requests": counted("shown", "request", "requests")}

BILLING_EVENTS = (
    EventSpec(
        "billing.access.requested",
        "Asked a provider’s office for access",
        ("request", "tin"),
        "Asked for access to the Tax ID {tin} (request {request})",
    ),
    EventSpec("billing.access.resent", "Sent a request for access again", ("request",), "Sent request {request} again"),
    EventSpec(
        "billing.access.redirected",
        "Named another approver",
        ("request",),
        "Named another approver for request {request}",
    ),
    EventSpec("billing.access.withdrawn", "Withdrew a request for access", ("request",), "Withdrew request {request}"),
    EventSpec(
        "billing.access.listed",
        "Viewed requests for access",
        ("shown",),
        "Viewed requests for access: {requests}",
        _REQUESTS,
    ),
    EventSpec(
        "billing.access.csv",
        "Downloaded requests for access",
        ("shown",),
        "Downloaded requests for access: {requests}",
        _REQUESTS,
    ),
    EventSpec(
        "billing.access.downloaded",
        "Downloaded the record of an approval",
        ("request",),
        "Downloaded the record of the approval of request {request}",
    ),
    EventSpec(
        "billing.access.opened",
        "The provider’s office opened a request for access",
        ("request",),
        "The provider’s office opened request {request}",
        told=True,
    ),
    EventSpec(
        "billing.access.approved",
        "A request for access was approved",
        ("request", "approved", "asked"),
        "Request {request} was approved: {approved} of {asked} NPIs",
        told=True,
    ),
    EventSpec(
        "billing.access.declined",
        "A request for access was declined",
        ("request",),
        "Request {request} was declined",
        told=True,
    ),
    EventSpec(
        "billing.access.disowned",
        "The approver does not know who asks",
        ("request",),
        "The approver of request {request} does not know who asks",
        staff_only=True,
    ),
    EventSpec(
        "billing.access.answered",
        "Answered a request for access",
        ("organization", "request", "answer"),
        "Answered the request of {organization}: {answer}",
        {"organization": told_organizations, "answer": worded("answer", ANSWERS)},
    ),
    EventSpec(
        "billing.access.passed-on",
        "A request for access was handed on",
        ("request",),
        "Request {request} was handed on to somebody else",
        told=True,
    ),
    EventSpec(
        "billing.access.reminded",
        "Reminded of a request for access",
        ("request", "reminder"),
        "Reminded the approver of request {request}, for the {reminder}. time",
        told=True,
    ),
    EventSpec(
        "billing.access.expired", "A request for access expired", ("request",), "Request {request} expired", told=True
    ),
    EventSpec(
        "billing.access.office-listed",
        "Viewed requests for access to your payments",
        ("shown",),
        "Viewed requests for access to your payments: {requests}",
        _REQUESTS,
    ),
    EventSpec(
        "billing.access.queue-listed",
        "Looked at requests for access that wait for staff",
        ("held", "alarms"),
        "Looked at requests for access: {held} to confirm, {alarms} alarms",
        staff_only=True,
    ),
    EventSpec(
        "billing.access.confirmed", "Sent a request for access", ("request",), "Sent request {request}", staff_only=True
    ),
    EventSpec(
        "billing.access.refused",
        "Did not send a request for access",
        ("request",),
        "Did not send request {request}",
        staff_only=True,
    ),
    EventSpec(
        "billing.access.alarm-settled",
        "Looked into an alarm about a request for access",
        ("request",),
        "Looked into the alarm about request {request}",
        staff_only=True,
    ),
)
