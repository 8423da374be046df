"""Tax ID & NPI access, the core's own application, through the same hooks as everybody's."""

from __future__ import annotations

from hp_portal.audience import Audience
from hp_portal.core.tax_ids.views import KEY, READ, blueprint
from hp_portal.hookspecs import Application, EventSpec, Permission, hookimpl


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
        audit_events=(
            EventSpec("tax-id-npi-access.grant.listed", "Viewed Tax ID & NPI access", ("shown",)),
            EventSpec("tax-id-npi-access.grant.added", "Added a Tax ID and NPI", ("payee", "proof")),
            EventSpec("tax-id-npi-access.grant.recorded", "Linked a Tax ID and NPI", ("organization", "payee")),
            EventSpec("tax-id-npi-access.grant.ended", "Ended a linked Tax ID and NPI", ("organization", "payee")),
            EventSpec("tax-id-npi-access.grant.refused", "Could not add a Tax ID and NPI", ("tin", "npi")),
        ),
        starts_enabled_for=frozenset(Audience),
        starts_given=True,
    )
