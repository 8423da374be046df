"""Tax ID & NPI access, the core's own application, through the same hooks as everybody's."""

from __future__ import annotations

from hp_portal.audience import Audience
from hp_portal.core.organizations.models import PROOFS
from hp_portal.core.people.named import organizations, payees, worded
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.hookspecs import Application, EventSpec, Permission, hookimpl

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
        _BOTH,
    ),
    EventSpec(
        "tax-id-npi-access.grant.refused",
        "Could not add a Tax ID and NPI",
        ("tin", "npi"),
        "Could not add the Tax ID {tin} with NPI {npi}",
        refusal=True,
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
    )
