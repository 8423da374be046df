"""Tax ID & NPI access, the core's own application, through the same hooks as everybody's."""

from __future__ import annotations

from hp_portal.audience import Audience
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.people.named import organizations, payees, worded
from hp_portal.core.tax_ids.cases import CASE
from hp_portal.core.tax_ids.ending import HOW_ENDED
from hp_portal.core.tax_ids.models import ENDED, KEPT
from hp_portal.core.tax_ids.notices import told_organizations, told_payees
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.hookspecs import Application, EventSpec, Permission, hookimpl

_OF_OTHER = {"payee": told_payees, "organization": told_organizations}
_BOTH = {"payee": payees, "organization": organizations}
EVENTS = (
    EventSpec(
        "tax-id-npi-access.grant.listed",
        "Viewed Tax ID & NPI access",
        ("shown",),
        "Viewed Tax ID & NPI access: {shown} linked",
    ),
    EventSpec(
        "tax-id-npi-access.grant.added",
        "Added a Tax ID and NPI",
        ("payee", "proof"),
        "Added {payee}, proved by {proof}",
        {"payee": payees, "proof": worded("proof", {key: label.lower() for key, label in PROOFS.items()})},
    ),
    EventSpec(
        "tax-id-npi-access.grant.recorded",
        "Linked a Tax ID and NPI",
        ("organization", "payee"),
        "Linked {payee} to {organization}",
        _BOTH,
    ),
    EventSpec(
        "tax-id-npi-access.grant.ended",
        "Ended a linked Tax ID and NPI",
        ("organization", "payee"),
        "Ended the link of {organization} to {payee}",
        _OF_OTHER,
    ),
    EventSpec(
        "tax-id-npi-access.access.ended",
        "Access to payments ended",
        ("organization", "payee", "how"),
        "The access of {organization} to {payee} was {how}",
        {**_OF_OTHER, "how": worded("how", HOW_ENDED)},
        told=True,
    ),
    EventSpec(
        "tax-id-npi-access.grant.refused",
        "Could not add a Tax ID and NPI",
        ("tin", "npi"),
        "Could not add the Tax ID {tin} with NPI {npi}",
        refusal=True,
    ),
    EventSpec(
        "tax-id-npi-access.grant.blocked",
        "Could not add a Tax ID and NPI after too many wrong payments",
        ("tin", "npi"),
        "Could not add the Tax ID {tin} with NPI {npi} after too many wrong payments",
        refusal=True,
    ),
    EventSpec(
        "tax-id-npi-access.link.told",
        "Another organization was linked to your Tax ID",
        ("organization", "payee"),
        "{organization} was linked to your Tax ID, for {payee}",
        _OF_OTHER,
        told=True,
    ),
    EventSpec(
        "tax-id-npi-access.tin.guessed",
        "Somebody outside your organization named wrong payments for your Tax ID",
        ("payee",),
        "Somebody outside your organization named wrong payments for the Tax ID of {payee}",
        {"payee": told_payees},
        told=True,
    ),
    EventSpec(
        "tax-id-npi-access.link.objected",
        "Objected to the link of another organization",
        ("organization", "payee"),
        "Objected to the link of {organization} to {payee}",
        _OF_OTHER,
    ),
    EventSpec(
        "tax-id-npi-access.access.listed",
        "Looked at who can see the organization’s payments",
        ("people", "others"),
    ),
    EventSpec(
        "tax-id-npi-access.access.asked-about",
        "Your delegates were asked whether access goes on",
        ("organization", "payee"),
        "Your delegates were asked whether the access of {organization} to {payee} goes on",
        _OF_OTHER,
        told=True,
    ),
    EventSpec(
        "tax-id-npi-access.access.extended",
        "Extended what another organization sees",
        ("organization", "payee", "until"),
        "Extended the access of {organization} to {payee} until {until}",
        _OF_OTHER,
    ),
    EventSpec(
        "tax-id-npi-access.access.let-end",
        "Let access end on its day",
        ("organization", "payee"),
        "Let the access of {organization} to {payee} end on its day",
        _OF_OTHER,
    ),
    EventSpec(
        "tax-id-npi-access.access.goes-on",
        "A provider has extended your access",
        ("payee", "until"),
        "Your access to {payee} was extended until {until}",
        {"payee": told_payees},
        told=True,
    ),
    EventSpec(
        "tax-id-npi-access.billing.invited",
        "Invited a billing service",
        ("name",),
        "Invited the billing service {name} to register",
    ),
    EventSpec("tax-id-npi-access.notice.read", "Dismissed a notice about a Tax ID", ("notice",)),
    EventSpec(
        "tax-id-npi-access.objection.settled",
        "Decided on an objection to a link",
        ("organization", "payee", "outcome"),
        "Decided on the objection of {organization} about {payee}: {outcome}",
        {**_BOTH, "outcome": worded("outcome", {ENDED: "the link has ended", KEPT: "the link stays"})},
    ),
    EventSpec(
        "tax-id-npi-access.case.opened",
        "Asked staff to link a Tax ID",
        ("tin",),
        "Asked staff to link the Tax ID {tin}",
    ),
    EventSpec(
        "tax-id-npi-access.case.settled",
        "Answered a request to link a Tax ID",
        ("organization", "tin"),
        "Answered the request of {organization} to link the Tax ID {tin}",
        {"organization": organizations},
    ),
    EventSpec(
        "tax-id-npi-access.alert.listed",
        "Listed objections and warnings about Tax IDs",
        ("objections", "warnings"),
        "Listed objections and warnings about Tax IDs: {objections} and {warnings}",
    ),
    EventSpec(
        "tax-id-npi-access.warning.settled",
        "Closed a warning about a Tax ID",
        ("tin",),
        "Closed the warning about the Tax ID {tin}",
    ),
)


@hookimpl
def portal_application() -> Application:
    return Application(
        key=KEY,
        label="Tax ID & NPI access",
        summary="The Tax IDs and NPIs whose payments you can see, and adding one.",
        weight=20,
        blueprint=blueprint,
        index=f"{KEY}.index",
        permissions=(Permission(READ, "View and add Tax IDs and NPIs"),),
        audit_events=EVENTS,
        starts_enabled_for=frozenset(Audience),
        starts_given=True,
        case_kinds=(CASE,),
    )
