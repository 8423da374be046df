"""Remittance Inquiry: which claims a check, EFT or non-payment notice pays, and why amounts differ."""

from __future__ import annotations

from hp_portal.api import Application, Audience, EventSpec, Permission, hookimpl

from . import download_views as download_views
from . import models as models
from . import views as views
from .blueprint import blueprint


@hookimpl
def portal_application() -> Application:
    return Application(
        key="remittance",
        label="Remittance Inquiry",
        summary="Enter a check or EFT number and see which claims it pays, and why amounts differ.",
        weight=10,
        blueprint=blueprint,
        index="remittance.index",
        permissions=(
            Permission("remittance:payment:read", "See payments and their claims"),
            Permission("remittance:payment:download", "Download payments"),
        ),
        audit_events=(
            EventSpec("remittance.payment.searched", "Searched payments", ("kind", "keys", "shown", "page")),
            EventSpec("remittance.payment.downloaded", "Downloaded a payment", ("payment", "format")),
            EventSpec("remittance.claim.downloaded", "Downloaded a claim", ("payment", "claim", "format")),
        ),
        starts_enabled_for=frozenset(Audience),
    )
