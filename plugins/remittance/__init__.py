"""Remittance Inquiry: which claims a check, EFT or non-payment notice pays, and why amounts differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hp_portal.api import (
    Application,
    Audience,
    DemoCheck,
    Job,
    PaidSoFar,
    PayeeRef,
    PaymentProof,
    Permission,
    PortalSession,
    StaffLink,
    hookimpl,
)

from . import models as models
from .blueprint import (
    DECIDE,
    DOWNLOAD,
    INSPECT,
    MANAGE_CODES,
    POST,
    READ,
    READ_IMPORTS,
    RUN_IMPORTS,
    blueprint,
    staff_blueprint,
)
from .codes import commands as code_commands
from .codes import loads as code_loads
from .codes import staff_views as code_views
from .codes import views as code_lookup
from .denials import recovery_views
from .denials import views as denial_views
from .denials.documents import DOCUMENTS as DENIAL_DOCUMENTS
from .denials.events import EVENTS as DENIAL_EVENTS
from .denials.recovery_documents import DOCUMENTS as RECOVERY_DOCUMENTS
from .downloads import together_views
from .downloads import views as download_views
from .downloads.documents import DOCUMENTS
from .downloads.together import TOGETHER
from .inquiry import (
    choosing_views,
    inspection_views,
    note_views,
    payment_views,
    posting_views,
    saved_views,
    search_views,
)
from .inquiry.audit_events import EVENTS
from .inquiry.news import SEARCH, news
from .inquiry.tracing import trace_patient
from .intake import (
    commands,
    deciding_many,
    matching,
    proofs,
    reading_again,
    same_number_many_views,
    same_number_views,
    staff_views,
    steps,
    uploads,
)
from .intake.queues import QUEUES
from .office import leaving
from .settings import RemittanceSettings

# Imported for what they hang on the blueprints.
VIEWS = (
    search_views,
    payment_views,
    posting_views,
    note_views,
    saved_views,
    inspection_views,
    choosing_views,
    download_views,
    together_views,
    staff_views,
    same_number_views,
    same_number_many_views,
    code_views,
    code_lookup,
    denial_views,
    recovery_views,
)
COMMANDS = (commands, code_commands)


@hookimpl
def portal_application() -> Application:
    return Application(
        key="remittance",
        label="Remittance Inquiry",
        summary="Enter a check or EFT number and see which claims it pays, and why amounts differ.",
        weight=10,
        blueprint=blueprint,
        index="remittance.index",
        staff_blueprint=staff_blueprint,
        staff_permissions=(
            Permission(RUN_IMPORTS, "Upload remittance files"),
            Permission(READ_IMPORTS, "See imports of remittances and their reports"),
            Permission(DECIDE, "Decide about payments that have the same number"),
            Permission(INSPECT, "Open a payment that a provider reports"),
            Permission(MANAGE_CODES, "Load code lists"),
        ),
        staff_links=(
            StaffLink("Remittance imports", "remittance_staff.imports", READ_IMPORTS),
            StaffLink(
                "Payees not on record",
                "remittance_staff.payees_not_on_record",
                READ_IMPORTS,
                "Tax IDs and NPIs that were paid but that no provider can see yet",
            ),
            StaffLink(
                "Same number, other contents",
                "remittance_staff.same_numbers",
                READ_IMPORTS,
                "Payments that have the number of another one: keep both, replace or void",
            ),
            StaffLink("Open a reported payment", "remittance_staff.inspect", INSPECT),
            StaffLink("Code lists", "remittance_staff.codes", MANAGE_CODES),
        ),
        staff_queues=QUEUES,
        permissions=(
            Permission(READ, "See payments and their claims"),
            Permission(DOWNLOAD, "Download payments"),
            Permission(POST, "Mark payments and claims as posted, and write notes"),
        ),
        audit_events=(*EVENTS, *DENIAL_EVENTS),
        documents=(*DOCUMENTS, *TOGETHER, *DENIAL_DOCUMENTS, *RECOVERY_DOCUMENTS),
        patient_trace=trace_patient,
        home_search=SEARCH,
        news=news,
        starts_enabled_for=frozenset(Audience),
        starts_given=True,
        settings=RemittanceSettings,
    )


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return [uploads.JOB, steps.JOB, matching.JOB, deciding_many.JOB, reading_again.JOB, code_loads.JOB]


@hookimpl
def portal_verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    return proofs.verify_payment(session, proof)


@hookimpl
def portal_practitioners(session: PortalSession, payee_id: int, number: str) -> Sequence[str]:
    return proofs.practitioners(session, payee_id, number)


@hookimpl
def portal_person_leaves(
    session: PortalSession, person_id: int, successor_id: int, organization_id: int
) -> Sequence[str]:
    return leaving.hand_over(session, organization_id, person_id, successor_id)


@hookimpl
def portal_paid_so_far(session: PortalSession, payee_ids: Sequence[int]) -> Mapping[int, PaidSoFar]:
    return proofs.paid_so_far(session, payee_ids)


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    # Only the demo needs it: a production process never imports it.
    from .demo.loading import load_demo

    return load_demo(session)
