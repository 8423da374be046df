"""Our activity: the record of one organization as its delegates read it, search it and take it along.

It holds what was done under the accounts of the organization while they belonged to it, what the organization was told of, and
what the payer's staff and the portal itself did to its accounts and its access. What staff only looked at is not in it, nor
which member of staff it was.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from hp_portal import scopes
from hp_portal.core.access.rules import DELEGATE
from hp_portal.core.activity.about import ANY_REFUSAL
from hp_portal.core.activity.reading import PAGE, Activity
from hp_portal.core.activity.sentences import sentences
from hp_portal.core.applications.menu import plugins
from hp_portal.core.audit.models import AuditEvent
from hp_portal.core.audit.record import record
from hp_portal.core.documents.limited import AT_ONCE, BY_THE_WORKER, DocumentTooLarge
from hp_portal.core.documents.sheet_making import csv_file_apart
from hp_portal.core.documents.sheets import CSV_TYPE
from hp_portal.core.identity.models import Person
from hp_portal.core.web.listing import Listing, page_of
from hp_portal.core.web.render import settings
from hp_portal.database import PortalSession, is_postgresql
from hp_portal.events import EventSpec
from hp_portal.hookspecs import DocumentKind, MadeFile, Making

PORTAL = "portal"
"""Stands for what belongs to no application, where an application is chosen."""
CSV = "activity.ours"
MOST_AT_ONCE = 1_000
"""Events in a file that is made while somebody waits."""
MOST_EVENTS = 100_000
"""Events in a file at all."""
LOOKED_AT = 20_000
"""So many of the newest events that may be about a patient's number are looked at closer."""
NEWEST_ONLY = (
    "There is a lot in the record about this number, and only the newest of it was looked through. Who saw its older claims, "
    "or saw it long ago, may be missing."
)
HEALTH_PLAN, ITSELF = "The health plan", "The portal"
# What staff and the worker do to an organization's accounts and access begins so.
_TO_US = ("people.", "person.", "tax-id-npi-access.grant.", "tax-id-npi-access.objection.")
_WHOLE = "the record of the actor's own organization"
_AT_A_TIME = 500
COLUMNS = ("When", "Who", "What", "Application", "Reason", "Network address")


@dataclass(frozen=True)
class OursFilter:
    """What a delegate searches by; empty values do not filter. `patient` is the number of a patient, a member or a claim. Moments
    as in `ActivityFilter`."""

    person: str = ""
    application: str = ""
    event: str = ""
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    patient: str = ""


def _application_of(key: str) -> str:
    found = key.partition(".")[0]
    return found if any(one.key == found for one in plugins().applications) else PORTAL


def _specs(session: PortalSession) -> list[EventSpec]:
    return [spec for spec in session.context.events.all() if not spec.staff_only]


def kinds_of_ours(session: PortalSession) -> list[tuple[str, str]]:
    """The kinds of events that may be found, as (key, what people read), by what people read; refusals of every kind first."""
    kinds = [(spec.key, spec.label) for spec in _specs(session) if not spec.key.startswith("staff.")]
    return [(ANY_REFUSAL, "Refusals of every kind"), *sorted(kinds, key=lambda kind: kind[1].lower())]


def applications_of_ours() -> list[tuple[str, str]]:
    """Those that have events, as (key, label), and what belongs to none."""
    found = [(one.key, one.label) for one in plugins().applications if one.audit_events]
    return [*found, (PORTAL, "Sign-in and accounts")]


def _field(session: PortalSession, name: str) -> sa.ColumnElement[Any]:
    """A number in an event's fields."""
    fields: Any = sa.cast(AuditEvent.fields, sa.JSON)
    if not is_postgresql(session):
        fields = sa.type_coerce(AuditEvent.fields, sa.JSON)
    found: sa.ColumnElement[Any] = fields[name].as_integer()
    return found


def _of_organization(session: PortalSession, organization_id: int) -> sa.ColumnElement[bool]:
    """A condition: the organization's own events, and what was done to it by those who belong to none."""
    to_us = [spec.key for spec in _specs(session) if spec.key.startswith(_TO_US)]
    people = sa.select(Person.id).where(Person.organization_id == organization_id)
    done_to_us = sa.and_(
        AuditEvent.organization_id.is_(None),
        AuditEvent.event.in_(to_us),
        sa.or_(_field(session, "organization") == organization_id, _field(session, "person").in_(people)),
    )
    unseen = [spec.key for spec in session.context.events.all() if spec.staff_only]
    ours = sa.and_(AuditEvent.organization_id == organization_id, AuditEvent.event.not_in(unseen))
    return sa.or_(ours, done_to_us)


def _where(session: PortalSession, organization_id: int, wanted: OursFilter) -> list[sa.ColumnElement[bool]]:
    where = [_of_organization(session, organization_id)]
    if wanted.person:
        people = sa.select(Person.id).where(
            sa.or_(
                Person.name.icontains(wanted.person, autoescape=True),
                Person.username == wanted.person.lower(),
                Person.email == wanted.person.lower(),
            )
        )
        # Whose events of this organization: a member of staff is not found by name.
        where += [AuditEvent.person_id.in_(people), AuditEvent.organization_id == organization_id]
    if wanted.application:
        keys = [spec.key for spec in _specs(session) if _application_of(spec.key) == wanted.application]
        where.append(AuditEvent.event.in_(keys))
    if wanted.event:
        refusals = [spec.key for spec in _specs(session) if spec.refusal]
        where.append(AuditEvent.event.in_(refusals if wanted.event == ANY_REFUSAL else [wanted.event]))
    if wanted.since:
        where.append(AuditEvent.at >= wanted.since)
    if wanted.until:
        where.append(AuditEvent.at < wanted.until)
    return where


def _about_patient(
    session: PortalSession, number: str, where: list[sa.ColumnElement[bool]]
) -> tuple[sa.ColumnElement[bool], bool]:
    """A condition: among these, the events in which somebody asked for the number or saw a claim of it; and whether there may be
    older ones that were not looked for."""
    found: list[int] = []
    cut_off = False
    for application in plugins().applications:
        trace = application.patient_trace(session, number) if application.patient_trace else None
        if trace is None or not trace.texts:
            continue
        with scopes.whole(session, _WHOLE):
            rows = session.execute(
                sa.select(AuditEvent.id, AuditEvent.event, AuditEvent.fields)
                .where(
                    *where,
                    AuditEvent.event.startswith(f"{application.key}.", autoescape=True),
                    sa.or_(*(AuditEvent.fields.contains(text, autoescape=True) for text in trace.texts)),
                )
                .order_by(AuditEvent.id.desc())
                .limit(LOOKED_AT + 1)
            ).all()
        cut_off = cut_off or trace.newest_only or len(rows) > LOOKED_AT
        found += [row.id for row in rows[:LOOKED_AT] if trace.shows(row.event, json.loads(row.fields))]
    return AuditEvent.id.in_(found), cut_off


def _conditions(
    session: PortalSession, organization_id: int, wanted: OursFilter, newest: int | None
) -> tuple[list[sa.ColumnElement[bool]], bool]:
    where, cut_off = _where(session, organization_id, wanted), False
    if newest is not None:
        where.append(AuditEvent.id <= newest)
    if wanted.patient:
        about, cut_off = _about_patient(session, wanted.patient, where)
        where.append(about)
    return where, cut_off


def _rows(where: list[sa.ColumnElement[bool]]) -> sa.Select[AuditEvent, str]:
    return (
        sa.select(AuditEvent, Person.name)
        .outerjoin(Person, Person.id == AuditEvent.person_id)
        .where(*where)
        .order_by(AuditEvent.id.desc())
    )


def _told(session: PortalSession, kept: Sequence[tuple[AuditEvent, str | None]]) -> list[Activity]:
    said = sentences(session, [(event.event, json.loads(event.fields)) for event, _ in kept], for_staff=False)
    return [_activity(event, person, sentence) for (event, person), sentence in zip(kept, said, strict=True)]


def _activity(event: AuditEvent, person: str | None, sentence: Any) -> Activity:
    # What staff wrote down as their reason is for the payer.
    by_us = event.organization_id is not None
    who = (person or ITSELF) if by_us else (HEALTH_PLAN if event.person_id is not None else ITSELF)
    return Activity(
        event.id,
        event.at,
        sentence,
        event.reason if by_us else "",
        event.address if by_us else "",
        event.request_id if by_us else "",
        who,
        _application_of(event.event),
    )


def our_activity(
    session: PortalSession, organization_id: int, wanted: OursFilter, number: int, newest: int | None = None
) -> tuple[Listing[Activity], bool]:
    """One page of the organization's record, newest first, and whether older events about the patient may be missing; `newest` as
    in `own_activity`. In the organization's scope.

    An `Activity.organization` is the key of the application here.
    """
    where, cut_off = _conditions(session, organization_id, wanted, newest)
    with scopes.whole(session, _WHOLE):
        count = sa.select(sa.func.count(AuditEvent.id)).where(*where)
        kept = page_of(session, _rows(where), number, count=count, size=PAGE, make=tuple)
    # Names in the reader's own scope: what has been taken from the organization since is not named.
    return kept.with_rows(_told(session, kept.rows)), cut_off


def view_our_activity(
    session: PortalSession,
    organization_id: int,
    wanted: OursFilter,
    filters: dict[str, str],
    number: int,
    newest: int | None = None,
) -> tuple[Listing[Activity], bool]:
    """As `our_activity`, recorded as looked at with its filters as they were typed. The caller commits."""
    found = our_activity(session, organization_id, wanted, number, newest)
    record(session, "audit.ours.viewed", filters=_kept_filters(session, wanted, filters), page=number)
    return found


def _kept_filters(session: PortalSession, wanted: OursFilter, filters: dict[str, str]) -> dict[str, str]:
    """What the record keeps of a search: of a patient's number a keyed hash."""
    if not wanted.patient:
        return filters
    return {**filters, "patient": session.vault.digest(wanted.patient.upper(), "our activity").hex()}


def as_json(wanted: OursFilter, filters: dict[str, str], newest: int | None) -> dict[str, Any]:
    """A search as a document that is to be made keeps it."""
    moments = {name: value.isoformat() if (value := getattr(wanted, name)) else None for name in ("since", "until")}
    return {**vars(wanted), **moments, "filters": filters, "newest": newest}


def _from_json(kept: Any) -> OursFilter:
    since, until = (dt.datetime.fromisoformat(kept[name]) if kept[name] else None for name in ("since", "until"))
    return OursFilter(kept["person"], kept["application"], kept["event"], since, until, kept["patient"])


def _text(activity: Activity) -> str:
    return "".join(part.text for part in activity.sentence)


def _every(
    session: PortalSession, organization_id: int, wanted: OursFilter, newest: int | None, tell: Callable[[int], None]
) -> Iterator[Activity | None]:
    """Every event found, newest first, some hundreds at a time, and None at the end when older ones may be missing. Raises
    DocumentTooLarge for more than a file may have."""
    where, cut_off = _conditions(session, organization_id, wanted, newest)
    done = 0
    last: int | None = None
    while True:
        more = [*where, AuditEvent.id < last] if last is not None else where
        with scopes.whole(session, _WHOLE):
            kept = [(event, name) for event, name in session.execute(_rows(more).limit(_AT_A_TIME)).all()]
        yield from _told(session, kept)
        if len(kept) < _AT_A_TIME:
            break
        done, last = done + len(kept), kept[-1][0].id
        session.expunge_all()
        tell(done)
        if done >= MOST_EVENTS:
            raise DocumentTooLarge(f"more than {MOST_EVENTS:,} events")
    if cut_off:
        yield None


def _make(session: PortalSession, wanted: Any, making: Making) -> MadeFile | None:
    scope = session.context.scope
    organization_id = scope.organization_id if scope is not None else None
    if organization_id is None:
        return None
    labels = dict(applications_of_ours())
    found = _every(
        session,
        organization_id,
        _from_json(wanted),
        wanted["newest"],
        lambda done: making.progress(done, wanted["found"]),
    )
    rows = (
        (one.at, one.person, _text(one), labels.get(one.organization, ""), one.reason, one.address)
        if one is not None
        else (None, "", NEWEST_ONLY, "", "", "")
        for one in found
    )
    limits = AT_ONCE if making.at_once else BY_THE_WORKER
    body = csv_file_apart(COLUMNS, rows, zone=settings().payer.zone, limits=limits)
    return MadeFile(body, "our-activity.csv", CSV_TYPE)


def _hand_over(session: PortalSession, wanted: Any) -> bool:
    filters = _kept_filters(session, _from_json(wanted), wanted["filters"])
    record(session, "audit.ours.downloaded", filters=filters, found=wanted["found"])
    return True


DOCUMENTS = (
    DocumentKind(
        CSV,
        "Our activity as CSV file",
        DELEGATE,
        _make,
        _hand_over,
        "Choose fewer days, a person or an application, and ask again.",
        ("event", "events"),
    ),
)
