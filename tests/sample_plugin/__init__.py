"""A plugin that uses every hook and every convention, as an example and for tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from hp_portal.api import (
    Application,
    Audience,
    DemoCheck,
    EventSpec,
    Job,
    PaidSoFar,
    PayeeRef,
    PaymentProof,
    Permission,
    PortalEvent,
    PortalSession,
    StaffLink,
    StaffQueue,
    Transport,
    hookimpl,
)

from . import faxing, notes
from .views import blueprint, public_blueprint, staff_blueprint
from .wizard_views import REPORT

events: list[PortalEvent] = []


@hookimpl
def portal_application() -> Application:
    return Application(
        key="sample",
        label="Sample notes",
        summary="Short notes of your organization.",
        weight=90,
        blueprint=blueprint,
        index="sample.index",
        staff_blueprint=staff_blueprint,
        public_blueprint=public_blueprint,
        permissions=(Permission("sample:note:read", "Read and write notes"),),
        staff_permissions=(Permission("sample:note:count", "Count notes"),),
        staff_links=(StaffLink("Sample notes", "sample_staff.count", "sample:note:count", "How many there are"),),
        staff_queues=(StaffQueue("note", "notes", "sample_staff.count", "sample:note:count", notes.count_notes),),
        audit_events=(EventSpec("sample.note.written", "Wrote a note", ("note",)),),
        draft_kinds=(REPORT.drafts,),
        starts_enabled_for=frozenset({Audience.PHYSICIAN}),
    )


@hookimpl
def portal_verify_payment(session: PortalSession, proof: PaymentProof) -> PayeeRef | None:
    return notes.payee_of(session, proof)


@hookimpl
def portal_practitioners(number: str) -> Sequence[str]:
    return ["SAMPLE, PAT"] if number == "SAMPLE-1" else []


@hookimpl
def portal_paid_so_far(payee_ids: Sequence[int]) -> Mapping[int, PaidSoFar]:
    return {}


@hookimpl
def portal_jobs() -> Sequence[Job]:
    return [Job("sample.tidy", "Remove empty notes", dt.timedelta(hours=1), notes.remove_empty)]


@hookimpl
def portal_transports() -> Sequence[Transport]:
    return [Transport("fax", "Sample line", faxing.open_line)]


@hookimpl
def portal_demo(session: PortalSession) -> Sequence[DemoCheck]:
    return notes.load_demo(session)


@hookimpl
def portal_person_leaves(session: PortalSession, person_id: int, successor_id: int) -> Sequence[str]:
    return notes.hand_over(session, person_id, successor_id)


@hookimpl
def portal_event(session: PortalSession, event: PortalEvent) -> None:
    events.append(event)
    notes.tidy_written(session, event)
