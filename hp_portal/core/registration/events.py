"""The audit events of registrations. What was typed stands in the registration, sealed, and not in the record."""

from __future__ import annotations

from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.people.named import organizations, payees, people, worded
from hp_portal.events import EventSpec

# What staff decide, as the record says it.
DECISIONS = {
    "member": "into the organization",
    "delegate": "into the organization, as a delegate",
    "new": "a new organization for a payee on record",
    "decline": "declined",
    "uphold": "the objection is right",
    "dismiss": "a delegate at once",
    "alone": "the organization of their own goes on, as the other one has ended",
    "again": "the delegates are told anew",
    "confirm": "the new billing organization is what it says",
    "end": "the new billing organization is ended",
    "open": "access without a PIN",
    "letter": "another letter",
    "moved": "the account into the organization that holds the payee",
    "moved-delegate": "the account into the organization that holds the payee, as a delegate",
}
_OF_BOTH = {"organization": organizations, "payee": payees}

REGISTRATION_EVENTS = (
    EventSpec("registration.link.sent", "Asked to confirm an e-mail address", ("draft",), staff_only=True),
    EventSpec("registration.email.confirmed", "Confirmed an e-mail address", ("draft",), staff_only=True),
    EventSpec("registration.email.confirmed-later", "Confirmed an e-mail address", ("registration",), staff_only=True),
    EventSpec("registration.address.changed", "Asked to confirm another e-mail address", ("registration",)),
    EventSpec("registration.email.disowned", "Had not asked for an account", ("draft",), staff_only=True),
    EventSpec(
        "registration.browser.changed", "Went on with a registration in another browser", ("draft",), staff_only=True
    ),
    EventSpec(
        "registration.code.refused",
        "Entered a wrong code of the other browser",
        ("draft",),
        refusal=True,
        staff_only=True,
    ),
    EventSpec(
        "registration.proof.refused",
        "Could not register",
        ("path", "tin", "npi"),
        refusal=True,
        staff_only=True,
    ),
    EventSpec(
        "registration.proof.blocked",
        "Could not register after too many wrong payments",
        ("path", "tin", "npi"),
        refusal=True,
        staff_only=True,
    ),
    EventSpec("registration.proof.accepted", "Proved a payment", ("path", "payee"), staff_only=True),
    EventSpec("registration.organization.made", "Created an organization", ("organization",), staff_only=True),
    EventSpec(
        "registration.registration.made", "Registered", ("registration", "path", "route", "state"), staff_only=True
    ),
    EventSpec("registration.registration.moved", "Went on with a registration", ("registration", "state", "by")),
    EventSpec(
        "registration.access.opened",
        "Got access to a Tax ID and NPI",
        ("organization", "payee", "proof"),
        "Got access to {payee}, proved by {proof}",
        {"payee": payees, "proof": worded("proof", {key: label.lower() for key, label in PROOFS.items()})},
    ),
    EventSpec(
        "registration.access.ended",
        "Ended provisional access",
        ("organization", "payee"),
        "Ended the provisional access of {organization} to {payee}",
        _OF_BOTH,
    ),
    EventSpec(
        "registration.delegate.added",
        "Became a delegate",
        ("person", "organization"),
        "{person} became a delegate of {organization}",
        {"person": people, "organization": organizations},
    ),
    EventSpec("registration.join.repeated", "Asked once more", ("registration", "proved"), staff_only=True),
    EventSpec(
        "registration.member.added",
        "Came to an organization",
        ("person", "organization"),
        "{person} came to {organization}",
        {"person": people, "organization": organizations},
    ),
    EventSpec(
        "registration.organization.ended",
        "Ended an organization",
        ("organization",),
        "Ended {organization}, in which nobody is left",
        {"organization": organizations},
        staff_only=True,
    ),
    EventSpec("registration.pin.made", "Wrote a letter with a PIN", ("registration",)),
    EventSpec("registration.pin.accepted", "Entered the PIN", ("registration",)),
    EventSpec("registration.pin.refused", "Entered a wrong PIN", ("registration", "left"), refusal=True),
    EventSpec("registration.address.disputed", "Said that the address on record is wrong", ("registration",)),
    EventSpec(
        "registration.address.unusable", "An address on record fits no letter", ("registration",), staff_only=True
    ),
    EventSpec("registration.letter.held", "Had many letters written to one payee", ("registration",), staff_only=True),
    EventSpec("registration.status.viewed", "Looked at a registration", ("registration",)),
    EventSpec("registration.join.viewed", "Looked at a request to join", ("registration",)),
    EventSpec("registration.joins.listed", "Listed requests to join", ("shown",)),
    EventSpec("registration.queue.viewed", "Listed registrations", ("shown",), staff_only=True),
    EventSpec("registration.case.viewed", "Looked at a registration", ("registration",), staff_only=True),
    EventSpec(
        "registration.case.decided",
        "Decided on a registration",
        ("registration", "decision"),
        "Decided on a registration: {decision}",
        {"decision": worded("decision", DECISIONS)},
        staff_only=True,
    ),
    EventSpec(
        "registration.cluster.found", "Wrong payments for many Tax IDs from one place", ("cluster",), staff_only=True
    ),
    EventSpec("registration.cluster.viewed", "Looked at wrong payments from one place", ("cluster",), staff_only=True),
    EventSpec("registration.cluster.settled", "Settled wrong payments from one place", ("cluster",), staff_only=True),
    EventSpec("registration.proof.tried", "Tried what a proof would answer", ("path", "outcome"), staff_only=True),
)
