"""Remittance Inquiry: which claims a check, EFT or non-payment notice pays, and why amounts differ."""

from __future__ import annotations

from collections.abc import Sequence

from hp_portal.api import (
    Application,
    Audience,
    DemoCheck,
    EventSpec,
    Job,
    PayeeRef,
    PaymentProof,
    Permission,
    PortalSession,
    hookimpl,
)

from . import commands as commands
from . import demo_data, kept_searches, payee_matching, proofs, staff_views, uploads
from . import download_views as download_views
from . import models as models
from . import payment_views as payment_views
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
        staff_blueprint=staff_views.blueprint,
        staff_permissions=staff_views.PERMISSIONS,
        staff_links=staff_views.LINKS,
        permissions=(
            Permission("remittance:payment:read", "See payments and their claims"),
            Permission("remittance:payment:download", "Download payments"),
        ),
        audit_events=(
            EventSpec("remittance.payment.searched", "Searched payments", ("kind", "keys", "shown", "page")),
            EventSpec("remittance.payment.viewed", "Viewed a payment", ("payment", "number", "shown", "page")),
            EventSpec("remittance.claim.viewed", "Viewed a claim", ("payment", "claim")),
            EventSpec("remittance.payment.downloaded", "Downloaded a payment", ("payment", "format")),
            EventSpec("remittance.claim.downloaded", "Downloaded a claim", ("payment", "claim", "format")),
            EventSpec(
                "remittance.file.imported",
                "Imported a remittance file",
                ("file", "sha256", "outcome", "payments", "amount"),
            ),
            EventSpec("remittance.file.uploaded", "Uploaded a remittance file", ("upload", "size")),
            EventSpec("remittance.report.viewed", "Viewed an import's report", ("file",)),
            EventSpec("remittance.unknown-payees.viewed", "Viewed payees not on record", ("page", "shown")),
            EventSpec("remittance.unknown-payees.matched", "Matched payments to payees", ("payments",)),
            EventSpec("remittance.codes.loaded", "Loaded a code list", ("list", "rows", "added", "removed")),
        ),
        starts_enabled_for=frozenset(Audience),
    )


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return [*kept_searches.jobs(), uploads.JOB, payee_matching.JOB]


@hookimpl
def portal_verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    return proofs.verify_payment(session, proof)


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    return demo_data.load_demo(session)
