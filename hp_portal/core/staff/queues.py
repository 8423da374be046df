"""What waits for staff and what they are warned of: the core's own, and what every plugin brings. Needs a whole scope."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from flask import current_app, url_for

from hp_portal import migrations
from hp_portal.core.access.enforce import can, directory
from hp_portal.core.applications.menu import plugins
from hp_portal.core.attachments.overview import count_quarantined, count_stuck, count_unchecked, count_unscanned
from hp_portal.core.audit.reports import count_problems
from hp_portal.core.billing_access.by_staff import count_alarms, count_held
from hp_portal.core.cases.queue import count_overdue_cases, count_unassigned_cases, count_unread_cases
from hp_portal.core.delegates.requests import count_reported
from hp_portal.core.delegates.review_reminding import count_overdue
from hp_portal.core.delivery import faxes, letters, returns
from hp_portal.core.delivery import overview as deliveries
from hp_portal.core.delivery.outbox import FAX
from hp_portal.core.delivery.ways import leaves_by_itself
from hp_portal.core.downloads.overview import count_failed, count_late
from hp_portal.core.jobs import reports as job_reports
from hp_portal.core.jobs.failures import failures
from hp_portal.core.organizations.models import Organization
from hp_portal.core.people.accounts import locked_people
from hp_portal.core.people.changes import count_disowned
from hp_portal.core.people.resting import count_unused_delegates
from hp_portal.core.refusals.reading import count_warned
from hp_portal.core.registration import clusters
from hp_portal.core.registration.models import CHALLENGED
from hp_portal.core.staff import registrations
from hp_portal.core.staff.roles import MANAGE, nobodys, roles
from hp_portal.core.tax_ids.objections import count_objections, count_warnings
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.hookspecs import StaffQueue
from hp_portal.plugins import confined


@dataclass(frozen=True)
class Waiting:
    """A queue that is not empty: how many, in words, where to go, and how urgent it is (info, warn, bad)."""

    count: int
    words: str
    url: str
    tone: str


def _faxes_to_send(session: PortalSession) -> int:
    return faxes.count_faxes_to_send(session, by_hand=not leaves_by_itself(FAX))


def _failing_plugins(session: PortalSession) -> int:
    not_loaded = {name for name, state in plugins().states.items() if not state.loaded}
    return len(not_loaded | {row.plugin for row in failures(session)})


def _database_warnings(_session: PortalSession) -> int:
    return len(migrations.weaknesses(current_app))


def _not_validated(session: PortalSession) -> int:
    waiting = sa.select(sa.func.count(Organization.id)).where(
        Organization.validated_at.is_(None), Organization.ended_at.is_(None)
    )
    return session.scalar(waiting) or 0


def _locked(session: PortalSession) -> int:
    return len(locked_people(session, settings()))


def _refused_often(session: PortalSession) -> int:
    return count_warned(session, settings())


def _permissions_of_no_role(session: PortalSession) -> int:
    return len(nobodys(roles(session), directory().staff_permissions))


CORE_QUEUES = (
    StaffQueue(
        "problem with the audit record",
        "problems with the audit record",
        "staff.activity",
        "staff:activity:search",
        count_problems,
        "bad",
    ),
    StaffQueue(
        "plugin does not work", "plugins do not work", "staff.plugins", "staff:plugins:read", _failing_plugins, "bad"
    ),
    StaffQueue(
        "warning about the database",
        "warnings about the database",
        "staff.plugins",
        "staff:plugins:read",
        _database_warnings,
        "warn",
    ),
    StaffQueue(
        "problem with stored files",
        "problems with stored files",
        "staff.plugins",
        "staff:plugins:read",
        job_reports.count_problems,
        "warn",
    ),
    StaffQueue(
        "objection to a linked Tax ID",
        "objections to linked Tax IDs",
        "staff.tax_id_alerts",
        "staff:tax-ids:manage",
        count_objections,
        "bad",
    ),
    StaffQueue(
        "Tax ID is being tried with wrong payments",
        "Tax IDs are being tried with wrong payments",
        "staff.tax_id_alerts",
        "staff:tax-ids:manage",
        count_warnings,
        "warn",
    ),
    StaffQueue(
        "request for access came from somebody the approver does not know",
        "requests for access came from somebody the approvers do not know",
        "staff.access_requests",
        "staff:tax-ids:manage",
        count_alarms,
        "bad",
    ),
    StaffQueue(
        "request for access is to be looked at before it is sent",
        "requests for access are to be looked at before they are sent",
        "staff.access_requests",
        "staff:tax-ids:manage",
        count_held,
        "warn",
    ),
    StaffQueue(
        "case is overdue",
        "cases are overdue",
        "staff.cases",
        "staff:cases:work",
        count_overdue_cases,
        "bad",
        {"show": "overdue"},
    ),
    StaffQueue(
        "case has a new message",
        "cases have new messages",
        "staff.cases",
        "staff:cases:work",
        count_unread_cases,
        "warn",
        {"show": "unread"},
    ),
    StaffQueue(
        "case is assigned to nobody",
        "cases are assigned to nobody",
        "staff.cases",
        "staff:cases:work",
        count_unassigned_cases,
        arguments={"show": "unassigned"},
    ),
    StaffQueue(
        "request for contact was reported",
        "requests for contact were reported",
        "staff.contact_requests",
        "staff:contact-requests:manage",
        count_reported,
        "warn",
    ),
    StaffQueue(
        "registration waits for a decision",
        "registrations wait for a decision",
        "staff.registrations",
        "staff:registrations:read",
        registrations.count_for_decision,
        "warn",
        arguments={"show": registrations.DECISION},
    ),
    StaffQueue(
        "place sends wrong proofs for many Tax IDs",
        "places send wrong proofs for many Tax IDs",
        "staff.registrations",
        "staff:registrations:read",
        clusters.count_open,
        "warn",
    ),
    StaffQueue(
        "person has registered in place of somebody who left",
        "people have registered in place of somebody who left",
        "staff.registrations",
        "staff:registrations:read",
        registrations.count_on_trial,
        arguments={"show": CHALLENGED},
    ),
    StaffQueue(
        "address for a PIN is said to be wrong",
        "addresses for a PIN are said to be wrong",
        "staff.registrations",
        "staff:registrations:read",
        registrations.count_wrong_addresses,
        "warn",
        arguments={"show": registrations.ADDRESS},
    ),
    StaffQueue(
        "letter with a PIN is held, as many have gone to the payee",
        "letters with a PIN are held, as many have gone to the payees",
        "staff.registrations",
        "staff:registrations:read",
        registrations.count_held_letters,
        "warn",
        arguments={"show": registrations.HELD},
    ),
    StaffQueue(
        "access review is overdue",
        "access reviews are overdue",
        "staff.access_reviews",
        "staff:access-reviews:read",
        count_overdue,
        "warn",
        arguments={"show": "overdue"},
    ),
    StaffQueue(
        "account was locked by its owner",
        "accounts were locked by their owners",
        "staff.people_locked",
        "staff:people:unlock",
        count_disowned,
        "bad",
    ),
    StaffQueue(
        "only delegate has not signed in for long",
        "only delegates have not signed in for long",
        "staff.people_locked",
        "staff:people:unlock",
        count_unused_delegates,
        "warn",
    ),
    StaffQueue(
        "person is locked out", "people are locked out", "staff.people_locked", "staff:people:unlock", _locked, "warn"
    ),
    StaffQueue(
        "person was refused often",
        "people were refused often",
        "staff.refusals",
        "staff:refusals:read",
        _refused_often,
        "warn",
    ),
    StaffQueue(
        "document could not be made",
        "documents could not be made",
        "staff.documents",
        "staff:documents:read",
        count_failed,
        "warn",
    ),
    StaffQueue(
        "document waits too long",
        "documents wait too long",
        "staff.documents",
        "staff:documents:read",
        count_late,
        "warn",
    ),
    StaffQueue(
        "attached file waits for what checks or keeps it, which does not answer",
        "attached files wait for what checks or keeps them, which does not answer",
        "staff.attachments",
        "staff:attachments:check",
        count_unscanned,
        "bad",
    ),
    StaffQueue(
        "attached file waits to be checked, and no worker looks at it",
        "attached files wait to be checked, and no worker looks at them",
        "staff.attachments",
        "staff:attachments:check",
        count_stuck,
        "bad",
    ),
    StaffQueue(
        "attached file contains a virus",
        "attached files contain viruses",
        "staff.attachments",
        "staff:attachments:check",
        count_quarantined,
        "warn",
    ),
    StaffQueue(
        "attached file could not be checked",
        "attached files could not be checked",
        "staff.attachments",
        "staff:attachments:check",
        count_unchecked,
        "warn",
    ),
    StaffQueue(
        "message could not be sent",
        "messages could not be sent",
        "staff.deliveries",
        "staff:deliveries:read",
        deliveries.count_failed,
        "warn",
        arguments={"state": "failed"},
    ),
    StaffQueue(
        "message came back",
        "messages came back",
        "staff.deliveries",
        "staff:deliveries:read",
        deliveries.count_returned,
        "warn",
        arguments={"state": "returned"},
    ),
    StaffQueue(
        "letter to print or mail",
        "letters to print or mail",
        "staff.letters",
        "staff:letters:print",
        letters.count_to_do,
    ),
    StaffQueue("fax to send by hand", "faxes to send by hand", "staff.faxes", "staff:faxes:send", _faxes_to_send),
    StaffQueue(
        "e-mail came in that fits no message",
        "e-mails came in that fit no message",
        "staff.deliveries_returned",
        "staff:deliveries:manage",
        returns.count_kept,
        "warn",
    ),
    StaffQueue(
        "message waits too long",
        "messages wait too long",
        "staff.deliveries",
        "staff:deliveries:read",
        deliveries.count_late,
        "warn",
        arguments={"state": "waiting"},
    ),
    StaffQueue(
        "permission belongs to no role",
        "permissions belong to no role",
        "staff.roles",
        MANAGE,
        _permissions_of_no_role,
        "warn",
    ),
    StaffQueue(
        "organization is not validated",
        "organizations are not validated",
        "staff.organizations_all",
        "staff:organizations:list",
        _not_validated,
        arguments={"account": "waiting"},
    ),
)


def _queues() -> Iterator[tuple[str, StaffQueue]]:
    """Every queue with the name of its plugin, empty for the core's."""
    for queue in CORE_QUEUES:
        yield "", queue
    for name, state in plugins().states.items():
        if state.loaded and state.application:
            for queue in state.application.staff_queues:
                yield name, queue


def waiting(session: PortalSession) -> list[Waiting]:
    """The queues that this member of staff may work on and that are not empty, the most urgent first.

    One that cannot be counted is its plugin's failure, and left out.
    """
    found = []
    for name, queue in _queues():
        if can(queue.permission) and (count := _count(session, name, queue)):
            words = f"{count:,} {queue.one if count == 1 else queue.many}"
            found.append(Waiting(count, words, url_for(queue.endpoint, **dict[str, Any](queue.arguments)), queue.tone))
    urgency = {"bad": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda one: urgency[one.tone])


def _count(session: PortalSession, name: str, queue: StaffQueue) -> int:
    # A statement that fails ends the transaction on PostgreSQL; on SQLite a savepoint would lock the database for writing.
    savepoint: AbstractContextManager[object] = session.begin_nested() if is_postgresql(session) else nullcontext()
    place = f"staff_queues: {queue.many}"
    try:
        with confined(), savepoint:
            count = queue.count(session)
            if not isinstance(count, int):
                raise TypeError(f"counted {type(count).__name__} instead of a number")
    except Exception as error:
        if not name:
            raise
        plugins().failed(name, place, error)
        return 0
    if name:
        plugins().succeeded(name, place)
    return count
